"""How often paired intervals hold the truth, simulated with models that are not the package's."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVR

from phytomass.experiments import Comparison, paired_difference
from phytomass.validation import scores

MODELS = {
    "ridge": lambda: Ridge(1.0),
    "knn": lambda: KNeighborsRegressor(7),
    "svr": lambda: SVR(C=50),
}
FOLDS, REPEATS = 5, 2


def _forest(rng, n):
    """Draw plots of a landscape: six predictors, three of them mixed, and noisy biomass."""
    f = rng.normal(size=(n, 3))
    mixed = f @ np.array([[1, 0.6, 0.2, 0], [0, 0.5, 0.7, 0.3], [0.2, 0, 0.4, 1]])
    X = np.column_stack([mixed + 0.3 * rng.normal(size=(n, 4)), rng.normal(size=(n, 2))])
    y = 100 + 30 * np.tanh(f[:, 0]) + 15 * f[:, 1] + 10 * f[:, 0] * f[:, 2]
    return X, y + 20 * rng.normal(size=n)


def _judged(rng, X, y):
    """Cross-validate every model on random folds, as a comparison."""
    ids = np.array([f"P{i}" for i in range(len(y))])
    rows, tables = [], []
    for repeat in range(REPEATS):
        fold = rng.permutation(np.arange(len(y)) % FOLDS)
        for name, make in MODELS.items():
            predicted = np.empty(len(y))
            for k in range(FOLDS):
                predicted[fold == k] = make().fit(X[fold != k], y[fold != k]).predict(X[fold == k])
            place = {"model": name, "predictors": "all", "split": "repeated_kfold"}
            made = {"plot_id": ids, **place, "repeat": repeat + 1, "fold": fold + 1}
            tables.append(pd.DataFrame({**made, "observed": y, "predicted": predicted}))
            rows.append({**place, **scores(y, predicted)})
    units = pd.DataFrame({"split": "repeated_kfold", "plot_id": ids, "unit": ids})
    return Comparison(pd.DataFrame(rows), pd.concat(tables), units, {}, random_state=1)


@pytest.mark.slow
@pytest.mark.parametrize("n_plots", [60, 180])
def test_intervals_hold_the_true_difference_as_often_as_they_say(n_plots):
    """The truth is the RMSE of the models that all plots train, on 4 000 places of the landscape."""
    rng = np.random.default_rng(n_plots)
    everywhere, truth = _forest(np.random.default_rng(99), 4000)
    held, beyond_and_wrong, uses = [], 0, 0
    for _ in range(150):
        X, y = _forest(rng, n_plots)
        comparison = _judged(rng, X, y)
        made = {name: make().fit(X, y).predict(everywhere) for name, make in MODELS.items()}
        rmse = {name: np.sqrt(((values - truth) ** 2).mean()) for name, values in made.items()}
        for a, b in combinations(MODELS, 2):
            gap = paired_difference(comparison, "repeated_kfold", (a, "all"), (b, "all"))
            held.append(gap.rmse_low <= rmse[a] - rmse[b] <= gap.rmse_high)
            uses += gap.distinguishable
            beyond_and_wrong += gap.distinguishable and (gap.rmse > 0) != (rmse[a] > rmse[b])
    assert 0.93 <= np.mean(held) <= 0.97
    assert beyond_and_wrong <= 0.02 * len(held)
