"""A stack of models: their weighted mean, weights from plots that the members did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from phytomass.errors import InputError
from phytomass.models.groups import fit_grouped, inner_parts

Array = NDArray[np.float64]


class Member(NamedTuple):
    """One model of a stack: its name, the estimator, and whether it sees patches or one pixel."""

    name: str
    estimator: Any
    sees_patches: bool


class StackedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Weighted mean of models; weights are not negative and sum to 1.

    Each member is fitted on the plots outside each inner fold and predicts those inside it; the
    weights minimise the squared error of the weighted mean of these predictions. Then each member
    is fitted on all plots. Members are used as they are, without tuning.

    Parameters
    ----------
    members : sequence of Member
        The models; members on one pixel get the centre of each patch.
    n_splits : int
        Inner folds, of whole groups.
    random_state : int
        Seed of the folds.

    Attributes
    ----------
    weights_ : dict of str to float
        Weight of each member, by its name.
    fitted_ : list of estimator
        The members, fitted on all plots.
    held_out_ : array, shape (n, members)
        Predictions of each plot by members that did not see it.

    References
    ----------
    Wolpert 1992, Neural Networks 5, 241-259; Breiman 1996, Mach. Learn. 24, 49-64 (from memory).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.arange(20.0)[:, None]
    >>> members = [Member("mean", DummyRegressor(), False), Member("line", LinearRegression(), False)]
    >>> stack = StackedRegressor(members).fit(X, 3 * X[:, 0])
    >>> {name: round(weight, 6) for name, weight in stack.weights_.items()}
    {'mean': 0.0, 'line': 1.0}
    """

    def __init__(self, members: Sequence[Member], n_splits: int = 5, random_state: int = 0) -> None:
        self.members = members
        self.n_splits = n_splits
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        y_draws: ArrayLike | None = None,
    ) -> Self:
        """Fit to X of shape (n, p) or (n, p, k, k) and y of shape (n,).

        Parameters
        ----------
        X : array
            Predictors at plots, or patches of them.
        y : array, shape (n,)
            Target, Mg/ha.
        groups : array, shape (n,), optional
            Site or block of each plot, kept whole by the inner folds; each plot its own by default.
        sample_weight : array, shape (n,), optional
            Weights of the plots, in the members that take them and in the weights of the members.
        y_draws : array, shape (n, draws), optional
            Draws of the target, for members that are ensembles.

        Raises
        ------
        InputError
            If there is no member, or fewer than two groups.
        """
        if not self.members:
            raise InputError("a stack needs members", where="members")
        values, target = _checked(self, X, y)
        units = np.arange(len(target)) if groups is None else np.asarray(groups)
        plots = _Plots(values, target, units, _like(sample_weight, target), _rows(y_draws))
        self.held_out_ = np.empty((len(target), len(self.members)))
        for part in inner_parts(units, self.n_splits, self.random_state):
            for column, member in enumerate(self.members):
                fitted = plots.fit(member, ~part)
                self.held_out_[part, column] = np.ravel(
                    fitted.predict(_input_of(member, values[part]))
                )
        weights = convex_weights(self.held_out_, target, plots.weight)
        self.weights_ = {m.name: float(w) for m, w in zip(self.members, weights, strict=True)}
        everywhere = np.ones(len(target), dtype=bool)
        self.fitted_ = [plots.fit(member, everywhere) for member in self.members]
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predict: array of shape (n,), Mg/ha."""
        check_is_fitted(self)
        values = validate_data(self, X, reset=False, **_ALLOWED)
        columns = [
            np.ravel(fitted.predict(_input_of(member, values)))
            for member, fitted in zip(self.members, self.fitted_, strict=True)
        ]
        return self._mean(np.array(columns))

    def predict_field(self, values: NDArray[np.floating]) -> Array:
        """Predict (rows, cols) from (predictors, rows + 2 halo, cols + 2 halo).

        Where a pixel itself lacks a predictor, a member on one pixel has no value: NaN.
        """
        halo = self.halo_
        fields = [
            _field(member, fitted, values, halo)
            for member, fitted in zip(self.members, self.fitted_, strict=True)
        ]
        return self._mean(np.array(fields))

    @property
    def halo_(self) -> int:
        """Pixels seen on each side of the centre: those of the member that sees most."""
        check_is_fitted(self)
        seen = zip(self.members, self.fitted_, strict=True)
        return max(_last(fitted).halo_ if member.sees_patches else 0 for member, fitted in seen)

    def _mean(self, columns: Array) -> Array:
        mean: Array = np.tensordot(np.array(list(self.weights_.values())), columns, axes=1)
        return mean


class _Plots(NamedTuple):
    """What the members are fitted to; all arrays have one entry per plot."""

    values: NDArray[Any]
    target: Array
    units: NDArray[Any]
    weight: Array | None
    draws: Array | None

    def fit(self, member: Member, part: NDArray[np.bool_]) -> Any:
        """Fit a member to some of the plots."""
        return fit_grouped(
            clone(member.estimator),
            _input_of(member, self.values[part]),
            self.target[part],
            self.units[part],
            sample_weight=None if self.weight is None else self.weight[part],
            y_draws=None if self.draws is None else self.draws[part],
        )


def _like(sample_weight: ArrayLike | None, target: Array) -> Array | None:
    if sample_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, target[:, None], dtype=np.float64)
    return np.asarray(weight, dtype=np.float64)


def _rows(y_draws: ArrayLike | None) -> Array | None:
    return None if y_draws is None else np.asarray(y_draws, dtype=np.float64)


_ALLOWED: dict[str, Any] = {"allow_nd": True, "ensure_all_finite": "allow-nan"}


def _checked(stack: StackedRegressor, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], Array]:
    values, target = validate_data(stack, X, y, y_numeric=True, ensure_min_samples=2, **_ALLOWED)
    return values, np.asarray(target, dtype=np.float64)


def _input_of(member: Member, values: NDArray[Any]) -> NDArray[Any]:
    """Give a member on one pixel the centre of each patch."""
    if member.sees_patches or values.ndim == 2:
        return values
    middle = values.shape[-1] // 2
    return values[:, :, middle, middle].astype(np.float64)


def _last(estimator: Any) -> Any:
    return estimator[-1] if hasattr(estimator, "steps") else estimator


def _field(member: Member, fitted: Any, values: NDArray[Any], halo: int) -> Array:
    own = _last(fitted).halo_ if member.sees_patches else 0
    cut = halo - own
    around = values[:, cut : values.shape[1] - cut, cut : values.shape[2] - cut]
    if member.sees_patches:
        field: Array = _last(fitted).predict_field(around)
        return field
    complete = np.isfinite(around).all(axis=0)
    result = np.full(complete.shape, np.nan)
    if complete.any():
        result[complete] = np.ravel(fitted.predict(around[:, complete].T.astype(np.float64)))
    return result


def convex_weights(predictions: Array, target: Array, plot_weight: Array | None = None) -> Array:
    """Return the weights, not negative and of sum 1, whose mean comes closest to the target.

    Parameters
    ----------
    predictions : array, shape (n, members)
        Held-out predictions.
    target : array, shape (n,)
        What they should be.
    plot_weight : array, shape (n,), optional
        Weight of each plot's squared error.

    Returns
    -------
    array, shape (members,)

    Examples
    --------
    >>> convex_weights(np.array([[0.0, 2.0], [0.0, 4.0], [0.0, 6.0]]), np.array([1.0, 2.0, 3.0]))
    array([0.5, 0.5])
    """
    if plot_weight is not None:
        root = np.sqrt(plot_weight / plot_weight.mean())
        predictions, target = root[:, None] * predictions, root * target
    scale = float(np.sqrt((target**2).mean())) or 1.0
    # the sum is one more equation, so heavy that rounding alone breaks it
    heavy = 1e4 * np.sqrt(len(target))
    left = np.vstack([predictions / scale, np.full((1, predictions.shape[1]), heavy)])
    found, _ = nnls(left, np.append(target / scale, heavy))
    weights: Array = found / found.sum()
    return weights.round(12)
