"""Which engine predicts with a model: its own `predict`, or a faster way that was seen to agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol
from warnings import warn

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from phytomass.errors import PhytomassWarning
from phytomass.mapping.dense import field_regressor
from phytomass.mapping.engines.base import ByField, ByPredict, Engine, Regressor
from phytomass.mapping.engines.forest import Forest
from phytomass.mapping.engines.linear import Linear
from phytomass.mapping.engines.support import Support
from phytomass.models import StackedRegressor
from phytomass.models.pixel.neighbourhood import NeighbourhoodRegressor

Array = NDArray[np.float64]
Window = tuple[NDArray[np.floating], NDArray[np.bool_]]
"""Values and pixels, as `Engine.predict` takes them."""
AGREES = 1e-9
"""Largest difference from the model's own prediction, as a part of the largest prediction."""


class Core(Protocol):
    """Predicts pixels from values of shape (predictors, n)."""

    def columns(self, values: NDArray[Any]) -> Array:
        """Predict."""


@dataclass(frozen=True, eq=False)
class Fast:
    """An estimator's engine between the transformers around it.

    Parameters
    ----------
    core : Core
        Predicts.
    before : tuple of transformer
        Applied to predictors.
    after : transformer, optional
        Whose inverse is applied to predictions.
    """

    core: Core
    before: tuple[Any, ...] = ()
    after: Any = None
    halo: int = 0

    def predict(self, values: NDArray[np.floating], use: NDArray[np.bool_]) -> Array:
        """Predict some pixels of a block."""
        return self.columns(values[:, use])

    def rows(self, X: NDArray[np.floating]) -> Array:
        """Predict rows of shape (n, predictors)."""
        return self.columns(X.T)

    def columns(self, values: NDArray[np.floating]) -> Array:
        """Predict pixels from values of shape (predictors, n)."""
        found = self.core.columns(self.made_ready(values))
        if self.after is None:
            return found
        return np.asarray(self.after.inverse_transform(found[:, None]), np.float64).ravel()

    def made_ready(self, values: NDArray[np.floating]) -> NDArray[Any]:
        """Return values of shape (predictors, n) as the core sees them."""
        if self.before:
            rows: Any = values.T.astype(np.float64)
            for step in self.before:
                rows = step.transform(rows)
            values = rows.T
        if isinstance(self.core, Forest):  # as scikit-learn's trees see them
            values = np.ascontiguousarray(values, dtype=np.float32)
        return values


@dataclass(frozen=True, eq=False)
class Standing:
    """Stands for a pixel model inside a model that sees a neighbourhood."""

    engine: Fast

    def predict(self, X: NDArray[np.floating]) -> Array:
        """Predict rows of shape (n, predictors)."""
        return self.engine.rows(X)


def engine_for(model: Regressor, names: Sequence[str], windows: Iterable[Window] = ()) -> Engine:
    """Return what predicts pixels with a fitted model.

    Forests of scikit-learn, support vectors with a radial kernel and linear models have engines of
    their own, also inside pipelines, searches, transformed targets, models with means of
    surroundings and stacks. One is taken only if it predicts the windows as the model does.

    Parameters
    ----------
    model : Regressor
        Fitted on the columns `names`.
    names : sequence of str
        Their names, in order.
    windows : iterable of (values, use)
        Pixels to compare on, as `Engine.predict` takes them; without any, the model's own
        `predict` is taken.

    Warns
    -----
    PhytomassWarning
        If an engine disagrees with its model.
    """
    field = field_regressor(model)
    own: Engine = ByPredict.of(model, names) if field is None else ByField(field)
    fast = _fast(model) if field is None else _fast_field(field)
    seen = [(values, use) for values, use in windows if use.any()] if fast is not None else []
    if fast is None or not seen:
        return own
    expected = np.concatenate([own.predict(*window) for window in seen])
    found = np.concatenate([fast.predict(*window) for window in seen])
    difference = float(np.abs(found - expected).max())
    if difference <= AGREES * max(1.0, float(np.abs(expected).max())):
        return fast
    warn(
        f"the fast engine of {type(model).__name__} is off its predict by {difference:.3g} Mg/ha "
        "on pixels of the map: it is not used",
        PhytomassWarning,
        stacklevel=2,
    )
    return own


def _fast(model: Any) -> Fast | None:
    """Return the engine of a pixel model, its wrappers taken off; None if it has none."""
    if hasattr(model, "best_estimator_"):
        return _fast(model.best_estimator_)
    if type(model) is Pipeline:
        before = tuple(step for _, step in model.steps[:-1] if step not in (None, "passthrough"))
        inner = _fast(model.steps[-1][1])
        return None if inner is None else _joined(before, inner)
    if type(model) is TransformedTargetRegressor and model._training_dim == 1:
        inner = _fast(model.regressor_)
        if inner is None or inner.after is not None:
            return None
        return Fast(inner.core, inner.before, model.transformer_)
    for kind in (Forest, Support, Linear):
        core: Core | None = kind.of(model)
        if core is not None:
            return Fast(core)
    return None


def _joined(before: tuple[Any, ...], inner: Fast) -> Fast:
    """Put transformers before an engine; scaling before a linear model goes into it."""
    core, steps = inner.core, (*before, *inner.before)
    while steps and isinstance(core, Linear) and _scales(steps[-1]):
        core, steps = core.after(steps[-1].mean_, steps[-1].scale_), steps[:-1]
    return Fast(core, steps, inner.after)


def _scales(step: Any) -> bool:
    return type(step) is StandardScaler and step.mean_ is not None and step.scale_ is not None


def _fast_field(model: Any) -> ByField | None:
    """Return a model that sees a neighbourhood with engines for the pixel models in it."""
    if type(model) is NeighbourhoodRegressor:
        inner = _fast(model.estimator_)
        if inner is None:
            return None
        made = copy(model)
        made.estimator_ = Standing(inner)
        return ByField(made)
    if type(model) is StackedRegressor:
        made = copy(model)
        made.fitted_ = [
            _member(one.sees_patches, fitted)
            for one, fitted in zip(model.members, model.fitted_, strict=True)
        ]
        return ByField(made)
    return None


def _member(sees_patches: bool, fitted: Any) -> Any:
    if sees_patches:
        last = fitted[-1] if isinstance(fitted, Pipeline) else fitted
        field = _fast_field(last)
        return fitted if field is None else field.model
    inner = _fast(fitted)
    return fitted if inner is None else Standing(inner)
