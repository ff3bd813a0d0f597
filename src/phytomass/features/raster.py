"""Creating the float32 GeoTIFFs of phytomass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from phytomass.errors import DiskFullError
from phytomass.grid import BLOCK, blocks_of

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

    Raises
    ------
    DiskFullError
        If it could not be written to its end.
    """
    rows, cols = grid.shape
    with (
        _write_errors(path),
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
    refuse_torn(path)


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except rasterio.RasterioIOError as error:
        if "Write failed" not in str(error):
            raise
        raise _torn(path) from error


def _torn(path: Path) -> DiskFullError:
    return DiskFullError(
        "could not be written to its end: the disk or the quota is full",
        where=str(path.parent),
        remedy="free some space and run again",
    )


def refuse_torn(path: Path) -> None:
    """Raise when a GeoTIFF lacks a tile: GDAL says nothing if the disk fills up at the very end.

    Raises
    ------
    DiskFullError
        If a tile is missing, or reaches beyond the end of the file.
    """
    size = path.stat().st_size
    try:
        with rasterio.open(path) as written:
            height, width = written.block_shapes[0]
            whole = all(
                _reaches(written, band, block.row // height, block.col // width) <= size
                for band in range(1, written.count + 1)
                for block in blocks_of(written.shape, height)
            )
    except rasterio.RasterioIOError:
        whole = False
    if not whole:
        raise _torn(path)


def _reaches(dataset: Any, band: int, row: int, col: int) -> float:
    """Return where a tile ends in its file; infinite where there is none."""
    place, size = (
        dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band)
        for what in ("OFFSET", "SIZE")
    )
    return int(place) + int(size) if place and size else np.inf
