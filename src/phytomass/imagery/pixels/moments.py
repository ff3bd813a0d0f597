"""Sums over moving windows, summed anew for each pixel so that they cannot depend on tiles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phytomass.imagery.pixels.compiled import compiled

Array = NDArray[np.float64]
LANES = 256
"""Pixels of a row that are summed side by side."""


class Moments(NamedTuple):
    """Mean, variance (divided by n) and number of the valid pixels in each pixel's window."""

    mean: Array
    variance: Array
    number: Array


def padded(values: Array, radius: int) -> Array:
    """Surround an array with NaN, so that windows shrink at its edges."""
    return np.pad(values, radius, constant_values=np.nan)


@compiled
def _sums(source: Array, radius: int, total: Array, squares: Array, count: Array) -> None:
    rows, cols = total.shape
    side = 2 * radius + 1
    tall = np.empty((3, cols + 2 * radius))
    for row in range(rows):
        tall[:] = 0.0
        for dy in range(side):
            line = source[row + dy]
            for i in range(cols + 2 * radius):
                value = line[i]
                good = np.isfinite(value)
                kept = value if good else 0.0
                tall[0, i] += kept
                tall[1, i] += kept * kept
                tall[2, i] += 1.0 if good else 0.0
        for dx in range(side):
            for i in range(cols):
                total[row, i] += tall[0, i + dx]
                squares[row, i] += tall[1, i + dx]
                count[row, i] += tall[2, i + dx]


def window_moments(values: Array, window: int) -> Moments:
    """Return mean and variance of the valid pixels in a square window around each pixel.

    Parameters
    ----------
    values : array, shape (rows, cols)
        NaN does not count; at the edges the window shrinks.
    window : int
        Odd side of the window in pixels.

    Returns
    -------
    Moments
        Arrays of the same shape; mean and variance are NaN where no pixel is valid.

    Examples
    --------
    >>> window_moments(np.array([[1.0, 2.0, 6.0]]), 3).mean.tolist()
    [[1.5, 3.0, 4.0]]
    """
    radius = window // 2
    total, squares, count = (np.zeros(values.shape) for _ in range(3))
    _sums(padded(values, radius), radius, total, squares, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0.0)
    return Moments(mean, variance, count)


@compiled
def _sums_within(
    source: Array, low: Array, high: Array, radius: int, total: Array, squares: Array, count: Array
) -> None:
    rows, cols = total.shape
    sums = np.empty((3, LANES))  # close to the processor, and known to overlap nothing
    for row in range(rows):
        for start in range(0, cols, LANES):
            width = min(LANES, cols - start)
            least, most = low[row, start : start + width], high[row, start : start + width]
            sums[:] = 0.0
            for dy in range(2 * radius + 1):
                for dx in range(2 * radius + 1):
                    line = source[row + dy, start + dx : start + dx + width]
                    for i in range(width):
                        value = line[i]
                        inside = (value >= least[i]) & (value <= most[i])
                        kept = value if inside else 0.0
                        sums[0, i] += kept
                        sums[1, i] += kept * kept
                        sums[2, i] += 1.0 if inside else 0.0
            total[row, start : start + width] = sums[0, :width]
            squares[row, start : start + width] = sums[1, :width]
            count[row, start : start + width] = sums[2, :width]


def moments_within(values: Array, low: Array, high: Array, window: int) -> Moments:
    """Return the moments of those pixels of each window that lie in the centre's own range.

    Parameters
    ----------
    values, low, high : array, shape (rows, cols)
        Values, and each pixel's range; NaN in any of them selects nothing.
    window : int
        Odd side of the window in pixels.
    """
    radius = window // 2
    total, squares, count = (np.zeros(values.shape) for _ in range(3))
    _sums_within(padded(values, radius), low, high, radius, total, squares, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0.0)
    return Moments(mean, variance, count)
