"""The one value that goes into a fit."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from phytomass.errors import InputError
from phytomass.models import (
    BoundedPLSRegression,
    ModelSettings,
    NeighbourhoodRegressor,
    Training,
    build_model,
    weighable,
)


def plots(n=12):
    """Plots each of whose values says which plot it is."""
    number = np.arange(n, dtype=float)
    return Training(
        X=number[:, None, None, None] + np.zeros((1, 2, 3, 3)) + [[[[0.1]], [[0.2]]]],
        y=number + 0.3,
        groups=number.astype(int) // 2,
        plot_id=np.array([f"P{i:02d}" for i in range(n)]),
        positions=np.column_stack([number, number + 1000]),
        names=("NDVI", "VH"),
        cells=np.column_stack([number, number]).astype(int),
        y_se=number + 1,
        y_draws=number[:, None] + [0.5, 0.6],
        weight=number + 2,
    )


@pytest.mark.parametrize("rows", [[7, 2], np.isin(np.arange(12), [2, 7])])
def test_rows_are_taken_of_every_field(rows):
    taken = plots().take(rows)
    number = [7, 2] if isinstance(rows, list) else [2, 7]
    assert np.floor(taken.X[:, 1, 2, 0]).tolist() == number
    assert np.floor(taken.y).tolist() == number
    assert taken.groups.tolist() == [n // 2 for n in number]
    assert taken.plot_id.tolist() == [f"P{n:02d}" for n in number]
    assert taken.positions[:, 1].tolist() == [n + 1000 for n in number]
    assert taken.cells[:, 0].tolist() == number
    assert (taken.y_se - 1).tolist() == number
    assert np.floor(taken.y_draws[:, 1]).tolist() == number
    assert (taken.weight - 2).tolist() == number
    assert taken.names == ("NDVI", "VH")


def test_the_table_holds_the_centres_by_name():
    patches = plots()
    around = patches.X.copy()
    around[:, :, 0, 0] = np.nan
    table = replace(patches, X=around).table
    assert table["VH"].to_numpy() == pytest.approx(np.arange(12) + 0.2)
    assert patches.with_predictors(["VH"]).seen(1).X[:, 0] == pytest.approx(np.arange(12) + 0.2)
    assert patches.seen(1).X.dtype == np.float64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(3)}, "y has 3 entries, X has 12"),
        ({"names": ("NDVI",)}, "1 names for 2 columns"),
        ({"X": np.full((12, 2), [1.0, np.inf])}, r"missing values \(NaN\) in VH"),
        ({"y": np.full(12, np.nan)}, r"missing values \(NaN\) in y"),
        ({"y_draws": np.zeros(12)}, "y_draws has shape"),
        ({"y_se": np.full(12, -1.0)}, "a standard error is negative"),
        ({"weight": np.zeros(12)}, "weights must not be negative, nor all 0"),
    ],
)
def test_what_does_not_fit_the_plots_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(plots(), **change)


class Asks(RegressorMixin, BaseEstimator):
    """Keeps what it is given beside X and y."""

    def fit(self, X, y, groups=None, sample_weight=None, y_draws=None):
        self.given_ = {"groups": groups, "sample_weight": sample_weight, "y_draws": y_draws}
        return self


class AsksForAll(Asks):
    __metadata_request__fit = {"groups": True, "sample_weight": True, "y_draws": True}


class AsksForGroups(Asks):
    __metadata_request__fit = {"groups": True, "sample_weight": False, "y_draws": False}


def test_an_estimator_gets_what_it_asks_for():
    some = plots()
    given = some.fit(AsksForAll()).given_
    assert given["groups"] is some.groups
    assert given["sample_weight"] is some.weight
    assert given["y_draws"] is some.y_draws
    given = some.fit(Pipeline([("model", AsksForGroups())]))["model"].given_
    assert given["groups"] is some.groups
    assert given["sample_weight"] is None
    assert given["y_draws"] is None
    assert some.seen(1).fit(BoundedPLSRegression()).n_features_in_ == 2  # takes none of them


def test_a_strangers_search_gets_the_groups_for_its_folds():
    search = GridSearchCV(weighable(LinearRegression()), {"positive": [False]}, cv=GroupKFold(6))
    fitted = replace(plots().seen(1), weight=None).fit(search)
    assert fitted.n_splits_ == 6


def test_weights_are_never_dropped_in_silence():
    pixels = plots().seen(1)
    bent = replace(pixels, y=pixels.y**2)
    expected = LinearRegression().fit(bent.X, bent.y, bent.weight)
    assert bent.fit(LinearRegression()).coef_ == pytest.approx(expected.coef_)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        bent.fit(Pipeline([("scale", StandardScaler()), ("model", LinearRegression())]))
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        NeighbourhoodRegressor(Pipeline([("model", LinearRegression())])).fit(
            bent.X, bent.y, sample_weight=bent.weight
        )


@pytest.mark.parametrize("name", ["simple_linear", "mlr", "svr", "random_forest", "xgboost"])
def test_models_of_the_project_ask_for_weights(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    flat = Training.of(X, X[:, 0] + rng.normal(size=40))
    heavy = replace(flat, weight=np.where(np.arange(40) < 20, 1.0, 9.0))
    one, other = (p.fit(build_model(ModelSettings(name=name))).predict(X) for p in (flat, heavy))
    assert not np.allclose(one, other)


def test_the_threads_of_networks_are_set_where_they_are_built():
    pytest.importorskip("torch")
    stack = ModelSettings(name="stack", members=["mlr", "pixelnet"])
    built = build_model(stack, threads=3)["model"].members
    assert built[1].estimator["model"].n_jobs == 3
    assert build_model(ModelSettings(name="resnet"), threads=2)["model"].n_jobs == 2
