"""Support vector regression by blocked matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVR, NuSVR

from phytomass.imagery.pixels.compiled import compiled

Array = NDArray[np.float64]
ROWS = 64
"""Pixels of one product: always so many, so that a pixel's number is the same among any others."""
LARGEST = 700.0
"""exp(-700) is 1e-304: what is further away counts as much."""
LOG2E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.6931471803691238, 1.9082149292705877e-10
"""ln 2 as two numbers whose sum has 33 more bits (Cody & Waite 1980, Software Manual, ch. 6)."""
ROUNDING = 6755399441055744.0
"""1.5 × 2⁵²: adding it rounds to an integer, which then stands in the lowest bits."""


@compiled
def exponentials(values: Array, powers: Array) -> None:
    """Replace values v ≥ 0 by exp(-v), to a few units in the last place, in vectors.

    exp(-v) = 2ⁿ exp(r) with |r| ≤ ln 2 / 2, the latter by its series up to r¹³.

    Parameters
    ----------
    values : array, shape (n,)
        Is replaced.
    powers : array, shape (n,)
        Room for 2ⁿ.
    """
    for i in range(values.size):
        value = min(values[i], LARGEST)
        shifted = ROUNDING - value * LOG2E
        whole = shifted - ROUNDING
        powers[i] = shifted
        r = (-value - whole * LN2_HIGH) - whole * LN2_LOW
        s = 1 / 479001600 + r / 6227020800
        s = 1 / 3628800 + r * (1 / 39916800 + r * s)
        s = 1 / 40320 + r * (1 / 362880 + r * s)
        s = 1 / 720 + r * (1 / 5040 + r * s)
        s = 1 / 24 + r * (1 / 120 + r * s)
        s = 0.5 + r * (1 / 6 + r * s)
        values[i] = 1 + r * (1 + r * s)
    bits = powers.view(np.int64)
    for i in range(values.size):
        bits[i] = (bits[i] + 1023) << 52
    for i in range(values.size):
        values[i] *= powers[i]


@dataclass(frozen=True, eq=False)
class Support:
    """intercept + Σ weight × exp(-γ |x - vector|²), by |x|² + |v|² - 2 x·v.

    Parameters
    ----------
    vectors : array, shape (predictors, vectors)
        Support vectors.
    weights : array, shape (vectors,)
        Their dual coefficients.
    gamma, intercept : float
        Of the kernel, of the sum.
    """

    vectors: Array
    weights: Array
    gamma: float
    intercept: float

    @classmethod
    def of(cls, model: Any) -> Support | None:
        """Return the engine of a fitted regression with radial kernel; None for another model."""
        if type(model) not in (SVR, NuSVR) or model.kernel != "rbf" or model._sparse:
            return None
        vectors = np.ascontiguousarray(model.support_vectors_.T)
        return cls(vectors, model.dual_coef_[0], float(model._gamma), float(model.intercept_[0]))

    def columns(self, values: NDArray[np.floating]) -> Array:
        """Predict pixels from values of shape (predictors, n)."""
        found = np.empty(values.shape[1])
        length = (self.vectors**2).sum(axis=0)
        products = np.empty((ROWS, len(length)))
        room, pixels = np.empty(products.size), np.zeros((ROWS, len(values)))
        for first in range(0, len(found), ROWS):
            n = min(ROWS, len(found) - first)
            pixels[:n] = values[:, first : first + n].T
            np.matmul(pixels, self.vectors, out=products)
            products *= -2
            products += length
            products += (pixels**2).sum(axis=1)[:, None]
            np.maximum(products, 0, out=products)
            products *= self.gamma
            exponentials(products.reshape(-1), room)
            found[first : first + n] = (products @ self.weights)[:n] + self.intercept
        return found
