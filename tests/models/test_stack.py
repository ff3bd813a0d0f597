"""The stack of models: weights from plots the members did not see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from phytomass.errors import InputError
from phytomass.models import (
    Member,
    ModelSettings,
    StackedRegressor,
    build_model,
    chosen_parameters,
    patch_of,
)
from phytomass.models.stack import convex_weights


def _members():
    return [
        Member("line", LinearRegression(), False),
        Member("near", KNeighborsRegressor(3), False),
    ]


EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a repeated plot is a plot of its own in the inner folds, a plot of double weight is one"
    ),
}


@parametrize_with_checks(
    [StackedRegressor(_members(), n_splits=3)], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("seed", range(4))
def test_weights_agree_with_a_general_optimiser(seed):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=80) * 30 + 100
    predictions = target[:, None] + rng.normal(size=(80, 4)) * rng.uniform(5, 40, 4) + 3
    weights = convex_weights(predictions, target)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    general = minimize(
        lambda w: ((predictions @ w - target) ** 2).mean(),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert weights == pytest.approx(general.x, abs=2e-3)


def test_a_member_that_remembers_its_plots_gets_no_credit_for_it():
    """One nearest neighbour is perfect on plots it was fitted on, and useless on noise."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 3))
    y = 10 * X[:, 0] + rng.normal(size=150) * 12
    stack = StackedRegressor(
        [Member("line", LinearRegression(), False), Member("near", KNeighborsRegressor(1), False)]
    ).fit(X, y)
    assert stack.weights_["line"] > 0.7  # weights from its own plots would give it none
    assert not np.allclose(stack.held_out_[:, 1], y)


def test_groups_stay_whole_in_the_inner_folds():
    """Plots of one site repeat each other: with sites apart, the nearest neighbour cannot cheat."""
    rng = np.random.default_rng(2)
    X = np.repeat(rng.normal(size=(30, 4)), 5, axis=0) + rng.normal(size=(150, 4)) * 1e-3
    y = np.repeat(rng.normal(size=30) * 20, 5) + 3 * X[:, 0]
    sites = np.repeat(np.arange(30), 5)
    alone = StackedRegressor(_members(), random_state=1).fit(X, y)
    grouped = StackedRegressor(_members(), random_state=1).fit(X, y, groups=sites)
    assert alone.weights_["near"] > 0.9
    assert grouped.weights_["near"] < 0.6


def test_settings_of_a_stack():
    settings = ModelSettings.model_validate(
        {
            "name": "stack",
            "members": [
                {"name": "random_forest", "parameters": {"n_estimators": 15}},
                {"name": "resnet", "parameters": {"patch": 5, "epochs": 2, "filters": 4}},
            ],
        }
    )
    assert patch_of(settings) == 5
    assert settings.needs_torch
    model = build_model(settings, random_state=3)
    X = np.random.default_rng(0).normal(size=(40, 2, 5, 5))
    fitted = model.fit(X, 50 + 10 * X[:, 0, 2, 2])
    chosen = chosen_parameters(settings, fitted)
    assert list(chosen) == ["0_random_forest", "1_resnet"]
    assert sum(chosen.values()) == pytest.approx(1)
    forest = fitted["model"].fitted_[0]["model"]
    assert isinstance(forest, RandomForestRegressor)
    assert len(forest.estimators_) == 15


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "stack"}, "two `members` or more"),
        ({"name": "stack", "members": ["svr"]}, "two `members` or more"),
        ({"name": "svr", "members": ["mlr", "plsr"]}, "`members` are for stack"),
        ({"name": "resnet", "parameters": {"patches": 9}}, "did you mean 'patch'"),
        ({"name": "resnet", "parameters": {"on_interrupt": "keep"}}, "unknown parameter"),
    ],
)
def test_mistakes_are_named(value, message):
    with pytest.raises(ValueError, match=message):
        ModelSettings.model_validate(value)


def test_a_stack_without_members():
    with pytest.raises(InputError, match="needs members"):
        StackedRegressor([]).fit(np.zeros((4, 1)), np.arange(4.0))
