"""Models on one pixel that also see the means of its surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import LinearRegression
from sklearn.utils.validation import check_is_fitted, validate_data

from phytomass.errors import InputError
from phytomass.models.patch_cnn.patches import as_patches, centre_of
from phytomass.models.training import Training, weighable

Array = NDArray[np.float64]

STRIP = 32
"""Rows of a field whose predictors are in memory at a time."""


def with_means(values: NDArray[np.floating], windows: Sequence[int]) -> Array:
    """Return each pixel's own values and their means over square windows around it.

    Sums are taken by adding shifted arrays, columns first, in one fixed order: a pixel of a large
    field gets bit by bit the numbers of its own patch, so the threshold of a tree never flips.

    Parameters
    ----------
    values : array, shape (…, predictors, rows + 2 halo, cols + 2 halo)
        Predictors; what is not finite has no data. The halo is half of the widest window.
    windows : sequence of int
        Odd sides of the windows, pixels.

    Returns
    -------
    array, shape (…, predictors × (1 + windows), rows, cols)
        All predictors themselves, then all means of the first window, and so on. Means are over
        the values with data; NaN where there are none.

    Examples
    --------
    >>> patch = np.array([[[1.0, 2.0, 3.0], [4.0, 9.0, np.nan], [7.0, 8.0, 6.0]]])
    >>> with_means(patch, [3]).ravel().tolist()
    [9.0, 5.0]
    """
    halo = max(windows, default=1) // 2
    finite = np.isfinite(values)
    known = np.where(finite, values, 0.0).astype(np.float64)
    parts = [_cropped(np.where(finite, known, np.nan), halo)]
    for window in windows:
        cut = halo - window // 2
        total = _sums(_cropped(known, cut), window)
        count = _sums(_cropped(finite, cut).astype(np.float64), window)
        parts.append(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))
    return np.concatenate(parts, axis=-3)


def _cropped(values: NDArray[Any], cut: int) -> NDArray[Any]:
    return values[..., cut : values.shape[-2] - cut, cut : values.shape[-1] - cut]


def _sums(values: Array, window: int) -> Array:
    """Sum over the window around each pixel that has all of it: along rows, then down columns."""
    cols, rows = values.shape[-1] - window + 1, values.shape[-2] - window + 1
    across = values[..., :cols].copy()
    for shift in range(1, window):
        across += values[..., shift : shift + cols]
    total = across[..., :rows, :].copy()
    for shift in range(1, window):
        total += across[..., shift : shift + rows, :]
    return total


class NeighbourhoodRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A model on one pixel, given the means of windows around it as further predictors.

    Parameters
    ----------
    estimator : estimator
        The model; linear regression by default.
    windows : sequence of int
        Odd sides of the windows in pixels. X of shape (n, p), without patches, is taken as
        patches of one pixel, and needs windows of 1.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on p × (1 + windows) predictors, in the order of `with_means`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> patches = rng.normal(size=(40, 1, 3, 3))
    >>> y = 5 + patches.mean(axis=(1, 2, 3))
    >>> model = NeighbourhoodRegressor(windows=(3,)).fit(patches, y)
    >>> np.abs(model.estimator_.coef_).round(6).tolist()
    [0.0, 1.0]
    """

    __metadata_request__fit: ClassVar = {"groups": True, "sample_weight": True}

    def __init__(self, estimator: Any = None, windows: Sequence[int] = (1,)) -> None:
        self.estimator = estimator
        self.windows = windows

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit to patches X of shape (n, p, k, k), or (n, p), and y of shape (n,).

        Parameters
        ----------
        X : array
            Predictors around the plots; only the centre must be complete.
        y : array, shape (n,)
            Target, Mg/ha.
        groups : array, shape (n,), optional
            Site or block of each plot, for models that ask for it.
        sample_weight : array, shape (n,), optional
            Weights of the plots, for models that take them.

        Raises
        ------
        InputError
            If a window is even or wider than the patches, or a centre lacks data.
        """
        values, target = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2, **_ALLOWED)
        wrong = [side for side in self.windows if side < 1 or side % 2 == 0]
        if wrong or not len(self.windows):
            raise InputError(
                f"windows of {list(self.windows)} pixels", where="windows", remedy="use odd sides"
            )
        none = self.estimator is None
        model = weighable(LinearRegression()) if none else clone(self.estimator)
        features = self._at_centres(values)
        self.estimator_ = Training.of(features, target, groups, sample_weight=sample_weight).fit(
            model
        )
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predict patches (n, p, k, k), or pixels (n, p): array (n,), Mg/ha."""
        check_is_fitted(self)
        values = validate_data(self, X, reset=False, **_ALLOWED)
        predicted: Array = np.ravel(self.estimator_.predict(self._at_centres(values)))
        return predicted

    def predict_field(self, values: NDArray[np.floating]) -> Array:
        """Predict (rows, cols) from (p, rows + 2 halo, cols + 2 halo); NaN where p lacks data."""
        around = 2 * self.halo_
        rows, cols = values.shape[1] - around, values.shape[2] - around
        result = np.full((rows, cols), np.nan)
        for top in range(0, rows, STRIP):
            strip = with_means(values[:, top : min(top + STRIP, rows) + around], self.windows)
            complete = np.isfinite(strip).all(axis=0)
            if complete.any():
                seen = np.ascontiguousarray(strip[:, complete].T)
                result[top : top + STRIP][complete] = np.ravel(self.estimator_.predict(seen))
        return result

    @property
    def halo_(self) -> int:
        """Pixels seen on each side of the centre."""
        check_is_fitted(self)
        return int(max(self.windows)) // 2

    def _at_centres(self, values: NDArray[Any]) -> Array:
        patches, side = as_patches(values), int(max(self.windows))
        if patches.shape[-1] < side:
            raise InputError(
                f"patches of {patches.shape[-1]} pixels, the widest window has {side}",
                where="windows",
                remedy="extract larger patches, or use smaller windows",
            )
        return with_means(centre_of(patches, side), self.windows)[:, :, 0, 0]


_ALLOWED: dict[str, Any] = {
    "allow_nd": True,
    "ensure_all_finite": "allow-nan",
    "dtype": [np.float64, np.float32],
}
