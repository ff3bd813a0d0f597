"""Local intervals: coverage in worlds that the band knows nothing of, and the place of its bounds."""

from __future__ import annotations

import numpy as np
import pytest

from phytomass.errors import InputError
from phytomass.validation import LocalBand


def _world(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and truths: gamma about a biased mean, some of the low ones exactly zero."""
    predicted = rng.uniform(0, 200, n)
    mean = 10 + 0.9 * predicted
    true = rng.gamma(4, mean / 4)
    return predicted, np.where(rng.random(n) < 0.5 - predicted / 150, 0.0, true)


@pytest.mark.parametrize("n", [100, 300])
def test_covers_on_average_and_in_every_tenth(n: int) -> None:
    rng = np.random.default_rng(n)
    held, tenths = [], []
    for _ in range(60):
        band = LocalBand.fit(*_world(rng, n))
        predicted, true = _world(rng, 4000)
        low, high = band.interval(predicted)
        inside = (true >= np.maximum(low, 0)) & (true <= high)
        held.append(inside.mean())
        order = np.argsort(predicted)
        tenths.append([part.mean() for part in np.array_split(inside[order], 10)])
    assert 0.89 <= np.mean(held) <= 0.925
    assert np.mean(tenths, axis=0).min() >= 0.86


def test_is_one_sided_where_it_begins_at_zero() -> None:
    rng = np.random.default_rng(2)
    predicted = rng.uniform(1, 2, 5000)
    true = rng.exponential(10, 5000)  # its 5th percentile is 0.5, its 90th 23, its 95th 30
    low, high = LocalBand.fit(predicted + 0.0, true).interval([1.5])
    assert low[0] == pytest.approx(0.5, abs=0.2)
    assert high[0] == pytest.approx(30, rel=0.1)
    low, high = LocalBand.fit(predicted, true - 3).interval([1.5])
    assert low[0] < 0
    assert high[0] == pytest.approx(23 - 3, rel=0.1)


def test_errors_that_all_share_widen_it_in_quadrature() -> None:
    rng = np.random.default_rng(3)
    predicted = rng.uniform(90, 110, 4000)
    band = LocalBand.fit(predicted, predicted + rng.normal(0, 10, 4000))
    low, high = band.interval([100.0], shared=12.0)
    assert high[0] - 100 == pytest.approx(np.hypot(16.45, 12), rel=0.08)
    assert 100 - low[0] == pytest.approx(np.hypot(16.45, 12), rel=0.08)
    assert band.scatter([100.0])[0] == pytest.approx(10, rel=0.08)


def test_too_few() -> None:
    with pytest.raises(InputError, match="2 held-out predictions are too few"):
        LocalBand.fit([1.0, 2.0], [1.0, 2.0])
