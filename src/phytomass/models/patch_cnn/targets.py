"""Scaling of predictors and target, and the way back to Mg/ha without bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError

Array = NDArray[np.float64]
Transform = Literal["none", "log1p", "sqrt"]
TRANSFORMS = ("none", "log1p", "sqrt")


@dataclass(frozen=True, eq=False)
class Scaling:
    """Mean and SD of each predictor over the training patches.

    Parameters
    ----------
    mean, sd : array, shape (channels,)
        In units of the predictors; the SD of a constant predictor is 1, so that it becomes 0.
    """

    mean: Array
    sd: Array

    @classmethod
    def of(cls, patches: NDArray[np.floating]) -> Scaling:
        """Take them from patches of shape (n, channels, k, k); values that are not finite are skipped."""
        n = patches.shape[1]
        mean, sd = np.zeros(n), np.ones(n)
        for c in range(n):
            values = patches[:, c].astype(np.float64)
            values = values[np.isfinite(values)]
            if values.size:
                mean[c] = values.mean()
                spread = values.std()
                # rounding leaves a constant band of large values with a tiny spread
                sd[c] = spread if spread > 1e-7 * max(abs(mean[c]), 1e-30) else 1.0
        return cls(mean, sd)

    def apply(self, values: NDArray[np.floating]) -> Array:
        """Scale (n, channels, rows, cols); a missing value becomes the training mean, 0."""
        shape = (1, -1, 1, 1)
        scaled = (values - self.mean.reshape(shape)) / self.sd.reshape(shape)
        scaled[~np.isfinite(scaled)] = 0.0
        result: Array = scaled
        return result


@dataclass(frozen=True)
class Target:
    """The target as a network sees it: transformed, then standardised.

    Parameters
    ----------
    transform : {"none", "log1p", "sqrt"}
        Applied to Mg/ha.
    mean, sd : float
        Of the transformed training target.
    residual_mean, residual_square, residual_exp : float
        Means of r, r² and exp(r) over held-out residuals r of the transformed target: what the
        way back needs. 0, 0 and 1 without a transform.
    floor : float
        Predictions below it are raised to it, Mg/ha.

    Notes
    -----
    The way back is Duan's smearing estimate, the mean over residuals r of inverse(z + r):
    z² + 2 z mean(r) + mean(r²) for sqrt, exp(z) mean(exp(r)) - 1 for log1p. Residuals come from
    plots a network was not trained on: those of its own plots are too small.

    References
    ----------
    Duan 1983, J. Am. Stat. Assoc. 78, 605-610 (from memory).

    Examples
    --------
    >>> target = Target("sqrt", 2.0, 1.0, 0.0, 0.25, 0.0)
    >>> target.back(np.array([1.0, -5.0])).tolist()  # 3² + 0.25, and z below 0 taken as 0
    [9.25, 0.25]
    """

    transform: Transform = "none"
    mean: float = 0.0
    sd: float = 1.0
    residual_mean: float = 0.0
    residual_square: float = 0.0
    floor: float = -np.inf
    residual_exp: float = 1.0

    @classmethod
    def of(cls, y: Array, transform: Transform, non_negative: bool) -> Target:
        """Take mean and SD from training plots.

        Raises
        ------
        InputError
            If the transform is unknown, or not defined for a value of y.
        """
        if transform not in TRANSFORMS:
            raise InputError(f"no transform {transform!r}", remedy=f"use {', '.join(TRANSFORMS)}")
        lowest = float(y.min())
        if (transform == "sqrt" and lowest < 0) or (transform == "log1p" and lowest <= -1):
            raise InputError(f"{transform} of a target of {lowest:.6g}", remedy="use target: none")
        z = _forward(y, transform)
        spread = float(z.std())
        floor = min(0.0, lowest) if non_negative else -np.inf
        return cls(transform, float(z.mean()), spread if spread > 0 else 1.0, floor=floor)

    def forward(self, y: Array) -> Array:
        """Return the standardised, transformed target."""
        return (_forward(y, self.transform) - self.mean) / self.sd

    def back(self, standard: Array) -> Array:
        """Return Mg/ha from what a network gives, without the floor; any shape."""
        z = standard * self.sd + self.mean
        if self.transform == "sqrt":
            z = np.maximum(z, 0.0)
            return np.maximum(z * (z + 2 * self.residual_mean) + self.residual_square, 0.0)
        if self.transform == "log1p":
            grown: Array = np.exp(z) * self.residual_exp - 1
            return grown
        return z

    def slope(self, standard: Array) -> Array:
        """Return d(Mg/ha)/d(standard), which carries a spread back."""
        z = standard * self.sd + self.mean
        if self.transform == "sqrt":
            return self.sd * 2 * np.maximum(z, 0.0)
        if self.transform == "log1p":
            grown: Array = self.sd * np.exp(z) * self.residual_exp
            return grown
        return np.full_like(z, self.sd)


def _forward(y: Array, transform: Transform) -> Array:
    if transform == "sqrt":
        return np.sqrt(y)
    if transform == "log1p":
        return np.log1p(y)
    return y.astype(np.float64)
