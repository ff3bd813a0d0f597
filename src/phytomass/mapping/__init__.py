"""Mapping: walking over a grid with any fitted regressor, and writing what it gives."""

from phytomass.mapping.change import change_map
from phytomass.mapping.dense import FieldRegressor, field_regressor, halo_of, predict_array
from phytomass.mapping.engines import Engine, Regressor, engine_for
from phytomass.mapping.made import Walking
from phytomass.mapping.predict import MapCounts, MapRules, predict_block, predict_map
from phytomass.mapping.stac import stac_item

__all__ = [
    "Engine",
    "FieldRegressor",
    "MapCounts",
    "MapRules",
    "Regressor",
    "Walking",
    "change_map",
    "engine_for",
    "field_regressor",
    "halo_of",
    "predict_array",
    "predict_block",
    "predict_map",
    "stac_item",
]
