"""Models that see a neighbourhood, run over whole fields instead of patch by patch.

A model of the family `exact` (`phytomass.models.patch_cnn`) gives each pixel of a field the number
that its patch gives, whatever the tile. Its patches reach over the edges of blocks (neighbours are
read with them) and of the raster (which is continued by its mirror image); missing values inside a
patch count as the training mean of their predictor, a pixel that lacks data itself is not mapped.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from phytomass.errors import InputError

Array = NDArray[np.float64]


@runtime_checkable
class FieldRegressor(Protocol):
    """A fitted regressor that predicts fields: the networks, and stacks with one among them."""

    @property
    def halo_(self) -> int:
        """Pixels it sees on each side of a pixel."""

    def predict_field(self, values: NDArray[np.floating]) -> Array:
        """Predict (rows, cols) from (predictors, rows + 2 halo, cols + 2 halo)."""


def field_regressor(model: Any) -> FieldRegressor | None:
    """Return the part of a model that predicts fields; None for a pixel model.

    Parameters
    ----------
    model : estimator
        Fitted; a Pipeline of one step counts as that step, a search as its best estimator.
    """
    inner = getattr(model, "best_estimator_", None)
    if isinstance(model, Pipeline) and len(model.steps) == 1:
        inner = model.steps[0][1]
    if inner is not None:
        return field_regressor(inner)
    return model if isinstance(model, FieldRegressor) else None


def halo_of(model: Any) -> int:
    """Return how many pixels a model sees on each side; 0 for a pixel model.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> halo_of(LinearRegression())
    0
    """
    field = field_regressor(model)
    return field.halo_ if field is not None else 0


def predict_array(model: Any, values: NDArray[np.floating]) -> Array:
    """Predict every pixel of an array in memory, continued by its mirror image at the edges.

    Parameters
    ----------
    model : estimator
        Fitted, one that predicts fields.
    values : array, shape (predictors, rows, cols)
        Predictors, NaN where there are no data.

    Returns
    -------
    array, shape (rows, cols)
        Mg/ha; NaN where a predictor is missing.

    Raises
    ------
    InputError
        If the model is a pixel model, or a patch is larger than the array.
    """
    field = field_regressor(model)
    if field is None:
        raise InputError("predicts pixels, not fields", where=type(model).__name__)
    h = field.halo_
    if 2 * h + 1 > min(values.shape[1:]):
        raise InputError(
            f"a patch of {2 * h + 1} pixels is larger than the array {values.shape[1:]}",
            where="patch",
        )
    around = np.pad(values, ((0, 0), (h, h), (h, h)), mode="symmetric")
    complete = np.isfinite(values).all(axis=0)
    return np.where(complete, field.predict_field(around), np.nan)
