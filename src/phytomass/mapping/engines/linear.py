"""Linear models as one sum over predictors, their scaling and that of the target in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeCV,
)

from phytomass.models.pixel.estimators import (
    BestPredictorRegression,
    BoundedPLSRegression,
    MinimumNormRegression,
)

Array = NDArray[np.float64]
LINEAR = (
    BayesianRidge,
    BestPredictorRegression,
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LinearRegression,
    MinimumNormRegression,
    Ridge,
    RidgeCV,
)


@dataclass(frozen=True, eq=False)
class Linear:
    """intercept + Σ slope × predictor, added in the order of the predictors.

    Parameters
    ----------
    slopes : array, shape (predictors,)
        Per unit of each predictor.
    intercept : float
        Mg/ha.
    """

    slopes: Array
    intercept: float

    @classmethod
    def of(cls, model: Any) -> Linear | None:
        """Return the engine of a fitted linear model with one target; None for another model."""
        if type(model) is BoundedPLSRegression:
            pls = model.pls_
            slopes = np.ravel(pls.coef_)
            return cls(slopes, float(np.ravel(pls.intercept_)[0] - pls._x_mean @ slopes))
        if type(model) not in LINEAR or np.size(model.intercept_) != 1:
            return None
        return cls(np.ravel(model.coef_).astype(np.float64), float(np.ravel(model.intercept_)[0]))

    def after(self, mean: Array, scale: Array) -> Linear:
        """Return the same for predictors that are not yet scaled."""
        slopes = self.slopes / scale
        return Linear(slopes, float(self.intercept - mean @ slopes))

    def columns(self, values: NDArray[np.floating]) -> Array:
        """Predict pixels from values of shape (predictors, n)."""
        total = np.full(values.shape[1], self.intercept)
        for slope, column in zip(self.slopes, values, strict=True):
            if slope:
                total += slope * column.astype(np.float64)
        return total
