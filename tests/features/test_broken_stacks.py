"""Stacks that were damaged after they were written: refused in words, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.features import PredictorStack
from phytomass.grid import Block
from phytomass.walk.lattice import Lattice
from phytomass.walk.raster_stores import INDEX, Cogs
from phytomass.walk.store import Band, Store
from phytomass.walk.zarr_store import Zarr
from tests.conftest import write_raster

BANDS = (Band("red"), Band("nir"))


def made(kind: type[Store], target: Path, grid: GeoBox) -> Path:
    store = kind(target.parent / "unfinished", Lattice(grid), BANDS)
    store.create()
    for block in store.lattice:
        store.write(block, np.ones((2, block.rows, block.cols), np.float32))
    store.finish(target)
    return target


@pytest.fixture
def store(tmp_path: Path, grid: GeoBox) -> Path:
    return made(Zarr, tmp_path / "predictors.zarr", grid)


def attributes(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        zarr.open_group(path, mode="r+").attrs.update(changes)

    return change


def metadata(text: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        (path / "zarr.json").write_text(text, encoding="utf-8")

    return change


def other_shape(path: Path) -> None:
    zarr.open_group(path, mode="r+").create_array("nir", shape=(3, 3), dtype="f4", overwrite=True)


STORES: dict[str, Callable[[Path], None]] = {
    "no metadata": lambda path: (path / "zarr.json").unlink(),
    "junk": metadata("{"),
    "a list": metadata("[]"),
    "no predictors": attributes(predictors=[]),
    "a predictor that is not there": attributes(predictors=["red", "blue"]),
    "a predictor of another shape": other_shape,
    "an unknown CRS": attributes(crs="EPSG:999999"),
    "no transform": attributes(transform=[1, 2]),
    "a transform of text": attributes(transform=list("abcdef")),
}


@pytest.mark.parametrize("kind", list(STORES))
def test_a_damaged_store_is_refused(kind: str, store: Path) -> None:
    STORES[kind](store)
    with pytest.raises(InputError, match=r"predictors\.zarr.*is no stack.*run: phytomass stack"):
        PredictorStack.open(store)


def test_a_damaged_chunk_is_named(store: Path) -> None:
    chunk = next(p for p in (store / "red").rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.write_bytes(b"\x07" * 9)
    stack = PredictorStack.open(store)
    with (
        stack.reader(["red"]) as reader,
        pytest.raises(InputError, match="cannot be read to its end"),
    ):
        reader.read(Block(0, 0, 10, 10))


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"predictors": []}', '{"predictors": ["red", "blue"]}', '{"predictors": 3}'],
)
def test_a_damaged_folder_of_cogs_is_refused(text: str, tmp_path: Path, grid: GeoBox) -> None:
    folder = made(Cogs, tmp_path / "predictors", grid)
    assert json.loads((folder / INDEX).read_text())["predictors"] == ["red", "nir"]
    (folder / INDEX).write_text(text)
    with pytest.raises(InputError, match="run: phytomass stack"):
        PredictorStack.open(folder)


@pytest.mark.parametrize("kind", ["junk", "cut"])
def test_a_damaged_raster_of_predictors_is_named(kind: str, tmp_path: Path, grid: GeoBox) -> None:
    path = write_raster(tmp_path / "p.tif", np.ones((1, *grid.shape)), grid, ["red"])
    content = path.read_bytes()
    path.write_bytes(b"junk" if kind == "junk" else content[: len(content) // 2])
    with (
        pytest.raises(InputError, match=r"p\.tif.*cannot be read"),
        PredictorStack.open(path).reader(["red"]) as reader,
    ):
        reader.read(Block(0, 0, *grid.shape))
