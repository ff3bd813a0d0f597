"""Estimators of our own, with scikit-learn's interface and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from phytomass.errors import InputError, nearest

Array = NDArray[np.float64]


class BestPredictorRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Simple linear regression on the predictor that correlates best with the target.

    The predictor is chosen in `fit`, by the largest absolute Pearson correlation (the first of
    equals), so inside a cross-validation it is chosen from the training part alone.

    Parameters
    ----------
    candidates : sequence of str or int, optional
        Predictors to choose from, by name (X must then be a table with column names) or by
        position; all of them by default.

    Attributes
    ----------
    predictor_ : int
        Position of the chosen predictor.
    r_ : float
        Its Pearson correlation with the target in the training data.
    coef_ : array, shape (n_predictors,)
        Slope at the chosen predictor, zero elsewhere.
    intercept_ : float
        Intercept.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 5.0], [1.0, 4.0], [2.0, 9.0], [3.0, 1.0]])
    >>> model = BestPredictorRegression().fit(X, 2 * X[:, 0] + 1)
    >>> model.predictor_, model.predict([[10.0, 0.0]]).round(6).tolist()
    (0, [21.0])
    """

    __metadata_request__fit: ClassVar = {"sample_weight": True}

    def __init__(self, candidates: Sequence[str | int] | None = None) -> None:
        self.candidates = candidates

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose the predictor and fit the line.

        Parameters
        ----------
        X : array or DataFrame, shape (n, p)
            Predictors.
        y : array, shape (n,)
            Target.
        sample_weight : array, shape (n,), optional
            Weights, of the correlation too.

        Raises
        ------
        InputError
            If a candidate is not among the predictors.
        """
        predictors, target, weight = _weighted(self, X, y, sample_weight)
        columns = self._positions()
        chosen = predictors[:, columns]
        r = _correlations(chosen, target, weight)
        best = int(np.argmax(np.abs(r)))
        column, middle = chosen[:, best], float(weight @ target)
        mean = float(weight @ column)
        spread = weight * (column - mean)
        slope = float(spread @ (target - middle) / (spread @ (column - mean))) if r[best] else 0.0
        self.predictor_ = columns[best]
        self.r_ = float(r[best])
        self.coef_ = np.zeros(self.n_features_in_)
        self.coef_[self.predictor_] = slope
        self.intercept_ = middle - slope * mean
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict from the chosen predictor: array of shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        column = np.asarray(X, dtype=np.float64)[:, self.predictor_]
        line: NDArray[np.float64] = self.intercept_ + self.coef_[self.predictor_] * column
        return line

    def _positions(self) -> list[int]:
        if self.candidates is None:
            return list(range(self.n_features_in_))
        names: list[str] = [str(name) for name in getattr(self, "feature_names_in_", ())]
        positions = [_position(c, names, self.n_features_in_) for c in self.candidates]
        if not positions:
            raise InputError("no candidates to choose from", where="candidates")
        return positions


def _position(candidate: str | int, names: list[str], n_predictors: int) -> int:
    if isinstance(candidate, str):
        if candidate not in names:
            raise InputError(
                f"no predictor named {candidate!r}",
                where="candidates",
                remedy=nearest(candidate, names) or "pass a table with column names",
            )
        return names.index(candidate)
    if not 0 <= candidate < n_predictors:
        raise InputError(
            f"no predictor number {candidate}: there are {n_predictors}", where="candidates"
        )
    return int(candidate)


def _correlations(X: Array, y: Array, weight: Array) -> Array:
    """Correlate each column with y, with weights of sum 1; 0 where either is constant."""
    centred, target = X - weight @ X, y - weight @ y
    norm = np.sqrt((weight @ centred**2) * (weight @ target**2))
    # Rounding of the mean can leave a constant column with a tiny spread and any correlation.
    usable = (norm > 0) & (np.ptp(X, axis=0) > 0) & (np.ptp(y) > 0)
    r: NDArray[np.float64] = np.divide(
        centred.T @ (weight * target), norm, out=np.zeros(len(norm)), where=usable
    )
    return r


RANK_TOLERANCE = 1e-5
"""Directions with less than this part of the largest spread (of scaled predictors) are rounding.

Rasters are float32: a band that is the difference of two others (VV - VH in dB) leaves rounding
errors of about 1e-7 in the third direction, which a fit must not take for a predictor.
"""


class MinimumNormRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Multiple linear regression that stays calm when predictors depend on each other.

    Least squares on standardised predictors; of all solutions the one with the smallest
    coefficients, so that predictors which repeat each other share the effect. With independent
    predictors this is ordinary least squares.

    Parameters
    ----------
    rcond : float, default 1e-5
        Directions with less than this part of the largest singular value are left out.

    Attributes
    ----------
    coef_ : array, shape (n_predictors,)
        Slopes, per unit of each predictor.
    intercept_ : float
        Intercept.
    rank_ : int
        Directions that were used.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])  # twice the same
    >>> model = MinimumNormRegression().fit(X, 4 * X[:, 0] + 1)
    >>> model.coef_.round(6).tolist(), model.rank_
    ([2.0, 2.0], 1)
    """

    __metadata_request__fit: ClassVar = {"sample_weight": True}

    def __init__(self, rcond: float = RANK_TOLERANCE) -> None:
        self.rcond = rcond

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to predictors X (n, p) and a target y (n,): min Σ w (y − a − X b)².

        Parameters
        ----------
        X : array, shape (n, p)
            Predictors.
        y : array, shape (n,)
            Target.
        sample_weight : array, shape (n,), optional
            Weights w, of the scaling too; 1 by default.
        """
        predictors, target, weight = _weighted(self, X, y, sample_weight)
        mean, middle = weight @ predictors, float(weight @ target)
        scale = _spread(predictors, weight)
        root = np.sqrt(weight)
        standard = root[:, None] * (predictors - mean) / scale
        slopes, _, rank, _ = np.linalg.lstsq(standard, root * (target - middle), rcond=self.rcond)
        self.coef_ = slopes / scale
        self.intercept_ = float(middle - mean @ self.coef_)
        self.rank_ = int(rank)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict: array of shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        plane: NDArray[np.float64] = np.asarray(X, dtype=np.float64) @ self.coef_ + self.intercept_
        return plane


def _checked(
    estimator: Any, X: ArrayLike, y: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    checked, target = validate_data(estimator, X, y, y_numeric=True, ensure_min_samples=2)
    return np.asarray(checked, dtype=np.float64), np.asarray(target, dtype=np.float64)


def _weighted(
    estimator: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Return checked predictors, target and weights of sum 1; rows of weight 0 are left out.

    Raises
    ------
    InputError
        If a weight is negative, or all are 0.
    """
    predictors, target = _checked(estimator, X, y)
    if sample_weight is None:
        return predictors, target, np.full(len(target), 1 / len(target))
    weight = np.asarray(_check_sample_weight(sample_weight, predictors, dtype=np.float64))
    if (weight < 0).any() or not weight.sum() > 0:
        raise InputError("weights must not be negative, nor all 0", where="sample_weight")
    used = weight > 0
    return predictors[used], target[used], weight[used] / weight.sum()


def _spread(X: Array, weight: Array) -> Array:
    """Return the SD of each column, infinite where it is constant (so that it scales to zero)."""
    sd = np.sqrt(weight @ (X - weight @ X) ** 2)
    spread: Array = np.where(np.ptp(X, axis=0) > 0, sd, np.inf)
    return spread


class BoundedPLSRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Partial least squares regression that never asks for more components than there are.

    There are as many components as independent predictors. scikit-learn's own `PLSRegression`
    goes on beyond them and fits rounding errors: with VV, VH and their difference as predictors
    the third component predicts nonsense. Predictors are centred and scaled inside.

    Parameters
    ----------
    n_components : int, default 2
        Components to keep, at most.

    Attributes
    ----------
    pls_ : sklearn.cross_decomposition.PLSRegression
        The fitted regression.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> BoundedPLSRegression(n_components=8).fit(X, 2 * X[:, 0]).predict([[10.0]]).round(6).tolist()
    [20.0]
    """

    def __init__(self, n_components: int = 2) -> None:
        self.n_components = n_components

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to predictors X of shape (n, p) and a target y of shape (n,).

        Raises
        ------
        InputError
            If `n_components` is below 1.
        """
        if self.n_components < 1:
            raise InputError(f"n_components is {self.n_components}, must be 1 or more")
        predictors, target = _checked(self, X, y)
        alike = np.full(len(target), 1 / len(target))
        standard = (predictors - predictors.mean(axis=0)) / _spread(predictors, alike)
        size = np.linalg.svd(standard, compute_uv=False)
        rank = int((size > RANK_TOLERANCE * size[0]).sum())
        kept = max(1, min(self.n_components, rank))
        self.pls_: Any = PLSRegression(n_components=kept, scale=True).fit(predictors, target)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict: array of shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        predicted: NDArray[np.float64] = np.ravel(self.pls_.predict(np.asarray(X, np.float64)))
        return predicted
