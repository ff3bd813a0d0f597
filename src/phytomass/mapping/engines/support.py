"""Support vector regression by blocked matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.svm import SVR, NuSVR

from phytomass.draws.philox import fast_exp

Array = NDArray[np.float64]
ROWS = 64
"""Pixels of one product: always so many, so that a pixel's number is the same among any others."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _sums(
    products: Any, lengths: Any, own: Any, weights: Any, out: Any
) -> None:  # pragma: no cover
    """Fill Σ weight × exp(product - length - own) of each pixel: one pass, in vectors."""
    for i in range(out.size):
        row, length, total = products[i], own[i], 0.0
        for j in range(weights.size):
            total += weights[j] * fast_exp(row[j] - lengths[j] - length)
        out[i] = total


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
        doubled, lengths = 2 * self.gamma * self.vectors, self.gamma * (self.vectors**2).sum(axis=0)
        products = np.empty((ROWS, len(lengths)))
        pixels = np.zeros((ROWS, len(values)))
        for first in range(0, len(found), ROWS):
            n = min(ROWS, len(found) - first)
            pixels[:n] = values[:, first : first + n].T
            np.matmul(pixels, doubled, out=products)
            own = self.gamma * (pixels**2).sum(axis=1)
            _sums(products, lengths, own, self.weights, found[first : first + n])
        return found + self.intercept
