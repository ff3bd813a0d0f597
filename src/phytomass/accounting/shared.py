"""What plots share on top of the sampling, and the interval of both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from phytomass.accounting.change import years_between
from phytomass.carbon import Kind, Pool
from phytomass.draws import Draws

Array = NDArray[np.float64]
NAN = float("nan")
PLACES = (np.arange(2001) + 0.5) / 2001
"""Where the distribution of the sampling error is looked at."""

Shared = Callable[[Pool, Kind], Draws]
"""Pool and kind → draws of the plots in which only what they share varies."""


def years_of(plots: pd.DataFrame, periods: tuple[str, str]) -> Array | None:
    """Return the years between the two dates of each plot: its own, else those of the periods."""
    between = years_between(*periods)
    if "years" in plots:
        given = plots["years"].to_numpy(np.float64)
        return np.where(np.isfinite(given), given, between or NAN)
    return np.full(len(plots), between) if between else None


def moved_by(drawn: Draws, weights: Array) -> Array:
    """Return how far each draw of what the plots share moves a weighted sum, shape (k,)."""
    total = np.zeros(drawn.n_draws)
    for rows in drawn.blocks():
        total += weights[rows] @ np.asarray(drawn[rows].values)
    return np.asarray(total - total.mean(), np.float64)


def t_error(
    design: float, moved: Array | None, freedom: int, level: float
) -> tuple[float, float, float]:
    """Return the standard error of sampling and shared draws, and the bounds about the value.

    Examples
    --------
    >>> [round(x, 3) for x in t_error(4.0, None, 10, 0.95)]
    [2.0, -4.456, 4.456]
    """
    scale = float(np.sqrt(design))
    if moved is None:
        half = float(stats.t.ppf((1 + level) / 2, freedom)) * scale
        return scale, -half, half
    se = float(np.sqrt(design + moved.var(ddof=1)))
    return se, *convolved(stats.t.ppf(PLACES, freedom) * scale, moved, level)


def convolved(sampling: Array, moved: Array | None, level: float) -> tuple[float, float]:
    """Return the bounds of independent errors: each of the sampling with each of what is shared."""
    errors = np.add.outer(sampling, 0.0 if moved is None else moved).ravel()
    low, high = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
