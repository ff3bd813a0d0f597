"""Speckle filters for radar backscatter in linear power."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import InputError
from phytomass.imagery.pixels.compiled import compiled
from phytomass.imagery.pixels.moments import Moments, moments_within, padded, window_moments
from phytomass.imagery.pixels.speckle.sigma_range import (
    PUBLISHED_SHARE,
    SigmaRange,
    centre_factor,
    sigma_range,
)

Array = NDArray[np.float64]
BRIGHT_SHARE = 0.98
"""Share of a scene's pixels below those that are bright (Lee 2009)."""

TARGET_PIXELS = 5
"""A bright pixel is a point target when more than this many of its 3 × 3 are bright (Lee 2009)."""


def _linear_estimate(power: Array, seen: Moments, noise: float | Array) -> Array:
    """Weigh a pixel against its window: m + b (z − m), b = var(x) / var(z).

    var(x) = (var(z) − m² s²) / (1 + s²), with the relative speckle variance s²; never negative.
    """
    signal = np.maximum(seen.variance - seen.mean**2 * noise, 0.0) / (1 + noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(seen.variance > 0, signal / seen.variance, 0.0)
    return seen.mean + weight * (power - seen.mean)


def _checked(power: ArrayLike, looks: float, window: int) -> Array:
    power = np.asarray(power, dtype=np.float64)
    if power.ndim != 2 or window < 3 or window % 2 == 0 or not looks > 0:
        raise InputError(
            f"cannot filter: {power.ndim} dimensions, window {window}, {looks} looks",
            where="speckle",
            remedy="give one image, an odd window from 3, and the equivalent number of looks",
        )
    return power


def lee(power: ArrayLike, looks: float, window: int = 7) -> Array:
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

    Raises
    ------
    InputError
        For more than one image, an even window, and looks that are not above zero.

    Notes
    -----
    Lee 1980, doi:10.1109/TPAMI.1980.4766994.

    Examples
    --------
    >>> speckled = np.random.default_rng(0).gamma(4, 0.1 / 4, (50, 50))  # 4 looks at 0.1
    >>> filtered = lee(speckled, looks=4)
    >>> bool(filtered.std() < 0.3 * speckled.std()), round(float(filtered.mean()), 2)
    (True, 0.1)
    """
    power = _checked(power, looks, window)
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


def refined_lee(power: ArrayLike, looks: float) -> Array:
    """Filter by Lee's estimate over the half of a 7 × 7 window on the pixel's side of an edge.

    The edge runs across the strongest of four gradients between (cube roots of) 3 × 3 means;
    gradients toward missing data do not count.

    Parameters
    ----------
    power : array, shape (rows, cols)
        Backscatter in linear power, NaN where there are no data.
    looks : float
        Equivalent number of looks.

    Returns
    -------
    array, shape (rows, cols)
        NaN where `power` is NaN.

    Raises
    ------
    InputError
        For more than one image, and looks that are not above zero.

    Notes
    -----
    Lee 1981, doi:10.1016/S0146-664X(81)80018-4.

    Examples
    --------
    >>> edge = np.where(np.arange(40) < 20, 0.02, 0.2) * np.ones((40, 1))
    >>> speckled = edge * np.random.default_rng(0).gamma(4, 1 / 4, edge.shape)
    >>> beside = slice(18, 22)
    >>> blurred, sharp = (np.abs(f - edge)[:, beside].mean()
    ...                   for f in (lee(speckled, 4), refined_lee(speckled, 4)))
    >>> bool(sharp < 0.9 * blurred)
    True
    """
    power = _checked(power, looks, 7)
    whole = window_moments(power, 7)
    # a mean of gamma-distributed speckle is skewed, its cube root hardly: without it the darker
    # side of an edge that is none would be chosen more often, and the image would darken by 0.6 %
    small = padded(np.cbrt(window_moments(power, 3).mean), 2)
    mean, variance = whole.mean.copy(), whole.variance.copy()
    _half_window(padded(power, 3), small, mean, variance, 2)
    return _linear_estimate(power, Moments(mean, variance, whole.number), 1 / looks)


def improved_sigma(
    power: ArrayLike,
    looks: float,
    bright: float | None = None,
    *,
    window: int = 7,
    share: float = PUBLISHED_SHARE,
    bias_correction: bool = True,
) -> Array:
    """Filter by the improved sigma filter, which keeps point targets and the mean.

    Parameters
    ----------
    power : array, shape (rows, cols)
        Backscatter in linear power, NaN where there are no data.
    looks : float
        Equivalent number of looks.
    bright : float, optional
        The 98th percentile of the whole scene; that of `power` if left out. Who filters a scene
        tile by tile gives it (`bright_level`), or the result would depend on the tiling.
    window : int
        Odd side of the window in pixels.
    share : float
        Share ξ of speckle within the sigma range.
    bias_correction : bool
        False is the filter as published, which darkens single-look images by 1.4 %. True filters
        twice: the first result is the centre of the second's range, times `centre_factor` where
        ξ is 0.9.

    Returns
    -------
    array, shape (rows, cols)
        NaN where `power` is NaN.

    Raises
    ------
    InputError
        For more than one image, an even window, and looks that are not above zero.

    Notes
    -----
    Lee et al. 2009, doi:10.1109/TGRS.2008.2002881: bright clusters of more than five of 3 × 3
    pixels are kept; a 3 × 3 linear estimate x sets the range I₁x … I₂x; the linear estimate over
    the pixels of the window in that range, with the speckle's spread within the range, is the
    result. Where fewer than two pixels are in the range, x is.

    Examples
    --------
    >>> speckled = np.random.default_rng(0).gamma(4, 0.1 / 4, (50, 50))  # 4 looks at 0.1
    >>> speckled[20:23, 20:23] = 5.0  # a house
    >>> filtered = improved_sigma(speckled, looks=4)
    >>> round(float(np.median(filtered)), 2), float(filtered[21, 21])
    (0.1, 5.0)
    """
    power = _checked(power, looks, window)
    if bright is None:
        seen = power[np.isfinite(power)]
        bright = float(np.quantile(seen, BRIGHT_SHARE)) if seen.size else np.inf
    centre = first_estimate(power, looks)
    known = bias_correction and share == PUBLISHED_SHARE
    factor = centre_factor(looks, window) if known else 1.0
    for _ in range(2 if bias_correction else 1):
        centre = sigma_pass(power, centre, sigma_range(looks, share), window, factor)
    return np.where(point_targets(power, bright), power, centre)


def first_estimate(power: Array, looks: float) -> Array:
    """Return the linear estimate over 3 × 3 pixels that the sigma range is first centred on."""
    return _linear_estimate(power, window_moments(power, 3), 1 / looks)


def sigma_pass(
    power: Array, centre: Array, limits: SigmaRange, window: int, factor: float = 1.0
) -> Array:
    """Estimate each pixel from those of its window that lie in the range around a first estimate.

    Parameters
    ----------
    power, centre : array, shape (rows, cols)
        Backscatter in linear power, and the first estimate of each pixel.
    limits : SigmaRange
        Range of speckle of unit mean.
    window : int
        Odd side of the window in pixels.
    factor : float
        The range is centred on this times `centre`.
    """
    low, high = limits.low * factor * centre, limits.high * factor * centre
    chosen = moments_within(power, low, high, window)
    result = _linear_estimate(power, chosen, limits.spread**2)
    return np.where(chosen.number >= 2, result, centre)


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


def bright_level(histogram: NDArray[np.int64], edges: Array, share: float = BRIGHT_SHARE) -> float:
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
