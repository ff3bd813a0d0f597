"""The stack of models: weights from plots the members did not see."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import linregress
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from phytomass.errors import InputError
from phytomass.models import (
    Member,
    ModelSettings,
    NeighbourhoodRegressor,
    StackedRegressor,
    build_model,
    chosen_parameters,
    patch_of,
)
from phytomass.models.stack.weights import calibration, convex_weights, lines_of, weights_of


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
        [Member("line", LinearRegression(), False), Member("near", KNeighborsRegressor(1), False)],
        weights="free",
        calibrate=False,
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


@pytest.mark.parametrize("seed", range(3))
def test_a_pull_towards_equal_weights_agrees_with_a_general_optimiser(seed):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=60) * 30 + 100
    predictions = target[:, None] + rng.normal(size=(60, 3)) * np.array([10, 20, 40])
    spread = predictions.var(axis=1).mean()
    general = minimize(
        lambda w: (
            ((predictions @ w - target) ** 2).mean() + 0.7 * spread * ((w - 1 / 3) ** 2).sum()
        ),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert convex_weights(predictions, target, shrinkage=0.7) == pytest.approx(general.x, abs=2e-3)


def _held(rng, noises, n=300):
    target = rng.normal(size=n) * 50 + 100
    parts = [np.arange(n) % 5 == fold for fold in range(5)]
    held = target[:, None] + rng.normal(size=(n, len(noises))) * np.array(noises)
    return held, target, parts


@pytest.mark.parametrize("seed", range(5))
def test_weights_stay_equal_where_plots_cannot_tell(seed):
    held, target, parts = _held(np.random.default_rng(seed), [30, 31])
    assert weights_of(held, target, parts, "shrunk").tolist() == [0.5, 0.5]
    assert weights_of(held, target, parts, "free").tolist() != [0.5, 0.5]
    assert weights_of(held, target, parts, "equal").tolist() == [0.5, 0.5]


@pytest.mark.parametrize("seed", range(5))
def test_a_far_worse_member_loses_its_weight(seed):
    held, target, parts = _held(np.random.default_rng(seed), [20, 90])
    assert weights_of(held, target, parts, "shrunk")[1] < 0.25


def test_an_unknown_rule_of_weights_is_refused():
    held, target, parts = _held(np.random.default_rng(0), [20, 90])
    with pytest.raises(InputError, match="no rule of weights 'best'"):
        weights_of(held, target, parts, "best")
    with pytest.raises(InputError, match="use shrunk, free, equal"):
        StackedRegressor(_members(), weights="best").fit(held, target)


def test_lines_are_those_of_least_squares_taken_back_by_their_uncertainty():
    rng = np.random.default_rng(4)
    target = rng.normal(size=40) * 50 + 100
    held = 60 + 0.4 * target + rng.normal(size=40) * 15
    line = linregress(held, target)
    (intercept,), (slope,) = calibration(held[:, None], target)
    back = 1 - (line.stderr / (line.slope - 1)) ** 2
    assert slope == pytest.approx(1 + (line.slope - 1) * back, rel=1e-9)
    assert intercept == pytest.approx(target.mean() - slope * held.mean(), rel=1e-9)


def test_lines_of_members_that_tell_nothing():
    target = np.arange(20.0)
    held = np.column_stack([np.full(20, 7.0), -target])
    intercept, slope = calibration(held, target)
    assert slope.tolist() == [0, 0]
    assert intercept.tolist() == [9.5, 9.5]


def test_a_line_that_does_not_carry_over_to_other_parts_is_not_used():
    """Within each part the slope is 1, but each has a bias; together they feign a slope."""
    part = np.repeat(np.arange(4), 10)
    inside = np.tile(np.arange(10.0), 4)
    held = inside + part
    target = inside + np.array([0.0, 30.0, -25.0, 6.0])[part]
    parts = [part == one for one in range(4)]
    shrinking = 0.5 * (np.arange(40.0) - 20)
    (a, _), (b, _) = lines_of(np.column_stack([held, shrinking]), target, parts)
    assert (a, b) == (0, 1)
    assert calibration(held[:, None], target)[0, 0] != 0
    mixed = [np.arange(40) % 4 == one for one in range(4)]
    assert lines_of(shrinking[:, None], 2 * shrinking, mixed).ravel() == pytest.approx([0, 2])


def test_a_member_that_predicts_too_close_to_the_mean_is_stretched():
    """Strong shrinkage halves the slope; the stack undoes it, for patches as for fields."""
    rng = np.random.default_rng(9)
    X = rng.normal(size=(200, 1, 3, 3))
    y = 100 + 40 * X[:, 0, 1, 1] + rng.normal(size=200)
    members = [
        Member("a", Ridge(200.0), False),
        Member("b", NeighbourhoodRegressor(Ridge(200.0), (3,)), True),
    ]
    plain = StackedRegressor(members, calibrate=False).fit(X, y)
    lined = StackedRegressor(members).fit(X, y)
    assert lined.lines_["a"][1] == pytest.approx(2.2, abs=0.2)
    assert plain.lines_ == {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    assert np.std(lined.predict(X) - y) < 0.3 * np.std(plain.predict(X) - y)
    assert lined.predict_field(X[5])[0, 0] == pytest.approx(lined.predict(X[5:6])[0])


def test_a_plot_of_weight_three_counts_as_three_plots():
    held, target, _ = _held(np.random.default_rng(8), [20, 40], n=60)
    weight = np.ones(60)
    weight[:20] = 3.0
    thrice = np.r_[np.arange(60), np.arange(20), np.arange(20)]
    found = convex_weights(held, target, weight, shrinkage=0.5)
    assert found == pytest.approx(
        convex_weights(held[thrice], target[thrice], shrinkage=0.5), abs=1e-6
    )
    assert found != pytest.approx(convex_weights(held, target, shrinkage=0.5), abs=1e-3)
    w = weight / weight.mean()
    for x, line in zip(held.T, calibration(held, target, weight).T, strict=True):
        b, a = np.polyfit(x, target, 1, w=np.sqrt(w))
        centred = x - np.average(x, weights=w)
        error = (w * (target - a - b * x) ** 2).sum() / 58 / (w * centred**2).sum()
        assert line[1] == pytest.approx(1 + (b - 1) * max(0, 1 - error / (b - 1) ** 2))
        assert line @ [1, np.average(x, weights=w)] == pytest.approx(np.average(target, weights=w))


def test_equal_weights_without_lines_need_no_inner_folds():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 2))
    stack = StackedRegressor(_members(), weights="equal", calibrate=False).fit(X, 3 * X[:, 0])
    assert np.isnan(stack.held_out_).all()
    assert list(stack.weights_.values()) == [0.5, 0.5]


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
    names = ["0_random_forest", "1_resnet"]
    assert list(chosen) == [*names, "0_random_forest_slope", "1_resnet_slope"]
    assert sum(chosen[name] for name in names) == pytest.approx(1)
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


class _Remembers(LinearRegression):
    """A line that keeps the draws it was given."""

    __metadata_request__fit: ClassVar = {"y_draws": True}

    def fit(self, X, y, *, y_draws=None):
        self.draws_ = y_draws
        return super().fit(X, y)


def test_draws_reach_the_members_that_take_them():
    X, y = np.arange(20.0)[:, None], np.arange(20.0)
    draws = y[:, None] + np.arange(3.0)
    members = [Member("plain", LinearRegression(), False), Member("draws", _Remembers(), False)]
    stack = StackedRegressor(members, n_splits=4).fit(X, y, y_draws=draws)
    assert np.array_equal(stack.fitted_[1].draws_, draws)
