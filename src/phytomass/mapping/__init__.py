"""Mapping: walking over a grid with any fitted regressor, and writing what it gives."""

from phytomass.mapping.change import change_map
from phytomass.mapping.cog import cog_writer
from phytomass.mapping.predict import MapCounts, MapRules, Regressor, predict_block, predict_map
from phytomass.mapping.stac import stac_item

__all__ = [
    "MapCounts",
    "MapRules",
    "Regressor",
    "change_map",
    "cog_writer",
    "predict_block",
    "predict_map",
    "stac_item",
]
