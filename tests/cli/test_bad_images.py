"""Bad images of every kind: exit code 2, one clear message, and the results as they were."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.shutil import copy as raster_copy
from rasterio.warp import transform_bounds
from shapely.geometry import Polygon

from phytomass.files import sha256_of
from phytomass.grid import grid_from_bounds
from phytomass.walk.kinds import STORES
from tests.cli.test_bad_input import run
from tests.conftest import coordinate_image, write_raster
from tests.imagery.test_vod import write as write_vod
from tests.workflow.small import write_project

GRID = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 506_000, 3_803_000))
DAYS = ("20200601", "20200701")


class Images:
    """A small project with good images of every kind, and the means to spoil it."""

    def __init__(self, folder: Path, grid: GeoBox = GRID) -> None:
        self.folder, self.grid = folder, grid
        rng = np.random.default_rng(1)
        for day in DAYS:
            power = 0.1 * rng.gamma(4.4, 1 / 4.4, (2, *grid.shape)).astype(np.float32)
            write_raster(folder / f"s1_{day}.tif", power, grid, ["VV", "VH"])
            self.optical(day, 4)
        write_raster(folder / "dem.tif", rng.normal(900, 50, grid.shape).astype(np.float32), grid)
        box = grid.boundingbox
        plots = pd.DataFrame({"plot_id": [f"P{i}" for i in range(40)], "site": "A"})
        plots["easting"] = rng.uniform(box.left + 100, box.right - 100, 40)
        plots["northing"] = rng.uniform(box.bottom + 100, box.top - 100, 40)
        plots["agb_mg_ha"] = rng.uniform(10, 100, 40)
        plots.to_csv(folder / "plots.csv", index=False)
        self.content: dict[str, Any] = {
            "name": "Images",
            "period": "2020",
            "grid": {"crs": str(grid.crs), "resolution": 10, "bounds": list(box)},
            "inventory": {"plots": {"path": "plots.csv"}, "plot_area_ha": 0.1},
            "models": [{"name": "mlr"}],
            "predictors": {
                "rasters": {
                    "s1": {
                        "files": "s1_*.tif",
                        "product": "sentinel-1-rtc",
                        "composite": "mean",
                    },
                    "s2": {
                        "files": "s2_*.tif",
                        "product": "sentinel-2-l2a",
                        "boa_offset": "applied",
                        "bands": ["B4", "B8"],
                        "composite": "median",
                    },
                },
                "indices": ["NDVI"],
                "terrain": {"dem": "dem.tif", "derive": ["elevation"]},
            },
        }
        self.save()

    def optical(self, day: str, scl: int) -> None:
        """Write a date of red, near infrared and scene classes."""
        noise = np.random.default_rng(int(day)).integers(0, 300, (2, *self.grid.shape))
        classes = np.full((1, *self.grid.shape), scl)
        bands = np.concatenate([noise + np.array([400, 3000])[:, None, None], classes])
        path = self.folder / f"s2_{day}.tif"
        write_raster(path, bands.astype(np.uint16), self.grid, ["B4", "B8", "SCL"])

    def save(self) -> None:
        write_project(self.folder, self.content)

    def source(self, key: str, **changes: Any) -> None:
        """Change or add a source of the project file."""
        rasters = self.content["predictors"]["rasters"]
        rasters[key] = {**rasters.get(key, {}), **changes}
        self.save()

    def hashes(self) -> dict[str, str]:
        results = self.folder / "results"
        return {p.name: sha256_of(p) for p in results.iterdir()} if results.exists() else {}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose stack is made; to be copied."""
    folder = tmp_path_factory.mktemp("images")
    Images(folder)
    made = subprocess.run(
        [sys.executable, "-m", "phytomass.cli.main", "stack", str(folder), "-q", "-j", "1"]
    )
    assert made.returncode == 0
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return Images(tmp_path)


def as_cog(path: Path, keep: float) -> None:
    """Make a file one with small tiles, the header first, and cut it off."""
    cog = path.with_suffix(".cog")
    raster_copy(path, cog, driver="COG", blocksize=128, compress="deflate", overviews="none")
    content = cog.read_bytes()
    cog.unlink()
    path.write_bytes(content[: int(len(content) * keep)])


def cut_off(images: Images) -> None:
    as_cog(images.folder / "s2_20200701.tif", 0.6)


def cut_off_dem(images: Images) -> None:
    as_cog(images.folder / "dem.tif", 0.9)


def garbled(images: Images) -> None:
    path = images.folder / "dem.tif"
    as_cog(path, 1.0)
    content = bytearray(path.read_bytes())
    content[len(content) // 4 : len(content) // 4 + 4000] = b"\x07" * 4000
    path.write_bytes(content)


def other_zone(images: Images) -> None:
    west, south, east, north = transform_bounds("EPSG:32643", "EPSG:32644", *GRID.boundingbox)
    box = (west - 300, south - 300, east + 300, north + 300)
    there = GeoBox.from_bbox(box, "EPSG:32644", resolution=10)
    power = np.full((2, *there.shape), 0.1, np.float32)
    write_raster(images.folder / "s1_20200701.tif", power, there, ["VV", "VH"])


def no_crs(images: Images) -> None:
    power = np.full((2, *GRID.shape), 0.1, np.float32)
    write_raster(images.folder / "s1_20200701.tif", power, GRID, ["VV", "VH"], crs=None)


def no_crs_dem(images: Images) -> None:
    write_raster(images.folder / "dem.tif", np.ones(GRID.shape, np.float32), GRID, crs=None)


def clouds(images: Images) -> None:
    for day in DAYS:
        images.optical(day, 9)


def vod(rename: bool) -> Callable[[Images], None]:
    def change(images: Images) -> None:
        path = write_vod(images.folder / "vod_20200601.nc", np.ones((584, 1388)))
        if rename:
            with xr.open_dataset(path, engine="netcdf4") as dataset:
                renamed = dataset.rename({"Optical_Thickness_Nad": "OT"}).load()
            renamed.to_netcdf(path, engine="netcdf4")
        else:
            path.write_bytes(path.read_bytes()[:5000])
        images.source("vod", files="vod_*.nc", product="smos-ic-vod")

    return change


def change(key: str, **settings: Any) -> Callable[[Images], None]:
    return lambda images: images.source(key, **settings)


def index(images: Images) -> None:
    images.content["predictors"]["indices"] = ["NDMI"]
    images.save()


MISTAKES: dict[str, tuple[Callable[[Images], None], str]] = {
    "no scene in the window": (
        change("s1", dates="2020-08-01/2020-08-31"),
        r"rasters\.s1: none of 2 scenes.*nearest are of 2020-07-01, 2020-06-01",
    ),
    "no scene of the months": (
        change("s2", months=[11, 12]),
        r"rasters\.s2: none of 2 scenes.*nearest are of 2020-0",
    ),
    "all cloud": (clouds, r"B4 \(s2_\*\.tif\), B8.*no valid pixel"),
    "wrong band of a product": (
        change("s2", bands=["B4", "B88"]),
        r"no band 'B88'.*did you mean 'B8'",
    ),
    "absent band of a product": (change("s2", bands=["B4", "B11"]), r"no band 'B11'.*B4, B8"),
    "wrong band of a raster": (
        change("plain", files="dem.tif", bands={"height": "heigth"}),
        r"dem\.tif \(predictors\.rasters\.plain\): no band 'heigth'",
    ),
    "index without its band": (index, r"index NDMI.*needs B11"),
    "mixed zones": (other_zone, r"s1_20200701\.tif.*another grid: EPSG:32644.*resample"),
    "raster without CRS": (no_crs, r"s1_20200701\.tif.*no coordinate reference system.*EPSG"),
    "elevation without CRS": (no_crs_dem, r"dem\.tif.*no coordinate reference system"),
    "VOD without the variable": (vod(True), r"vod_20200601\.nc.*no variable.*it has.*OT"),
    "VOD cut off": (vod(False), r"vod_20200601\.nc.*cannot be read as NetCDF"),
    "COG cut off": (cut_off, r"s2_20200701\.tif: is cut off: it has \d+ bytes and needs \d+"),
    "elevation cut off": (cut_off_dem, r"dem\.tif: is cut off"),
    "elevation garbled": (garbled, r"dem\.tif.*cannot be read to its end.*damaged"),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
@pytest.mark.parametrize("store", ["geotiff", "zarr"])
def test_bad_images_stop_the_stack_and_touch_nothing(
    mistake: str,
    store: str,
    good: Path,
    images: Images,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images.content["predictors"]["store"] = store
    images.save()
    results = images.folder / "results"
    results.mkdir()
    for path in (good / "results").iterdir():
        if path.is_file():
            (results / path.name).write_bytes(path.read_bytes())
    before = images.hashes()
    spoil, message = MISTAKES[mistake]
    spoil(images)
    assert run(monkeypatch, "stack", str(images.folder), "-j", "2") == 2
    error = capsys.readouterr().err
    assert re.search(message, error.replace("\n", " ")), error
    assert "Traceback" not in error
    assert error.count("✗") == 1
    assert images.hashes() == before


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name != "elevation garbled"])
def test_check_finds_bad_images(
    mistake: str,
    images: Images,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil, message = MISTAKES[mistake]
    spoil(images)
    assert run(monkeypatch, "check", str(images.folder)) == 2
    error = capsys.readouterr().err
    assert re.search(message, error.replace("\n", " ")), error
    assert not images.hashes()


def test_good_images_pass(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "check", str(images.folder), "-q") == 0
    assert run(monkeypatch, "stack", str(images.folder), "-q") == 0


def test_mixed_zones_are_read_where_a_kernel_is_named(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_zone(images)
    images.source("s1", resample="bilinear", files="s1_20200701.tif", composite=None)
    assert run(monkeypatch, "stack", str(images.folder), "-q") == 0
    with rasterio.open(images.folder / "results/predictors.tif") as stack:
        assert np.allclose(stack.read(1), -10.0, atol=1e-4)  # 0.1 is -10 dB


def test_an_unreachable_catalogue(
    images: Images, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = {
        "url": "http://127.0.0.1:9",
        "collection": "tiles",
        "folder": "scenes",
        "attempts": 2,
        "timeout_s": 1,
        "total_s": 10,
    }
    rasters = images.content["predictors"]["rasters"]
    rasters["s2"] = {**rasters["s2"], "catalog": catalog, "dates": "2020-06-01/2020-08-31"}
    del rasters["s2"]["files"]
    images.save()
    assert run(monkeypatch, "check", str(images.folder), "-q") == 0  # it asks nobody
    assert run(monkeypatch, "stack", str(images.folder)) == 2
    error = capsys.readouterr().err
    assert re.search(
        r"127\.0\.0\.1:9.*cannot be used.*2 attempts.*network", error.replace("\n", " ")
    )
    assert not images.hashes()
    assert not (images.folder / "scenes").exists() or not list((images.folder / "scenes").iterdir())


LIMITED = (
    "import resource, sys\n"
    "limit = int(sys.argv[1])\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
    "sys.argv = ['phytomass', 'stack', sys.argv[2], '-j', '1']\n"
    "from phytomass.cli.main import main\n"
    "main()\n"
)
"""No file may be longer than so many bytes: the system refuses as it does on a full disk."""


@pytest.mark.parametrize(
    ("store", "share"),
    [pytest.param("geotiff", 0.5, marks=pytest.mark.slow), ("geotiff", 0.999), ("zarr", 0.05)],
)
def test_a_full_disk_is_named_and_the_next_run_goes_on(
    good: Path, images: Images, monkeypatch: pytest.MonkeyPatch, store: str, share: float
) -> None:
    expected = good / "results/predictors.tif"
    images.content["predictors"]["store"] = store
    images.save()
    limit = str(int(expected.stat().st_size * share))
    command = [sys.executable, "-c", LIMITED, limit, str(images.folder)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert re.search(r"disk.*full.*free some space", ended.stderr.replace("\n", " "))
    assert set(images.hashes()) <= {".unfinished-stack"}
    assert run(monkeypatch, "stack", str(images.folder), "-q") == 0
    assert not [name for name in images.hashes() if name.startswith(".")]
    if store == "geotiff":
        assert sha256_of(images.folder / "results/predictors.tif") == sha256_of(expected)


@pytest.mark.parametrize("store", ["geotiff", "zarr"])
def test_a_disk_that_fills_up_between_blocks(
    images: Images,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: str,
) -> None:
    images.content["predictors"]["store"] = store
    images.save()
    kind = STORES[store]
    write, done = kind.write, []

    def full(*arguments: Any) -> None:
        if len(done) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(arguments)
        write(*arguments)

    monkeypatch.setattr(kind, "write", full)
    assert run(monkeypatch, "stack", str(images.folder), "-j", "1") == 2
    error = capsys.readouterr().err
    assert "the disk is full (No space left on device)" in error
    assert "the finished part of the stack is kept" in error
    assert set(images.hashes()) == {".unfinished-stack"}
    again: list[Any] = []
    monkeypatch.setattr(kind, "write", lambda *a: (again.append(a), write(*a)))
    assert run(monkeypatch, "stack", str(images.folder), "-q") == 0
    assert len(again) == 6 - 3


ACROSS = grid_from_bounds("EPSG:32601", 100, (160_000, 1_900_000, 190_000, 1_915_000))
"""From 179.8° east to 179.9° west."""
POLAR = grid_from_bounds("EPSG:5041", 100, (1_990_000, 1_990_000, 2_010_000, 2_005_000))
"""Around the north pole, on UPS."""


def longitudes(grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    there = Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True)
    lon, lat = there.transform(*coordinate_image(grid))
    return np.asarray(lon), np.asarray(lat)


def plain_project(folder: Path, grid: GeoBox, **rest: Any) -> dict[str, Any]:
    return {
        "name": "Edge of the world",
        "period": "2020",
        "grid": {"crs": str(grid.crs), "resolution": 100, "bounds": list(grid.boundingbox)},
        "inventory": {"plots": {"path": "none.csv"}, "plot_area_ha": 0.1},
        "predictors": {"rasters": {}, **rest},
    }


@pytest.mark.parametrize("grid", [ACROSS, POLAR])
def test_files_on_a_grid_across_the_antimeridian_or_a_pole_come_out_where_they_should(
    grid: GeoBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lon, lat = longitudes(grid)
    assert lon.min() < -179
    assert lon.max() > 179
    write_raster(tmp_path / "on.tif", coordinate_image(grid), grid, ["e", "n"])
    world = GeoBox.from_bbox((-180, -90, 180, 90), "EPSG:4326", resolution=0.25)
    rows, _ = np.indices(world.shape)
    write_raster(
        tmp_path / "world.tif", (90 - 0.25 * (rows + 0.5)).astype(np.float32), world, ["lat"]
    )
    content = plain_project(tmp_path, grid)
    content["predictors"]["rasters"] = {
        "on": {"files": "on.tif"},
        "world": {"files": "world.tif", "resample": "nearest"},
    }
    write_project(tmp_path, content)
    assert run(monkeypatch, "stack", str(tmp_path), "-q") == 0
    with rasterio.open(tmp_path / "results/predictors.tif") as stack:
        easting, _, latitude = stack.read()
    assert np.array_equal(easting, coordinate_image(grid)[0].astype(np.float32))
    assert np.isfinite(latitude).all()
    assert np.abs(latitude - lat).max() <= 0.125 + 1e-6


@pytest.mark.parametrize("grid", [ACROSS, POLAR])
def test_sources_that_cannot_be_cut_there_say_so(
    grid: GeoBox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_vod(tmp_path / "vod_20200601.nc", np.ones((584, 1388)))
    content = plain_project(tmp_path, grid)
    content["predictors"]["rasters"]["vod"] = {"files": "vod_*.nc", "product": "smos-ic-vod"}
    write_project(tmp_path, content)
    assert run(monkeypatch, "stack", str(tmp_path)) == 2
    assert "antimeridian" in capsys.readouterr().err
    content["predictors"]["rasters"] = {
        "s2": {
            "product": "sentinel-2-l2a",
            "catalog": {"url": "http://127.0.0.1:9", "collection": "c", "folder": "scenes"},
            "dates": "2020-06-01/2020-06-30",
        }
    }
    write_project(tmp_path, content)
    assert run(monkeypatch, "stack", str(tmp_path)) == 2
    assert re.search(
        "antimeridian or lies at a pole.*split", capsys.readouterr().err.replace("\n", " ")
    )
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def test_aspects_on_a_polar_grid_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = grid_from_bounds("EPSG:5041", 100, (2_500_000, 2_000_000, 2_510_000, 2_010_000))
    write_raster(tmp_path / "dem.tif", np.ones(grid.shape, np.float32), grid)
    content = plain_project(tmp_path, grid, terrain={"dem": "dem.tif"})
    write_project(tmp_path, content)
    assert run(monkeypatch, "stack", str(tmp_path)) == 2
    error = capsys.readouterr().err.replace("\n", " ")
    assert re.search(r"grid\.crs: north on the grid is 9\d° .*aspect_sin.*UTM", error)
    content["predictors"]["terrain"]["derive"] = ["elevation", "slope"]
    write_project(tmp_path, content)
    assert run(monkeypatch, "stack", str(tmp_path), "-q") == 0


def test_a_study_area_across_the_antimeridian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = [
        Polygon([(179.9, 17.0), (180, 17.0), (180, 17.1), (179.9, 17.1)]),
        Polygon([(-180, 17.0), (-179.95, 17.0), (-179.95, 17.1), (-180, 17.1)]),
    ]
    area = geopandas.GeoDataFrame({"name": ["a", "b"]}, geometry=halves, crs="EPSG:4326")
    area.to_file(tmp_path / "area.gpkg")
    content = plain_project(tmp_path, ACROSS)
    content |= {"study_area": "area.gpkg", "grid": {"crs": "EPSG:6933", "resolution": 100}}
    content["predictors"]["rasters"] = {"on": {"files": "on.tif"}}
    write_project(tmp_path, content)
    assert run(monkeypatch, "stack", str(tmp_path)) == 2
    error = capsys.readouterr().err.replace("\n", " ")
    assert re.search(r"area\.gpkg: reaches around the globe in EPSG:6933.*UTM", error)
    content["grid"]["crs"] = "EPSG:32601"
    write_project(tmp_path, content)
    box = area.to_crs("EPSG:32601").total_bounds
    grid = grid_from_bounds("EPSG:32601", 100, tuple(box))
    write_raster(tmp_path / "on.tif", np.ones(grid.shape, np.float32), grid, ["one"])
    assert run(monkeypatch, "stack", str(tmp_path), "-q") == 0
    with rasterio.open(tmp_path / "results/predictors.tif") as stack:
        assert stack.width == pytest.approx(160, abs=3)  # 0.15° at 17° north
