"""Which pixels of a scene are a clear view of the ground: classes, bits, and their surroundings."""

from __future__ import annotations

from collections.abc import Sequence

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
