"""Intervals for skewed biomass: the bootstrap-t."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.accounting.survey.design import Design
from phytomass.draws import stream

Array = NDArray[np.float64]


def bootstrap_t(
    design: Design, y: ArrayLike, size: ArrayLike | None = None, *, n_draws: int = 1999,
    random_state: int = 0,
) -> Array:  # fmt: skip
    """Return draws of the studentised error of the mean, ``(ȳ* − ȳ) / se*``, shape (n_draws,).

    Units of the first stage are drawn again with replacement within strata (Efron and Tibshirani
    1993, section 12.5). Few plots of skewed biomass have an error with a long tail below: the
    t interval holds the truth too seldom, from below. The interval is
    ``ȳ − se q(1 − α/2), ȳ − se q(α/2)`` with q the quantiles of what is returned.

    Parameters
    ----------
    design : Design
    y : array, shape (n,)
        A quantity per area.
    size : array, shape (n,), optional
        Area of each plot; all alike if left out.
    n_draws, random_state : int

    Examples
    --------
    >>> from phytomass.accounting.survey import simple_random
    >>> t = bootstrap_t(simple_random(30), np.exp(np.linspace(-2, 3, 30)), n_draws=999)
    >>> bool(np.quantile(t, 0.025) < -2.1), bool(np.quantile(t, 0.975) < 2.0)
    (True, True)
    """
    values = np.asarray(y, np.float64)
    area = design.weights * (1.0 if size is None else np.asarray(size, np.float64))
    stage = design.first
    above = np.bincount(stage.units, weights=area * values)
    below = np.bincount(stage.units, weights=area)
    stratum = stage.stratum_of_unit
    rng = stream(random_state, "bootstrap-t")
    n_strata = len(stage.population)
    sums = np.zeros((5, n_draws, n_strata))
    pairs = np.stack([above, below, above * above, above * below, below * below])
    for one in range(n_strata):
        units = np.flatnonzero(stratum == one)
        times = rng.multinomial(len(units), np.full(len(units), 1 / len(units)), size=n_draws)
        sums[:, :, one] = pairs[:, units] @ times.T
    whole = sums[1].sum(axis=1)
    means = sums[0].sum(axis=1) / whole
    spread = _variances(sums, means, stage.counts(), np.maximum(1 - stage.rates(), 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (means - above.sum() / below.sum()) / (np.sqrt(spread) / whole)
    return np.asarray(t[np.isfinite(t)], np.float64)


def _variances(sums: Array, means: Array, n: NDArray[np.int64], left: Array) -> Array:
    """Return the variance of ``Σ (above − mean · below)`` of each draw over its strata."""
    m = means[:, None]
    squares = sums[2] - 2 * m * sums[3] + m * m * sums[4]
    gaps = sums[0] - m * sums[1]
    each = left * n / np.maximum(n - 1, 1) * (squares - gaps**2 / n)
    return np.asarray(np.maximum(each, 0).sum(axis=1), np.float64)
