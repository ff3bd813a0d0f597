"""Which engine predicts with a model."""

from __future__ import annotations

from collections.abc import Sequence

from phytomass.mapping.dense import field_regressor
from phytomass.mapping.engines.base import ByField, ByPredict, Engine, Regressor


def engine_for(model: Regressor, names: Sequence[str]) -> Engine:
    """Return what predicts pixels with a fitted model.

    Parameters
    ----------
    model : Regressor
        Fitted on the columns `names`.
    names : sequence of str
        Their names, in order.
    """
    field = field_regressor(model)
    return ByPredict.of(model, names) if field is None else ByField(field)
