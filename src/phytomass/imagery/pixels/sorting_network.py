"""Quantiles over dates by a sorting network: the same comparisons for every pixel of a row."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phytomass.imagery.pixels.compiled import compiled
from phytomass.imagery.pixels.stored import Array, Scaling, Stored, lowest

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


@cache
def needed(n: int, quantile: float, falling: bool = False) -> NDArray[np.int64]:
    """Return the comparators that a quantile of any number of values at the end of a row needs.

    Parameters
    ----------
    n : int
        Length of the row: those that do not count stand first.
    quantile : float
        Between 0 and 1.
    falling : bool
        Whether the quantile is counted from the end.

    Examples
    --------
    >>> len(comparators(40)), len(needed(40, 0.5)), len(needed(40, 0.0, falling=True))
    (305, 280, 221)
    """
    wanted = set()
    for count in range(1, n + 1):
        low = int(quantile * (count - 1))
        for place in (low, min(low + 1, count - 1)):
            wanted.add(n - 1 - place if falling else n - count + place)
    kept = []
    for a, b in comparators(n)[::-1].tolist():
        if a in wanted or b in wanted:
            wanted |= {a, b}
            kept.append((a, b))
    return np.array(kept[::-1], dtype=np.int64).reshape(-1, 2)


@compiled
def _pick(
    values: Any, pairs: Any, quantile: float, none: Any, rule: Any, low: Any, high: Any, count: Any
) -> None:
    n_dates, n_pixels = values.shape
    shift, scale, offset = rule
    buffer = np.empty((n_dates, LANES), dtype=values.dtype)
    for start in range(0, n_pixels, LANES):
        width = min(LANES, n_pixels - start)
        number = count[start : start + width]
        for date in range(n_dates):
            line = values[date, start : start + width]
            kept = buffer[date]
            for i in range(width):
                value = line[i]
                good = np.isfinite(value) & (value != none)
                number[i] += good
                kept[i] = value if good else none
        for pair in range(len(pairs)):
            a = buffer[pairs[pair, 0]]
            b = buffer[pairs[pair, 1]]
            for i in range(width):
                x, y = a[i], b[i]
                a[i] = x if x < y else y
                b[i] = y if x < y else x
        for i in range(width):
            place = quantile * (number[i] - 1)
            first = int(place)
            second = first + (place > first)
            if number[i] == 0:
                first = second = -1
            elif scale < 0:
                first, second = number[i] - 1 - first, number[i] - 1 - second
            before = n_dates - number[i]
            low[start + i] = (np.float64(buffer[before + first, i]) + shift) * scale + offset
            high[start + i] = (np.float64(buffer[before + second, i]) + shift) * scale + offset


@compiled
def _between(low: Array, high: Array, count: Any, quantile: float, least: int) -> None:
    for i in range(len(low)):
        place = quantile * (count[i] - 1)
        part = place - np.floor(place)
        inside = (low[i] + high[i]) / 2 if part == 0.5 else low[i] + part * (high[i] - low[i])
        low[i] = inside if count[i] >= least else np.nan


def quantile_rows(
    stored: Stored, quantile: float, scaling: Scaling | None = None, least: int = 1
) -> Array:
    """Return a quantile over the first axis, linear between two values.

    The values are put in order as they are stored; only the one or two that the quantile lies
    between are scaled.

    Parameters
    ----------
    stored : array, shape (n, ...)
        Values of any type; the lowest of whole numbers, and what is not finite, do not count.
    quantile : float
        Between 0 and 1.
    scaling : Scaling, optional
        What they mean; their own value if absent.
    least : int
        How many must count.

    Returns
    -------
    array, shape (...)
        NaN where fewer count.

    Examples
    --------
    >>> quantile_rows(np.array([[4.0, np.nan], [1.0, 7.0], [2.0, np.nan]]), 0.5)
    array([2., 7.])
    >>> quantile_rows(np.array([[0, 7], [2, 0], [4, 0]], np.uint8), 0.5, Scaling(scale=0.5))
    array([1.5, 3.5])
    """
    scaling = scaling or Scaling()
    flat = np.ascontiguousarray(stored).reshape(len(stored), -1)
    low, high = np.empty(flat.shape[1]), np.empty(flat.shape[1])
    count = np.zeros(flat.shape[1], np.int16)
    pairs = needed(len(flat), quantile, scaling.scale < 0)
    _pick(flat, pairs, quantile, lowest(flat.dtype), scaling.linear, low, high, count)
    if scaling.decibel:
        low, high = 10 ** (low / 10), 10 ** (high / 10)
    _between(low, high, count, quantile, max(least, 1))
    return low.reshape(stored.shape[1:])
