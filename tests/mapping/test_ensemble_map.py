"""The map of an ensemble against numpy: its layers, its sums, and the standard error of forests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from scipy.stats import norm
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from phytomass.errors import InputError
from phytomass.features import PredictorStack
from phytomass.grid import Block, grid_from_bounds
from phytomass.mapping import (
    Division,
    MapDraws,
    MapRules,
    MapSums,
    PixelErrors,
    Walking,
    predict_ensemble_map,
)
from phytomass.mapping.engines import ensemble_for
from phytomass.mapping.engines.ensemble import Grown, Refits
from phytomass.mapping.identity import print_of
from phytomass.models import NeighbourhoodRegressor, Training, fit_members, joined
from phytomass.validation import LocalBand
from phytomass.walk.workers import Workers

SHAPE = (70, 300)  # two blocks, the second of 44 columns
NAMES = ("a", "b")
RNG = np.random.default_rng(11)
VALUES = RNG.normal(size=(2, *SHAPE)).astype(np.float32)
VALUES[0, 5, 5] = np.nan
X = RNG.normal(size=(80, 2))
PLOTS = Training.of(X, 30 + 25 * X[:, 0] - 10 * X[:, 1] ** 2 + RNG.normal(0, 6, 80))
ERRORS = PixelErrors(LocalBand.fit(PLOTS.y + RNG.normal(0, 5, 80), PLOTS.y), shared=0.1)
LABELS = np.where(np.arange(SHAPE[1]) < 100, 0, np.where(np.arange(SHAPE[1]) < 280, 1, -1))
KNOWN = np.isfinite(VALUES).all(axis=0)


def _labels(block: Block) -> Any:
    return np.tile(LABELS[block.col : block.col + block.cols], (block.rows, 1))


def _beyond_ten(block: Block) -> Any:
    return np.add.outer(np.arange(block.row, block.row + block.rows), np.zeros(block.cols)) >= 10


ZONES = Division(("west", "middle", "outside zones"), _labels)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> PredictorStack:
    grid = grid_from_bounds("EPSG:32643", 10, (0, 0, 10 * SHAPE[1], 10 * SHAPE[0]))
    path = tmp_path_factory.mktemp("stack") / "stack.tif"
    return PredictorStack.write(path, dict(zip(NAMES, VALUES, strict=True)), grid)


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read().astype(np.float64)


def _mapped(stack: PredictorStack, model: Any, members: Any, path: Path, **kwargs: Any) -> Any:
    kwargs = {"errors": ERRORS, "zones": ZONES, **kwargs}
    return predict_ensemble_map(model, members, stack, NAMES, None, path, **kwargs)


def test_layers_and_sums_of_refits(stack: PredictorStack, tmp_path: Path) -> None:
    found = fit_members(LinearRegression(), PLOTS, 12)
    model = LinearRegression().fit(X, PLOTS.y)
    rows = VALUES.reshape(2, -1).T.astype(np.float64)[KNOWN.ravel()]
    members = np.array([one.predict(rows) for one in found.estimators])
    point, labels = model.predict(rows), np.tile(LABELS, (SHAPE[0], 1))[KNOWN]
    done = _mapped(stack, model, found.estimators, tmp_path / "agb.tif", other=(stack, _beyond_ten))
    agb = _read(tmp_path / "agb.tif")[0]
    se, sd, low, high = _read(tmp_path / "agb_uncertainty.tif")
    assert np.array_equal(np.isfinite(se), KNOWN)
    assert agb[KNOWN] == pytest.approx(np.maximum(point, 0), rel=1e-5, abs=1e-4)
    assert se[KNOWN] == pytest.approx(members.std(axis=0, ddof=1), rel=1e-5)
    scatter = ERRORS.band.scatter(point)
    assert sd[KNOWN] == pytest.approx(np.hypot(se[KNOWN], scatter), rel=1e-5)
    bounds = ERRORS.band.interval(point, norm.ppf(0.95) * 0.1 * np.abs(point))
    assert low[KNOWN] == pytest.approx(np.maximum(bounds[0], 0), rel=1e-4, abs=1e-3)
    assert high[KNOWN] == pytest.approx(np.maximum(bounds[1], 0), rel=1e-4, abs=1e-3)
    for zone, label in enumerate((0, 1, -1)):
        here = labels == label
        assert done.sums.pixels[zone] == here.sum()
        assert done.sums.members[:, zone] == pytest.approx(members[:, here].sum(axis=1))
        assert done.sums.points[zone] == pytest.approx(point[here].sum())  # not limited at zero
    common = np.zeros(SHAPE, bool)
    common[10:] = True
    own = members[:, common[KNOWN]].sum(axis=1)
    assert done.common.members.sum(axis=1) == pytest.approx(own)
    assert done.counts.mapped == KNOWN.sum() == done.sums.pixels.sum()
    assert done.counts.raised_to_minimum == (point < 0).sum()


def test_every_layer_says_what_it_holds(stack: PredictorStack, tmp_path: Path) -> None:
    found = fit_members(LinearRegression(), PLOTS, 2)
    model = LinearRegression().fit(X, PLOTS.y)
    _mapped(stack, model, found.estimators, tmp_path / "agb.tif", tags={"title": "T"})
    with rasterio.open(tmp_path / "agb_uncertainty.tif") as source:
        assert source.descriptions == ("se", "sd", "low90", "high90")
        assert set(source.units) == {"Mg/ha"}
        assert source.overviews(1)
        assert source.tags()["title"] == "T"
        assert "errors that plots share" in source.tags(1)["holds"]
        assert "90%" in source.tags(3)["holds"]


def _halves(estimators: Any, rows: np.ndarray) -> np.ndarray:
    """Predictions by the first and the second trees of each member, shape (2, members, n)."""
    trees = np.array([[tree.predict(rows) for tree in one.estimators_] for one in estimators])
    cut = trees.shape[1] - trees.shape[1] // 2
    return np.array([trees[:, :cut].mean(axis=1), trees[:, cut:].mean(axis=1)])


@pytest.mark.parametrize("n_trees", [100, 50, 20])
def test_a_forest_is_its_members(stack: PredictorStack, tmp_path: Path, n_trees: int) -> None:
    base = RandomForestRegressor(n_trees, max_features=0.5, random_state=0)
    found = fit_members(base, PLOTS, 20)
    done = _mapped(
        stack,
        joined(found.estimators),
        found.estimators,
        tmp_path / "agb.tif",
        rules=MapRules(None),
    )
    rows = VALUES.reshape(2, -1).T[KNOWN.ravel()].astype(np.float64)
    members = np.array([one.predict(rows) for one in found.estimators])
    assert _read(tmp_path / "agb.tif")[0][KNOWN] == pytest.approx(members.mean(axis=0), rel=1e-5)
    se = _read(tmp_path / "agb_uncertainty.tif")[0][KNOWN]
    chance = members.var(axis=0, ddof=1) / 20
    if n_trees == 20:  # one tree each: no halves
        shared = members.var(axis=0, ddof=1)
    else:
        first, second = _halves(found.estimators, rows)
        pairs = (first - first.mean(0)) * (second - second.mean(0))
        shared = np.maximum(pairs.sum(axis=0) / 19, 0)
    assert se == pytest.approx(np.sqrt(shared + chance), rel=1e-4, abs=1e-4)
    assert done.sums.members.sum(axis=1) == pytest.approx(members.sum(axis=1))


def test_few_trees_per_member_have_the_standard_error_of_many() -> None:
    use = np.ones((1, 200), bool)
    values = RNG.normal(size=(2, 1, 200)).astype(np.float32)
    spread = []
    for trees in (400, 5_000):
        base = RandomForestRegressor(trees, max_features=1, min_samples_leaf=3, random_state=0)
        found = fit_members(base, PLOTS, 100)
        grown = ensemble_for(joined(found.estimators), found.estimators, NAMES, [(values, use)])
        assert isinstance(grown, Grown)
        parts = list(grown.spread(values, use))
        spread.append(np.mean([np.sqrt(part.variance).mean() for part in parts]))
        naive = np.mean([part.members.std(axis=0, ddof=1).mean() for part in parts])
        if trees == 400:
            assert naive > 1.25 * spread[0]  # the spread of few trees is mostly chance
    assert spread[0] == pytest.approx(spread[1], rel=0.12)


def test_forests_on_windows_and_others_find_their_way() -> None:
    use = np.ones((8, 8), bool)
    around = RNG.normal(size=(2, 10, 10)).astype(np.float32)
    patches = Training.of(RNG.normal(size=(60, 2, 3, 3)), RNG.normal(50, 9, 60))
    forest = NeighbourhoodRegressor(RandomForestRegressor(40, random_state=0), (3,))
    found = fit_members(forest, patches, 10)
    grown = ensemble_for(joined(found.estimators), found.estimators, NAMES, [(around, use)])
    assert isinstance(grown, Grown)
    assert grown.halo == 1
    point = np.empty(64)
    for part in grown.spread(around, use):
        point[part.pixels] = part.point
    fields = [one.predict_field(around).ravel() for one in found.estimators]
    assert point == pytest.approx(np.mean(fields, axis=0))
    scaled = make_pipeline(StandardScaler(), SVR())
    others = fit_members(scaled, PLOTS, 3)
    refits = ensemble_for(
        scaled.fit(X, PLOTS.y), others.estimators, NAMES, [(around[:, 1:-1, 1:-1], use)]
    )
    assert isinstance(refits, Refits)
    assert refits.count == 3


@pytest.mark.parametrize(
    "workers", [Workers(2), Workers(2, "processes")], ids=["threads", "processes"]
)
def test_workers_change_no_byte(stack: PredictorStack, tmp_path: Path, workers: Workers) -> None:
    found = fit_members(RandomForestRegressor(40, random_state=0), PLOTS, 20)
    whole = joined(found.estimators)
    for name, walking in (("one", Walking()), ("two", Walking(workers))):
        zones = Division()
        done = _mapped(
            stack,
            whole,
            found.estimators,
            tmp_path / name / "agb.tif",
            walking=walking,
            zones=zones,
        )
        (tmp_path / name / "sums.txt").write_text(repr(done.sums.members.tolist()))
    for file in ("agb.tif", "agb_uncertainty.tif", "sums.txt"):
        one, two = ((tmp_path / name / file).read_bytes() for name in ("one", "two"))
        assert one == two


def test_what_was_asked_can_be_told_again() -> None:
    """Else no map that was broken off would ever go on."""
    found = fit_members(RandomForestRegressor(6, random_state=0), PLOTS, 3)
    use = np.ones((4, 4), bool)
    windows = [(VALUES[:, :4, 250:254], use)]
    made = [ensemble_for(joined(found.estimators), found.estimators, NAMES, windows) for _ in "ab"]
    assert print_of((made[0], ERRORS, ZONES)) == print_of((made[1], ERRORS, ZONES))
    other = PixelErrors(ERRORS.band, shared=0.2)
    assert print_of((made[0], ERRORS)) != print_of((made[0], other))


def test_draws_come_back_as_they_were_and_say_what_is_broken(tmp_path: Path) -> None:
    values = RNG.normal(size=(3, 5))
    draws = MapDraws(("a", "b"), tuple("vwxyz"), values, values.astype(int), values + 1)
    sums = MapSums(values[:, :2], values[0, :2], np.array([3, 0]))
    draws = draws.having("agb.tif", sums).having("common/agb.tif", sums)
    draws.save(tmp_path / "zone_draws.zarr")
    again = MapDraws.open(tmp_path / "zone_draws.zarr")
    assert again.plots == draws.plots
    assert list(again.sums) == ["agb.tif", "common/agb.tif"]
    assert np.array_equal(again.sums["common/agb.tif"], sums.members)
    assert np.array_equal(again.pixels["agb.tif"], sums.pixels)
    assert np.array_equal(again.learned, draws.learned)
    (tmp_path / "zone_draws.zarr/zarr.json").write_text("{")
    with pytest.raises(InputError, match=r"zone_draws\.zarr: cannot be read .* phytomass map"):
        MapDraws.open(tmp_path / "zone_draws.zarr")
