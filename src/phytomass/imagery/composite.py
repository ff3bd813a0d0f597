"""Several dates of one image become one, pixel by pixel over the valid dates."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def composite(
    dates: Array,
    how: Literal["median", "mean"],
    *,
    decibel: bool = False,
    min_observations: int = 1,
) -> Array:
    """Composite the dates of a season.

    Parameters
    ----------
    dates : array, shape (n_dates, ...)
        Values, NaN where a date has none (cloud, nodata).
    how : {"median", "mean"}
        Statistic over the valid dates; the median of an even count is the mean of the middle two.
    decibel : bool
        True when values are dB: the statistic is taken of linear power and returned in dB.
    min_observations : int
        Pixels with fewer valid dates are NaN.

    Returns
    -------
    array, shape (...)

    Examples
    --------
    >>> composite(np.array([[1.0, np.nan], [3.0, np.nan], [8.0, 5.0]]), "median")
    array([3., 5.])
    >>> composite(np.array([[0.0], [10.0]]), "mean", decibel=True).round(3)  # mean of 1 and 10
    array([7.404])
    """
    values = 10 ** (dates / 10) if decibel else dates
    valid = np.isfinite(values)
    count = valid.sum(axis=0)
    if how == "mean":
        total = np.where(valid, values, 0.0).sum(axis=0)
        result = total / np.maximum(count, 1)
    else:
        result = _median(np.where(valid, values, np.inf), count)
    if decibel:
        with np.errstate(divide="ignore"):
            result = 10 * np.log10(np.where(count > 0, result, 1.0))
    return np.where(count >= max(min_observations, 1), result, np.nan)


def _median(filled: Array, count: NDArray[np.int64]) -> Array:
    ordered = np.sort(filled, axis=0)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, len(filled) - 1)[None], axis=0)[0]
    return np.where(count > 0, (np.where(count > 0, low, 0) + np.where(count > 0, high, 0)) / 2, 0)
