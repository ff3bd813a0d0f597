"""Writing a landscape to a folder: the same landscape gives the same bytes.

| file | holds |
|---|---|
| dem.tif | elevation, m |
| sentinel2_YYYYMM.tif | B2-B12, reflectance × 10 000, and cloud_prob (1-100 %); nodata 0 |
| sentinel1_YYYYMM.tif | VV and VH, γ⁰ in dB |
| landsat8_YYYY.tif | 30 m: B3-B7, reflectance × 10 000; nodata 0 |
| vod_YYYY.tif | 500 m: vegetation optical depth |
| forest_mask_YYYY.tif | 1 forest, 0 other land; nodata 255 |
| plots.csv, trees.csv | field sheets of the second date |
| zones.gpkg | catchments, with a name |
| truth/agb_YYYY.tif | true AGB, Mg/ha, 0 outside the forest |

Floating-point rasters have nodata -9999. Bands are named, tiles deflated.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.files import whole_file, write_csv, write_geopackage
from phytomass.landscape.optical import LANDSAT_BANDS, SENTINEL2_BANDS
from phytomass.landscape.radar import POLARISATIONS
from phytomass.landscape.settings import LANDSAT_M, VOD_M
from phytomass.landscape.simulate import Landscape, grid_at

HIDDEN_COLUMNS = ["row", "col", "agb_mg_ha"]
"""Columns of the plots that no field crew knows."""


def write_landscape(landscape: Landscape, folder: Path) -> None:
    """Write a landscape as a user's project would hold it, and its truth beside it.

    Parameters
    ----------
    landscape : Landscape
        From `simulate`.
    folder : path
        Made if missing; files of the same names are replaced. What each file holds stands at
        the head of this module.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    folder, grid = Path(folder), landscape.grid
    write_image(folder / "dem.tif", grid, landscape.terrain.elevation_m[None], ["elevation_m"])
    for (year, month), scene in landscape.sentinel2.items():
        write_image(folder / f"sentinel2_{year}{month:02d}.tif", grid, scene, SENTINEL2_BANDS)
    for (year, month), echo in landscape.sentinel1.items():
        write_image(folder / f"sentinel1_{year}{month:02d}.tif", grid, echo, POLARISATIONS)
    for year in landscape.settings.dates:
        _write_year(landscape, folder, year)
    write_csv(folder / "plots.csv", landscape.plots.drop(columns=HIDDEN_COLUMNS))
    write_csv(folder / "trees.csv", landscape.trees)
    write_geopackage(folder / "zones.gpkg", landscape.zones, "zones")


def _write_year(landscape: Landscape, folder: Path, year: int) -> None:
    grid, settings, forest = landscape.grid, landscape.settings, landscape.forest
    landsat, vod = landscape.landsat8[year], landscape.vod[year]
    at_30m, at_500m = grid_at(settings, LANDSAT_M), grid_at(settings, VOD_M)
    write_image(folder / f"landsat8_{year}.tif", at_30m, landsat, list(LANDSAT_BANDS))
    write_image(folder / f"vod_{year}.tif", at_500m, vod[None], ["vod"])
    mask = forest.mask[year][None].astype(np.uint8)
    write_image(folder / f"forest_mask_{year}.tif", grid, mask, ["forest"])
    truth = forest.agb_mg_ha[year][None]
    write_image(folder / "truth" / f"agb_{year}.tif", grid, truth, ["agb_mg_ha"])


def write_image(path: Path, grid: GeoBox, values: NDArray[Any], names: Sequence[str]) -> None:
    """Write an image as a tiled GeoTIFF with named bands, whole or not at all.

    Parameters
    ----------
    path : path
        Where to.
    grid : GeoBox
        Its grid.
    values : array, shape (bands, rows, cols)
        uint8 (nodata 255), uint16 (nodata 0) or floating point (written as float32, nodata
        -9999).
    names : sequence of str
        One per band.
    """
    floating = values.dtype.kind == "f"
    nodata = -9999.0 if floating else {"uint8": 255, "uint16": 0}[values.dtype.name]
    profile = {
        "driver": "GTiff",
        "dtype": "float32" if floating else values.dtype.name,
        "count": values.shape[0],
        "height": values.shape[1],
        "width": values.shape[2],
        "crs": str(grid.crs),
        "transform": grid.transform,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "zlevel": 9,
        "predictor": 3 if floating else 2,
    }
    with whole_file(path) as beside, rasterio.open(beside, "w", **profile) as target:
        target.write(values.astype(profile["dtype"]))
        target.descriptions = tuple(names)
