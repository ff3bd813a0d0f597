"""Imagery: raster sources, composites, indices, terrain and masks on the project's grid."""

from phytomass.imagery.composite import composite
from phytomass.imagery.elevation import Elevation, open_elevation
from phytomass.imagery.formula import evaluate, names_in
from phytomass.imagery.indices import Index, find_index, load_indices
from phytomass.imagery.mask import Mask, check_mask, open_mask
from phytomass.imagery.product import extra_layers
from phytomass.imagery.reader import SourceReader, files_of
from phytomass.imagery.settings import (
    MaskSettings,
    OwnIndex,
    PredictorSettings,
    RasterSource,
    TerrainSettings,
)
from phytomass.imagery.sources import BlockReader, open_source
from phytomass.imagery.terrain import aspect_components, aspect_deg, extended, gradient, slope_deg

__all__ = [
    "BlockReader",
    "Elevation",
    "Index",
    "Mask",
    "MaskSettings",
    "OwnIndex",
    "PredictorSettings",
    "RasterSource",
    "SourceReader",
    "TerrainSettings",
    "aspect_components",
    "aspect_deg",
    "check_mask",
    "composite",
    "evaluate",
    "extended",
    "extra_layers",
    "files_of",
    "find_index",
    "gradient",
    "load_indices",
    "names_in",
    "open_elevation",
    "open_mask",
    "open_source",
    "slope_deg",
]
