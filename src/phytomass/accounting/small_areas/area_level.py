"""Small areas from direct estimates with their errors: the model of Fay and Herriot (1979).

J. Am. Stat. Assoc. 74:269-277; the variance by restricted maximum likelihood (REML); mean squared
errors of Datta and Lahiri (2000, Stat. Sin. 10:613-627).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from phytomass.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AreaLevel:
    """Means of small areas from their direct estimates and a model between them.

    Parameters
    ----------
    value, mse : array, shape (m,)
        Empirical best linear unbiased predictor (EBLUP) and its mean squared error.
    beta : array, shape (p,)
    between : float
        Variance of the areas about the model.
    """

    value: Array
    mse: Array
    beta: Array
    between: float


def fay_herriot(y: ArrayLike, variance: ArrayLike, x: ArrayLike) -> AreaLevel:
    """Return the mean of each area, drawn towards a regression the more its own error is large.

    ``γ y + (1 − γ) xᵀβ`` with ``γ = A / (A + ψ)``, ψ the variance of the direct estimate;
    MSE ``γψ + (1 − γ)² xᵀ Σ_β x + 2 ψ² (A + ψ)⁻³ · 2 / Σ (A + ψ)⁻²``.

    Parameters
    ----------
    y : array, shape (m,)
        Direct estimates.
    variance : array, shape (m,)
        Their sampling variances, in the unit of y squared.
    x : array, shape (m, p)
        Predictors of each area, with a column of ones.

    Raises
    ------
    InputError
        For shapes that differ, missing values, variances that are not above 0, and no more areas
        than coefficients.

    Examples
    --------
    >>> found = fay_herriot([10.0, 14.0, 30.0, 22.0], [4.0, 4.0, 100.0, 4.0], np.ones((4, 1)))
    >>> found.value.round(2), round(found.between, 2)
    (array([10.66, 14.26, 20.22, 21.47]), 36.5)
    """
    values, psi, known = (np.asarray(part, np.float64) for part in (y, variance, x))
    _check(values, psi, known)

    def fit(between: float) -> tuple[Array, Array, Array]:
        weight = 1 / (between + psi)
        gram = (known * weight[:, None]).T @ known
        beta = np.linalg.solve(gram, known.T @ (weight * values))
        return np.asarray(beta, np.float64), gram, weight

    def score(between: float) -> float:
        beta, gram, weight = fit(between)
        middle = (known * (weight**2)[:, None]).T @ known
        trace = weight.sum() - np.trace(np.linalg.solve(gram, middle))
        return float(trace - weight**2 @ (values - known @ beta) ** 2)

    between = 0.0
    if score(0.0) < 0:
        high = float(np.var(values) + psi.max())
        while score(high) < 0:
            high *= 4
        between = float(brentq(score, 0.0, high, xtol=1e-15, rtol=1e-14))
    beta, gram, weight = fit(between)
    gamma = between * weight
    leverage = np.einsum("ij,ji->i", known, np.linalg.solve(gram, known.T))
    mse = gamma * psi + (1 - gamma) ** 2 * leverage
    mse += 4 * psi**2 * weight**3 / (weight**2).sum()
    return AreaLevel(gamma * values + (1 - gamma) * (known @ beta), mse, beta, between)


def _check(y: Array, psi: Array, x: Array) -> None:
    if x.ndim != 2 or psi.shape != y.shape or len(x) != len(y):
        raise InputError(f"{y.size} areas, {psi.size} variances, predictors {x.shape}")
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise InputError("areas without a value", remedy="leave them out, and say so")
    if not (np.isfinite(psi) & (psi > 0)).all():
        raise InputError("variances of direct estimates are numbers above 0")
    if len(y) <= x.shape[1]:
        raise InputError(f"{len(y)} areas for {x.shape[1]} coefficients")
