"""Speckle filters for radar backscatter in linear power."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import gamma

from phytomass.errors import InputError
from phytomass.imagery.compiled import compiled
from phytomass.imagery.moments import Moments, moments_within, padded, window_moments

Array = NDArray[np.float64]
TARGET_PIXELS = 5
"""A bright pixel is a point target when more than this many of its 3 × 3 are bright (Lee 2009)."""


class SigmaRange(NamedTuple):
    """The sigma range of unit-mean speckle: its limits, and its standard deviation within."""

    low: float
    high: float
    spread: float


@cache
def sigma_range(looks: float, share: float = 0.9) -> SigmaRange:
    """Solve the parameters of the improved sigma filter for any number of looks.

    Parameters
    ----------
    looks : float
        Equivalent number of looks L ≥ 0.5; need not be whole.
    share : float
        Probability ξ that speckle falls into the range, between 0 and 1.

    Returns
    -------
    SigmaRange
        I₁ and I₂ with P(I₁ ≤ I ≤ I₂) = ξ and E[I | I₁ ≤ I ≤ I₂] = 1 for a gamma-distributed I
        of unit mean and shape L; and the standard deviation within the range.

    Notes
    -----
    Lee et al. 2009, doi:10.1109/TGRS.2008.2002881, tabulate one to four looks; E[Iᵏ] over a
    range of a gamma density is a gamma probability of shape L + k.

    Examples
    --------
    >>> [round(v, 3) for v in sigma_range(4.0)]  # 0.378, 2.094 and 0.3991 in the paper
    [0.377, 2.089, 0.399]
    """
    if not (looks >= 0.5 and 0 < share < 1):
        raise InputError(f"no sigma range for {looks} looks and a share of {share}")
    plain, first = gamma(looks, scale=1 / looks), gamma(looks + 1, scale=1 / looks)
    second = gamma(looks + 2, scale=1 / looks)

    def upper(low: float) -> float:
        return float(plain.ppf(plain.cdf(low) + share))

    def excess(low: float) -> float:
        return float(first.cdf(upper(low)) - first.cdf(low)) / share - 1

    highest = float(plain.ppf((1 - share) * (1 - 1e-12)))
    low = float(brentq(excess, 0.0, highest, xtol=1e-14))
    high = upper(low)
    square = (1 + 1 / looks) * float(second.cdf(high) - second.cdf(low)) / share
    return SigmaRange(low, high, float(np.sqrt(square - 1)))


def _linear_estimate(power: Array, seen: Moments, noise: float | Array) -> Array:
    """Weigh a pixel against its window: m + b (z − m), b = var(x) / var(z).

    var(x) = (var(z) − m² s²) / (1 + s²), with the relative speckle variance s²; never negative.
    """
    signal = np.maximum(seen.variance - seen.mean**2 * noise, 0.0) / (1 + noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(seen.variance > 0, signal / seen.variance, 0.0)
    return seen.mean + weight * (power - seen.mean)


def _checked(power: Array, looks: float, window: int) -> None:
    if power.ndim != 2 or window < 3 or window % 2 == 0 or not looks > 0:
        raise InputError(
            f"cannot filter: {power.ndim} dimensions, window {window}, {looks} looks",
            where="speckle",
            remedy="give one image, an odd window from 3, and the equivalent number of looks",
        )


def lee(power: Array, looks: float, window: int = 7) -> Array:
    """Filter by the local linear estimate of Lee.

    Parameters
    ----------
    power : array, shape (rows, cols)
        Backscatter in linear power, NaN where there are no data.
    looks : float
        Equivalent number of looks.
    window : int
        Odd side of the window in pixels.

    Returns
    -------
    array, shape (rows, cols)
        NaN where `power` is NaN.

    Notes
    -----
    Lee 1980, doi:10.1109/TPAMI.1980.4766994.
    """
    _checked(power, looks, window)
    return _linear_estimate(power, window_moments(power, window), 1 / looks)


@compiled
def _half_window(source: Array, means: Array, mean: Array, variance: Array, least: int) -> None:
    """Mean and variance over the half of a 7 × 7 window that lies on the pixel's side of an edge."""
    rows, cols = mean.shape
    for row in range(rows):
        for col in range(cols):
            centre = means[row + 2, col + 2]
            steepest, dy, dx = -1.0, 0, 0
            for direction in range(4):
                y = 0 if direction == 0 else 1
                x = (1, 0, 1, -1)[direction]
                ahead = means[row + 2 + 2 * y, col + 2 + 2 * x]
                behind = means[row + 2 - 2 * y, col + 2 - 2 * x]
                edge = abs(ahead - behind)
                if edge > steepest:
                    nearer = 1 if abs(ahead - centre) < abs(behind - centre) else -1
                    steepest, dy, dx = edge, y * nearer, x * nearer
            total, squares, n = 0.0, 0.0, 0
            for i in range(-3, 4):
                for j in range(-3, 4):
                    value = source[row + 3 + i, col + 3 + j]
                    if i * dy + j * dx >= 0 and np.isfinite(value):
                        total += value
                        squares += value * value
                        n += 1
            if n >= least:
                mean[row, col] = total / n
                variance[row, col] = max(squares / n - (total / n) ** 2, 0.0)


def refined_lee(power: Array, looks: float) -> Array:
    """Filter by Lee's estimate over the half of a 7 × 7 window on the pixel's side of an edge.

    The edge runs across the strongest of four gradients between (cube roots of) 3 × 3 means;
    gradients toward missing data do not count.

    Parameters
    ----------
    power : array, shape (rows, cols)
        Backscatter in linear power, NaN where there are no data.
    looks : float
        Equivalent number of looks.

    Notes
    -----
    Lee 1981, doi:10.1016/S0146-664X(81)80018-4.
    """
    _checked(power, looks, 7)
    whole = window_moments(power, 7)
    # a mean of gamma-distributed speckle is skewed, its cube root hardly: without it the darker
    # side of an edge that is none would be chosen more often, and the image would darken by 0.6 %
    small = padded(np.cbrt(window_moments(power, 3).mean), 2)
    mean, variance = whole.mean.copy(), whole.variance.copy()
    _half_window(padded(power, 3), small, mean, variance, 2)
    return _linear_estimate(power, Moments(mean, variance, whole.number), 1 / looks)


def improved_sigma(
    power: Array,
    looks: float,
    bright: float,
    *,
    window: int = 7,
    share: float = 0.9,
) -> Array:
    """Filter by the improved sigma filter, which keeps point targets and does not darken.

    Parameters
    ----------
    power : array, shape (rows, cols)
        Backscatter in linear power, NaN where there are no data.
    looks : float
        Equivalent number of looks.
    bright : float
        The 98th percentile of the whole scene (`bright_level`): of a tile alone it would make
        the result depend on the tiling.
    window : int
        Odd side of the window in pixels.
    share : float
        Share ξ of speckle within the sigma range.

    Notes
    -----
    Lee et al. 2009, doi:10.1109/TGRS.2008.2002881: bright clusters of more than five of 3 × 3
    pixels are kept; a 3 × 3 linear estimate x sets the range I₁x … I₂x; the linear estimate over
    the pixels of the window in that range, with the speckle's spread within the range, is the
    result. Where fewer than two pixels are in the range, x is.
    """
    _checked(power, looks, window)
    limits = sigma_range(looks, share)
    first = _linear_estimate(power, window_moments(power, 3), 1 / looks)
    chosen = moments_within(power, limits.low * first, limits.high * first, window)
    result = _linear_estimate(power, chosen, limits.spread**2)
    result = np.where(chosen.number >= 2, result, first)
    return np.where(point_targets(power, bright), power, result)


def point_targets(power: Array, bright: float) -> NDArray[np.bool_]:
    """Find the bright pixels of clusters: those around a bright pixel with more than five of 3 × 3.

    Parameters
    ----------
    power : array, shape (rows, cols)
        Backscatter in linear power.
    bright : float
        Pixels above it are bright.
    """
    shining = power > bright
    alone = np.where(shining, 1.0, 0.0)
    many = window_moments(alone, 3)
    cores = shining & (np.rint(many.mean * many.number) > TARGET_PIXELS)
    near = window_moments(np.where(cores, 1.0, 0.0), 3).mean > 0
    return np.asarray(shining & near, dtype=bool)


def bright_level(histogram: NDArray[np.int64], edges: Array, share: float = 0.98) -> float:
    """Return the level below which a share of a scene's pixels lie, from their histogram.

    Parameters
    ----------
    histogram : array of int, shape (n,)
        Counts, summed over all tiles of the scene.
    edges : array, shape (n + 1,)
        Class limits.
    share : float
        Between 0 and 1.

    Examples
    --------
    >>> bright_level(np.array([50, 50]), np.array([0.0, 1.0, 2.0]), 0.75)
    1.5
    """
    return float(np.interp(share * histogram.sum(), np.append(0, histogram.cumsum()), edges))


def quegan(dates: Array, window: int = 7) -> Array:
    """Filter a series of dates of one relative orbit together.

    Parameters
    ----------
    dates : array, shape (n_dates, rows, cols)
        Backscatter in linear power, NaN where there are no data.
    window : int
        Odd side of the window of the local means.

    Returns
    -------
    array, shape (n_dates, rows, cols)
        Jₖ = mₖ/M Σᵢ Iᵢ/mᵢ over the M dates valid at the pixel; NaN where the date has no data.

    Notes
    -----
    Quegan and Yu 2001, doi:10.1109/36.964973, for uncorrelated dates.
    """
    means = np.stack([window_moments(date, window).mean for date in dates])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(means > 0, dates / means, np.nan)
        valid = np.isfinite(ratio)
        common = np.where(valid, ratio, 0.0).sum(axis=0) / valid.sum(axis=0)
    return np.where(np.isfinite(dates), means * common, np.nan)
