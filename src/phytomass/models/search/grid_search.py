"""Tuning by a grid search on inner folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from phytomass.models.records.tables import Scalar


def squared_error() -> Any:
    """Return scikit-learn's scorer of the mean squared error, which weighs no plot of a fold."""
    with config_context(enable_metadata_routing=True):
        return get_scorer("neg_mean_squared_error").set_score_request(sample_weight=False)


class GridSearch(MetaEstimatorMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Grid search on inner folds that may search with a lighter model than it keeps.

    The mean squared error, averaged over the folds, decides; the first of equals wins, so list
    the simpler value first. The winner is fitted anew to all the training data, with its own
    parameters instead of the lighter ones.

    Parameters
    ----------
    estimator : estimator
        What to tune.
    grid : mapping of str to sequence
        Values to try, by parameter of the estimator.
    cv : splitter or list of (train, test)
        Inner folds.
    lighter : mapping of str to scalar, optional
        Parameters during the search only.

    Attributes
    ----------
    best_params_ : dict
        The winner.
    best_estimator_ : estimator
        Fitted to all training data.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> X = np.arange(12.0).reshape(-1, 1)
    >>> search = GridSearch(Ridge(), {"alpha": [100.0, 0.001]}, cv=3).fit(X, 2 * X[:, 0])
    >>> search.best_params_
    {'alpha': 0.001}
    """

    def __init__(
        self,
        estimator: Any,
        grid: Mapping[str, Sequence[Scalar]],
        cv: Any = 3,
        lighter: Mapping[str, Scalar] | None = None,
    ) -> None:
        self.estimator = estimator
        self.grid = grid
        self.cv = cv
        self.lighter = lighter

    def fit(self, X: ArrayLike, y: ArrayLike, **per_plot: Any) -> Self:
        """Search, then fit the winner to X of shape (n, p) and y of shape (n,).

        `per_plot` are further arguments of the estimator's `fit` with one entry per plot.
        """
        self.best_params_ = self._search(X, y, per_plot)
        self.best_estimator_: Any = clone(self.estimator).set_params(**self.best_params_)
        self.best_estimator_.fit(X, y, **per_plot)
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Say that the estimator gets what it asks for."""
        passed = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=passed)

    def _search(self, X: ArrayLike, y: ArrayLike, per_plot: dict[str, Any]) -> dict[str, Scalar]:
        search = GridSearchCV(
            clone(self.estimator).set_params(**(self.lighter or {})),
            {key: list(values) for key, values in self.grid.items()},
            scoring=squared_error(),
            cv=self.cv,
            n_jobs=1,
            refit=False,
            error_score="raise",
        ).fit(X, y, **per_plot)
        return dict(search.best_params_)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict with the winner: array of shape (n,)."""
        check_is_fitted(self)
        predicted: NDArray[np.float64] = self.best_estimator_.predict(X)
        return predicted
