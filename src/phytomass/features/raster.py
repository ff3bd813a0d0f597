"""Creating the float32 GeoTIFFs of phytomass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from phytomass.grid import BLOCK

CACHE_MB = 256
"""GDAL's block cache while a grid is walked over: its default is 5 % of the machine's memory."""


@contextmanager
def new_raster(
    path: Path, grid: GeoBox, names: Sequence[str], units: Sequence[str]
) -> Iterator[Any]:
    """Create a tiled, compressed float32 GeoTIFF with named bands and NaN as nodata.

    Parameters
    ----------
    path : Path
        Where; an earlier file is replaced.
    grid : GeoBox
        Its grid.
    names, units : sequence of str
        Description and unit of each band.
    """
    rows, cols = grid.shape
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=rows,
            width=cols,
            count=len(names),
            dtype="float32",
            crs=str(grid.crs),
            transform=grid.transform,
            nodata=np.nan,
            tiled=True,
            blockxsize=BLOCK,
            blockysize=BLOCK,
            compress="deflate",
            predictor=3,
            zlevel=1,
            interleave="band",
            bigtiff="if_safer",
        ) as out,
    ):
        out.descriptions = tuple(names)
        out.units = tuple(unit or "1" for unit in units)
        yield out
