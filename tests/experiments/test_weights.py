"""Standard errors and draws of plots in training."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression

from phytomass.draws import seed_of
from phytomass.errors import InputError
from phytomass.experiments import compare, fit_final, plot_weights
from phytomass.experiments.weights import model_variance
from phytomass.models import GridSearch, Member, ModelSettings, StackedRegressor, Training
from phytomass.models.patch_cnn import weights_from_se
from phytomass.validation import ValidationSettings
from tests.experiments.conftest import SETS, fast, make_samples

SMALL = ValidationSettings(splits=["repeated_kfold"], n_splits=3, n_repeats=1, inner_splits=2)
WEIGHTABLE = ("simple_linear", "mlr", "svr", "random_forest", "xgboost")


def noisy(n=60, seed=0):
    """Plots of which every second one is measured badly, with that error in its biomass."""
    samples = make_samples(n, seed=seed)
    se = np.where(np.arange(n) % 2, 40.0, 2.0)
    error = np.random.default_rng(seed + 1).normal(size=n) * se
    return replace(samples, y=samples.y + error, y_se=se)


def test_weights_are_the_inverse_of_both_variances(monkeypatch):
    """With se 3 and 4 (not tied to the biomass) and a held-out error of 5: s² = 25 − 12.5."""
    samples = make_samples(4, n_sites=4)
    se = np.array([3.0, 4.0, 3.0, 4.0])
    y = np.array([100.0, 100.0, 200.0, 200.0])
    errors = np.array([5.0, -5.0, 5.0, -5.0])
    monkeypatch.setattr("phytomass.experiments.weights._held_out", lambda *_: y - errors)
    known = replace(samples, y=y, y_se=se)
    weights = plot_weights(known, seed=3)
    s2 = max(25 - 12.5, 0.01 * 2500)  # the floor: 1 % of the variance of biomass
    inverse = 1 / (se**2 + s2)
    assert weights == pytest.approx(inverse / inverse.mean())


def test_errors_that_grow_with_the_measured_biomass_do_not_pull_the_model_down():
    """A plot measured too low has a small error; it must not weigh more for that."""
    bias = {"measured": [], "freed": []}
    for seed in range(6):
        clean = make_samples(160, n_sites=80, seed=seed)
        noise = 1 + 0.3 * np.random.default_rng(seed).normal(size=160).clip(-2.5, 2.5)
        y = clean.y.clip(20) * noise
        samples = replace(clean, y=y, y_se=0.3 * y)
        weights = {
            "measured": weights_from_se(samples.y_se, 10.0),
            "freed": plot_weights(samples, seed=1),
        }
        for name, weight in weights.items():
            model = LinearRegression().fit(samples.X, y, weight)
            bias[name].append(float((model.predict(clean.X) - clean.y).mean()))
    assert np.mean(bias["measured"]) < -8  # Mg/ha, of a mean of 80
    assert abs(np.mean(bias["freed"])) < 2.5


def test_the_model_variance_is_what_the_errors_do_not_explain():
    rng = np.random.default_rng(5)
    se = rng.uniform(5, 40, size=200_000)
    error = rng.normal(size=se.size) * np.sqrt(se**2 + 15.0**2)
    assert model_variance(error, se, 900.0) == pytest.approx(225, rel=0.05)


def test_weights_look_at_the_training_plots_alone():
    samples = noisy()
    train = np.arange(40)
    changed = samples.y.copy()
    changed[40:] += 500
    weights = plot_weights(samples.take(train), seed=1)
    assert len(weights) == 40
    assert np.array_equal(weights, plot_weights(replace(samples, y=changed).take(train), seed=1))


def test_multiple_regression_is_fitted_as_weighted_by_hand():
    samples = noisy()
    fitted = fit_final(samples, "both", SETS["both"], ModelSettings(name="mlr"), SMALL)
    seed = seed_of(0, "weights", "both", "final")
    w = plot_weights(samples, seed)
    A = np.column_stack([np.ones(len(samples)), samples.X])
    by_hand = np.linalg.solve(A.T @ (w[:, None] * A), A.T @ (w * samples.y))
    model = fitted.estimator["model"]
    assert model.intercept_ == pytest.approx(by_hand[0])
    assert model.coef_ == pytest.approx(by_hand[1:])
    alike = fit_final(
        replace(samples, y_se=None), "both", SETS["both"], ModelSettings(name="mlr"), SMALL
    )
    assert alike.estimator["model"].coef_ != pytest.approx(by_hand[1:], rel=0.01)


@pytest.mark.parametrize("error", [0.0, 25.0])
def test_equal_errors_are_no_weights(error):
    """Plots without errors, or all with the same, are trained as if nothing were known."""
    samples = make_samples()
    known = replace(samples, y_se=np.full(len(samples), error))
    models = fast(*WEIGHTABLE)
    plain, weighted = (
        compare(s, {"both": SETS["both"]}, models, SMALL, random_state=1) for s in (samples, known)
    )
    assert plain.predictions.equals(weighted.predictions)


def test_every_model_that_takes_weights_gets_them_and_scores_stay_unweighted():
    samples, models = noisy(), fast(*WEIGHTABLE, "plsr")
    sets = {"both": SETS["both"]}
    weighted = compare(samples, sets, models, SMALL, random_state=1)
    plain = compare(replace(samples, y_se=None), sets, models, SMALL, random_state=1)
    for model in (*WEIGHTABLE, "plsr"):
        ours, theirs = (
            c.predictions[c.predictions["model"] == model]["predicted"].to_numpy()
            for c in (weighted, plain)
        )
        assert np.array_equal(ours, theirs) == (model == "plsr"), model
        rows = weighted.predictions[weighted.predictions["model"] == model]
        rmse = np.sqrt(((rows["predicted"] - rows["observed"]) ** 2).mean())
        score = weighted.scores.set_index("model").loc[model, "rmse"]
        assert score == pytest.approx(rmse)
    again = compare(samples, sets, models, SMALL, random_state=1, jobs=2)
    assert again.predictions.equals(weighted.predictions)


def test_weights_help_where_errors_differ_much():
    """Mean over landscapes: the truth is known here, so the gain can be measured without noise."""
    gains = []
    for seed in range(8):
        samples = noisy(120, seed)
        clean, new = make_samples(120, seed=seed), make_samples(400, seed=seed + 50)
        assert not np.array_equal(clean.y, samples.y)
        truth = 80 + 20 * new.table["NDVI"] + 12 * new.table["VV"]
        errors = []
        for one in (replace(samples, y_se=None), samples):
            model = fit_final(one, "both", SETS["both"], ModelSettings(name="mlr"), SMALL)
            guess = model.estimator.predict(new.X)
            errors.append(float(((guess - truth) ** 2).mean()))
        gains.append(errors[0] - errors[1])
    assert np.mean(gains) > 0
    assert sum(gain > 0 for gain in gains) >= 6


class Recorder(RegressorMixin, BaseEstimator):
    """Remembers the sum of the weights and the first draws it was fitted with."""

    __metadata_request__fit: ClassVar = {"sample_weight": True, "y_draws": True}
    seen: list = []

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y, sample_weight=None, y_draws=None):
        Recorder.seen.append((X[:, 0], sample_weight, y_draws))
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_ + self.alpha)


@pytest.mark.parametrize(
    "estimator",
    [
        GridSearch(Recorder(), {"alpha": [1.0, 2.0]}, cv=3),
        StackedRegressor(
            [Member("a", Recorder(), False), Member("b", Recorder(2.0), False)], n_splits=3
        ),
    ],
)
def test_searches_and_stacks_pass_each_plot_its_own_weight_and_draws(estimator):
    n = 24
    number = np.arange(n, dtype=float)
    Recorder.seen = []
    plots = Training.of(
        number[:, None],
        number * 2,
        number,
        sample_weight=number + 1,
        y_draws=np.column_stack([number, -number]),
    )
    plots.fit(estimator)
    assert len(Recorder.seen) >= 7
    assert {len(plots) for plots, _, _ in Recorder.seen} == {16, 24}
    for plots, weight, draws in Recorder.seen:
        assert np.array_equal(weight, plots + 1)
        assert np.array_equal(draws[:, 1], -plots)


def test_members_of_a_network_learn_the_draws():
    pytest.importorskip("torch")
    net = ModelSettings(
        name="pixelnet", parameters={"n_members": 2, "epochs": 30, "filters": 4, "dropout": 0.0}
    )
    samples = make_samples()
    far = np.column_stack([samples.y, samples.y + 1000])
    drawn = replace(samples, y_draws=far)
    fitted = fit_final(drawn, "both", SETS["both"], net, SMALL).estimator
    spread = fitted["model"].predict_spread(samples.X)
    assert np.median(spread) == pytest.approx(500, rel=0.2)  # half of the gap between two members
    alone = fit_final(samples, "both", SETS["both"], net, SMALL).estimator
    assert np.median(alone["model"].predict_spread(samples.X)) < 100


def test_errors_that_do_not_fit_the_plots():
    samples = make_samples()
    with pytest.raises(InputError, match="y_se has 3 entries"):
        replace(samples, y_se=np.ones(3))
    with pytest.raises(InputError, match=r"missing values \(NaN\) in y_se"):
        replace(samples, y_se=np.full(len(samples), np.nan))
    with pytest.raises(InputError, match="a standard error is negative"):
        replace(samples, y_se=np.full(len(samples), -1.0))
