"""Creating the float32 GeoTIFFs of phytomass, and seeing whether one is whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from odc.geo.geobox import GeoBox

from phytomass.errors import DiskFullError, InputError
from phytomass.grid import BLOCK
from phytomass.rasters import open_raster
from phytomass.walk.store import Band

CACHE_MB = 256
"""GDAL's block cache while a grid is walked over: its default is 5 % of the machine's memory."""


TILES_LOOKED_AT = 100_000
"""Tiles of a raster whose place in the file is asked for, to see whether it was cut off."""


@contextmanager
def new_raster(
    path: Path,
    grid: GeoBox,
    bands: Sequence[Band],
    tags: Mapping[str, str] | None = None,
    *,
    empty: bool = False,
) -> Iterator[Any]:
    """Create a tiled, compressed float32 GeoTIFF with named bands and NaN as nodata.

    Parameters
    ----------
    path : Path
        Where; an earlier file is replaced.
    grid : GeoBox
        Its grid.
    bands : sequence of Band
        Name and unit of each, and what else is known of it.
    tags : mapping of str to str
        Tags of the file.
    empty : bool
        Whether tiles may be left out, for a file that has only the head of one.

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
            count=len(bands),
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
            sparse_ok=empty,
        ) as out,
    ):
        out.descriptions = tuple(band.name for band in bands)
        out.units = tuple(band.unit or "1" for band in bands)
        out.update_tags(**(tags or {}))
        for number, band in enumerate(bands, 1):
            out.update_tags(number, **band.tags)
        yield out
    if not empty:
        refuse_torn(path)


def write_cog(source: Path, target: Path) -> None:
    """Write a copy of a raster as a Cloud-Optimised GeoTIFF with overviews (averages).

    Raises
    ------
    DiskFullError
        If it could not be written to its end.
    """
    with _write_errors(target), rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        rasterio.shutil.copy(
            source,
            target,
            driver="COG",
            blocksize=BLOCK,
            compress="deflate",
            predictor="floating_point",
            overview_resampling="average",
            num_threads=1,
        )
    refuse_torn(target)


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
    try:
        with rasterio.open(path) as written:
            whole = all(0 < end <= path.stat().st_size for end in _ends(written))
    except rasterio.RasterioIOError:
        whole = False
    if not whole:
        raise _torn(path)


def refuse_truncated(path: Path) -> None:
    """Raise when a GeoTIFF ends before its last tile, without reading pixels.

    Files of other formats, and those that cannot be opened at all, pass.

    Raises
    ------
    InputError
        If tiles lie beyond the end of the file.
    """
    try:
        with open_raster(path) as source:
            last = max(_ends(source, TILES_LOOKED_AT)) if source.driver == "GTiff" else 0
    except InputError:  # whoever reads it says what is wrong with it
        return
    size = path.stat().st_size
    if last > size:
        raise InputError(
            f"is cut off: it has {size} bytes and needs {last}",
            where=path.name,
            remedy="the file is damaged: get it again, or take it out",
        )


def _ends(dataset: Any, most: int | None = None) -> Iterator[int]:
    """Give the place in its file where tiles end; 0 for one that was never written.

    With `most`, about so many of them, the last one included.
    """
    height, width = dataset.block_shapes[0]
    rows, cols = -(-dataset.height // height), -(-dataset.width // width)
    total = rows * cols * dataset.count
    step = 1 if most is None else -(-total // most)
    for number in range(total - 1, -1, -step):
        band, tile = divmod(number, rows * cols)
        row, col = divmod(tile, cols)
        place, size = (
            dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band + 1)
            for what in ("OFFSET", "SIZE")
        )
        yield int(place) + int(size) if place and size else 0
