"""The stack on any workers: the same bytes, and going on after a stop."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import zarr
from distributed import LocalCluster
from odc.geo.geobox import GeoBox
from rasterio.shutil import copy as raster_copy

from phytomass import extras
from phytomass.errors import InputError, WorkersError
from phytomass.features import (
    PredictorStack,
    Workers,
    build_stack,
    compute_blocks,
    write_quicklooks,
    write_zarr,
)
from phytomass.features.sources import open_sources
from phytomass.files import sha256_of
from phytomass.grid import Block, grid_from_bounds
from phytomass.imagery import PredictorSettings
from phytomass.imagery.readers import corrections as corrections_module
from phytomass.walk import workers as workers_module
from phytomass.walk.journal import Journal
from phytomass.walk.workers import DaskPool, Pool
from tests.conftest import coordinate_image, write_raster

LAYERS = ("e", "n", "VV", "VH", "B4", "B8", "VV_entropy")


@pytest.fixture
def large() -> GeoBox:
    return grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 504_000, 3_803_000))


@pytest.fixture
def settings(tmp_path: Path, large: GeoBox) -> PredictorSettings:
    image = coordinate_image(large) - np.array([[[500_000]], [[3_800_000]]])
    write_raster(tmp_path / "c.tif", image.astype(np.float32), large, ["e", "n"])
    rng = np.random.default_rng(5)
    relief = 30 * np.sin(coordinate_image(large)[0] / 300) + rng.normal(0, 1, large.shape)
    write_raster(tmp_path / "dem.tif", relief.astype(np.float32), large)
    near = (3000 + relief * 20 + rng.normal(0, 50, large.shape)).astype(np.uint16)
    red = np.full(large.shape, 400, np.uint16)
    write_raster(tmp_path / "s2_20200601.tif", np.stack([red, near]), large, ["B4", "B8"])
    for day in ("20200601_asc", "20200613_asc"):
        rng = np.random.default_rng(int(day[:8]))
        power = 0.1 * rng.gamma(4.4, 1 / 4.4, (2, *large.shape))
        power[:, 100:110, 200:300] = np.nan
        write_raster(tmp_path / f"s1_{day}.tif", power.astype(np.float32), large, ["VV", "VH"])
    sun = {"dem": "dem.tif", "sun_zenith_deg": 40, "sun_azimuth_deg": 100}
    return PredictorSettings.model_validate(
        {
            "rasters": {
                "c": {"files": "c.tif"},
                "s1": {
                    "files": "s1_*.tif",
                    "product": "sentinel-1-rtc",
                    "composite": "mean",
                    "speckle": {"filter": "improved_sigma"},
                },
                "s2": {
                    "files": "s2_*.tif",
                    "product": "sentinel-2-l2a",
                    "boa_offset": "applied",
                    "mask": "none",
                    "topography": sun,
                },
            },
            "textures": [{"of": "VV", "measures": ["entropy"], "window": 3}],
        }
    )


def test_each_predictor_is_a_cloud_optimised_file_of_its_own(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings
) -> None:
    stack, _ = build_stack(settings, large, tmp_path, tmp_path / "p")
    assert stack.names == PredictorStack.open(tmp_path / "p").names == LAYERS
    assert stack.grid == large
    with rasterio.open(tmp_path / "p/VV.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.overviews(1) == [2]
        assert dataset.block_shapes == [(256, 256)]
        assert dataset.tags()["source"] == "s1_*.tif"
        assert np.isnan(dataset.nodata)
    (tmp_path / "p/VH.tif").unlink()
    with pytest.raises(InputError, match=r"VH\.tif is missing"):
        PredictorStack.open(tmp_path / "p")
    (tmp_path / "p/stack.json").write_text("{}")
    with pytest.raises(InputError, match="no stack of predictors"):
        PredictorStack.open(tmp_path / "p")


def test_blocks_are_those_of_one_reading_of_the_whole(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings
) -> None:
    with open_sources(settings, tmp_path, large) as sources:
        whole = sources.block(Block(0, 0, *large.shape))
    stack, table = build_stack(
        settings, large, tmp_path, tmp_path / "p.tif", workers=Workers(2, "threads")
    )
    store = write_zarr(settings, large, tmp_path, tmp_path / "p.zarr")
    cogs, _ = build_stack(settings, large, tmp_path, tmp_path / "p")
    one_by_one = cogs.to_xarray()
    with cogs.reader(cogs.names) as reader:
        corner = reader.read(Block(40, 200, 100, 150))
    with rasterio.open(stack.path) as dataset:
        assert dataset.tags(3)["source"] == "s1_*.tif"
        assert dataset.tags(3)["formula"] == "mean of valid dates"
        for name, values in zip(dataset.descriptions, dataset.read(), strict=True):
            expected = whole[name].astype(np.float32)
            assert np.array_equal(values, expected, equal_nan=True), name
            assert np.array_equal(store[name].to_numpy(), expected, equal_nan=True), name
            assert np.array_equal(one_by_one[name].to_numpy(), expected, equal_nan=True), name
            cut = corner[cogs.names.index(name)]
            assert np.array_equal(cut, expected[40:140, 200:350], equal_nan=True), name
    means = table.set_index("name")["mean"]
    assert means["VV"] == pytest.approx(np.nanmean(whole["VV"]), rel=1e-12)
    assert np.isnan(store["VV"].to_numpy()).sum() > 0


@pytest.mark.parametrize(
    ("suffix", "others"),
    [
        (".zarr", ["cluster"]),
        (".tif", ["processes"]),
        pytest.param(".zarr", ["processes"], marks=pytest.mark.slow),
        pytest.param(".tif", ["cluster"], marks=pytest.mark.slow),
    ],
)
def test_the_same_bytes_on_any_workers(
    tmp_path: Path,
    large: GeoBox,
    settings: PredictorSettings,
    cluster: str,
    suffix: str,
    others: list[str],
) -> None:
    there = {"processes": Workers(2, "processes"), "cluster": Workers(1, cluster)}
    ways = [Workers(), Workers(3), *(there[other] for other in others)]
    found = set()
    for k, workers in enumerate(ways):
        target = tmp_path / f"{k}" / f"p{suffix}"
        _, table = build_stack(settings, large, tmp_path, target, workers=workers)
        found.add((sha256_of(target), table.to_csv()))
        assert sorted(p.name for p in target.parent.iterdir()) == ["p.csv", target.name]
    assert len(found) == 1


def test_a_store_says_where_it_lies_and_where_each_band_comes_from(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings
) -> None:
    store = write_zarr(settings, large, tmp_path, tmp_path / "p.zarr")
    easting = coordinate_image(large)[0]
    assert np.allclose(store["e"] + 500_000, easting)
    assert np.allclose(store["x"], easting[0])
    assert store.rio.crs.to_epsg() == 32643
    assert store.rio.transform() == large.transform
    said = store["VV"].attrs
    assert (said["unit"], said["sensor"], said["source"]) == ("dB", "sar", "s1_*.tif")
    assert "entropy" in store["VV_entropy"].attrs["formula"]
    array = zarr.open_group(tmp_path / "p.zarr", mode="r")["VV"]
    assert isinstance(array, zarr.Array)
    assert array.chunks == (256, 256)
    assert array.dtype == np.float32


def test_both_stores_are_read_alike(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings
) -> None:
    raster, _ = build_stack(settings, large, tmp_path, tmp_path / "p.tif")
    build_stack(settings, large, tmp_path, tmp_path / "p.zarr")
    store = PredictorStack.open(tmp_path / "p.zarr")
    assert (store.grid, store.names) == (raster.grid, raster.names)
    easting, northing = np.array([500_005.0, 503_995.0, 0.0]), np.array([3_800_005.0] * 3)
    for here, there in zip(store.at(easting, northing), raster.at(easting, northing), strict=True):
        assert np.array_equal(here, there, equal_nan=True)
    rows, cols = np.array([0, 255, 299]), np.array([0, 256, 399])
    patches = [stack.patches_at(rows, cols, 9) for stack in (store, raster)]
    assert np.array_equal(*patches, equal_nan=True)
    looks = [
        [
            path.read_bytes()
            for path in write_quicklooks(stack, tmp_path / stack.path.suffix[1:], 99)
        ]
        for stack in (store, raster)
    ]
    assert looks[0] == looks[1]
    assert isinstance(store.to_xarray(), xr.Dataset)
    with pytest.raises(InputError, match=r"no predictor 'VX'"), store.reader(["VX"]):
        pass
    with rasterio.open(raster.path) as dataset:  # GDAL's own thinning, where there is one
        thin = dataset.read(1, out_shape=(75, 100))
    assert np.array_equal(raster.thinned((75, 100))[0], thin, equal_nan=True)
    whole = store.to_xarray()["e"].to_numpy().astype(float)
    means = whole[:, :399].reshape(100, 3, 133, 3).mean(axis=(1, 3))
    assert np.allclose(store.averaged("e", 3)[:, :133], means)


def test_a_folder_that_is_no_stack(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no stack of predictors.*phytomass stack"):
        PredictorStack.open(tmp_path)
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with pytest.raises(InputError, match="no stack of predictors"):
        PredictorStack.open(tmp_path / "other.zarr")


def test_what_blocks_know_of_the_whole_grid_is_found_once(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = corrections_module._prepare
    found: list[object] = []
    monkeypatch.setattr(
        corrections_module, "_prepare", lambda *a: (found.append(a), prepare(*a))[1]
    )
    build_stack(settings, large, tmp_path, tmp_path / "p.tif")
    assert len(found) == 2  # two products, four blocks


class Broken(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("suffix", [".zarr", ".tif", ""])
def test_a_broken_off_stack_goes_on_and_is_not_there_before(
    tmp_path: Path,
    large: GeoBox,
    settings: PredictorSettings,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
) -> None:
    whole = build_stack(settings, large, tmp_path, tmp_path / f"whole{suffix}")[1]
    keep = Journal.keep
    done: list[Block] = []

    def stop(self: Journal, block: Block, values: object, note: object) -> None:
        if len(done) == 2:
            raise Broken
        done.append(block)
        keep(self, block, values, note)

    monkeypatch.setattr(Journal, "keep", stop)
    target = tmp_path / "out" / f"p{suffix}"
    with pytest.raises(Broken):
        build_stack(settings, large, tmp_path, target)
    assert [p.name for p in target.parent.iterdir()] == [f".p{suffix}.unfinished"]
    monkeypatch.setattr(Journal, "keep", lambda j, b, *a: (done.append(b), keep(j, b, *a)))
    table = build_stack(settings, large, tmp_path, target)[1]
    assert len(done) == len(set(done)) == 4
    assert sha256_of(target) == sha256_of(tmp_path / f"whole{suffix}")
    pd.testing.assert_frame_equal(table, whole)


def test_a_changed_file_makes_every_block_again(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "unfinished"
    compute_blocks(settings, large, tmp_path, folder)
    done: list[Block] = []
    keep = Journal.keep
    monkeypatch.setattr(Journal, "keep", lambda j, b, *a: (done.append(b), keep(j, b, *a)))
    compute_blocks(settings, large, tmp_path, folder)
    assert not done
    os.utime(tmp_path / "dem.tif", (1, 1))
    compute_blocks(settings, large, tmp_path, folder)
    assert len(done) == 4


def test_bad_input_leaves_nothing(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings, cluster: str
) -> None:
    path = tmp_path / "s1_20200613_asc.tif"
    raster_copy(path, tmp_path / "cog.tif", driver="COG", blocksize=128, overviews="none")
    path.write_bytes((tmp_path / "cog.tif").read_bytes()[:-400_000])  # it opens, and ends too early
    for workers in (Workers(2), Workers(2, "processes"), Workers(1, cluster)):
        with pytest.raises(InputError, match=r"s1_20200613_asc\.tif.*damaged"):
            build_stack(settings, large, tmp_path, tmp_path / "out/p.zarr", workers=workers)
        assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_scheduler_that_does_not_answer_or_has_no_workers(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "CONNECT_S", 1.0)
    target = tmp_path / "out/p.zarr"
    begun = time.monotonic()
    with pytest.raises(WorkersError, match=r"127\.0\.0\.1:9: no scheduler answers"):
        build_stack(settings, large, tmp_path, target, workers=Workers(1, "tcp://127.0.0.1:9"))
    with LocalCluster(n_workers=0, dashboard_address=":0", host="127.0.0.1") as empty:
        workers = Workers(1, empty.scheduler_address)
        with pytest.raises(WorkersError, match=r"has no workers.*dask worker"):
            build_stack(settings, large, tmp_path, target, workers=workers)
    assert time.monotonic() - begun < 60  # bounded, not fast
    assert not target.parent.exists()


def test_an_address_without_the_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'phytomass\[cluster\]'"):
        Workers(1, "tcp://host:8786").require()
    Workers(1, "processes").require()


def test_a_worker_that_dies_is_named_as_such() -> None:
    with Workers(2, "processes").pool() as pool, pytest.raises(WorkersError, match="was lost"):
        list(pool.run(os._exit, [(3,)]))


def test_a_cluster_that_ends_in_the_middle_is_named_as_such() -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1"
        ) as made,
        pytest.raises(WorkersError, match="was lost"),
        Workers(1, made.scheduler_address).pool() as pool,
    ):
        for _ in pool.run(time.sleep, [(0.0,), (60.0,)]):
            made.close()


def test_other_versions_and_other_folders_are_refused(
    tmp_path: Path,
    large: GeoBox,
    settings: PredictorSettings,
    cluster: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / ".p.tif.unfinished"

    class Elsewhere(DaskPool):
        """A worker that does not see the folder: it is gone before the work begins."""

        def run(self, work, tasks, **options):  # type: ignore[no-untyped-def]
            shutil.rmtree(folder)
            return super().run(work, tasks, **options)

    monkeypatch.setattr(workers_module, "DaskPool", Elsewhere)
    with pytest.raises(InputError, match="does not see this folder"):
        build_stack(settings, large, tmp_path, tmp_path / "p.tif", workers=Workers(1, cluster))
    monkeypatch.setattr(workers_module, "version", lambda name: "9.9")
    with (
        pytest.raises(WorkersError, match=r"has phytomass 0.*here it is 9\.9"),
        Workers(1, cluster).pool(),
    ):
        pass


def test_an_executor_of_ones_own_is_enough() -> None:
    class Inline(Executor):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            from concurrent.futures import Future

            future: Future[object] = Future()
            future.set_result(fn(*args))
            return future

    assert sorted(Pool(Inline(), 1).run(abs, [(-2,), (1,)])) == [1, 2]
