"""Slope and aspect from an elevation model (Horn's method)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def extended(elevation_m: Array) -> Array:
    """Add one pixel on each side by linear extrapolation, so that edges have a gradient too."""
    rows, cols = elevation_m.shape
    if rows == 1 or cols == 1:
        return np.pad(elevation_m, 1, mode="edge")
    return np.pad(elevation_m, 1, mode="reflect", reflect_type="odd")


def gradient(padded_m: Array, pixel_m: tuple[float, float]) -> tuple[Array, Array]:
    """Return the elevation gradient toward east and north by Horn's weighted differences.

    Parameters
    ----------
    padded_m : array, shape (rows + 2, cols + 2)
        Elevation in metres with one pixel around; rows run southward.
    pixel_m : (float, float)
        Pixel width and height in metres.

    Returns
    -------
    east, north : array, shape (rows, cols)
        Metres of rise per metre.

    Notes
    -----
    dz/dx = ((c + 2f + i) - (a + 2d + g)) / 8 dx, and likewise southward for rows
    (Horn 1981, doi:10.1109/PROC.1981.11918).
    """
    z = padded_m
    a, b, c = z[:-2, :-2], z[:-2, 1:-1], z[:-2, 2:]
    d, f = z[1:-1, :-2], z[1:-1, 2:]
    g, h, i = z[2:, :-2], z[2:, 1:-1], z[2:, 2:]
    east = ((c + 2 * f + i) - (a + 2 * d + g)) / (8 * pixel_m[0])
    south = ((g + 2 * h + i) - (a + 2 * b + c)) / (8 * pixel_m[1])
    return east, -south


def slope_deg(east: Array, north: Array) -> Array:
    """Return the slope in degrees.

    Examples
    --------
    >>> bool(np.isclose(slope_deg(np.array([1.0]), np.array([0.0]))[0], 45.0))
    True
    """
    return np.degrees(np.arctan(np.hypot(east, north)))


def aspect_deg(east: Array, north: Array) -> Array:
    """Return the direction the slope faces, in degrees clockwise from north; flat is NaN.

    Examples
    --------
    >>> aspect_deg(np.array([-1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))  # east, south, flat
    array([ 90., 180.,  nan])
    """
    downhill = np.degrees(np.arctan2(-east, -north)) % 360
    return np.where((east == 0) & (north == 0), np.nan, downhill)


def slope_aspect_deg(elevation_m: ArrayLike, pixel_m: tuple[float, float]) -> tuple[Array, Array]:
    """Return slope and aspect of an elevation model, in degrees, by Horn's method.

    Parameters
    ----------
    elevation_m : array, shape (rows, cols)
        Elevation in metres; rows run southward, NaN where there are no data.
    pixel_m : (float, float)
        Pixel width and height in metres.

    Returns
    -------
    slope, aspect : array, shape (rows, cols)
        Aspect is the direction the slope faces, clockwise from north; flat ground has none (NaN).
        At the edges the ground goes on in a straight line.

    Notes
    -----
    Horn 1981, doi:10.1109/PROC.1981.11918; see `gradient`.

    Examples
    --------
    >>> slope, aspect = slope_aspect_deg([[0.0, 10.0], [0.0, 10.0]], (10.0, 10.0))  # rises to east
    >>> float(slope[0, 0].round(6)), float(aspect[0, 0])
    (45.0, 270.0)
    """
    east, north = gradient(extended(np.asarray(elevation_m, dtype=np.float64)), pixel_m)
    return slope_deg(east, north), aspect_deg(east, north)


def aspect_components(east: Array, north: Array) -> tuple[Array, Array]:
    """Return sine and cosine of the aspect; both are 0 where flat (no direction), NaN stays NaN.

    A model should see these, not degrees: 359° and 1° are neighbours.
    """
    steepness = np.hypot(east, north)
    safe = np.where(steepness == 0, 1.0, steepness)
    return -east / safe, -north / safe
