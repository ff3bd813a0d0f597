"""Mapping: walking over a grid with any fitted regressor, and writing what it gives."""

from phytomass.mapping.change import change_map
from phytomass.mapping.dense import FieldRegressor, field_regressor, halo_of, predict_array
from phytomass.mapping.predict import MapCounts, MapRules, Regressor, predict_block, predict_map
from phytomass.mapping.stac import stac_item

__all__ = [
    "FieldRegressor",
    "MapCounts",
    "MapRules",
    "Regressor",
    "change_map",
    "field_regressor",
    "halo_of",
    "predict_array",
    "predict_block",
    "predict_map",
    "stac_item",
]
