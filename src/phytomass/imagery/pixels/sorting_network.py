"""Quantiles over dates by a sorting network: the same comparisons for every pixel of a row."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from phytomass.imagery.pixels.compiled import compiled

LANES = 512
"""Pixels sorted side by side: 40 dates of them in float64 fit into a core's second-level cache."""


@cache
def comparators(n: int) -> NDArray[np.int64]:
    """Return the pairs of Batcher's odd-even merge sort of `n` values, in order.

    Parameters
    ----------
    n : int
        Number of values. The network of the next power of two serves with the pairs beyond `n`
        left out: values there would be infinite and never move (Batcher 1968,
        doi:10.1145/1468075.1468121).

    Returns
    -------
    array of int, shape (pairs, 2)
        After ordering each pair (smaller first) in turn, all values are in order.

    Examples
    --------
    >>> comparators(3).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    size = 1 << max(n - 1, 1).bit_length()
    pairs = []
    p = 1
    while p < size:
        k = p
        while k >= 1:
            for j in range(k % p, size - k, 2 * k):
                for i in range(min(k, size - j - k)):
                    low, high = i + j, i + j + k
                    if low // (2 * p) == high // (2 * p) and high < n:
                        pairs.append((low, high))
            k //= 2
        p *= 2
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@compiled
def _sorted_quantile(
    values: NDArray[np.float64],
    pairs: NDArray[np.int64],
    quantile: float,
    out: NDArray[np.float64],
) -> None:
    n_dates, n_pixels = values.shape
    buffer = np.empty((n_dates, LANES), dtype=values.dtype)
    count = np.empty(LANES, dtype=np.int64)
    for start in range(0, n_pixels, LANES):
        width = min(LANES, n_pixels - start)
        count[:] = 0
        for date in range(n_dates):
            for i in range(width):
                value = values[date, start + i]
                good = np.isfinite(value)
                count[i] += good
                buffer[date, i] = value if good else np.inf
        for pair in range(len(pairs)):
            a = buffer[pairs[pair, 0]]
            b = buffer[pairs[pair, 1]]
            for i in range(width):
                x, y = a[i], b[i]
                a[i] = x if x < y else y
                b[i] = y if x < y else x
        for i in range(width):
            if count[i] == 0:
                out[start + i] = np.nan
                continue
            place = quantile * (count[i] - 1)
            low = int(place)
            part = place - low
            first = buffer[low, i]
            if part == 0:
                out[start + i] = first
            else:
                second = buffer[low + 1, i]
                out[start + i] = (
                    (first + second) / 2 if part == 0.5 else first + part * (second - first)
                )


def quantile_rows(values: NDArray[np.floating], quantile: float) -> NDArray[np.float64]:
    """Return a quantile over the first axis, NaN left out; linear between two values.

    Parameters
    ----------
    values : array of float32 or float64, shape (n, ...)
        Values; NaN and infinite ones do not count.
    quantile : float
        Between 0 and 1.

    Returns
    -------
    array, shape (...), of the same type
        NaN where no value counts.

    Examples
    --------
    >>> quantile_rows(np.array([[4.0, np.nan], [1.0, 7.0], [2.0, np.nan]]), 0.5)
    array([2., 7.])
    """
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    out = np.empty(flat.shape[1], dtype=flat.dtype)
    _sorted_quantile(flat, comparators(len(flat)), quantile, out)
    return out.reshape(values.shape[1:])
