"""A stack of models: their weighted mean, weights from plots that the members did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from phytomass.errors import InputError
from phytomass.models.search.groups import inner_parts
from phytomass.models.stack.weights import AS_THEY_ARE, Weighing, lines_of, weights_of
from phytomass.models.training import Training

Array = NDArray[np.float64]
Part = NDArray[np.bool_]


class Member(NamedTuple):
    """One model of a stack: its name, the estimator, and whether it sees patches or one pixel."""

    name: str
    estimator: Any
    sees_patches: bool


class StackedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Weighted mean of models; weights are not negative and sum to 1.

    Each member is fitted on the plots outside each inner fold and predicts those inside it. From
    these predictions follow a straight line per member, which undoes too small or too large a
    spread where that is a gain (ensembles of networks predict too close to the mean: see `lines_of`),
    and then the weights (see `weights_of`). At last each member is fitted on all plots. Members are used as
    they are, without tuning.

    Parameters
    ----------
    members : sequence of Member
        The models; members on one pixel get the centre of each patch.
    n_splits : int
        Inner folds, of whole groups.
    weights : {"shrunk", "free", "equal"}
        As equal as the plots allow; those of least squared error; or equal.
    calibrate : bool
        Put each member on its line first. Without lines, equal weights need no inner folds.
    random_state : int
        Seed of the folds.

    Attributes
    ----------
    weights_ : dict of str to float
        Weight of each member, by its name.
    lines_ : dict of str to (float, float)
        Intercept (Mg/ha) and slope of each member's line.
    fitted_ : list of estimator
        The members, fitted on all plots.
    held_out_ : array, shape (n, members)
        Predictions of each plot by members that did not see it, not yet on their lines; NaN where
        none were needed.

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

    __metadata_request__fit: ClassVar = {"groups": True, "sample_weight": True, "y_draws": True}

    def __init__(
        self,
        members: Sequence[Member],
        n_splits: int = 5,
        weights: Weighing = "shrunk",
        calibrate: bool = True,
        random_state: int = 0,
    ) -> None:
        self.members = members
        self.n_splits = n_splits
        self.weights = weights
        self.calibrate = calibrate
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
            If there is no member, fewer than two groups, or no such rule of weights.
        """
        if not self.members:
            raise InputError("a stack needs members", where="members")
        values, target = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2, **_ALLOWED)
        plots = Training.of(values, target, groups, y_draws=y_draws, sample_weight=sample_weight)
        target = plots.y
        parts = inner_parts(plots.groups, self.n_splits, self.random_state)
        self.held_out_ = self._held_out(plots, parts)
        names = [member.name for member in self.members]
        lines = np.repeat(AS_THEY_ARE, len(names), axis=1)
        if self.calibrate:
            lines = lines_of(self.held_out_, target, parts, plots.weight)
        on_lines = lines[0] + lines[1] * self.held_out_
        weights = weights_of(on_lines, target, parts, self.weights, plot_weight=plots.weight)
        self.lines_ = {name: (float(a), float(b)) for name, a, b in zip(names, *lines, strict=True)}
        self.weights_ = dict(zip(names, weights.tolist(), strict=True))
        self.fitted_ = [_fitted(member, plots) for member in self.members]
        return self

    def _held_out(self, plots: Training, parts: list[Part]) -> Array:
        held = np.full((len(plots), len(self.members)), np.nan)
        for part in parts if self.calibrate or self.weights != "equal" else ():
            rest = plots.take(~part)
            for column, member in enumerate(self.members):
                guess = _fitted(member, rest).predict(_input_of(member, plots.X[part]))
                held[part, column] = np.ravel(guess)
        return held

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
        weights = np.array(list(self.weights_.values()))
        intercept, slope = np.array(list(self.lines_.values())).T
        mean: Array = np.tensordot(weights * slope, columns, axes=1) + weights @ intercept
        return mean


def _fitted(member: Member, plots: Training) -> Any:
    return replace(plots, X=_input_of(member, plots.X)).fit(clone(member.estimator))


_ALLOWED: dict[str, Any] = {"allow_nd": True, "ensure_all_finite": "allow-nan"}


def _input_of(member: Member, values: NDArray[Any]) -> NDArray[Any]:
    """Give a member on one pixel the centre of each patch."""
    if member.sees_patches or values.ndim == 2:
        return values
    middle = values.shape[-1] // 2
    return values[:, :, middle, middle].astype(np.float64)


def _last(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


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
