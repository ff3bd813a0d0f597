"""Writing files so that they appear whole or not at all, and fingerprints of their contents."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phytomass.errors import DiskFullError, InputError

if TYPE_CHECKING:  # heavy, and not needed to move files about
    import geopandas
    import pandas as pd

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The system's numbers for a full disk, a used-up quota, and a file larger than allowed."""


@contextmanager
def full_disk_named(place: str | Path, kept: str = "") -> Iterator[None]:
    """Turn the system's errors of a full disk into one that says so.

    Parameters
    ----------
    place : str or Path
        Where is written, for the message.
    kept : str
        What is kept all the same, for the remedy.

    Raises
    ------
    DiskFullError
        In place of an `OSError` of a full disk or a used-up quota.

    Examples
    --------
    >>> with full_disk_named("results"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    ...
    phytomass.errors.DiskFullError: results: the disk is full (No space left on device) → ...
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskFullError(
            f"the disk is full ({error.strerror})",
            where=str(place),
            remedy=f"free some space and run again{kept}",
        ) from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it to `path` only when the block succeeds.

    The temporary file keeps the suffix of `path`, because many writers choose a format by it.
    On any error, Ctrl-C included, it is removed and an earlier `path` stays as it was.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
        os.close(handle)
    except OSError as error:
        raise InputError(
            f"cannot write here ({error.strerror})",
            where=str(path.parent),
            remedy="choose a folder you may write to, or free some space",
        ) from error
    beside = Path(name)
    try:
        yield beside
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON (indented, UTF-8), whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV with ten significant digits, whole or not at all.

    Ten digits are far below any field or image error and above every rounding of a re-read.
    """
    write_text(path, table.to_csv(index=False, float_format="%.10g", lineterminator="\n"))


GEOPACKAGE_STAMP = "2020-12-31T00:00:00.000Z"
"""Stands where a GeoPackage keeps the time of writing: the same table gives the same bytes."""


def write_geopackage(path: str | Path, table: geopandas.GeoDataFrame, layer: str) -> None:
    """Write a layer as a GeoPackage, whole or not at all, without the time of writing in it."""
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": GEOPACKAGE_STAMP})
    try:
        with whole_file(path) as beside:
            beside.unlink()
            pyogrio.write_dataframe(table, beside, driver="GPKG", layer=layer)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, or of a folder's names and bytes, as hexadecimal."""
    path = Path(path)
    if path.is_dir():
        parts = (f for f in sorted(path.rglob("*")) if f.is_file())
        listing = "\n".join(f"{f.relative_to(path).as_posix()} {sha256_of(f)}" for f in parts)
        return hashlib.sha256(listing.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
