"""Dense prediction: the same numbers as patch by patch, whatever the tile, edges and holes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline

from phytomass.errors import InputError
from phytomass.features import PredictorStack, build_stack
from phytomass.files import sha256_of
from phytomass.grid import Block, grid_from_bounds
from phytomass.imagery import PredictorSettings
from phytomass.mapping import Walking, halo_of, predict_array, predict_map
from phytomass.models import Member, StackedRegressor
from phytomass.models.patch_cnn import VGG, AlexNet, PixelNet, ResNet
from phytomass.walk.workers import Workers
from tests.conftest import write_raster
from tests.models.patch_cnn.small import SMALL, patches

KINDS = {
    "resnet 5": (ResNet, {"patch": 5}),
    "resnet 9": (ResNet, {"patch": 9}),
    "resnet 13": (ResNet, {"patch": 13}),
    "resnet 17": (ResNet, {"patch": 17}),
    "resnet 11 pool": (ResNet, {"patch": 11, "pool": True}),
    "vgg 11": (VGG, {"patch": 11}),
    "vgg 11 gaussian": (VGG, {"patch": 11, "likelihood": "gaussian", "target": "log1p"}),
    "alexnet 7": (AlexNet, {"patch": 7}),
    "alexnet 11": (AlexNet, {"patch": 11}),
    "pixelnet": (PixelNet, {}),
}


@cache
def trained(name: str) -> Any:
    """Train one network of each kind, only once."""
    kind, settings = KINDS[name]
    X, y = patches(side=17)
    return kind(**{**SMALL, **settings}).fit(X, np.maximum(y, 0))


def field(seed: int, rows: int, cols: int, holes: int) -> np.ndarray:
    """Return smooth predictors with nodata holes in single bands and in all."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, rows, cols)) + np.linspace(-1, 1, cols)
    for _ in range(holes):
        r, c = rng.integers(rows), rng.integers(cols)
        band = slice(None) if rng.random() < 0.5 else slice(1, 2)
        values[band, r : r + rng.integers(1, 9), c : c + rng.integers(1, 9)] = np.nan
    return values


def patch_wise(model: Any, values: np.ndarray, rows: Any, cols: Any) -> np.ndarray:
    """Predict pixels from their own patches, cut from the mirrored field."""
    h = model.halo_
    around = np.pad(values, ((0, 0), (h, h), (h, h)), mode="symmetric")
    cut = [around[:, r : r + 2 * h + 1, c : c + 2 * h + 1] for r, c in zip(rows, cols, strict=True)]
    return np.asarray(model.predict(np.stack(cut)))


IN_FP32 = ("resnet 13", "vgg 11 gaussian")
"""Kinds that are tried in both precisions by the fast tests; in the tight one all are."""


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *((name, "fp64") for name in KINDS),
        *((name, "fp32") for name in IN_FP32),
        *(
            pytest.param(name, "fp32", marks=pytest.mark.slow)
            for name in KINDS
            if name not in IN_FP32
        ),
    ],
)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(17, 72), st.integers(17, 72)),
    tile=st.sampled_from([7, 33, 64, 65, 128, 1024]),
    holes=st.integers(0, 6),
)
@settings(max_examples=3, deadline=None)
def test_dense_is_patch_by_patch(name, precision, seed, shape, tile, holes):
    model = trained(name).set_params(precision=precision)
    values = field(seed, *shape, holes)
    h = model.halo_
    around = np.pad(values, ((0, 0), (h, h), (h, h)), mode="symmetric")
    dense = model.predict_field(around, tile=tile)
    complete = np.isfinite(values).all(axis=0)
    rng = np.random.default_rng(seed)
    picked = rng.permutation(int(complete.sum()))[:150]
    rows, cols = (places[picked] for places in np.nonzero(complete))
    expected = patch_wise(model, values, rows, cols)
    limit = 1e-4 if precision == "fp32" else 1e-10
    assert np.abs(dense[rows, cols] - expected).max() <= limit * dense[complete].std()
    spread = model.predict_field_spread(around, tile=tile)[rows, cols]
    assert np.isfinite(spread).all()


@pytest.mark.slow
@pytest.mark.parametrize("tile", [64, 129, 256, 513, 1024])
def test_dense_is_patch_by_patch_on_large_tiles(tile):
    model = trained("resnet 13").set_params(precision="fp32")
    values = field(1, 1060, 1030, holes=40)
    dense = predict_array_in(model, values, tile)
    complete = np.isfinite(values).all(axis=0)
    # both sides of every seam, the edges, and next to holes
    rng = np.random.default_rng(0)
    rows = rng.choice([0, 1, tile - 1, tile % 1060, 1059, 500], size=600)
    cols = rng.choice([0, tile - 1, tile % 1030, 1029, 77, 512], size=600)
    near = np.add(np.argwhere(~np.isfinite(values[1]))[:300], [0, 1])
    rows, cols = np.r_[rows, near[:, 0]], np.r_[cols, np.minimum(near[:, 1], 1029)]
    rows, cols = rows[complete[rows, cols]], cols[complete[rows, cols]]
    expected = patch_wise(model, values, rows, cols)
    assert np.abs(dense[rows, cols] - expected).max() <= 1e-4 * dense[complete].std()


def predict_array_in(model: Any, values: np.ndarray, tile: int) -> np.ndarray:
    h = model.halo_
    around = np.pad(values, ((0, 0), (h, h), (h, h)), mode="symmetric")
    return np.asarray(model.predict_field(around, tile=tile))


def test_bf16_is_close_and_not_the_same():
    model = trained("resnet 9")
    values = field(3, 60, 60, holes=0)
    exact = predict_array(model.set_params(precision="fp64"), values)
    coarse = predict_array(model.set_params(precision="bf16"), values)
    model.set_params(precision="fp32")
    error = (coarse - exact).std() / exact.std()
    assert 1e-5 < error < 0.03


def test_an_array_in_memory_is_continued_by_its_mirror_image():
    model = trained("resnet 9").set_params(precision="fp64")
    values = field(5, 40, 30, holes=0)
    edge = [(0, 0), (0, 17), (39, 29), (20, 29), (38, 1)]
    rows, cols = np.array(edge).T
    dense = predict_array(model, values)
    expected = patch_wise(model, values, rows, cols)
    assert np.abs(dense[rows, cols] - expected).max() <= 1e-10 * dense.std()


@pytest.fixture
def stack(tmp_path: Path) -> PredictorStack:
    """A stack of two blocks by two, the last ones narrow, with holes over the seams."""
    grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 502_800, 3_802_700))
    values = field(4, *grid.shape, holes=12)
    values[:, 250:262, 100] = np.nan
    values[1, 40, 250:260] = np.nan
    write_raster(tmp_path / "x.tif", values.astype(np.float32), grid, ["a", "b", "c"])
    sources = PredictorSettings(rasters={"x": {"files": "x.tif"}})
    return build_stack(sources, grid, tmp_path, tmp_path / "predictors.tif")[0]


def everywhere(block: Block) -> np.ndarray:
    return np.ones((block.rows, block.cols), dtype=bool)


def stacked() -> Any:
    X, y = patches(side=9)
    members = [
        Member("forest", RandomForestRegressor(10, random_state=0), False),
        Member("net", Pipeline([("model", ResNet(**SMALL))]), True),
        Member("small", Pipeline([("model", ResNet(patch=5, **SMALL))]), True),
    ]
    return StackedRegressor(members, n_splits=2).fit(X, y)


@pytest.mark.parametrize("kind", ["network", "stack"])
def test_the_map_is_each_pixels_own_patch(tmp_path: Path, stack: PredictorStack, kind: str) -> None:
    model = Pipeline([("model", trained("resnet 9") if kind == "network" else stacked())])
    assert halo_of(model) == 4
    names = ["a", "b", "c"]
    predict_map(model, stack, names, everywhere, tmp_path / "one.tif")
    predict_map(model, stack, names, everywhere, tmp_path / "two.tif", walking=Walking(Workers(2)))
    assert sha256_of(tmp_path / "one.tif") == sha256_of(tmp_path / "two.tif")
    with rasterio.open(stack.path) as source, rasterio.open(tmp_path / "one.tif") as result:
        values, agb = source.read(), result.read(1)
    complete = np.isfinite(values).all(axis=0)
    assert np.array_equal(np.isfinite(agb), complete)
    places = np.argwhere(complete)
    seam = places[np.isin(places[:, 0], [254, 255, 256, 257, 269]) | (places[:, 1] % 255 < 2)]
    rows, cols = seam[::7].T
    wrapped = model["model"]
    expected = patch_wise(wrapped, values, rows, cols)
    assert np.abs(agb[rows, cols] - expected).max() <= 1e-4 * np.nanstd(agb)


def test_patches_at_plots_are_those_of_the_mirrored_raster(stack: PredictorStack) -> None:
    with rasterio.open(stack.path) as source:
        values = source.read()
    rows, cols = np.array([0, 255, 256, 269, 130]), np.array([0, 255, 279, 140, 3])
    around = np.pad(values, ((0, 0), (5, 5), (5, 5)), mode="symmetric")
    found = stack.patches_at(rows, cols, 11)
    for patch, r, c in zip(found, rows, cols, strict=True):
        assert np.array_equal(patch, around[:, r : r + 11, c : c + 11], equal_nan=True)


def test_a_patch_larger_than_the_raster(tmp_path: Path) -> None:
    grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_080, 3_800_200))
    write_raster(tmp_path / "x.tif", np.ones((3, 20, 8), np.float32), grid, ["a", "b", "c"])
    sources = PredictorSettings(rasters={"x": {"files": "x.tif"}})
    small = build_stack(sources, grid, tmp_path, tmp_path / "predictors.tif")[0]
    target = tmp_path / "agb.tif"
    with pytest.raises(InputError, match="9 × 9 pixels is larger than the raster"):
        predict_map(trained("resnet 9"), small, ["a", "b", "c"], everywhere, target)
    assert not target.exists()
    with pytest.raises(InputError, match="larger than the raster"):
        small.patches_at(np.array([4]), np.array([4]), 9)
    with pytest.raises(InputError, match="larger than the array"):
        predict_array(trained("resnet 9"), np.ones((3, 20, 8)))
    with pytest.raises(InputError, match="at least 9 × 9"):
        trained("resnet 9").predict_field(np.ones((3, 20, 8)))


def test_memory_that_is_too_small_makes_smaller_tiles_then_an_error(monkeypatch):
    import torch

    from phytomass.models.patch_cnn.inference import Ensemble

    model = trained("resnet 9").set_params(precision="fp32")
    values = field(5, 70, 90, holes=2)
    expected = predict_array(model, values)
    run = Ensemble._run
    asked = []

    def scarce(limit):
        def _run(self, scaled):
            asked.append(scaled.shape[-1])
            if scaled.shape[-1] > limit or scaled.shape[-2] > limit:
                raise torch.OutOfMemoryError("scarce")
            return run(self, scaled)

        return _run

    monkeypatch.setattr(Ensemble, "_run", scarce(40))
    assert np.nanmax(np.abs(predict_array(model, values) - expected)) < 1e-4 * np.nanstd(expected)
    assert max(asked) > 40 > min(asked)
    monkeypatch.setattr(Ensemble, "_run", scarce(5))
    with pytest.raises(InputError, match="too small even for the smallest tiles"):
        predict_array(model, values)
