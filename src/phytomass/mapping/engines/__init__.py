"""Engines: what predicts the pixels of a block, chosen by the model."""

from phytomass.mapping.engines.base import ByField, ByPredict, Engine, Regressor
from phytomass.mapping.engines.choose import Window, engine_for
from phytomass.mapping.engines.ensemble import Ensemble, Spread, ensemble_for

__all__ = [
    "ByField",
    "ByPredict",
    "Engine",
    "Ensemble",
    "Regressor",
    "Spread",
    "Window",
    "engine_for",
    "ensemble_for",
]
