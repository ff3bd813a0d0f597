"""Fill that nobody declared, and what lies beyond a file: neither may count as an observation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block, grid_from_bounds, grid_of_raster
from phytomass.imagery import RasterSource, open_elevation, open_source
from tests.conftest import write_raster

S2 = ["B4", "B8", "cloud_prob"]
INNER = (500_100, 3_800_100, 500_500, 3_800_300)


def read(root: Path, grid: GeoBox, **settings: object) -> dict[str, np.ndarray]:
    source = RasterSource.model_validate(settings)
    with open_source("s", source, root, grid) as reader:
        return reader.read(Block(0, 0, *grid.shape))


def image(grid: GeoBox, red: int, infrared: int, probability: int = 0) -> np.ndarray:
    levels = np.array([red, infrared, probability], np.uint16)
    return np.ones((3, *grid.shape), np.uint16) * levels[:, None, None]


def test_fill_that_a_cloud_probability_of_0_calls_clear(tmp_path: Path, grid: GeoBox) -> None:
    for day, level in (("a", 2000), ("b", 2000), ("c", 2400)):
        bands = image(grid, level // 4, level)
        if day != "c":
            bands[:, :, :10] = 0  # the edge of the orbit: two of three dates
        bands[0, 5, 50] = 0  # one dark band is no fill
        write_raster(tmp_path / f"s2_{day}.tif", bands, grid, S2)
    settings = {"files": "s2_*.tif", "keep_where": {"cloud_prob": (0, 20)}, "composite": "median"}
    values = read(tmp_path, grid, sensor="optical", **settings)
    assert (values["B8"][:, :10] == 2400).all()
    assert (values["B8"][:, 10:] == 2000).all()
    assert values["B4"][5, 50] == 0
    other = read(tmp_path, grid, **settings)  # of no sensor, zero may well be a value
    assert (other["B8"][:, :10] == 0).all()


def test_fill_of_a_real_month_leaves_the_other_months(data: Path, tmp_path: Path) -> None:
    """The files of the Finnish chip declare no fill; here one month is cut off at a swath's edge."""
    paths = [data / f"finland/s2_month0{month}.tif" for month in (6, 7, 8)]
    grid = grid_of_raster(paths[0])
    bands = ["B02", "B04", "B08", "B11"]
    settings = {"sensor": "optical", "bands": bands, "keep_where": {"cloud_prob": (0, 20)}}
    for path in paths:
        with rasterio.open(path) as month:
            values, names = month.read(), month.descriptions
            assert month.nodata is None
        if path is paths[0]:
            values[:, :, :100] = 0
        write_raster(tmp_path / path.name, values, grid, names)
    found = read(tmp_path, grid, files="*.tif", composite="median", **settings)
    two = [str(path) for path in paths[1:]]
    rest = read(data, grid, files=two, composite="median", **settings)
    all_three = read(data, grid, files=[str(p) for p in paths], composite="median", **settings)
    for band in bands:
        assert np.array_equal(found[band][:, :100], rest[band][:, :100], equal_nan=True)
        assert np.array_equal(found[band][:, 100:], all_three[band][:, 100:], equal_nan=True)


def test_a_probability_of_0_counts_though_0_is_the_fill_of_the_file(
    tmp_path: Path, grid: GeoBox
) -> None:
    bands = image(grid, 500, 2000)
    bands[:, :7], bands[2, 7:9] = 0, 255
    write_raster(tmp_path / "a.tif", bands, grid, S2, nodata=0)
    keep = {"cloud_prob": (0, 20)}
    plain = read(tmp_path, grid, files="a.tif", sensor="optical", keep_where=keep)["B8"]
    product = read(
        tmp_path,
        grid,
        files="a.tif",
        product="sentinel-2-l2a",
        boa_offset="applied",
        keep_where=keep,
        bands=["B8"],
    )["B8"]
    for b8 in (plain, product):
        assert np.isnan(b8[:9]).all()
        assert np.isfinite(b8[9:]).all()
    strict = read(tmp_path, grid, files="a.tif", keep_where={"cloud_prob": (1, 20)})
    assert np.isnan(strict["B8"]).all()


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("sensor", ["optical", "sar", "other"])
def test_beyond_a_file_there_is_nothing(
    tmp_path: Path, grid: GeoBox, kernel: str, dtype: type, sensor: str
) -> None:
    inner = grid_from_bounds("EPSG:32643", 20, INNER)
    write_raster(tmp_path / "a.tif", image(inner, 500, 2000, 3).astype(dtype), inner, S2)
    b8 = read(tmp_path, grid, files="a.tif", sensor=sensor, resample=kernel)["B8"]
    inside = np.zeros(grid.shape, dtype=bool)
    inside[10:30, 10:50] = True
    assert np.allclose(b8[inside], 2000)
    if kernel == "average":  # takes a pixel whose half touches the file
        inside[9:31, 9:51] = True
    assert np.isnan(b8[~inside]).all()
    assert np.nanmin(b8) > 1999


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "cubic", "average"])
def test_undeclared_fill_never_enters_a_kernel(tmp_path: Path, grid: GeoBox, kernel: str) -> None:
    fine = grid_from_bounds("EPSG:32643", 5, (500_000, 3_800_000, 500_600, 3_800_400))
    bands = image(fine, 500, 2000)
    bands[:, :41] = 0
    bands[0, 60:68, 60:70] = 0
    write_raster(tmp_path / "a.tif", bands, fine, S2)
    keep = {"cloud_prob": (0, 20)}
    layers = read(tmp_path, grid, files="a.tif", sensor="optical", keep_where=keep, resample=kernel)
    seen = np.isfinite(layers["B8"])
    assert seen[22:].all()
    assert not seen[:19].any()
    assert np.allclose(layers["B8"][seen], 2000)
    assert np.nanmin(layers["B4"]) == 0  # a dark band beside a bright one is kept


def test_elevation_ends_where_its_file_ends(tmp_path: Path, grid: GeoBox) -> None:
    inner = grid_from_bounds("EPSG:32643", 30, (500_100, 3_800_100, 500_490, 3_800_310))
    write_raster(tmp_path / "dem.tif", np.full(inner.shape, 1200, np.int16), inner)
    with open_elevation("dem.tif", "bilinear", tmp_path, grid) as dem:
        elevation, east, north = dem.block(Block(0, 0, *grid.shape))
    assert np.isnan(elevation).any()
    assert np.nanmin(elevation) == 1200
    assert np.nanmax(np.abs([east, north])) == 0  # no cliff of 1200 m around it


def test_zero_decibels_in_all_polarisations_are_the_border_of_a_radar_scene(
    tmp_path: Path, grid: GeoBox
) -> None:
    power = np.full((2, *grid.shape), -9.0, np.float32)
    power[:, :, :10] = 0
    power[0, 30, 30] = 0  # in one only it is a bright echo
    for day in ("20200601", "20200613"):
        write_raster(tmp_path / f"s1_{day}_asc.tif", power, grid, ["VV", "VH"])
        power[:, :, :5] = -9.0
    common = {"files": "s1_*.tif", "decibel": True, "composite": "mean"}
    for more in ({"sensor": "sar"}, {"product": "sentinel-1-rtc"}):
        vv = read(tmp_path, grid, **common, **more)["VV"]
        assert np.allclose(vv[:, :5], -9)
        assert np.isnan(vv[:, 5:10]).all()
        assert vv[30, 30] == 0


def test_flags_of_landsat_say_fill(data: Path) -> None:
    """Of the real scene 80 464 pixels are fill: reflectance 0, and 1 in QA_PIXEL."""
    scene = sorted((data / "landsat").glob("*_SR_B[45].TIF"))
    grid = grid_of_raster(scene[0])
    for mask, clear in (("none", grid.shape[0] * grid.shape[1] - 80_464), ("usual", 0)):
        files = [str(p) for p in sorted((data / "landsat").glob("*.TIF")) if "AERO" not in p.name]
        b4 = read(data, grid, files=files, product="landsat-c2-l2", bands=["SR_B4"], mask=mask)
        if clear:
            assert np.isfinite(b4["SR_B4"]).sum() == clear
        assert np.nanmin(b4["SR_B4"]) > -0.2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 0.15),
        ({"scale": 1}, 1500.0),
        ({"scale": 0.001}, 1.5),
        ({"offset": 0.05}, 0.2),
        ({"scale": 0.001, "offset": 0.05}, 1.55),
    ],
)
def test_a_given_scale_of_1_is_not_taken_for_none(
    tmp_path: Path, grid: GeoBox, given: dict[str, float], expected: float
) -> None:
    write_raster(tmp_path / "a.tif", image(grid, 1500, 1500), grid, S2)
    settings = {"files": "a.tif", "product": "sentinel-2-l2a", "boa_offset": "applied"}
    b4 = read(tmp_path, grid, mask="none", **settings, **given)["B4"]
    assert np.allclose(b4, expected)


def test_an_offset_is_not_added_twice(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "a_N0509_.tif", image(grid, 1500, 1500), grid, S2)
    settings = {"files": "a_N0509_.tif", "product": "sentinel-2-l2a", "mask": "none"}
    with pytest.raises(InputError, match=r"shifted twice: by -1000.*by -0.1 .*boa_offset: applied"):
        read(tmp_path, grid, scale=0.0001, offset=-0.1, **settings)
