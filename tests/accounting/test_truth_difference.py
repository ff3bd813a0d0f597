"""Paired differences of two maps against a reference."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score

from phytomass.accounting import truth_difference, truth_scores
from phytomass.errors import InputError


def _maps(seed=0, side=96):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(side, side)) * 30 + 80
    return (
        truth,
        truth + rng.normal(size=truth.shape) * 10,
        truth + rng.normal(size=truth.shape) * 20,
    )


def test_point_values_are_the_differences_of_the_scores():
    truth, good, poor = _maps()
    out = np.zeros(truth.shape, dtype=bool)
    out[::7, ::5] = True
    good[3, 4] = np.nan  # left out of both maps
    table = truth_difference((good, poor), truth, out, [10, 30], 10, random_state=1)
    poor[3, 4] = np.nan
    a, b = (truth_scores(m, truth, out, [10, 30], 10) for m in (good, poor))
    assert table["r2_difference"].to_numpy() == pytest.approx((a["r2"] - b["r2"]).to_numpy())
    assert table["rmse_difference"].to_numpy() == pytest.approx((a["rmse"] - b["rmse"]).to_numpy())
    assert (table["r2_low"] < table["r2_difference"]).all()
    assert (table["r2_difference"] < table["r2_high"]).all()
    assert table["squares"].tolist() == [64, 64]


def test_the_interval_is_that_of_a_plain_bootstrap_of_squares():
    truth, good, poor = _maps(side=64)
    nowhere = np.zeros(truth.shape, dtype=bool)
    table = truth_difference((good, poor), truth, nowhere, [10], 10, random_state=1)
    rng, square = np.random.default_rng(9), np.arange(64).reshape(8, 8).repeat(8, 0).repeat(8, 1)
    cells = [np.flatnonzero(square.ravel() == s) for s in range(64)]
    drawn = []
    for _ in range(400):
        i = np.concatenate([cells[s] for s in rng.integers(64, size=64)])
        t, a, b = (m.ravel()[i] for m in (truth, good, poor))
        drawn.append(r2_score(t, a) - r2_score(t, b))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert table["r2_low"][0] == pytest.approx(low, abs=0.15 * (high - low))
    assert table["r2_high"][0] == pytest.approx(high, abs=0.15 * (high - low))


def test_errors_that_go_together_in_space_widen_the_interval():
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(96, 96)) * 30
    patchy = np.repeat(np.repeat(rng.normal(size=(8, 8)), 12, 0), 12, 1) * 15
    nowhere = np.zeros(truth.shape, dtype=bool)
    shuffled = rng.permutation(patchy.ravel()).reshape(96, 96)
    width = []
    for error in (patchy, shuffled):
        table = truth_difference((truth + error, truth), truth, nowhere, [10], 10, random_state=1)
        width.append(table["r2_high"][0] - table["r2_low"][0])
    assert width[0] > 3 * width[1]


def test_too_small_for_an_interval():
    truth = np.arange(4.0).reshape(2, 2)
    nowhere = np.zeros((2, 2), dtype=bool)
    with pytest.raises(InputError, match="2 or more squares"):
        truth_difference((truth, truth), truth, nowhere, [20], 10, random_state=1)
