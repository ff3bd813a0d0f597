"""Every store: what was written is read back, with the same bytes in any order and after any stop."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.files import sha256_of
from phytomass.grid import Block, grid_from_bounds
from phytomass.walk import journal as journal_module
from phytomass.walk import raster_stores, store, tiles
from phytomass.walk.geotiff import new_raster, refuse_torn
from phytomass.walk.journal import Journal
from phytomass.walk.kinds import STORES, SUFFIXES, named, store_at, store_for
from phytomass.walk.lattice import Lattice
from phytomass.walk.raster_stores import Cog
from phytomass.walk.store import Band, Store
from phytomass.walk.workers import Workers
from tests.conftest import coordinate_image

BANDS = (Band("easting", "m", {"name": "easting", "source": "a & <b>"}), Band("northing"))
SHAPES = [(1, 1), (256, 512), (300, 301), (77, 600)]


def grid_with(rows: int, cols: int) -> GeoBox:
    bounds = (500_000, 3_800_000, 500_000 + 10 * cols, 3_800_000 + 10 * rows)
    return grid_from_bounds("EPSG:32643", 10, bounds)


def image_of(grid: GeoBox) -> np.ndarray:
    """Coordinates as float32, with a hole in which there are none."""
    image = (coordinate_image(grid) - [[[500_000]], [[3_800_000]]]).astype(np.float32)
    image[0, : grid.shape[0] // 3, : grid.shape[1] // 2] = np.nan
    return image


def started(kind: str, folder: Path, grid: GeoBox) -> Journal:
    made = Journal(STORES[kind](folder / "unfinished", Lattice(grid), BANDS))
    made.begin({})
    return made


def keep_some(journal: Journal, blocks: list[Block]) -> int:
    image = image_of(journal.store.lattice.grid)
    for block in blocks:
        journal.keep(block, image[:, *block.slices], [block.row, block.col])
    return len(blocks)


def finished(kind: str, folder: Path, grid: GeoBox, workers: Workers | None = None) -> Path:
    journal = started(kind, folder, grid)
    with (workers or Workers()).pool() as pool:
        journal.walk(keep_some, (journal,), pool, "blocks")
    target = folder / f"p{SUFFIXES[kind]}"
    journal.store.finish(target)
    return target


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", STORES)
def test_an_image_of_its_coordinates_comes_back(
    kind: str, shape: tuple[int, int], tmp_path: Path
) -> None:
    grid = grid_with(*shape)
    path = finished(kind, tmp_path, grid)
    assert store_for(path) == kind
    assert named(tmp_path, "p") == path
    found = store_at(path)
    assert found is STORES[kind]
    assert found.describe(path) == (grid, ("easting", "northing"))
    image = image_of(grid)
    with found.open(path, ["northing", "easting"]) as bands:
        for block in Lattice(grid, 100):
            wanted = image[::-1, *block.slices]
            assert np.array_equal(bands.read(block), wanted, equal_nan=True)
    lazy = found.to_xarray(path)
    for name, layer in zip(("easting", "northing"), image, strict=True):
        assert np.array_equal(lazy[name].to_numpy(), layer, equal_nan=True)


@pytest.mark.parametrize("kind", STORES)
def test_the_same_bytes_in_any_order_and_by_any_workers(kind: str, tmp_path: Path) -> None:
    grid = grid_with(600, 530)
    wanted = sha256_of(finished(kind, tmp_path / "a", grid))
    assert sha256_of(finished(kind, tmp_path / "b", grid, Workers(3))) == wanted
    backwards = started(kind, tmp_path / "c", grid)
    keep_some(backwards, backwards.missing()[::-1])
    target = tmp_path / "c" / f"p{SUFFIXES[kind]}"
    backwards.store.finish(target)
    assert sha256_of(target) == wanted


def test_a_stack_has_the_bytes_that_gdal_gives_it(tmp_path: Path) -> None:
    grid = grid_with(300, 620)
    image = image_of(grid)
    with new_raster(tmp_path / "gdal.tif", grid, BANDS) as out:
        for block in Lattice(grid):
            for number, layer in enumerate(image, 1):
                out.write(layer[block.slices], number, window=block.window)
    assert sha256_of(finished("geotiff", tmp_path, grid)) == sha256_of(tmp_path / "gdal.tif")
    ours = Cog(tmp_path / "parts", Lattice(grid), (Band("b", "m"),), {"key": "said"})
    ours.create()
    for block in ours.lattice:
        ours.write(block, image[:1, *block.slices])
    ours.finish(tmp_path / "ours.tif")
    refuse_torn(tmp_path / "ours.tif")
    with rasterio.open(tmp_path / "ours.tif") as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert cog.overviews(1) == [2, 4]
        assert (cog.descriptions, cog.units, cog.tags()["key"]) == (("b",), ("m",), "said")
        assert np.array_equal(cog.read(1), image[0], equal_nan=True)


@pytest.mark.parametrize("big", ["no", "yes"])
def test_tiles_of_classic_and_of_big_files(big: str, tmp_path: Path) -> None:
    grid, profile = grid_with(300, 620), {"blockxsize": 256, "blockysize": 256, "tiled": True}
    values = np.arange(2 * 300 * 620, dtype=np.float32).reshape(2, 300, 620)
    for name, sparse in (("whole.tif", False), ("head.tif", True)):
        with rasterio.open(
            tmp_path / name, "w", driver="GTiff", height=300, width=620, count=2, dtype="float32",
            crs=str(grid.crs), transform=grid.transform, interleave="band", bigtiff=big,
            sparse_ok=sparse, compress="deflate", **profile,
        ) as out:  # fmt: skip
            if not sparse:
                for block in Lattice(grid):
                    out.write(values[:, *block.slices], window=block.window)
    head, whole = tmp_path / "head.tif", tmp_path / "whole.tif"
    sizes = tiles.tiles_in(whole)[1].reshape(2, 6).T
    tiles.lay_out(head, sizes)
    with head.open("ab") as out:
        for block in range(6):
            out.writelines(tiles.encoded(whole, [block, block + 6]))
    with rasterio.open(head) as made:
        assert np.array_equal(made.read(), values)
    assert head.read_bytes()[2] == {"no": 42, "yes": 43}[big]


class Broken(BaseException):
    """Stands for whatever ends a process."""


def breaking(after: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that breaks off before its n-th call, and ever after."""
    calls = [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] > after:
            raise Broken
        return function(*args, **kwargs)

    return call


STEPS = [
    (raster_stores, "lay_out"),
    (raster_stores, "write_json"),
    (raster_stores, "encoded"),
    (raster_stores, "write_cog"),
    (raster_stores, "linked"),
    (store.os, "link"),
    (Path, "unlink"),
    (Path, "replace"),
]


@pytest.mark.parametrize("kind", STORES)
def test_broken_off_before_any_file_operation_of_the_end(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = grid_with(300, 520)
    wanted = sha256_of(finished(kind, tmp_path / "whole", grid))
    begun, broken = tmp_path / "begun", 0
    keep_some(started(kind, begun, grid), list(Lattice(grid)))
    for place, name in STEPS:
        for after in (0, 1, 3):
            again = tmp_path / f"{name}{after}"
            shutil.copytree(begun, again)
            target = again / f"p{SUFFIXES[kind]}"
            with monkeypatch.context() as patched:
                patched.setattr(place, name, breaking(after, getattr(place, name)))
                try:
                    started(kind, again, grid).store.finish(target)
                except Broken:
                    broken += 1
            assert not target.exists() or sha256_of(target) == wanted
            journal = started(kind, again, grid)
            keep_some(journal, journal.missing())
            journal.store.finish(target)
            assert sha256_of(target) == wanted, (name, after)
            assert {path.name for path in again.iterdir()} == {"unfinished", target.name}
    assert broken >= {"zarr": 4, "geotiff": 10, "cogs": 10}[kind]


@pytest.mark.parametrize("kind", STORES)
def test_a_walk_goes_on_and_a_finished_one_is_still_there(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = grid_with(600, 300)
    journal = started(kind, tmp_path, grid)
    first, *rest = journal.missing()
    keep_some(journal, [first])
    journal.begin({})
    assert journal.missing() == rest
    with Workers().pool() as pool:
        told: list[tuple[str, int, int]] = []
        journal.walk(keep_some, (journal,), pool, "blocks", lambda *now: told.append(now))
    assert told[-1] == ("blocks", 6, 6)
    assert journal.notes() == [[block.row, block.col] for block in Lattice(grid)]
    targets = [tmp_path / f"{name}{SUFFIXES[kind]}" for name in "pq"]
    for target in targets:  # the second as if what followed the first was broken off
        journal.begin({})
        assert journal.missing() == []
        journal.store.finish(target)
    assert sha256_of(targets[0]) == sha256_of(targets[1])
    journal.begin({"settings": "others"})
    assert len(journal.missing()) == 6


@pytest.mark.parametrize("kind", STORES)
def test_without_links_the_result_is_moved(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*args: object, **options: object) -> None:
        raise OSError(95, "Operation not supported")

    target = tmp_path / f"p{SUFFIXES[kind]}"
    journal = started(kind, tmp_path, grid_with(300, 300))
    keep_some(journal, journal.missing())
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", no_links)
        journal.store.finish(target)
    assert sha256_of(target) == sha256_of(finished(kind, tmp_path / "o", grid_with(300, 300)))
    journal = started(kind, tmp_path, grid_with(300, 300))
    assert journal.missing() == ([] if kind == "cogs" else list(journal.store.lattice))


def test_what_a_killed_writer_left_in_a_store_is_no_part_of_it(tmp_path: Path) -> None:
    journal = started("zarr", tmp_path, grid_with(300, 300))
    keep_some(journal, journal.missing())
    chunk = next((tmp_path / "unfinished/blocks.zarr/easting/c").rglob("0"))
    (chunk if chunk.is_dir() else chunk.parent).joinpath("0.5f3e.partial").write_bytes(b"torn")
    journal.store.finish(tmp_path / "p.zarr")
    other = finished("zarr", tmp_path / "o", grid_with(300, 300))
    assert sha256_of(tmp_path / "p.zarr") == sha256_of(other)


def test_a_block_that_was_torn_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = started("geotiff", tmp_path, grid_with(300, 300))
    monkeypatch.setattr(journal_module, "write_text", breaking(0, journal_module.write_text))
    with pytest.raises(Broken):
        keep_some(journal, journal.missing())
    assert len(journal.missing()) == 4


def test_another_suffix_is_refused() -> None:
    with pytest.raises(InputError, match=r"no store ends in '\.nc'.*\.tif, \.zarr"):
        store_for(Path("p.nc"))


def test_every_store_is_one() -> None:
    assert all(issubclass(kind, Store) for kind in STORES.values())
    assert STORES.keys() == SUFFIXES.keys()
