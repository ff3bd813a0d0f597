"""Which pixels of a scene are a clear view of the ground: classes, bits, and their surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phytomass.imagery.pixels.compiled import compiled
from phytomass.imagery.pixels.stored import Stored, same_in

Mask = NDArray[np.bool_]


def class_mask(classes: Stored, reject: Sequence[int]) -> Mask:
    """Return True where a pixel's class is rejected.

    Examples
    --------
    >>> class_mask(np.array([4, 9, 3]), [3, 8, 9, 10]).tolist()
    [False, True, True]
    """
    whole = _whole(classes)
    out = np.zeros(whole.shape, dtype=bool)
    _any_of(whole.reshape(-1), same_in(whole.dtype, tuple(reject)), out.reshape(-1))
    return out


def bit_mask(flags: Stored, bits: Sequence[int]) -> Mask:
    """Return True where any of the bits (0 is the lowest) is set.

    Examples
    --------
    >>> bit_mask(np.array([0b0, 0b1000, 0b1000000]), [3, 4]).tolist()  # bit 3: cloud
    [False, True, False]
    """
    whole = _whole(flags)
    out = np.empty(whole.shape, dtype=bool)
    _any_bit(whole.reshape(-1), sum(1 << bit for bit in bits), out.reshape(-1))
    return out


def _whole(stored: Stored) -> Stored:
    if stored.dtype.kind != "f":
        return np.ascontiguousarray(stored)
    with np.errstate(invalid="ignore"):
        return stored.astype(np.int64)


@compiled
def _any_of(values: Any, wanted: Any, out: Any) -> None:
    for k in range(len(wanted)):
        for i in range(len(values)):
            out[i] |= values[i] == wanted[k]


@compiled
def _any_bit(values: Any, bits: int, out: Any) -> None:
    for i in range(len(values)):
        out[i] = (np.int64(values[i]) & bits) != 0


def pads_with_zeros(sensor: str, bands: int) -> bool:
    """Tell whether zeros in every band of a sensor's image can only be fill that nobody declared.

    No surface reflects nothing in all bands and no radar echo is 0 dB in all polarisations, but
    tiles are padded with zeros, and a cloud probability of 0 calls that a clear sky.
    """
    return sensor in ("optical", "sar") and bands >= 2


def outside_limits(
    stored: Stored, gaps: Mask | None, limits: tuple[float, float], nodata: float | None
) -> Mask:
    """Return True where a band that decides about validity does not lie within its limits.

    A GeoTIFF declares one value without data for all its bands: a cloud probability of 0 must not
    count as missing because 0 is the fill of the reflectances beside it. So a declared value
    within the limits is a value.

    Parameters
    ----------
    stored : array
        The band.
    gaps : array of bool, optional
        Where its file says that it has no data.
    limits : (float, float)
        Lowest and highest value to use.
    nodata : float, optional
        The value that the file declares.

    Examples
    --------
    >>> probability, gaps = np.array([0, 5, 80]), np.array([True, False, False])
    >>> outside_limits(probability, gaps, (0, 20), 0).tolist()
    [False, False, True]
    >>> outside_limits(probability, gaps, (1, 20), 0).tolist()
    [True, False, True]
    """
    low, high = map(np.float64, limits)  # of numpy: else float32 would round the limits
    outside = ~((stored >= low) & (stored <= high))
    if gaps is not None and (nodata is None or not low <= nodata <= high):
        outside |= gaps
    return np.asarray(outside, dtype=bool)


def grown(mask: Mask, distance_m: float, pixel_m: float) -> Mask:
    """Add the pixels whose centre lies within a distance of a masked pixel's centre.

    Parameters
    ----------
    mask : array of bool, shape (rows, cols)
        The mask.
    distance_m, pixel_m : float
        Distance and pixel side in metres.

    Examples
    --------
    >>> grown(np.array([[True, False, False, False]]), 20, 10).tolist()
    [[True, True, True, False]]
    """
    if distance_m <= 0 or not mask.any():
        return mask
    out = np.zeros_like(mask)
    _grow(np.ascontiguousarray(mask), _half_widths(distance_m, pixel_m, max(mask.shape)), out)
    return out


def _half_widths(distance_m: float, pixel_m: float, most: int) -> NDArray[np.int64]:
    """Return how many pixels a disc reaches left and right of its centre, 0, 1, … rows away."""
    limit = distance_m * (1 + 1e-9)
    away = np.arange(min(int(limit / pixel_m) + 1, most) + 1)
    near = np.sqrt(np.maximum((limit / pixel_m) ** 2 - away**2, 0)).astype(np.int64)
    widths = np.full(len(away), -1)
    for width in (near - 1, near, near + 1):  # rounding must not decide
        inside = np.sqrt(away**2.0 + width**2.0) * pixel_m <= limit
        widths = np.where(inside & (width >= 0), width, widths)
    return widths[widths >= 0]


@compiled
def _grow(mask: Mask, widths: NDArray[np.int64], out: Mask) -> None:
    rows, cols = mask.shape
    most = min(widths[0], cols - 1)
    wide = np.empty((most + 1, cols), np.bool_)
    for row in range(rows):
        line = mask[row]
        if not line.any():
            continue
        wide[0] = line
        for step in range(1, most + 1):
            before, after = wide[step - 1], wide[step]
            for i in range(cols):
                after[i] = before[i]
            for i in range(cols - step):
                after[i + step] |= line[i]
            for i in range(cols - step):
                after[i] |= line[i + step]
        for away in range(-len(widths) + 1, len(widths)):
            if 0 <= row + away < rows:
                added, line_out = wide[min(widths[abs(away)], most)], out[row + away]
                for i in range(cols):
                    line_out[i] |= added[i]
