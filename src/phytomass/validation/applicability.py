"""Where a model may be applied: how far a place lies from all that the model was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from phytomass.errors import InputError

Array = NDArray[np.float64]

BLOCK_PAIRS = 4_000_000
"""Distances held in memory at a time."""


class AreaOfApplicability(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The dissimilarity index, the local point density and the area of applicability.

    Predictors are scaled by mean and standard deviation (n − 1) of the training plots and
    multiplied by their importance. The dissimilarity index of a place is its distance to the
    nearest training plot, divided by the mean distance between training plots (over plots, of the
    mean distance to the others). A training plot is measured against the plots outside its fold
    alone. The threshold is the upper whisker of the plots' index, ``min(Q75 + 1.5 IQR, max)``; a
    place is inside where its index is no higher. The local point density counts the training
    plots that are nearer than the threshold.

    Index and threshold depend on the folds: report them with the area. Predictors that are the
    same at all plots cannot be scaled and count nothing. Categories go in as dummy columns.

    Parameters
    ----------
    importance : array, shape (n_predictors,), optional
        Weights of the predictors, of any unit; negative ones count as 0. All 1 when left out.

    Attributes
    ----------
    mean_, scale_ : array, shape (n_predictors,)
        Mean, and standard deviation over importance (infinite where a predictor counts nothing).
    mean_distance_ : float
        Between training plots, in scaled predictors.
    threshold_ : float
        Highest dissimilarity index inside the area.
    train_dissimilarity_ : array, shape (n_plots,)
        Of each training plot to the plots outside its fold.
    train_density_ : array of int, shape (n_plots,)
        Training plots outside its fold nearer than the threshold.

    References
    ----------
    Meyer & Pebesma 2021, Methods Ecol. Evol. 12, 1620-1633; Schumacher et al. 2025, Geosci. Model
    Dev. 18, 10185-10202 (local point density).

    Examples
    --------
    >>> area = AreaOfApplicability().fit(np.array([[0.0], [1.0], [2.0], [3.0]]))
    >>> area.predict([[1.5], [9.0]])
    array([ True, False])
    >>> area.transform([[1.5], [9.0]]).round(2)
    array([[0.3, 2. ],
           [3.6, 0. ]])
    """

    def __init__(self, importance: ArrayLike | None = None) -> None:
        self.importance = importance

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, folds: ArrayLike | None = None
    ) -> AreaOfApplicability:
        """Learn distances and threshold from the predictors of the training plots.

        Parameters
        ----------
        X : array, shape (n_plots, n_predictors)
            Predictors as the model sees them.
        y : ignored
        folds : array, shape (n_plots,), optional
            The fold in which each plot was held out; each plot its own when left out.

        Raises
        ------
        InputError
            If there are fewer than two folds, or weights do not fit the predictors.
        ValueError
            If values are missing.
        """
        table = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        label = _labels(folds, len(table))
        self.mean_ = table.mean(axis=0)
        weight = self._weight(table.shape[1])
        deviation = table.std(axis=0, ddof=1)
        counts = (weight > 0) & (deviation > 1e-12 * np.abs(self.mean_))
        self.scale_ = np.full(len(weight), np.inf)
        self.scale_[counts] = deviation[counts] / weight[counts]
        self._plots = self._scaled(table)
        nearest, total = np.empty(len(table)), 0.0
        for rows in _blocks(len(table), len(table)):
            distance = cdist(self._plots[rows], self._plots)
            total += float(distance.sum()) / (len(table) - 1)
            nearest[rows] = _apart(distance, label, rows).min(axis=1)
        self.mean_distance_ = total / len(table)
        self._index(nearest, label)
        return self

    def _index(self, nearest: Array, label: NDArray[np.int64]) -> None:
        if self.mean_distance_ == 0:
            raise InputError(
                "the training plots do not differ in any predictor that counts",
                where="importance",
                remedy="check the predictors, or give one that varies a weight above 0",
            )
        self.train_dissimilarity_ = nearest / self.mean_distance_
        low, high = np.quantile(self.train_dissimilarity_, [0.25, 0.75])
        whisker = high + 1.5 * (high - low)
        self.threshold_ = float(min(whisker, self.train_dissimilarity_.max()))
        self.train_density_ = np.empty(len(label), dtype=np.int64)
        for rows in _blocks(len(label), len(label)):
            index = cdist(self._plots[rows], self._plots) / self.mean_distance_
            near = _apart(index, label, rows) < self.threshold_
            self.train_density_[rows] = near.sum(axis=1)

    def transform(self, X: ArrayLike) -> Array:
        """Return the dissimilarity index and the local point density of places, side by side.

        Parameters
        ----------
        X : array, shape (n, n_predictors)
            Predictors of pixels; the result of a row does not depend on the others.

        Returns
        -------
        array, shape (n, 2)
        """
        check_is_fitted(self)
        table = validate_data(self, X, dtype=np.float64, reset=False)
        found = np.empty((len(table), 2))
        for rows in _blocks(len(table), len(self._plots)):
            index = cdist(self._scaled(table[rows]), self._plots) / self.mean_distance_
            found[rows, 0] = index.min(axis=1)
            found[rows, 1] = (index < self.threshold_).sum(axis=1)
        return found

    def predict(self, X: ArrayLike) -> NDArray[np.bool_]:
        """Tell which places are inside the area of applicability, shape (n,)."""
        inside: NDArray[np.bool_] = self.transform(X)[:, 0] <= self.threshold_
        return inside

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the two columns of `transform`."""
        return np.array(["dissimilarity_index", "local_point_density"], dtype=object)

    def _scaled(self, table: Array) -> Array:
        return np.asarray((table - self.mean_) / self.scale_)

    def _weight(self, n_predictors: int) -> Array:
        if self.importance is None:
            return np.ones(n_predictors)
        weight = np.asarray(self.importance, dtype=np.float64)
        if weight.shape != (n_predictors,) or not np.isfinite(weight).all():
            raise InputError(
                f"weights of shape {weight.shape} for {n_predictors} predictors",
                where="importance",
                remedy="give one finite number for each predictor",
            )
        return np.maximum(weight, 0.0)


def _labels(folds: ArrayLike | None, n_plots: int) -> NDArray[np.int64]:
    if folds is None:
        return np.arange(n_plots)
    given = np.asarray(folds)
    if given.shape != (n_plots,) or len(np.unique(given)) < 2:
        raise InputError(
            f"folds of shape {given.shape} with {len(np.unique(given))} names for {n_plots} plots",
            where="folds",
            remedy="name one of two or more folds for each plot",
        )
    label: NDArray[np.int64] = np.unique(given, return_inverse=True)[1].astype(np.int64)
    return label


def _apart(distance: Array, label: NDArray[np.int64], rows: slice) -> Array:
    """Put the plots of a plot's own fold infinitely far away."""
    return np.where(label[rows, None] == label[None, :], np.inf, distance)


def _blocks(n_rows: int, n_columns: int) -> list[slice]:
    step = max(1, BLOCK_PAIRS // n_columns)
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
