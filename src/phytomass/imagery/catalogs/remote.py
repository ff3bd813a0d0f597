"""Opening the rasters that a catalogue names: bounded waits, known formats, sizes that fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from phytomass.errors import InputError
from phytomass.grid import BLOCK
from phytomass.imagery.catalogs.addresses import is_remote, masked

FORMATS = {".jp2": "JP2OpenJPEG", ".j2k": "JP2OpenJPEG"}
"""Ending → format of what is read from the web, else GeoTIFF. No format that may itself name files
(VRT, WMS, …): they could be ours."""
MB = 1_000_000


class SceneError(InputError):
    """A scene that cannot be used, and would not be better at the next attempt."""


def gdal_options(timeout_s: float) -> dict[str, Any]:
    """Return GDAL's options for remote files: bounded waits, and no memory of failures.

    Examples
    --------
    >>> gdal_options(2.5)["GDAL_HTTP_TIMEOUT"]
    '2'
    """
    seconds = str(max(int(timeout_s), 1))
    return {
        "GDAL_HTTP_TIMEOUT": seconds,
        "GDAL_HTTP_CONNECTTIMEOUT": seconds,
        "GDAL_HTTP_LOW_SPEED_TIME": seconds,
        "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
        "GDAL_HTTP_MAX_RETRY": "0",  # trying again is ours, with a new signature
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/",
        "VSI_CACHE": "FALSE",
    }


@contextmanager
def opened(address: str, grid: GeoBox, most_mb: float) -> Iterator[Any]:
    """Open a raster of a catalogue that is read on a grid.

    Parameters
    ----------
    address : str
        http(s) address, with its signature, or a local path.
    grid : GeoBox
        The grid.
    most_mb : float
        Most to unpack for one block of the grid.

    Raises
    ------
    SceneError
        If its header asks for more.
    RasterioError
        If it cannot be read.
    """
    path, driver = address, None
    if is_remote(address):
        ending = PurePosixPath(urlsplit(address).path).suffix.lower()
        path, driver = f"/vsicurl/{address}", FORMATS.get(ending, "GTiff")
    elif not Path(address).is_file():  # nor anything else that GDAL reads by a name
        raise SceneError("no such file", where=address)
    with rasterio.open(path, driver=driver) as dataset:
        refuse_oversized(dataset, grid, most_mb, masked(address))
        yield dataset


def refuse_oversized(dataset: Any, grid: GeoBox, most_mb: float, where: str) -> None:
    """Refuse a raster whose header promises more than can be read on a grid.

    Its size alone says nothing: of a large raster only the part on the grid is read.

    Parameters
    ----------
    dataset : DatasetReader
        The open raster.
    grid : GeoBox
        The grid it is read on.
    most_mb : float
        Most to unpack for one block of the grid.
    where : str
        For messages.

    Raises
    ------
    SceneError
        If one of its own blocks, or its part in one block of the grid, is larger.
    """
    affine = dataset.transform
    size = abs(affine.a * affine.e - affine.b * affine.d)
    if dataset.crs is None or not (all(map(isfinite, affine)) and size > 0):
        raise SceneError("does not say where it lies (CRS and pixel size)", where=where)
    each = np.dtype(dataset.dtypes[0]).itemsize
    rows, cols = dataset.block_shapes[0]
    together = dataset.count if dataset.interleaving is not None and _pixelwise(dataset) else 1
    for what, needed in (
        ("one of its tiles or strips", rows * cols * together * each / MB),
        ("its part in one block of the grid", _pixels_per_block(dataset, grid) * each / MB),
    ):
        if needed > most_mb:
            raise SceneError(
                f"{what} is {needed:.0f} MB unpacked, more than {most_mb:g} MB",
                where=where,
                remedy=f"raise catalog.max_read_mb (now {most_mb:g}) if that is as it should be",
            )


def _pixelwise(dataset: Any) -> bool:
    return str(dataset.interleaving.value).lower() == "pixel"


def _pixels_per_block(dataset: Any, grid: GeoBox) -> float:
    """Return how many of a raster's pixels lie in a block of the grid: a kernel visits them all."""
    box = transform_bounds(str(grid.crs), dataset.crs, *grid.boundingbox)
    own = dataset.bounds
    east, north = min(box[2], own.right), min(box[3], max(own.top, own.bottom))
    west, south = max(box[0], own.left), max(box[1], min(own.top, own.bottom))
    affine, (rows, cols) = dataset.transform, grid.shape
    size = abs(affine.a * affine.e - affine.b * affine.d)
    inside: float = max(east - west, 0.0) * max(north - south, 0.0) / size
    share: float = min(1.0, BLOCK**2 / (rows * cols))
    return inside * share
