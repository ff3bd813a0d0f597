"""The one door to raster files: each is looked at before a pixel of it is believed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError  # GDAL's own errors have no public name
from rasterio.env import env_ctx_if_needed
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from phytomass.errors import InputError
from phytomass.files import require_file
from phytomass.limits import refuse_above

DRIVERS = (
    "GTiff VRT JP2OpenJPEG HFA PNG JPEG BMP GIF WEBP AAIGrid GRASSASCIIGrid GSAG GSBG GS7BG netCDF "
    "HDF5 HDF5Image BAG GRIB ENVI EHdr ERS ILWIS SAGA RST RMF PCIDSK PCRaster ISIS3 PDS4 VICAR MRF "
    "DTED USGSDEM SRTMHGT SAR_CEOS CEOS ACE2 AIG NITF DIMAP XYZ BT GXF ZMap SIGDEM LCP GPKG"
)
"""Formats that lie in files: those that ask a server or run a description are left out."""

GDAL_ERRORS = (
    *(RasterioError, CPLE_BaseError),
    *(OSError, ValueError, RuntimeError, TypeError, IndexError),
)
"""What rasterio raises when a file is not what it says, GDAL's own errors among them."""

WEB_PAGE = re.compile(
    rb"\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)", re.IGNORECASE | re.DOTALL
)
VRT_SOURCE = re.compile(r"<Source(?:Filename|Dataset)\b([^>]*)>([^<]*)<")
NO_FILE = re.compile(r"/vsi|<|\w+://|[A-Z0-9_]{3,}:", re.IGNORECASE)
"""What stands before the name of something that is no file on this disk."""
VRT_NODATA = re.compile(r"<NoDataValue>([^<]*)</NoDataValue>")
NESTED = 8
"""VRTs within VRTs that are followed; more are a circle, or nobody's intention."""

DAMAGED = "the file is damaged: get it again"


@contextmanager
def open_raster(path: str | Path, where: str = "") -> Iterator[Any]:
    """Open a raster file after a look at what it says of itself.

    Parameters
    ----------
    path : str or Path
        A file of one of `DRIVERS`.
    where : str
        How to name it in messages; its path if empty.

    Raises
    ------
    InputError
        For what is no file or no raster, has no size or one above the limits (`raster_pixels`,
        `raster_bands`, `raster_block_bytes`), holds complex numbers, declares a value for no data
        that its pixels cannot have, or is a VRT that names a missing, a remote or its own file.

    Examples
    --------
    >>> with open_raster("dem.tif") as dataset:
    ...     dataset.read(1)
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: dem.tif: no such file → check the path
    """
    path, where = Path(path), where or str(path)
    _refuse_kind(path, where, ())
    try:
        with env_ctx_if_needed():  # rasterio.open takes one driver only; a whole path is no prefix
            dataset = DatasetReader(str(path.absolute()), driver=DRIVERS.split())
    except NotGeoreferencedWarning as error:
        raise _not_georeferenced(where) from error
    except GDAL_ERRORS as error:
        raise InputError(
            f"cannot be read as a raster ({_said(error, path)})",
            where=where,
            remedy="get the file again, or save it as a GeoTIFF",
        ) from error
    with dataset:
        _refuse_sizes(dataset, where)
        _refuse_values(dataset, path, where)
        yield dataset


@contextmanager
def pixels_of(where: str, remedy: str = DAMAGED) -> Iterator[None]:
    """Say which file is damaged when its pixels cannot be read.

    Raises
    ------
    InputError
        In place of the errors of rasterio.

    Examples
    --------
    >>> with pixels_of("dem.tif"):
    ...     raise rasterio.RasterioIOError("Read failed")
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: dem.tif: cannot be read to its end (Read failed) → the file is ...
    """
    try:
        yield
    except InputError:
        raise
    except (*GDAL_ERRORS, MemoryError) as error:
        what = str(error.__cause__ or error) or type(error).__name__
        raise InputError(
            f"cannot be read to its end ({what})", where=where, remedy=remedy
        ) from error


def refuse_ungeoreferenced(dataset: Any, where: str) -> None:
    """Raise when an open raster does not say where on Earth it lies.

    Raises
    ------
    InputError
        Without a coordinate reference system, or without a position and size of its pixels.
    """
    if dataset.crs is None or not dataset.crs.to_wkt():
        raise InputError(
            "has no coordinate reference system",
            where=where,
            remedy="assign the right one, e.g. with gdal_edit.py -a_srs EPSG:32643",
        )
    affine = dataset.transform
    if affine.is_identity:
        raise _not_georeferenced(where)
    if not np.isfinite(affine[:6]).all() or abs(affine.determinant) < 1e-18:
        raise InputError(
            f"has pixels without an extent: {', '.join(f'{v:g}' for v in affine[:6])}",
            where=where,
            remedy="correct its georeference",
        )


def _not_georeferenced(where: str) -> InputError:
    return InputError(
        "has no georeference: nothing says where its pixels lie",
        where=where,
        remedy="georeference it in a GIS (ground control points alone do not count), save a GeoTIFF",
    )


def _said(error: BaseException, path: Path) -> str:
    """Return what GDAL said, without the path that stands in front of it anyway."""
    text = str(error.__cause__ or error) or type(error).__name__
    return " ".join(text.replace(str(path), path.name).split())[:300]


def _refuse_kind(path: Path, where: str, above: tuple[Path, ...]) -> None:
    """Refuse what is no file or a web page, and VRTs whose sources cannot be used."""
    require_file(path, where)
    with path.open("rb") as stream:
        head = stream.read(4096)
        if WEB_PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
            raise InputError(
                "is a web page, not a raster: perhaps a login or an error page",
                where=where,
                remedy="download the file again, signed in",
            )
        if b"<VRTDataset" not in head:
            return
        refuse_above("table_bytes", path.stat().st_size, where)
        text = (head + stream.read()).decode("utf-8", "replace")
    here = (*above, path.resolve())
    for source in dict.fromkeys(_sources(text, path, where)):
        inner = f"{where} → {source.name}"
        if source.resolve() in here or len(here) > NESTED:
            raise InputError(
                "is a VRT that leads back to itself", where=inner, remedy="make the VRT again"
            )
        _refuse_kind(source, inner, here)


def _sources(text: str, path: Path, where: str) -> Iterator[Path]:
    """Give the files that a VRT names."""
    for attributes, name in VRT_SOURCE.findall(text):
        named = html.unescape(name).strip()
        if not named or NO_FILE.match(named):
            raise InputError(
                f"is a VRT of something else than a file on this disk: {named or 'nothing'!r}",
                where=where,
                remedy="download the images, and make the VRT of the files",
            )
        relative = re.search(r"relativeToVRT\s*=\s*[\"']?1", attributes, re.IGNORECASE)
        yield path.parent / named if relative else Path(named)


def _refuse_sizes(dataset: Any, where: str) -> None:
    if dataset.count == 0:
        inside = ", ".join(name.rsplit(":", 1)[-1] for name in dataset.subdatasets[:8])
        raise InputError(
            f"holds several images, none of them first: {inside}" if inside else "has no band",
            where=where,
            remedy="save the one you need as a GeoTIFF, e.g. with gdal_translate",
        )
    refuse_above("raster_pixels", dataset.width * dataset.height, where)
    refuse_above("raster_bands", dataset.count, where)
    together = dataset.count if _interleaved(dataset) else 1
    for (rows, cols), kind in set(zip(dataset.block_shapes, dataset.dtypes, strict=True)):
        size = together * rows * cols * _bytes(kind)
        refuse_above("raster_block_bytes", size, where, "write it with tiles of 256 × 256 pixels")


def _interleaved(dataset: Any) -> bool:
    return bool(
        dataset.driver == "GTiff"
        and dataset.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "PIXEL"
    )


def _bytes(kind: str) -> int:
    return 8 if kind == "complex_int16" else int(np.dtype(kind).itemsize)


def _refuse_values(dataset: Any, path: Path, where: str) -> None:
    for band, kind in enumerate(dataset.dtypes, 1):
        if kind.startswith("complex"):
            raise InputError(
                f"band {band} holds complex numbers ({kind})",
                where=where,
                remedy="save its amplitude or power as a real number",
            )
    # rasterio says nothing of a value that no pixel can have, and what should be no data is data
    whole = {np.dtype(kind) for kind in dataset.dtypes if np.issubdtype(np.dtype(kind), np.integer)}
    if not whole or (dataset.nodata is not None and max(k.itemsize for k in whole) < 8):
        return
    state = path.stat()
    for said in _declared(path.absolute(), state.st_size, state.st_mtime_ns):
        if not any(_holds(kind, said) for kind in whole):
            raise InputError(
                f"says that {said} means no data, which {' or '.join(map(str, whole))} cannot hold",
                where=where,
                remedy="correct it: gdal_edit.py -a_nodata VALUE, or -unsetnodata if there is none",
            )


@lru_cache(maxsize=10_000)
def _declared(path: Path, size: int, changed_ns: int) -> frozenset[str]:
    """Return the values without data as a file declares them; found once, as it takes long.

    Its description as a VRT alone keeps them as they are.
    """
    with (
        DatasetReader(str(path), driver=DRIVERS.split()) as dataset,
        rasterio.MemoryFile(ext=".vrt") as memory,
    ):
        rasterio.shutil.copy(dataset, memory.name, driver="VRT")
        return frozenset(VRT_NODATA.findall(memory.read().decode("utf-8", "replace")))


def _holds(kind: np.dtype[Any], said: str) -> bool:
    """Tell whether an integer type has a number."""
    try:
        number = float(said)
        limits = np.iinfo(kind)
        return bool(number.is_integer() and limits.min <= int(number) <= limits.max)
    except (ValueError, OverflowError):
        return False
