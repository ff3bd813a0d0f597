"""Composites against numpy and against brute force, whatever the chunks."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phytomass.errors import InputError
from phytomass.imagery.pixels.composite import chosen_date, composite, take_date
from phytomass.imagery.pixels.sorting_network import comparators, quantile_rows


def cloudy(shape: tuple[int, ...], share: float = 0.4, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape)
    values[rng.random(shape) < share] = np.nan
    return values


@pytest.mark.parametrize("n", range(1, 13))
def test_the_network_sorts_every_sequence_of_zeros_and_ones(n: int) -> None:
    for bits in product((0, 1), repeat=n):  # enough for all sequences: Knuth's 0-1 principle
        values = list(bits)
        for a, b in comparators(n):
            values[a], values[b] = min(values[a], values[b]), max(values[a], values[b])
        assert values == sorted(bits)


@given(st.integers(1, 45), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 99))
def test_quantiles_agree_with_numpy(n: int, quantile: float, seed: int) -> None:
    values = cloudy((n, 60), seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanquantile(values, quantile, axis=0)
    assert np.allclose(quantile_rows(values, quantile), expected, equal_nan=True, atol=1e-12)


def test_medians_are_the_same_to_the_bit() -> None:
    values = cloudy((40, 2000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanmedian(values, axis=0)
    assert np.array_equal(quantile_rows(values, 0.5), expected, equal_nan=True)


@pytest.mark.parametrize("how", ["median", "mean", "p10", "p90"])
def test_the_same_for_any_chunks(how: str) -> None:
    dates = cloudy((9, 3, 50, 700))
    whole = composite(dates, how)
    for rows, cols in ((50, 700), (7, 13), (1, 513)):
        for top in range(0, 50, rows):
            for left in range(0, 700, cols):
                part = np.s_[..., top : top + rows, left : left + cols]
                assert np.array_equal(composite(dates[part], how), whole[part], equal_nan=True)
        if rows == 1:
            break


def test_the_medoid_is_an_observed_spectrum_nearest_to_the_others() -> None:
    dates = cloudy((7, 4, 6, 5), 0.1)
    position = chosen_date(dates, "medoid")
    result = take_date(dates, position)
    for row, col in np.ndindex(6, 5):
        spectra = dates[:, :, row, col]
        good = np.flatnonzero(np.isfinite(spectra).all(axis=1))
        if not good.size:
            assert position[row, col] == -1
            assert np.isnan(result[:, row, col]).all()
            continue
        cost = [sum(np.linalg.norm(spectra[a] - spectra[b]) for b in good) for a in good]
        assert position[row, col] == good[int(np.argmin(cost))]
        assert np.array_equal(result[:, row, col], spectra[position[row, col]])


def test_the_best_date_has_the_highest_score() -> None:
    dates = cloudy((5, 2, 3, 4), 0.2)
    score = np.random.default_rng(2).normal(size=(5, 3, 4))
    position = chosen_date(dates, "best", score)
    for row, col in np.ndindex(3, 4):
        good = np.isfinite(dates[:, :, row, col]).all(axis=1)
        ranked = np.where(good, score[:, row, col], -np.inf)
        assert position[row, col] == (ranked.argmax() if good.any() else -1)
    with pytest.raises(InputError, match="score"):
        chosen_date(dates, "best")


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(InputError, match="p25"):
        composite(np.ones((2, 2)), "modus")
