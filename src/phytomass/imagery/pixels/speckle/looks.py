"""The number of looks of a radar image, estimated from its own homogeneous windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from phytomass.errors import InputError

Array = NDArray[np.float64]
SIDE = 15
"""Side of the windows in pixels."""
LEAST = 25
"""Fewer windows do not show where most of them lie."""
_STEP, _WIDTH = 0.005, 0.08
_LOGS = np.arange(np.log(1e-5), np.log(1e3), _STEP)


def window_variations(power: Array) -> Array:
    """Return the squared coefficient of variation of each window without gaps.

    Parameters
    ----------
    power : array, shape (rows, cols)
        Backscatter in linear power, NaN where there are no data. It is divided into windows of
        15 × 15 pixels from its upper left corner on.

    Returns
    -------
    array, shape (n,)
        Variance (divided by n − 1) over squared mean.
    """
    rows, cols = (side // SIDE for side in power.shape)
    cut = power[: rows * SIDE, : cols * SIDE].reshape(rows, SIDE, cols, SIDE)
    windows = cut.transpose(0, 2, 1, 3).reshape(rows * cols, SIDE * SIDE)
    whole = windows[np.isfinite(windows).all(axis=1)]
    varied: Array = whole.var(axis=1, ddof=1) / whole.mean(axis=1) ** 2
    return varied[varied > 0]


def estimated_looks(variations: Array, where: str = "speckle") -> float:
    """Estimate the equivalent number of looks from windows most of which may be textured.

    Over homogeneous ground the squared variation v of n independent gamma-distributed pixels is
    n / (n L + 1) on average, and texture only adds to it: the homogeneous windows make the
    highest peak of the density of ln v, and L = 1/v − 1/n there.

    Parameters
    ----------
    variations : array, shape (windows,)
        From `window_variations`, of all tiles of a scene.
    where : str
        For messages.

    Raises
    ------
    InputError
        With fewer than 25 windows.

    Notes
    -----
    The peak of local estimates is proposed by Anfinsen et al. 2009,
    doi:10.1109/TGRS.2009.2019269. Where neighbouring pixels are correlated or most of the scene
    is textured the estimate is not the nominal number of looks, but what the filter should
    assume.

    Examples
    --------
    >>> image = np.random.default_rng(1).gamma(4.0, 0.25, (300, 300))
    >>> bool(abs(estimated_looks(window_variations(image)) - 4) < 0.3)
    True
    """
    if len(variations) < LEAST:
        raise InputError(
            f"{len(variations)} windows of {SIDE} × {SIDE} pixels without gaps are too few to "
            "estimate the number of looks",
            where=where,
            remedy="give it: speckle.looks",
        )
    counts, _ = np.histogram(np.log(variations), np.append(_LOGS, _LOGS[-1] + _STEP))
    density = gaussian_filter1d(counts.astype(np.float64), _WIDTH / _STEP, mode="constant")
    peak = float(np.exp(_LOGS[density.argmax()] + _STEP / 2))
    return max(1 / peak - 1 / SIDE**2, 0.5)
