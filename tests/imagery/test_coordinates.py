"""An image of its own coordinates through every reader, kernel and composite, with a hole in it.

The images lie on a grid of the next UTM zone: rows and columns are turned by some degrees, and
values are the easting and northing on the project's grid. Whatever comes out must be the
coordinates of its own pixel, and the hole must be where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping

from phytomass.grid import Block, blocks_of, grid_from_bounds
from phytomass.imagery import RasterSource, fetch_scenes, open_source
from tests.conftest import coordinate_image, write_raster

PIXEL = 10.0
EAST, NORTH = 500_000 - 1000, 3_800_000 - 1000
DAYS = ("20200601", "20200611", "20200621")
HOLE = (slice(40, 52), slice(50, 62))  # of the image, in the middle of the project's grid
LARGEST_ERROR = {"nearest": 0.75, "bilinear": 0.1, "cubic": 0.1, "average": 0.15}  # pixels


@pytest.fixture(scope="module")
def other() -> GeoBox:
    """A grid of the next zone around the project's."""
    bounds = (500_000, 3_800_000, 500_600, 3_800_400)
    west, south, east, north = transform_bounds("EPSG:32643", "EPSG:32642", *bounds)
    return GeoBox.from_bbox(
        (west - 270, south - 270, east + 270, north + 270), "EPSG:32642", resolution=PIXEL
    )


def image(other: GeoBox) -> np.ndarray:
    """Tenths of metres of easting and northing on the project's grid, from a corner far outside."""
    transformer = Transformer.from_crs("EPSG:32642", "EPSG:32643", always_xy=True)
    easting, northing = transformer.transform(*coordinate_image(other))
    return np.stack([easting - EAST, northing - NORTH]) * 10


def plain(root: Path, day: str, other: GeoBox, values: np.ndarray) -> None:
    values = values.astype(np.float32)
    values[:, *HOLE] = -9999
    cloud = np.zeros((1, *other.shape), np.float32)
    write_raster(root / f"p_{day}.tif", np.concatenate([values, cloud]), other, ["e", "n", "cloud"])


def separate(
    root: Path, scene: str, other: GeoBox, bands: dict[str, np.ndarray], coarse: str = ""
) -> dict[str, Path]:
    """Write one file per band; one of them on pixels twice as wide."""
    written = {}
    for band, layer in bands.items():
        own = other.zoom_out(2) if band == coarse else other
        layer = layer[::2, ::2][: own.shape[0], : own.shape[1]] if band == coarse else layer
        path = root / scene / f"{scene.removesuffix('.SAFE')}_{band}.tif"
        written[band] = write_raster(path, layer.astype(np.uint16), own)
    return written


def sentinel2(root: Path, day: str, other: GeoBox, values: np.ndarray) -> dict[str, Path]:
    values[:, *HOLE] = 0
    bands = {"B04": values[0], "B08": values[1], "SCL": np.full(other.shape, 4)}
    return separate(root, f"S2A_MSIL2A_{day}T101031_N0214_R022_T43SFT.SAFE", other, bands, "SCL")


def landsat(root: Path, day: str, other: GeoBox, values: np.ndarray) -> dict[str, Path]:
    values[:, *HOLE] = 0
    flags = {"QA_PIXEL": np.full(other.shape, 64), "QA_RADSAT": np.zeros(other.shape)}
    bands = {"SR_B4": values[0], "SR_B5": values[1], **flags}
    return separate(root, f"LC08_L2SP_151036_{day}_20200913_02_T1", other, bands)


def sentinel1(root: Path, day: str, other: GeoBox, values: np.ndarray) -> dict[str, Path]:
    values = values.astype(np.float32)
    values[:, *HOLE] = 0
    path = write_raster(root / f"s1_{day}_asc.tif", values, other, ["VV", "VH"])
    return {"VV": path}


READERS: dict[str, tuple[Callable[..., object], dict[str, object]]] = {
    "plain": (
        plain,
        {"files": "p_*.tif", "bands": ["e", "n"], "nodata": -9999, "keep_where": {"cloud": [0, 20]}},
    ),
    "sentinel2": (
        sentinel2,
        {"files": "*.SAFE", "product": "sentinel-2-l2a", "bands": ["B4", "B8"], "best_by": "B4"},
    ),
    "landsat": (
        landsat,
        {
            "files": "LC08*",
            "product": "landsat-c2-l2",
            "bands": ["SR_B4", "SR_B5"],
            "best_by": "SR_B4",
        },
    ),
    "sentinel1": (
        sentinel1,
        {
            "files": "s1_*.tif",
            "product": "sentinel-1-rtc",
            "bands": ["VV", "VH"],
            "best_by": "VV",
        },
    ),
}  # fmt: skip


def stored(name: str, values: np.ndarray) -> np.ndarray:
    """Turn what a source gives back into the stored numbers."""
    if name == "sentinel2":
        return values * 10_000
    if name == "landsat":
        return (values + 0.2) / 2.75e-5
    return 10 ** (values / 10) if name == "sentinel1" else values


def read(settings: dict[str, object], root: Path, grid: GeoBox) -> np.ndarray:
    source = RasterSource.model_validate(settings)
    with open_source("s", source, root, grid) as reader:
        return np.stack(list(reader.read(Block(0, 0, *grid.shape)).values()))


def assert_in_place(found: np.ndarray, grid: GeoBox, other: GeoBox, kernel: str) -> None:
    """Each value is its own pixel's coordinate; the hole is where it was and nothing leaks out."""
    expected = (coordinate_image(grid) - [[[EAST]], [[NORTH]]]) * 10
    off = np.abs(found - expected) / 10 / PIXEL
    transformer = Transformer.from_crs("EPSG:32643", "EPSG:32642", always_xy=True)
    easting, northing = transformer.transform(*coordinate_image(grid))
    affine = other.transform
    row, col = (northing - affine.f) / affine.e, (easting - affine.c) / affine.a
    outside = [
        np.maximum(part.start - place, place - part.stop)
        for part, place in zip(HOLE, (row, col), strict=True)
    ]
    away = np.maximum(*outside)  # pixels from the hole's border, negative inside
    assert np.isnan(found[:, away < -1.5]).all()
    assert np.isfinite(found[:, away > 2.5]).all()
    assert (away < -1.5).sum() > 40
    assert off[:, away > 2.5].max() < LARGEST_ERROR[kernel]
    assert np.nanmax(off) < 2.5  # at the hole's border values come from one side only


@pytest.mark.parametrize("kernel", list(LARGEST_ERROR))
@pytest.mark.parametrize("name", list(READERS))
def test_through_every_reader_kernel_and_composite(
    tmp_path: Path, grid: GeoBox, other: GeoBox, name: str, kernel: str
) -> None:
    write, settings = READERS[name]
    for day in DAYS:
        write(tmp_path, day, other, image(other))
    for how in ("median", "mean", "p25", *(() if name == "plain" else ("medoid", "best"))):
        found = read({**settings, "resample": kernel, "composite": how}, tmp_path, grid)
        assert_in_place(stored(name, found), grid, other, kernel)


@pytest.mark.parametrize(
    ("pixels", "kernel"),
    [
        (200, "cubic"),
        (500, "bilinear"),
        pytest.param(200, "bilinear", marks=pytest.mark.slow),
        pytest.param(500, "cubic", marks=pytest.mark.slow),
    ],
)
def test_reprojection_is_exact_for_any_block(tmp_path: Path, kernel: str, pixels: int) -> None:
    """Over 100 km the grids bend: neither places nor the width of a kernel depend on the window."""
    grid = grid_from_bounds("EPSG:32643", 200, (450_000, 3_750_000, 550_000, 3_850_000))
    bounds = transform_bounds("EPSG:32643", "EPSG:32642", *grid.boundingbox)
    other = GeoBox.from_bbox(bounds, "EPSG:32642", resolution=100_000 / pixels).pad(3)
    write_raster(tmp_path / "c.tif", coordinate_image(other), other, ["e", "n"])
    source = RasterSource.model_validate({"files": "c.tif", "resample": kernel})
    with open_source("s", source, tmp_path, grid) as reader:
        whole = reader.read(Block(0, 0, *grid.shape))
        for block in blocks_of(grid.shape, 90):
            assert np.array_equal(reader.read(block)["e"], whole["e"][block.slices])
    transformer = Transformer.from_crs("EPSG:32643", "EPSG:32642", always_xy=True)
    easting, northing = transformer.transform(*coordinate_image(grid))
    assert np.abs(whole["e"] - easting).max() < 0.01 * 200
    assert np.abs(whole["n"] - northing).max() < 0.01 * 200


@pytest.mark.parametrize("kernel", list(LARGEST_ERROR))
def test_coarser_bands_and_classes_of_a_scene_are_in_their_place(
    tmp_path: Path, grid: GeoBox, other: GeoBox, kernel: str
) -> None:
    coarse = other.zoom_out(2)
    folder = tmp_path / "S2A_MSIL2A_20200601T101031_N0214_R022_T43SFT.SAFE"
    name = "T43SFT_20200601T101031"
    easting = image(coarse)[0]
    edge = 3000 + 10_000  # clouds east of 300 m in the project's grid
    write_raster(folder / f"{name}_B04_10m.tif", image(other)[0].astype(np.uint16), other)
    write_raster(folder / f"{name}_B11_20m.tif", easting.astype(np.uint16), coarse)
    classes = np.where(easting > edge, 9, 4).astype(np.uint8)
    write_raster(folder / f"{name}_SCL_20m.tif", classes, coarse)
    settings = {
        "files": "*.SAFE",
        "product": "sentinel-2-l2a",
        "bands": ["B4", "B11"],
        "resample": kernel,
        "dilate_m": 0,
    }
    found = read(settings, tmp_path, grid) * 10_000
    expected = (coordinate_image(grid)[0] - EAST) * 10
    clear, cloudy = expected < edge - 150, expected > edge + 150  # 1.5 pixels of 10 m
    assert np.isfinite(found[:, clear]).all()
    assert np.isnan(found[:, cloudy]).all()
    off = np.abs(found - expected)[:, clear].max(axis=1) / 100
    assert off[0] < LARGEST_ERROR[kernel]
    assert off[1] < (1.5 if kernel in ("nearest", "average") else 0.1)  # in pixels of 10 m


@pytest.mark.parametrize("kernel", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", ["sentinel2", "landsat", "sentinel1"])
def test_through_a_catalogue(
    tmp_path: Path, grid: GeoBox, other: GeoBox, name: str, kernel: str
) -> None:
    write, settings = READERS[name]
    catalog = pystac.Catalog("static", "a test")
    for day in DAYS:
        paths = write(tmp_path / "served", day, other, image(other))
        assert isinstance(paths, dict)
        if name == "sentinel1":  # catalogues hold one file per band
            with rasterio.open(paths["VV"]) as both:
                layers = both.read()
            paths = {
                band: write_raster(tmp_path / f"served/{day}_{band}.tif", layer, other)
                for band, layer in zip(("VV", "VH"), layers, strict=True)
            }
        bounds = transform_bounds("EPSG:32642", "EPSG:4326", *other.boundingbox)
        for tile, second in (("43SFT", "31"), ("43SGT", "46")):  # of one overpass
            moment = f"{day[:4]}-{day[4:6]}-{day[6:]}T10:10:{second}Z"
            item = {
                "type": "Feature",
                "stac_version": "1.0.0",
                "id": f"{tile}_{day}",
                "geometry": mapping(box(*bounds)),
                "bbox": list(bounds),
                "properties": {"datetime": moment, "s2:processing_baseline": "02.14"},
                "links": [],
                "assets": {band: {"href": str(path)} for band, path in paths.items()},
            }
            catalog.add_item(pystac.Item.from_dict(item))
    catalog.normalize_and_save(str(tmp_path / "static"), pystac.CatalogType.SELF_CONTAINED)
    fetched = {
        **settings,
        "files": [],
        "catalog": {"url": "static/catalog.json", "folder": "kept"},
        "dates": "2020-06-01/2020-06-30",
        "resample": kernel,
        "composite": "median",
        "extras": ["count"],
    }
    table = fetch_scenes("s", RasterSource.model_validate(fetched), tmp_path, grid, pause=0.01)
    assert table["status"].tolist() == ["fetched"] * 6, table["reason"].tolist()
    *layers, count = read(fetched, tmp_path, grid)
    assert_in_place(stored(name, np.stack(layers)), grid, other, kernel)
    assert np.array_equal(count, np.where(np.isfinite(layers).all(axis=0), 3, 0))
