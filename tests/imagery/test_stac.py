"""Catalogues: search, fetch, composite; then the same while everything goes wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.shutil import copy as raster_copy
from rasterio.warp import transform_bounds

from phytomass.errors import InputError
from phytomass.features import build_stack, check_stack
from phytomass.grid import Block, grid_of_raster
from phytomass.imagery import PredictorSettings, RasterSource, fetch_scenes, open_source
from phytomass.imagery.catalogs.retry import GaveUp, Patience
from phytomass.imagery.catalogs.signatures import Signer, profile_of
from phytomass.imagery.catalogs.stac import _in_window, lonlat_bounds
from phytomass.imagery.catalogs.traffic import Traffic
from tests.cli.test_bad_input import run
from tests.conftest import coordinate_image, write_raster
from tests.imagery.stac_server import StacServer
from tests.workflow.small import write_project

DAYS = ("2020-06-01", "2020-07-01", "2020-08-01", "2020-09-01")


def cog(path: Path, values: np.ndarray, grid: GeoBox) -> Path:
    """Write a cloud-optimised GeoTIFF with small tiles: several ranges are needed to read it."""
    plain = write_raster(path.with_suffix(".plain.tif"), values, grid)
    raster_copy(plain, path, driver="COG", blocksize=128, compress="deflate", overviews="none")
    plain.unlink()
    return path


@pytest.fixture
def server(tmp_path: Path, grid: GeoBox) -> Iterator[StacServer]:
    """A catalogue of four dates: noise around 0.1, 0.2, 0.3 and 0.4, the second half cloudy."""
    served = StacServer(tmp_path / "served")
    rng = np.random.default_rng(1)
    for k, day in enumerate(DAYS):
        folder = tmp_path / "served" / f"scene{k}"
        noise = rng.integers(0, 500, (2, *grid.shape))
        classes = np.full(grid.shape, 4, np.uint8)
        if k == 1:
            classes[:, 30:] = 9
        files = {
            "red": cog(folder / "red.tif", (1000 * (k + 1) + noise[0]).astype(np.uint16), grid),
            "nir": cog(folder / "nir.tif", (2000 * (k + 1) + noise[1]).astype(np.uint16), grid),
            "scl": cog(folder / "scl.tif", classes, grid),
        }
        served.add(f"S2A_{day}", day, files, **{"s2:processing_baseline": "03.01"})
    yield served
    served.shutdown()
    served.server_close()


def source(server: StacServer | str, **changes: Any) -> RasterSource:
    catalog = {
        "url": server if isinstance(server, str) else server.url,
        "collection": "tiles",
        "folder": "scenes",
        "attempts": 3,
        "timeout_s": 2,
        "total_s": 30,
        **changes.pop("catalog", {}),
    }
    settings = {
        "product": "sentinel-2-l2a",
        "catalog": catalog,
        "dates": "2020-06-01/2020-08-31",
        "bands": ["B4", "B8"],
        "composite": "median",
        "dilate_m": 0,
        "extras": ["count"],
        **changes,
    }
    return RasterSource.model_validate(settings)


def fetch(settings: RasterSource, root: Path, grid: GeoBox) -> dict[str, list[Any]]:
    return fetch_scenes("s2", settings, root, grid, pause=0.01).to_dict("list")


def read(settings: RasterSource, root: Path, grid: GeoBox) -> dict[str, np.ndarray]:
    with open_source("s2", settings, root, grid) as reader:
        return reader.read(Block(0, 0, *grid.shape))


def truth(server: StacServer, scenes: tuple[int, ...]) -> np.ndarray:
    dates = []
    for k in scenes:
        with rasterio.open(server.folder / f"scene{k}/red.tif") as red:
            values = red.read(1) / 10_000
        if k == 1:
            values[:, 30:] = np.nan
        dates.append(values)
    return np.nanmedian(dates, axis=0)


def test_search_fetch_composite(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    settings = source(server)
    table = fetch(settings, tmp_path, grid)
    assert table["scene"] == [f"S2A_{day}" for day in DAYS[:3]]
    assert table["status"] == ["fetched"] * 3
    values = read(settings, tmp_path, grid)
    assert np.allclose(values["B4"], truth(server, (0, 1, 2)))
    assert np.array_equal(values["s2_count"], np.where(np.arange(60) < 30, 3, 2) + 0 * values["B4"])
    requests = sum(server.counts.values())
    assert fetch(settings, tmp_path, grid)["status"] == ["kept"] * 3
    assert sum(server.counts.values()) == requests + 2  # the landing page and the search


@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_the_same_as_odc_stac_reads(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    settings = source(server)
    fetch(settings, tmp_path, grid)
    items = [pystac.Item.from_dict(item) for item in server.items[:3]]
    loaded = odc.stac.load(items, bands=["red", "nir"], geobox=grid, chunks={})
    for k, day in enumerate(DAYS[:3]):
        with rasterio.open(tmp_path / f"scenes/S2A_{day}.tif") as kept:
            assert kept.descriptions == ("B4", "B8", "SCL")
            assert np.array_equal(kept.read(1), loaded["red"][k].to_numpy())
            assert np.array_equal(kept.read(2), loaded["nir"][k].to_numpy())


def test_errors_that_pass_are_overcome(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    server.faults.rules = {
        r"^/search": ["503", "500", "ok"],
        r"scene0/red": ["500"] * 4 + ["ok"],
        r"scene1/nir": ["hang", "ok"],
        r"scene2/scl": ["429", "ok"],
    }
    begun = time.monotonic()
    table = fetch(source(server), tmp_path, grid)
    assert time.monotonic() - begun < 20
    assert table["status"] == ["fetched"] * 3
    assert 2 <= table["attempts"][0] <= 3  # GDAL asks twice by itself
    assert np.allclose(read(source(server), tmp_path, grid)["B4"], truth(server, (0, 1, 2)))


@pytest.mark.parametrize("fault", ["500", "404", "hang", "trickle", "truncate"])
def test_what_cannot_be_read_is_left_out_by_name(
    server: StacServer, tmp_path: Path, grid: GeoBox, fault: str
) -> None:
    server.faults.rules = {r"scene1/red": [fault]}
    begun = time.monotonic()
    settings = source(server, catalog={"timeout_s": 1, "attempts": 2})
    table = fetch(settings, tmp_path, grid)
    assert time.monotonic() - begun < 25
    assert table["status"] == ["fetched", "left_out", "fetched"]
    assert table["reason"][1]
    assert table["attempts"][1] == 2
    assert not list((tmp_path / "scenes").glob("*2020-07-01*"))
    values = read(settings, tmp_path, grid)
    assert np.allclose(values["B4"], truth(server, (0, 2)))
    assert (values["s2_count"] == 2).all()
    server.faults.rules = {}
    assert fetch(settings, tmp_path, grid)["status"] == ["kept", "fetched", "kept"]


def test_too_few_scenes_stop_the_run(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    server.faults.rules = {r"scene[12]/": ["500"]}
    settings = source(server, catalog={"min_scenes": 2})
    with pytest.raises(InputError, match=r"only 1 of 3 scenes.*2 are needed.*S2A_2020-07-01"):
        fetch(settings, tmp_path, grid)


def test_the_total_time_is_bounded(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    server.faults.rules = {r"^/files": ["hang"]}
    settings = source(server, catalog={"timeout_s": 1, "total_s": 3, "attempts": 10})
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"only 0 of 3.*time was over"):
        fetch(settings, tmp_path, grid)
    assert time.monotonic() - begun < 12


def test_signatures_are_renewed(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    server.signed, server.token_s = True, 0.15  # they end while scenes are being read
    server.faults.rules = {r"scene0/nir": ["hang", "ok"]}
    server.faults.hang_s = 0.3
    url = f"{server.url}/token/{{collection}}"
    table = fetch(source(server, catalog={"token_url": url, "attempts": 8}), tmp_path, grid)
    assert table["status"] == ["fetched"] * 3
    assert server.counts["token"] >= 2
    without = source(server, catalog={"folder": "others"})
    with pytest.raises(InputError, match="only 0 of 3"):
        fetch(without, tmp_path, grid)


def test_a_signature_is_renewed_before_it_ends(server: StacServer) -> None:
    catalog = source(server, catalog={"token_url": f"{server.url}/token/x"}).catalog
    assert catalog is not None
    traffic = Traffic(catalog, Patience(1, time.monotonic() + 9))
    signer = Signer(profile_of(catalog), "tiles", traffic)
    assert signer.signed(f"{server.url}/b?c=1") == f"{server.url}/b?c=1&sig=1"
    assert signer.signed(f"{server.url}/b") == f"{server.url}/b?sig=1"
    signer.ends = time.time() + 1.0
    assert signer.signed(f"{server.url}/b") == f"{server.url}/b?sig=2"
    assert signer.signed("local.tif") == "local.tif"


def test_no_scene_names_the_nearest_days(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    with pytest.raises(InputError, match=r"no scene.*nearest are of 2020-09-01, 2020-08-01"):
        fetch(source(server, dates="2020-11-01/2020-12-31"), tmp_path, grid)


def test_an_unreachable_catalogue(tmp_path: Path, grid: GeoBox) -> None:
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9.*cannot be used.*3 attempts"):
        fetch(source("http://127.0.0.1:9"), tmp_path, grid)
    assert time.monotonic() - begun < 10


def test_wrong_bands_leave_scenes_out_with_the_reason(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    with pytest.raises(InputError, match=r"only 0 of 3.*has no B11"):
        fetch(source(server, bands=["B4", "B11"]), tmp_path, grid)


def test_another_grid_needs_a_kernel(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    other = grid.zoom_out(2)
    with pytest.raises(InputError, match=r"another grid.*resample"):
        fetch(source(server), tmp_path, other)
    assert not list((tmp_path / "scenes").glob("*.tif"))


def test_coordinates_through_the_catalogue_and_another_zone(tmp_path: Path, grid: GeoBox) -> None:
    west, south, east, north = transform_bounds(str(grid.crs), "EPSG:32644", *grid.boundingbox)
    box = (west - 300, south - 300, east + 300, north + 300)
    neighbour = GeoBox.from_bbox(box, "EPSG:32644", resolution=10)
    image = coordinate_image(neighbour) - np.array([[[box[0]]], [[box[1]]]]) + 100
    served = StacServer(tmp_path / "served")
    files = {
        "red": cog(tmp_path / "served/e.tif", image[0].astype(np.float32), neighbour),
        "nir": cog(tmp_path / "served/n.tif", image[1].astype(np.float32), neighbour),
    }
    served.add("one", "2020-07-01", files, **{"s2:processing_baseline": "03.01"})
    settings = source(served, resample="bilinear", mask="none", composite=None, extras=[])
    fetch(settings, tmp_path, grid)
    values = read(settings, tmp_path, grid)
    served.shutdown()
    served.server_close()
    there = Transformer.from_crs(str(grid.crs), "EPSG:32644", always_xy=True)
    easting, northing = there.transform(*coordinate_image(grid))
    assert np.abs(values["B4"] * 1e4 - 100 + box[0] - easting).max() < 1  # a tenth of a pixel
    assert np.abs(values["B8"] * 1e4 - 100 + box[1] - northing).max() < 1


def test_a_static_catalogue_on_disk(server: StacServer, tmp_path: Path, grid: GeoBox) -> None:
    catalog = pystac.Catalog("static", "a test")
    for content in server.items:
        item = pystac.Item.from_dict(content)
        for asset in item.assets.values():
            asset.href = str(server.folder / asset.href.split("/files/")[1])
        item.collection_id = None
        item.set_collection(None)
        catalog.add_item(item)
    catalog.normalize_and_save(str(tmp_path / "static"), pystac.CatalogType.SELF_CONTAINED)
    requests = sum(server.counts.values())
    settings = source("static/catalog.json")
    assert fetch(settings, tmp_path, grid)["status"] == ["fetched"] * 3
    assert np.allclose(read(settings, tmp_path, grid)["B4"], truth(server, (0, 1, 2)))
    assert sum(server.counts.values()) == requests


def test_from_the_project_file_to_the_provenance(
    server: StacServer, tmp_path: Path, grid: GeoBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults.rules = {r"scene1/": ["500"]}
    box = tuple(grid.boundingbox)
    write_project(
        tmp_path,
        {
            "name": "A catalogue",
            "period": "2020",
            "grid": {"crs": "EPSG:32643", "resolution": 10, "bounds": list(box)},
            "inventory": {
                "plots": {"path": "none.csv", "columns": {"plot_id": "a"}},
                "plot_area_ha": 0.1,
            },
            "predictors": {
                "rasters": {"s2": source(server).model_dump(mode="json", exclude_defaults=True)},
                "indices": ["NDVI"],
            },
        },
    )
    assert run(monkeypatch, "check", str(tmp_path), "--quiet") == 2  # the plots are missing
    assert run(monkeypatch, "stack", str(tmp_path), "--quiet") == 0
    scenes = (tmp_path / "results/scenes.csv").read_text().splitlines()
    assert len(scenes) == 4
    assert "S2A_2020-07-01,2020-07-01,left_out" in scenes[2]
    with rasterio.open(tmp_path / "results/predictors.tif") as stack:
        assert stack.descriptions == ("B4", "B8", "s2_count", "NDVI")
        assert np.allclose(stack.read(1), truth(server, (0, 2)))
    requests = sum(server.counts.values())
    assert run(monkeypatch, "stack", str(tmp_path), "--quiet") == 0
    assert sum(server.counts.values()) == requests


def test_names_are_known_before_anything_is_fetched(
    server: StacServer, tmp_path: Path, grid: GeoBox
) -> None:
    settings = PredictorSettings(rasters={"s2": source(server)}, indices=["NDVI"])
    assert [la.name for la in check_stack(settings, tmp_path, grid)] == [
        "B4",
        "B8",
        "s2_count",
        "NDVI",
    ]
    with pytest.raises(InputError, match="not been fetched yet"):
        build_stack(settings, grid, tmp_path, tmp_path / "p.tif")
    assert not server.counts


def test_real_tiles_from_a_catalogue(data: Path, tmp_path: Path) -> None:
    tile = data / "sentinel_tiles/S2L2A/433D_629L_3_1.tif"
    grid = grid_of_raster(tile)
    with rasterio.open(tile) as source_tile:
        red, nir = source_tile.read(4), source_tile.read(8)
    served = StacServer(tmp_path / "served")
    for k, day in enumerate(DAYS[:3]):
        classes = np.full(grid.shape, 4, np.uint8)
        classes[60 * k : 60 * (k + 1)] = 8
        files = {
            name: cog(tmp_path / f"served/{k}/{name}.tif", values, grid)
            for name, values in (("red", red), ("nir", nir), ("scl", classes))
        }
        served.add(f"tile{k}", day, files, **{"s2:processing_baseline": "05.00"})
    settings = source(served)
    assert fetch(settings, tmp_path, grid)["status"] == ["fetched"] * 3
    values = read(settings, tmp_path, grid)
    served.shutdown()
    served.server_close()
    assert np.allclose(values["B8"], (nir - 1000) / 10_000)  # nothing there is darker than 1000
    assert np.allclose(values["B4"], (red - 1000) / 10_000)
    assert served.counts["files"] > 9  # read by ranges, not as whole files


def test_the_antimeridian_and_the_pole_are_refused() -> None:
    for crs, box in (
        ("EPSG:32601", (100_000, 0, 400_000, 300_000)),
        ("EPSG:3413", (-1e5, -1e5, 1e5, 1e5)),
    ):
        grid = GeoBox.from_bbox(box, crs, resolution=10_000)
        with pytest.raises(InputError, match="antimeridian or lies at a pole"):
            lonlat_bounds(grid)


def test_pauses_grow_and_end_at_the_deadline() -> None:
    now, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    patience = Patience(9, 10.0, 1.0, lambda: now[0], sleep)
    with pytest.raises(GaveUp, match="the time was over; ZeroDivisionError") as stopped:
        patience.persist(lambda attempt: 1 // 0, (ZeroDivisionError,))
    assert pauses == [1, 2, 4, 3]
    assert stopped.value.attempts == 4
    with pytest.raises(KeyError):
        patience = Patience(3, 100.0, sleep=sleep, clock=lambda: 0.0)
        patience.persist(lambda attempt: {}[attempt], (ZeroDivisionError,))


def test_a_footprint_across_the_antimeridian_is_not_lost() -> None:
    when = datetime(2020, 7, 1, tzinfo=UTC)
    across = pystac.Item("a", None, [179.5, 16.0, -179.2, 17.0], when, {})
    for bounds, inside in (
        ((179.6, 16.2, 179.9, 16.8), True),
        ((-179.9, 16.2, -179.3, 16.8), True),
        ((-179.1, 16.2, -178.0, 16.8), False),
        ((178.0, 16.2, 179.4, 16.8), False),
        ((179.6, 17.2, 179.9, 17.8), False),
    ):
        assert _in_window(across, bounds, None) is inside
