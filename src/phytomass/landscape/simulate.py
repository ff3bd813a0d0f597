"""A whole landscape in memory: ground, forest, sensors, field sheets, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import shapes
from shapely.geometry import shape
from shapely.ops import unary_union

from phytomass.landscape.canopy import simulate_nuisance
from phytomass.landscape.forest import Forest, simulate_forest
from phytomass.landscape.optical import (
    SUN,
    illumination,
    landsat_composite,
    sentinel2_scene,
    skies,
    surface_reflectance,
)
from phytomass.landscape.radar import MONTHS, backscatter, sentinel1_scene, vod_image
from phytomass.landscape.sampling import plot_table
from phytomass.landscape.settings import LandscapeSettings
from phytomass.landscape.terrain import ZONES, Terrain, simulate_terrain
from phytomass.landscape.trees import tree_table

WEST, NORTH = 620_000.0, 3_290_000.0
"""North-west corner of every landscape in its CRS."""


@dataclass(frozen=True)
class Landscape:
    """A simulated landscape with its known truth. Arrays are read-only.

    Parameters
    ----------
    settings : LandscapeSettings
        What it was made from.
    grid : GeoBox
        The 10 m grid.
    terrain : Terrain
        Elevation, slope, aspect, zones.
    forest : Forest
        Types, true AGB (Mg/ha) and masks by year.
    sentinel2 : mapping of (year, month) to array of uint16, shape (11, rows, cols)
        `phytomass.landscape.SENTINEL2_BANDS`: reflectance × 10 000 and cloud probability
        (1-100); 0 is no data.
    sentinel1 : mapping of (year, month) to array of float32, shape (2, rows, cols)
        VV and VH, γ⁰ in dB.
    landsat8 : mapping of year to array of uint16, shape (5, rows30, cols30)
        B3-B7, reflectance × 10 000; 0 is no data.
    vod : mapping of year to array of float32, shape (rows500, cols500)
        Vegetation optical depth.
    plots : DataFrame
        plot_id, site, easting, northing, radius_m, elevation_m, survey_year; row, col and the
        true agb_mg_ha, which the field sheet does not show.
    trees : DataFrame
        tree_id, plot_id, species, dbh_cm, height_m.
    zones : GeoDataFrame
        name, geometry.
    """

    settings: LandscapeSettings
    grid: GeoBox
    terrain: Terrain
    forest: Forest
    sentinel2: Mapping[tuple[int, int], NDArray[np.uint16]]
    sentinel1: Mapping[tuple[int, int], NDArray[np.float32]]
    landsat8: Mapping[int, NDArray[np.uint16]]
    vod: Mapping[int, NDArray[np.float32]]
    plots: pd.DataFrame
    trees: pd.DataFrame
    zones: gpd.GeoDataFrame


def grid_at(settings: LandscapeSettings, resolution_m: float) -> GeoBox:
    """Return the grid with this pixel side and the common corner that covers the landscape.

    Examples
    --------
    >>> grid_at(LandscapeSettings(), 30).shape
    Shape2d(x=134, y=134)
    """
    size = [int(np.ceil(n * settings.resolution_m / resolution_m)) for n in settings.shape]
    corner = Affine(resolution_m, 0, WEST, 0, -resolution_m, NORTH)
    return GeoBox((size[0], size[1]), corner, settings.crs)


def simulate(settings: LandscapeSettings) -> Landscape:
    """Simulate a landscape: the same settings give the same numbers.

    Parameters
    ----------
    settings : LandscapeSettings
        Size, dates, field sample, seed.

    Raises
    ------
    InputError
        If the forest is too small for the wished number of sites.

    Examples
    --------
    >>> small = simulate(LandscapeSettings(rows=100, cols=80, n_sites=5))
    >>> len(small.plots), sorted(small.landsat8), small.sentinel1[2020, 5].shape
    (15, [2015, 2020], (2, 100, 80))
    """
    grid = grid_at(settings, settings.resolution_m)
    terrain = simulate_terrain(settings)
    forest = simulate_forest(settings, terrain)
    plots = plot_table(settings, grid, terrain, forest)
    images = _images(settings, terrain, forest)
    for array in (*vars(terrain).values(), *vars(forest).values(), *images.values()):
        _freeze(array)
    return Landscape(
        settings=settings,
        grid=grid,
        terrain=terrain,
        forest=forest,
        plots=plots,
        trees=tree_table(settings, plots, forest),
        zones=zone_table(grid, terrain),
        **{name: MappingProxyType(by_date) for name, by_date in images.items()},
    )


def zone_table(grid: GeoBox, terrain: Terrain) -> gpd.GeoDataFrame:
    """Return the catchments as polygons along pixel edges, columns name and geometry."""
    pieces: dict[int, list[Any]] = {}
    transform = Affine(*grid.transform[:6])
    for polygon, value in shapes(terrain.zone.astype(np.int32), transform=transform):
        pieces.setdefault(int(value), []).append(shape(polygon))
    order = sorted(pieces)
    return gpd.GeoDataFrame(
        {"name": [ZONES[value] for value in order]},
        geometry=[unary_union(pieces[value]) for value in order],
        crs=str(grid.crs),
    )


def _images(
    settings: LandscapeSettings, terrain: Terrain, forest: Forest
) -> dict[str, dict[Any, NDArray[Any]]]:
    nuisance = simulate_nuisance(settings, terrain.northness)
    years = settings.dates
    light = {month: illumination(terrain, month) for month in SUN}
    surface = {year: surface_reflectance(forest, nuisance, year) for year in years}
    echo = {year: backscatter(forest, nuisance, year) for year in years}
    return {
        "sentinel2": {
            (year, month): sentinel2_scene(
                settings, surface[year], light[month], sky, (year, month)
            )
            for year in years
            for month, sky in skies(settings, year).items()
        },
        "sentinel1": {
            (year, month): sentinel1_scene(settings, echo[year], terrain, (year, month))
            for year in years
            for month in MONTHS
        },
        "landsat8": {
            year: landsat_composite(settings, surface[year], light[7], year) for year in years
        },
        "vod": {year: vod_image(settings, forest, year) for year in years},
    }


def _freeze(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, dict):
        for one in value.values():
            _freeze(one)
