"""Which pixels of a scene are a clear view of the ground: classes, bits, and their surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Mask = NDArray[np.bool_]


def class_mask(classes: NDArray[np.integer], reject: Sequence[int]) -> Mask:
    """Return True where a pixel's class is rejected.

    Examples
    --------
    >>> class_mask(np.array([4, 9, 3]), [3, 8, 9, 10]).tolist()
    [False, True, True]
    """
    return np.asarray(np.isin(classes, list(reject)), dtype=bool)


def bit_mask(flags: NDArray[np.integer], bits: Sequence[int]) -> Mask:
    """Return True where any of the bits (0 is the lowest) is set.

    Examples
    --------
    >>> bit_mask(np.array([0b0, 0b1000, 0b1000000]), [3, 4]).tolist()  # bit 3: cloud
    [False, True, False]
    """
    return np.asarray((flags & sum(1 << bit for bit in bits)) != 0, dtype=bool)


def fill_mask(stored: NDArray[Any], sensor: str) -> Mask:
    """Return True where every band of an image is stored as exactly 0: fill that nobody declared.

    No surface reflects nothing in all bands and no radar echo is 0 dB in all polarisations, but
    tiles are padded with zeros, and a cloud probability of 0 calls that a clear sky.

    Parameters
    ----------
    stored : array, shape (bands, rows, cols)
        Values as stored, before scale and offset.
    sensor : str
        Group of the sensor; only `optical` and `sar` images of two bands or more are judged.

    Examples
    --------
    >>> red, infrared = [[0, 0, 420]], [[0, 3100, 2900]]
    >>> fill_mask(np.array([red, infrared]), "optical").tolist()
    [[True, False, False]]
    """
    if not pads_with_zeros(sensor, len(stored)):
        return np.zeros(stored.shape[1:], dtype=bool)
    return np.asarray((stored == 0).all(axis=0), dtype=bool)


def pads_with_zeros(sensor: str, bands: int) -> bool:
    """Tell whether zeros in every band of a sensor's image can only be fill."""
    return sensor in ("optical", "sar") and bands >= 2


def outside_limits(
    stored: np.ma.MaskedArray[Any, Any], limits: tuple[float, float], nodata: float | None
) -> Mask:
    """Return True where a band that decides about validity does not lie within its limits.

    A GeoTIFF declares one value without data for all its bands: a cloud probability of 0 must not
    count as missing because 0 is the fill of the reflectances beside it. So a declared value
    within the limits is a value.

    Examples
    --------
    >>> probability = np.ma.masked_equal([0, 5, 80], 0)
    >>> outside_limits(probability, (0, 20), 0).tolist()
    [False, False, True]
    >>> outside_limits(probability, (1, 20), 0).tolist()
    [True, False, True]
    """
    low, high = limits
    values = np.ma.getdata(stored).astype(np.float64)
    outside = ~((values >= low) & (values <= high))
    if nodata is None or not low <= nodata <= high:
        outside |= np.ma.getmaskarray(stored)
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
    away = np.asarray(distance_transform_edt(~mask)) * pixel_m
    return np.asarray(away <= distance_m * (1 + 1e-9), dtype=bool)
