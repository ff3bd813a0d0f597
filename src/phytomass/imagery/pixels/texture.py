"""Texture by grey-level co-occurrence, with grey limits of the whole study."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError
from phytomass.imagery.pixels.compiled import compiled
from phytomass.imagery.pixels.moments import padded

Array = NDArray[np.float64]
Measure = Literal[
    "mean",
    "variance",
    "contrast",
    "dissimilarity",
    "homogeneity",
    "asm",
    "entropy",
    "correlation",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)
"""Order of the measures that `glcm` returns."""


def grey_levels(values: Array, limits: tuple[float, float], levels: int) -> NDArray[np.int64]:
    """Sort values into grey levels 0 … `levels` − 1; beyond the limits into the outermost.

    Parameters
    ----------
    values : array
        NaN becomes −1.
    limits : (float, float)
        Lowest and highest value, the same for the whole study: limits of a tile alone would make
        the texture depend on the tiling.
    levels : int
        Number of grey levels.

    Examples
    --------
    >>> grey_levels(np.array([-1.0, 0.0, 0.49, 0.5, 2.0, np.nan]), (0.0, 1.0), 2).tolist()
    [0, 0, 0, 1, 1, -1]
    """
    low, high = limits
    if not (high > low and levels >= 2):
        raise InputError(f"no {levels} grey levels between {low} and {high}", where="texture")
    with np.errstate(invalid="ignore"):
        scaled = np.floor((values - low) / (high - low) * levels)
    clipped = np.clip(np.where(np.isfinite(scaled), scaled, 0), 0, levels - 1).astype(np.int64)
    return np.where(np.isnan(values), -1, clipped)


@compiled
def _pairs(
    grey: NDArray[np.int64],
    place: tuple[int, int],
    side: int,
    step: NDArray[np.int64],
    pairs: NDArray[np.int64],
) -> int:
    """Write the pairs of a window into `pairs`; return their number."""
    n = 0
    for i in range(max(-step[0], 0), side - max(step[0], 0)):
        for j in range(max(-step[1], 0), side - max(step[1], 0)):
            a = grey[place[0] + i, place[1] + j]
            b = grey[place[0] + i + step[0], place[1] + j + step[1]]
            if a >= 0 and b >= 0:
                pairs[n, 0], pairs[n, 1] = a, b
                n += 1
    return n


@compiled
def _spread(pairs: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[float, float]:
    """Angular second moment and entropy of pairs; `counts` is zero before and after."""
    n = len(pairs)
    for k in range(n):
        counts[pairs[k, 0], pairs[k, 1]] += 1
        counts[pairs[k, 1], pairs[k, 0]] += 1
    asm, entropy = 0.0, 0.0
    for k in range(n):
        for a, b in ((pairs[k, 0], pairs[k, 1]), (pairs[k, 1], pairs[k, 0])):
            if counts[a, b] > 0:
                p = counts[a, b] / (2 * n)
                asm += p * p
                entropy -= p * np.log(p)
                counts[a, b] = 0
    return asm, entropy


@compiled
def _pair_sums(
    grey: NDArray[np.int64], radius: int, step: NDArray[np.int64], levels: int, out: Array
) -> None:
    """Add the measures of one direction to `out`; NaN where there is no pair."""
    _, rows, cols = out.shape
    counts = np.zeros((levels, levels), dtype=np.int64)
    side = 2 * radius + 1
    held = np.empty((side * side, 2), np.int64)
    for row in range(rows):
        for col in range(cols):
            n = _pairs(grey, (row, col), side, step, held)
            if n == 0:
                out[:, row, col] = np.nan
                continue
            mean, square, product = 0.0, 0.0, 0.0
            for k in range(n):
                a, b = held[k, 0], held[k, 1]
                difference = abs(a - b)
                mean += (a + b) / 2
                square += (a * a + b * b) / 2
                product += a * b
                out[2, row, col] += difference * difference / n
                out[3, row, col] += difference / n
                out[4, row, col] += 1 / (1 + difference * difference) / n
            mean /= n
            variance = square / n - mean * mean
            asm, entropy = _spread(held[:n], counts)
            out[0, row, col] += mean
            out[1, row, col] += variance
            out[5, row, col] += asm
            out[6, row, col] += entropy
            covariance = product / n - mean * mean
            out[7, row, col] += covariance / variance if variance > 1e-12 else 1.0


def glcm(values: Array, limits: tuple[float, float], levels: int = 32, window: int = 7) -> Array:
    """Return the co-occurrence measures of the window around each pixel.

    Parameters
    ----------
    values : array, shape (rows, cols)
        An image; NaN pixels take part in no pair.
    limits : (float, float)
        Grey limits of the whole study.
    levels : int
        Number of grey levels.
    window : int
        Odd side of the window in pixels; at the edges it shrinks.

    Returns
    -------
    array, shape (8, rows, cols)
        `MEASURES` in order, of symmetric normalised matrices of pairs at a distance of one pixel,
        averaged over four directions; NaN where the pixel has none or a direction has no pair.

    Notes
    -----
    Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314, with p(i, j) the share of a pair: mean
    Σ i p; variance Σ (i − mean)² p; contrast Σ (i − j)² p; dissimilarity Σ |i − j| p; homogeneity
    Σ p/(1 + (i − j)²); asm Σ p²; entropy −Σ p ln p; correlation Σ (i − mean)(j − mean) p/variance
    (1 where there is no variance).

    Examples
    --------
    >>> checks = np.indices((7, 7)).sum(axis=0) % 2.0
    >>> float(glcm(checks, (0.0, 1.0), 2, 3)[2, 3, 3])  # sides differ, diagonals are equal
    0.5
    """
    grey = grey_levels(padded(values, window // 2), limits, levels)
    out = np.zeros((len(MEASURES), *values.shape))
    for step in ((0, 1), (1, 1), (1, 0), (1, -1)):
        _pair_sums(grey, window // 2, np.array(step), levels, out)
    return np.where(np.isnan(values), np.nan, out / 4)
