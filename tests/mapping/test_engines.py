"""Engines give what their models predict, a pixel the same number among any others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from phytomass.errors import PhytomassWarning
from phytomass.mapping.engines import ByField, ByPredict, Engine, engine_for, forest
from phytomass.mapping.engines.choose import Fast
from phytomass.mapping.engines.forest import Forest
from phytomass.mapping.engines.kernel import grouped
from phytomass.mapping.engines.linear import Linear
from phytomass.mapping.engines.support import Support
from phytomass.models import Member, ModelSettings, StackedRegressor, build_model
from phytomass.models.pixel.neighbourhood import NeighbourhoodRegressor

P = 5
RNG = np.random.default_rng(4)
X = RNG.normal(size=(120, P))
Y = 80 + 30 * X[:, 0] + 8 * X[:, 1] ** 2 + RNG.normal(size=120)
FIELD = RNG.normal(size=(P, 37, 53)).astype(np.float32)
FIELD[:, :, :9] = np.round(X[:37, :, None].transpose(1, 0, 2), 1)  # values that come again
FIELD[2, 11:15, 20:33] = np.nan
WHOLE = np.isfinite(FIELD).all(axis=0)

SCALED_SVR = make_pipeline(
    StandardScaler(), TransformedTargetRegressor(SVR(C=10), transformer=StandardScaler())
)
MODELS: dict[str, tuple[Any, type]] = {
    "random forest": (RandomForestRegressor(12, random_state=0), Forest),
    "one leaf": (RandomForestRegressor(3, max_depth=1, min_samples_leaf=60), Forest),
    "extra trees": (ExtraTreesRegressor(7, max_features=2, random_state=0), Forest),
    "boosted": (GradientBoostingRegressor(n_estimators=20, random_state=0), Forest),
    "boosted, absolute": (GradientBoostingRegressor(loss="absolute_error", n_estimators=9), Forest),
    "tree": (DecisionTreeRegressor(), Forest),
    "scaled forest": (
        make_pipeline(MinMaxScaler(), RandomForestRegressor(5, random_state=0)),
        Forest,
    ),
    "searched forest": (
        GridSearchCV(RandomForestRegressor(5, random_state=0), {"max_depth": [3]}, cv=2),
        Forest,
    ),
    "svr": (SVR(C=10, gamma=0.3), Support),
    "scaled svr": (SCALED_SVR, Support),
    "lines": (make_pipeline(StandardScaler(), Ridge()), Linear),
    "lines of scaled target": (
        TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
        Linear,
    ),
}
OURS = {
    "simple_linear": Linear,
    "mlr": Linear,
    "plsr": Linear,
    "svr": Support,
    "random_forest": Forest,
}
MODELS |= {f"our {n}": (build_model(ModelSettings(name=n)), kind) for n, kind in OURS.items()}


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    made = {name: model.fit(X, Y) for name, (model, _) in MODELS.items()}
    members = [
        Member("f", RandomForestRegressor(4, random_state=0), False),
        Member("l", LinearRegression(), False),
    ]
    made["stack"] = StackedRegressor(members).fit(X, Y)
    patches = RNG.normal(size=(120, P, 3, 3))
    forest_around = NeighbourhoodRegressor(RandomForestRegressor(4, random_state=0), (3,))
    made["around"] = forest_around.fit(patches, Y)
    return made


def around(values: NDArray[np.float32], halo: int) -> NDArray[np.float32]:
    return np.pad(values, ((0, 0), (halo, halo), (halo, halo)), mode="symmetric")


def engine_of(model: Any) -> Engine:
    plain = engine_for(model, NAMES)
    return engine_for(model, NAMES, [(around(FIELD, plain.halo), WHOLE)])


NAMES = [f"p{k}" for k in range(P)]


@pytest.mark.parametrize("name", list(MODELS))
def test_an_engine_gives_what_its_model_predicts(name: str, fitted: dict[str, Any]) -> None:
    engine = engine_of(fitted[name])
    assert isinstance(engine, Fast)
    assert type(engine.core) is MODELS[name][1]
    expected = fitted[name].predict(FIELD[:, WHOLE].T.astype(np.float64))
    assert np.abs(engine.predict(FIELD, WHOLE) - expected).max() <= 1e-10


def test_the_engine_of_a_forest_adds_as_one_thread_of_scikit_learn_does(
    fitted: dict[str, Any],
) -> None:
    for name in ("random forest", "extra trees", "tree", "one leaf"):
        expected = fitted[name].predict(FIELD[:, WHOLE].T.astype(np.float64))
        assert np.array_equal(engine_of(fitted[name]).predict(FIELD, WHOLE), expected)


@pytest.mark.parametrize("rows", [1, 64, 1000, 5000])
def test_deep_trees_on_rows_that_have_nothing_in_common(rows: int) -> None:
    rng = np.random.default_rng(rows)
    plots, y = rng.normal(size=(1500, 8)), rng.normal(size=1500)
    model = RandomForestRegressor(4, max_features=1, random_state=0).fit(plots, y)
    engine, values = Forest.of(model), rng.normal(size=(8, rows)).astype(np.float32)
    assert engine is not None
    assert np.array_equal(engine.columns(values), model.predict(values.T.astype(np.float64)))


def test_pixel_models_inside_models_that_see_more(fitted: dict[str, Any]) -> None:
    for name in ("stack", "around"):
        engine, plain = engine_of(fitted[name]), engine_for(fitted[name], NAMES)
        assert isinstance(engine, ByField)
        assert engine.model is not fitted[name]
        values = around(FIELD, engine.halo)
        expected = plain.predict(values, WHOLE)
        assert np.abs(engine.predict(values, WHOLE) - expected).max() <= 1e-10


def test_scaling_of_linear_models_is_in_their_slopes(fitted: dict[str, Any]) -> None:
    engine = engine_of(fitted["lines"])
    assert isinstance(engine, Fast)
    assert engine.before == ()


def test_other_models_predict_by_themselves(fitted: dict[str, Any]) -> None:
    assert isinstance(engine_of(PoissonRegressor().fit(X, np.abs(Y))), ByPredict)
    assert isinstance(engine_of(SVR(kernel="linear").fit(X, Y)), ByPredict)
    assert isinstance(engine_of(RandomForestRegressor(2).fit(X, np.c_[Y, Y])), ByPredict)
    assert isinstance(engine_for(fitted["svr"], NAMES), ByPredict)  # nothing to compare on


def test_an_engine_that_disagrees_is_left_with_a_warning(
    fitted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = Linear.columns
    monkeypatch.setattr(Linear, "columns", lambda self, values: columns(self, values) + 1e-5)
    with pytest.warns(
        PhytomassWarning, match="fast engine of Pipeline is off its predict by 1e-05"
    ):
        engine = engine_of(fitted["lines"])
    assert isinstance(engine, ByPredict)


def test_members_of_an_ensemble(fitted: dict[str, Any]) -> None:
    model = fitted["random forest"]
    made = Forest.of(model)
    assert made is not None
    values, member = FIELD[:, WHOLE], np.arange(12) // 4
    found = made.members(values, member)
    rows = values.T.astype(np.float64)
    trees = np.array([tree.predict(rows) for tree in model.estimators_])
    assert np.abs(found - trees.reshape(3, 4, -1).mean(axis=1)).max() <= 1e-12


def test_a_forest_of_too_many_thresholds_is_walked_through_in_parts(
    fitted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Forest.of(fitted["random forest"])
    monkeypatch.setattr(forest, "MOST_RANKS", 100)
    parts = Forest.of(fitted["random forest"])
    assert whole is not None
    assert parts is not None
    assert len(whole.parts) == 1 < len(parts.parts)
    values = FIELD[:, WHOLE]
    assert np.array_equal(whole.columns(values), parts.columns(values))


def test_groups_are_an_order_of_alike_pixels() -> None:
    ranks = RNG.integers(0, 500, size=(3, 1000)).astype(np.uint16)
    order = grouped(ranks, np.array([1.0, 0.1, 0.0]))
    assert sorted(order) == list(range(1000))
    laid = ranks[0, order][:960].reshape(15, 64)
    assert laid.std(axis=1).mean() < 0.2 * ranks[0].std()


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["random forest", "boosted", "scaled svr", "lines", "stack", "around"]),
    top=st.integers(0, 36),
    left=st.integers(0, 52),
    rows=st.integers(1, 37),
    cols=st.integers(1, 53),
    seed=st.integers(0, 9),
)
def test_a_pixel_has_the_same_number_in_any_tile(
    fitted: dict[str, Any], name: str, top: int, left: int, rows: int, cols: int, seed: int
) -> None:
    engine = ENGINES.setdefault(name, engine_of(fitted[name]))
    halo, use = engine.halo, WHOLE & (np.random.default_rng(seed).random(WHOLE.shape) < 0.9)
    values = around(FIELD, halo)
    whole = np.full(use.shape, np.nan)
    whole[use] = engine.predict(values, use)
    bottom, right = min(top + rows, 37), min(left + cols, 53)
    part = use[top:bottom, left:right]
    if part.any():
        cut = values[:, top : bottom + 2 * halo, left : right + 2 * halo]
        found = engine.predict(cut, part)
        assert np.array_equal(found, whole[top:bottom, left:right][part])


ENGINES: dict[str, Engine] = {}
