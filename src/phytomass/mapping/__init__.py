"""Mapping: walking over a grid with any fitted regressor, and writing what it gives."""

from phytomass.mapping.change import change_map
from phytomass.mapping.dense import FieldRegressor, field_regressor, halo_of, predict_array
from phytomass.mapping.engines import Engine, Regressor, engine_for
from phytomass.mapping.ensemble_map import EnsembleMap, PixelErrors, predict_ensemble_map
from phytomass.mapping.made import Walking
from phytomass.mapping.map_draws import Division, MapDraws, MapSums
from phytomass.mapping.predict import MapCounts, MapRules, predict_block, predict_map
from phytomass.mapping.stac import stac_item

__all__ = [
    "Division",
    "Engine",
    "EnsembleMap",
    "FieldRegressor",
    "MapCounts",
    "MapDraws",
    "MapRules",
    "MapSums",
    "PixelErrors",
    "Regressor",
    "Walking",
    "change_map",
    "engine_for",
    "field_regressor",
    "halo_of",
    "predict_array",
    "predict_block",
    "predict_ensemble_map",
    "predict_map",
    "stac_item",
]
