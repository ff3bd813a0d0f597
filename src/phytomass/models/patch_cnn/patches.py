"""Patches as arrays: their shape, their centre, their fingerprint; weights of plots."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import InputError

Array = NDArray[np.float64]
Patches = NDArray[np.floating]
"""Shape (n, channels, k, k)."""


def weights_from_se(y_se: ArrayLike, residual_sd: float) -> Array:
    """Return training weights from the standard errors of the plots: 1 / (se² + residual²).

    Parameters
    ----------
    y_se : array, shape (n,)
        Standard error of each plot's biomass, Mg/ha.
    residual_sd : float
        SD of what a model cannot explain, Mg/ha: it keeps exact plots from taking all the weight.

    Returns
    -------
    array, shape (n,)
        Weights of mean 1.

    Raises
    ------
    InputError
        For a standard error that is missing or negative, or a residual SD that is not positive.

    Examples
    --------
    >>> weights_from_se([0.0, 30.0], residual_sd=30.0).round(3).tolist()
    [1.333, 0.667]
    """
    se = np.asarray(y_se, dtype=np.float64)
    if not np.isfinite(se).all() or (se < 0).any() or not residual_sd > 0:
        raise InputError(
            "standard errors must be finite and not negative, the residual SD positive",
            where="weights_from_se",
        )
    inverse = 1 / (se**2 + residual_sd**2)
    weights: Array = inverse / inverse.mean()
    return weights


def as_patches(X: Patches) -> Patches:
    """Take (n, channels) as patches of 1 × 1; check shape and centre."""
    patches = X[:, :, None, None] if X.ndim == 2 else X
    if patches.ndim != 4 or patches.shape[2] != patches.shape[3] or patches.shape[2] % 2 == 0:
        raise InputError(
            f"X has shape {X.shape}; expected (n, channels, k, k) with k odd, or (n, channels)",
            where="patches",
        )
    middle = patches.shape[2] // 2
    bad = ~np.isfinite(patches[:, :, middle, middle]).all(axis=1)
    if bad.any():
        raise InputError(
            f"X contains NaN at the centre of {int(bad.sum())} patches, the first is number "
            f"{int(np.argmax(bad))}",
            where="patches",
            remedy="leave these plots out; only neighbours may lack data",
        )
    return patches


def centre_of(patches: Patches, side: int) -> Patches:
    """Crop patches to their centre of `side` pixels."""
    cut = (patches.shape[-1] - side) // 2
    return patches[:, :, cut : cut + side, cut : cut + side]


def fingerprint(patches: Patches, y: Array) -> str:
    """Return the SHA-256 of patches and targets."""
    digest = hashlib.sha256(str(patches.shape).encode())
    digest.update(np.ascontiguousarray(patches, dtype=np.float64).tobytes())
    digest.update(y.tobytes())
    return digest.hexdigest()
