"""Model-based, hybrid and hierarchical model-based means with linear models.

Saarela et al. (2016, Ann. For. Sci. 73:895-910), Ståhl et al. (2016, For. Ecosyst. 3:5), Patterson
et al. (2019, Environ. Res. Lett. 14:065007). They hold if the model does; no plot need be drawn at
random, and nothing in them finds out whether the model is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.accounting.survey import Design, mean
from phytomass.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear model by least squares.

    Parameters
    ----------
    beta : array, shape (p,)
    covariance : array, shape (p, p)
        Of the coefficients.
    scatter : float
        Variance of the residuals.
    """

    beta: Array
    covariance: Array
    scatter: float


@dataclass(frozen=True)
class ModelBased:
    """A mean under a model.

    Parameters
    ----------
    value : float
        In the unit of y.
    model : float
        Variance from the error of the coefficients.
    sampling : float
        Variance from the sample of predictors, or from the second model between them; else 0.
    """

    value: float
    model: float
    sampling: float = 0.0

    @property
    def se(self) -> float:
        """Standard error."""
        return float(np.sqrt(self.model + self.sampling))


def linear_model(x: ArrayLike, y: ArrayLike) -> Linear:
    """Return the least-squares model ``y = xᵀβ + e`` with ``Σ_β = s² (XᵀX)⁻¹``.

    Parameters
    ----------
    x : array, shape (n, p)
        With a column of ones.
    y : array, shape (n,)

    Raises
    ------
    InputError
        For shapes that differ, missing values, no more rows than coefficients, and predictors that
        are copies of each other.

    Examples
    --------
    >>> model = linear_model([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 6.0])
    >>> model.beta, round(model.scatter, 3)
    (array([0.5, 2.5]), 1.5)
    """
    known, values = _known(x), np.asarray(y, np.float64)
    n, p = known.shape
    if values.shape != (n,) or not np.isfinite(values).all():
        raise InputError(
            f"{values.size} values, not all of them known, for predictors {known.shape}"
        )
    if n <= p or np.linalg.matrix_rank(known) < p:
        raise InputError(f"{n} plots do not tell {p} coefficients apart")
    inverse = np.linalg.inv(known.T @ known)
    beta = inverse @ (known.T @ values)
    left = values - known @ beta
    scatter = float(left @ left) / (n - p)
    return Linear(beta, scatter * inverse, scatter)


def model_mean(model: Linear, everywhere: ArrayLike) -> ModelBased:
    """Return the mean of an area whose predictors are known everywhere: ``V = x̄ᵀ Σ_β x̄``.

    Parameters
    ----------
    model : Linear
    everywhere : array, shape (N, p) or (p,)
        Predictors of each unit, or their means.

    Examples
    --------
    >>> model = linear_model([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 6.0])
    >>> found = model_mean(model, [[1, 0], [1, 4]])
    >>> round(found.value, 3), round(found.model, 3)
    (5.5, 1.25)
    """
    at = np.atleast_2d(_known(everywhere)).mean(axis=0)
    _fits(at, model)
    return ModelBased(float(at @ model.beta), float(at @ model.covariance @ at))


def hybrid(model: Linear, design: Design, x: ArrayLike) -> ModelBased:
    """Return the mean where the predictors are a probability sample, e.g. tracks of a lidar.

    ``V = V_design(xᵀβ) + x̄ᵀ Σ_β x̄``: clusters of the design are the tracks.

    Parameters
    ----------
    model : Linear
        From plots of its own, wherever they lie.
    design : Design
        Of the sample of predictors.
    x : array, shape (n, p)

    Examples
    --------
    >>> from phytomass.accounting.survey import simple_random
    >>> model = linear_model([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 6.0])
    >>> found = hybrid(model, simple_random(2, 100), [[1, 0], [1, 4]])
    >>> found.value, round(found.model, 3), round(found.sampling, 3)
    (5.5, 1.25, 24.5)
    """
    known = _known(x)
    of_map = mean(design, known @ model.beta) if known.shape[1:] == model.beta.shape else None
    if of_map is None:
        raise InputError(f"predictors {known.shape} for {model.beta.size} coefficients")
    at = model_mean(model, design.weights @ known / design.weights.sum())
    return ModelBased(of_map.value, at.model, of_map.se**2)


def hierarchical(model: Linear, x: ArrayLike, z: ArrayLike, everywhere: ArrayLike) -> ModelBased:
    """Return the mean where one model feeds another: plots → lidar samples → images everywhere.

    ``α = (ZᵀZ)⁻¹ Zᵀ X β``; ``V = z̄ᵀ (P Σ_β Pᵀ + s² (ZᵀZ)⁻¹) z̄`` with ``P = (ZᵀZ)⁻¹ Zᵀ X`` and s²
    the variance of ``Xβ − Zα`` (Saarela et al. 2016, equation 11).

    Parameters
    ----------
    model : Linear
        Of the plots by the first predictors.
    x : array, shape (m, p)
        First predictors of a large sample.
    z : array, shape (m, q)
        Second predictors of the same units, with a column of ones.
    everywhere : array, shape (N, q) or (q,)
        Second predictors of all units, or their means.

    Raises
    ------
    InputError
        For shapes that differ, missing values and too few units.

    Examples
    --------
    >>> model = linear_model([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 6.0])
    >>> x = np.array([[1, 0], [1, 1], [1, 2.5], [1, 4]])
    >>> found = hierarchical(model, x, [[1, 1], [1, 2], [1, 3], [1, 4]], [1, 2.5])
    >>> round(found.value, 4), round(found.model, 4), round(found.sampling, 4)
    (5.1875, 1.0742, 0.0586)
    """
    known = _known(x)
    _fits(known[0], model)
    second = linear_model(z, known @ model.beta)
    at = np.atleast_2d(_known(everywhere)).mean(axis=0)
    _fits(at, second)
    other = _known(z)
    pulled = np.linalg.solve(other.T @ other, other.T @ known).T @ at
    of_second = float(at @ second.covariance @ at)
    return ModelBased(float(at @ second.beta), float(pulled @ model.covariance @ pulled), of_second)


def _known(x: ArrayLike) -> Array:
    values = np.asarray(x, np.float64)
    if not np.isfinite(values).all():
        raise InputError("predictors that are missing", remedy="fill or leave out, and say so")
    return values


def _fits(at: Array, model: Linear) -> None:
    if at.shape != model.beta.shape:
        raise InputError(f"{at.size} predictors for {model.beta.size} coefficients")
