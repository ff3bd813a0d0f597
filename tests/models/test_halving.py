"""Successive halving beside the grid."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from phytomass.models import (
    GridSearch,
    HalvingSearch,
    ModelSettings,
    build_model,
    chosen_parameters,
    tuned,
)

ALPHAS = [float(10.0**k) for k in range(-3, 24)]


def data(n=270, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, X @ [3.0, -2.0, 1.0, 0.0] + rng.normal(size=n)


class Counted(RegressorMixin, BaseEstimator):
    """Counts the plots it was ever fitted to; the best `level` is 7."""

    fits: list = []

    def __init__(self, level=0, epochs=81):
        self.level = level
        self.epochs = epochs

    def fit(self, X, y):
        Counted.fits.append((self.level, self.epochs, X[:, 0].copy()))
        self.done_ = True
        return self

    def predict(self, X):
        return np.full(len(X), abs(self.level - 7.0))


def test_a_third_goes_on_with_three_times_as_much():
    Counted.fits = []
    search = HalvingSearch(
        Counted(), {"level": list(range(27))}, cv=3, candidates=27, epochs=("epochs", 81)
    )
    X = np.zeros((60, 1))
    search.fit(X, np.zeros(60))
    assert search.rounds_ == [(27, 9), (9, 27), (3, 81)]
    assert search.best_params_["level"] == 7
    assert search.best_estimator_.epochs == 81
    epochs = sum(done for _, done, _ in Counted.fits[:-1])
    assert epochs == 3 * (27 * 9 + 9 * 27 + 3 * 81)  # a third of 3 · 27 · 81 for the whole grid
    assert max(done for level, done, _ in Counted.fits if level == 26) == 9


def test_it_finds_what_the_grid_finds_for_less():
    X, y = data()
    grid = {"alpha": ALPHAS}
    whole = GridSearch(Ridge(), grid, cv=3).fit(X, y)
    half = HalvingSearch(Ridge(), grid, cv=3, candidates=27).fit(X, y)
    assert half.rounds_ == [(27, 30), (9, 90), (3, 270)]
    assert half.predict(X) == pytest.approx(whole.predict(X), abs=0.05)
    assert half.best_params_["alpha"] < 100


def test_few_plots_start_with_enough_to_rank_and_end_with_all():
    X, y = data(n=100)
    search = HalvingSearch(Ridge(), {"alpha": ALPHAS}, cv=3, candidates=27).fit(X, y)
    assert search.rounds_[0] == (27, 33)
    assert search.rounds_[-1][1] == 99


def test_groups_stay_whole():
    Counted.fits = []
    site = np.repeat(np.arange(30), 3)
    X = np.column_stack([site, site]).astype(float)
    folds = list(GroupKFold(3).split(X, groups=site))
    HalvingSearch(Counted(), {"level": [1, 7, 9, 12]}, cv=folds, candidates=4).fit(X, site)
    inner = Counted.fits[:-1]
    sites_of_folds = [set(site[train]) for train, _ in folds]
    assert len(inner) >= 12
    assert all(any(set(seen) <= whole for whole in sites_of_folds) for _, _, seen in inner)


def test_the_seed_fixes_the_candidates():
    X, y = data()
    grid = {"alpha": ALPHAS, "fit_intercept": [True, False]}
    first, again, other = (
        HalvingSearch(Ridge(), grid, cv=3, candidates=6, random_state=s).fit(X, y)
        for s in (1, 1, 2)
    )
    assert first.best_params_ == again.best_params_
    assert first.best_params_ != other.best_params_


def test_in_a_project():
    settings = ModelSettings.model_validate(
        {"name": "svr", "grid": {"C": [1, 10, 100], "gamma": [0.01, 0.1]}, "search": HALVING}
    )
    X, y = data(120)
    fitted = tuned(settings, build_model(settings), 3, random_state=5).fit(X, y)
    assert isinstance(fitted, HalvingSearch)
    assert fitted.candidates == 6
    chosen = chosen_parameters(settings, fitted)
    assert chosen["C"] in (1, 10, 100)
    assert chosen["gamma"] in (0.01, 0.1)


def test_networks_are_halved_in_epochs():
    pytest.importorskip("torch")
    tiny = {"n_members": 1, "epochs": 18, "filters": 2}
    settings = ModelSettings.model_validate(
        {
            "name": "pixelnet",
            "parameters": tiny,
            "grid": {"dropout": [0.0, 0.1, 0.9], "noise": [0.0, 0.05, 3.0]},
            "search": HALVING,
        }
    )
    X, y = data(60)
    fitted = tuned(settings, build_model(settings), 3).fit(X, y)
    assert fitted.rounds_ == [(6, 6), (2, 18)]
    assert fitted.best_estimator_["model"].epochs == 18


HALVING = {"method": "halving", "candidates": 6}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "resnet", "search": HALVING}, "resnet has no `grid` to search by halving"),
        ({"name": "svr", "grid": {}, "search": HALVING}, "svr has no `grid`"),
        ({"name": "svr", "search": {"method": "random"}}, "halving"),
        ({"name": "svr", "search": {"method": "halving", "candidates": 1}}, "greater than"),
    ],
)
def test_mistakes_are_named(value, message):
    with pytest.raises(ValidationError, match=message):
        ModelSettings.model_validate(value)
