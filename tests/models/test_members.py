"""An ensemble over the draws: what each member learned, and that its spread is the standard error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR

from phytomass.errors import InputError
from phytomass.models import (
    ModelSettings,
    NeighbourhoodRegressor,
    Training,
    build_model,
    fit_members,
    joined,
)

RNG = np.random.default_rng(4)
SITES = np.repeat(np.arange(20), 3)
X = RNG.normal(size=(60, 2))
Y = 80 + 20 * X[:, 0] + RNG.normal(0, 5, 20)[SITES] + RNG.normal(0, 3, 60)
PLOTS = Training.of(X, Y, SITES)


def test_sites_are_drawn_whole_and_as_many_as_there_are() -> None:
    drawn = fit_members(LinearRegression(), PLOTS, 30).drawn
    by_site = drawn.reshape(30, 20, 3)
    assert (by_site == by_site[:, :, :1]).all()
    assert (by_site[:, :, 0].sum(axis=1) == 20).all()
    assert 0.30 < (by_site == 0).mean() < 0.42  # 1/e of the sites are left out
    assert len({tuple(row) for row in drawn.tolist()}) == 30


def test_sites_are_drawn_whatever_groups_a_model_is_tuned_by() -> None:
    blocks = replace(PLOTS, groups=np.arange(60) % 4)
    by_site = fit_members(LinearRegression(), blocks, 10, sites=SITES).drawn
    assert np.array_equal(by_site, fit_members(LinearRegression(), PLOTS, 10).drawn)
    assert not np.array_equal(by_site, fit_members(LinearRegression(), blocks, 10).drawn)


def test_a_member_learns_its_draw_about_the_plots_own_values() -> None:
    shared = Y[:, None] * np.array([0.8, 1.0, 1.3]) * 1.5  # centred elsewhere
    found = fit_members(LinearRegression(), PLOTS, 3, shared=shared)
    assert found.learned.mean(axis=0) == pytest.approx(Y)
    assert found.learned[2] / found.learned[0] == pytest.approx(np.full(60, 1.3 / 0.8))
    rows = np.repeat(np.arange(60), found.drawn[2])
    by_hand = LinearRegression().fit(X[rows], found.learned[2][rows])
    assert found.at_plots[2] == pytest.approx(by_hand.predict(X))


def test_held_out_predictions_are_of_members_that_never_saw_the_site() -> None:
    found = fit_members(LinearRegression(), PLOTS, 25)
    plot = 7
    unseen = [k for k in range(25) if found.drawn[k, 6:9].sum() == 0]
    assert found.held_out[plot] == pytest.approx(found.at_plots[unseen, plot].mean())
    assert np.isnan(fit_members(LinearRegression(), PLOTS, 2).held_out).any()


def test_the_spread_is_the_standard_error_of_ordinary_least_squares() -> None:
    rng = np.random.default_rng(9)
    values = rng.normal(size=(400, 1))
    y = 50 + 10 * values[:, 0] + rng.normal(0, 8, 400)
    found = fit_members(LinearRegression(), Training.of(values, y), 400, random_state=1)
    design = np.column_stack([np.ones(400), values])
    covariance = 8**2 * np.linalg.inv(design.T @ design)
    for x in (-2.0, 0.0, 2.0):
        expected = np.sqrt([1, x] @ covariance @ [1, x])
        spread = np.std([one.predict([[x]])[0] for one in found.estimators], ddof=1)
        assert spread == pytest.approx(expected, rel=0.12)


def test_threads_change_nothing() -> None:
    model = build_model(ModelSettings(name="random_forest", parameters={"n_estimators": 40}))
    one, three = (fit_members(model, PLOTS, 10, random_state=3, jobs=j) for j in (1, 3))
    assert np.array_equal(one.at_plots, three.at_plots)
    assert not np.array_equal(one.at_plots, fit_members(model, PLOTS, 10).at_plots)


@pytest.mark.parametrize("seen", [False, True], ids=["pixel", "neighbourhood"])
def test_the_members_of_a_forest_are_one_forest(seen: bool) -> None:
    base = RandomForestRegressor(60, max_features=0.5, max_samples=0.5, random_state=0)
    model = NeighbourhoodRegressor(make_pipeline(base), (1,)) if seen else base
    found = fit_members(model, PLOTS, 20)
    whole = joined(found.estimators)
    assert whole.predict(X) == pytest.approx(found.at_plots.mean(axis=0))
    inner = whole.estimator_[-1] if seen else whole
    assert len(inner.estimators_) == 60


def test_other_models_have_no_such_sum() -> None:
    assert joined(fit_members(SVR(), PLOTS, 2).estimators) is None
    assert joined(fit_members(NeighbourhoodRegressor(SVR(), (1,)), PLOTS, 2).estimators) is None


def test_networks_share_the_fits_of_an_ensemble() -> None:
    model = build_model(ModelSettings(name="pixelnet", parameters={"epochs": 1, "n_members": 4}))
    found = fit_members(model, PLOTS, 4)
    assert [one[-1].n_members for one in found.estimators] == [1] * 4


@pytest.mark.parametrize(
    ("plots", "count", "shared", "said"),
    [
        (PLOTS, 1, None, "needs 2 or more members"),
        (PLOTS, 5, np.ones((60, 4)), "5 members, and the plots have 4 draws"),
        (Training.of(X, Y, np.zeros(60)), 5, None, "all plots are of one site"),
    ],
)
def test_what_cannot_be(plots: Training, count: int, shared: np.ndarray | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fit_members(LinearRegression(), plots, count, shared=shared)
