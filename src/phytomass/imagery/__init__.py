"""Imagery: raster sources, composites, indices, terrain and masks on the project's grid."""

from typing import TYPE_CHECKING, Any

from phytomass.extras import require
from phytomass.imagery.indices.table import Index, find_index, load_indices
from phytomass.imagery.pixels.composite import composite
from phytomass.imagery.pixels.formula import evaluate, names_in
from phytomass.imagery.pixels.slopes import IlluminationFit, sun_incidence
from phytomass.imagery.pixels.speckle.filters import bright_level
from phytomass.imagery.pixels.terrain import (
    aspect_components,
    aspect_deg,
    extended,
    gradient,
    slope_aspect_deg,
    slope_deg,
)
from phytomass.imagery.pixels.texture import MEASURES, glcm
from phytomass.imagery.readers.corrections import Prepared
from phytomass.imagery.readers.elevation import Elevation, open_elevation
from phytomass.imagery.readers.mask import MappedArea, Mask, check_mask, open_mask
from phytomass.imagery.readers.opened import OpenScene
from phytomass.imagery.readers.product import ProductReader, extra_layers, scenes_of
from phytomass.imagery.readers.reader import SourceReader
from phytomass.imagery.readers.sources import AnnouncedReader, BlockReader, open_source
from phytomass.imagery.scenes.kept import fetched_files
from phytomass.imagery.scenes.places import files_of
from phytomass.imagery.scenes.sun import sun_of
from phytomass.imagery.settings import (
    CatalogueIndex,
    MaskSettings,
    OwnIndex,
    PredictorSettings,
    RasterSource,
    TerrainSettings,
)

if TYPE_CHECKING:
    from phytomass.imagery.catalogs.fetch import fetch_scenes

__all__ = [
    "MEASURES",
    "AnnouncedReader",
    "BlockReader",
    "CatalogueIndex",
    "Elevation",
    "IlluminationFit",
    "Index",
    "MappedArea",
    "Mask",
    "MaskSettings",
    "OpenScene",
    "OwnIndex",
    "PredictorSettings",
    "Prepared",
    "ProductReader",
    "RasterSource",
    "SourceReader",
    "TerrainSettings",
    "aspect_components",
    "aspect_deg",
    "bright_level",
    "check_mask",
    "composite",
    "evaluate",
    "extended",
    "extra_layers",
    "fetch_scenes",
    "fetched_files",
    "files_of",
    "find_index",
    "glcm",
    "gradient",
    "load_indices",
    "names_in",
    "open_elevation",
    "open_mask",
    "open_source",
    "scenes_of",
    "slope_aspect_deg",
    "slope_deg",
    "sun_incidence",
    "sun_of",
]


def __getattr__(name: str) -> Any:
    if name == "fetch_scenes":  # on first use only: what it imports comes with an extra
        require("catalogs", "scenes of catalogues", where="predictors.rasters")
        from phytomass.imagery.catalogs.fetch import fetch_scenes

        return fetch_scenes
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
