"""Reading a file into a table of cells, whatever its format; no cell is interpreted here."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
from numpy.typing import NDArray
from openpyxl.utils.exceptions import InvalidFileException

from phytomass.errors import InputError, nearest
from phytomass.inventory.findings import as_written, rows_of
from phytomass.inventory.settings import TableSource

TEXT = {".csv", ".txt", ".tsv"}
EXCEL = {".xlsx", ".xlsm"}
VECTOR = {".gpkg", ".geojson", ".json", ".shp", ".fgb"}


@dataclass(frozen=True, eq=False)
class RawTable:
    """A file as it is.

    Parameters
    ----------
    name : str
        The path as the user gave it, with the sheet or layer, for messages.
    cells : DataFrame of str
        Columns as in the file, cells as a user sees them, empty for none; the index counts data
        rows from 0.
    points : array, shape (n, 2), or None
        Easting and northing of the features (centroids of areas), NaN for none.
    crs : str or None
        Coordinate reference system that the file states.
    """

    name: str
    cells: pd.DataFrame
    points: NDArray[np.float64] | None = None
    crs: str | None = None


def read_table(source: TableSource, root: Path) -> RawTable:
    """Read the file of a table source.

    Raises
    ------
    InputError
        If it is missing, of another format, badly encoded, ragged or empty.
    """
    path, name = root / source.path, str(source.path)
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*") if p.is_file()]
        hint = nearest(path.name, siblings)
        raise InputError("no such file", where=name, remedy=hint or "check the path")
    suffix = path.suffix.lower()
    if suffix in TEXT:
        table = RawTable(name, _read_csv(path, name, source))
    elif suffix in EXCEL:
        table = RawTable(name, _read_excel(path, name, source))
    elif suffix in VECTOR:
        table = _read_vector(path, name, source)
    else:
        known = ", ".join(sorted(TEXT | EXCEL | VECTOR))
        raise InputError(
            f"unknown kind of file {suffix!r}", where=name, remedy=f"save it as one of {known}"
        )
    if table.cells.empty:
        raise InputError("has no data rows", where=name)
    part = source.sheet if suffix in EXCEL else source.layer if suffix in VECTOR else None
    return replace(
        table,
        name=f"{name} [{part}]" if part else name,
        cells=table.cells.map(as_written).astype(object),
    )


def _read_csv(path: Path, name: str, source: TableSource) -> pd.DataFrame:
    text = _decoded(path.read_bytes(), name, source.encoding)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter))
    except csv.Error as error:
        raise InputError(f"cannot be read as CSV ({error})", where=name) from error
    return _table_of(records, name)


def _decoded(data: bytes, name: str, encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding).name
    except LookupError as error:
        raise InputError(
            f"unknown encoding {encoding!r}", where=name, remedy="e.g. utf-8, cp1252, latin-1"
        ) from error
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and not codec.startswith("utf-16"):
        raise InputError("is UTF-16", where=name, remedy="set encoding: utf-16")
    try:
        return data.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        row, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not valid {encoding}",
            where=f"{name}, line {row}, byte {column} of the line",
            remedy="save the file as CSV UTF-8, or set its encoding:, e.g. cp1252 (Windows) or latin-1",
        ) from error


def _table_of(records: list[list[str]], name: str) -> pd.DataFrame:
    """Make a table of records, header first; short rows are filled up, long rows refused."""
    if not records or not any(cell.strip() for cell in records[0]):
        raise InputError("is empty or has no header in its first row", where=name)
    header, body = [cell.strip() for cell in records[0]], records[1:]
    width = len(header)
    long = [i for i, r in enumerate(body) if len(r) > width and any(c.strip() for c in r[width:])]
    if long:
        raise InputError(
            f"{rows_of(long)}: more cells than the {width} columns of the header",
            where=name,
            remedy="quote cells that contain the delimiter, or set delimiter:",
        )
    cells = [row[:width] + [""] * (width - len(row)) for row in body]
    return _with_header(pd.DataFrame(cells, dtype=object, columns=range(width)), header, name)


def _with_header(cells: pd.DataFrame, header: list[str], name: str) -> pd.DataFrame:
    named = [h for h in header if h]
    twice = sorted({h for h in named if named.count(h) > 1})
    if twice:
        raise InputError(
            f"columns of the same name: {', '.join(twice)}",
            where=f"{name}, row 1",
            remedy="give each column its own name",
        )
    keep = [i for i, h in enumerate(header) if h]
    table = cells.iloc[:, keep]
    table.columns = pd.Index(named)
    return table


def _read_excel(path: Path, name: str, source: TableSource) -> pd.DataFrame:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise InputError(
            f"cannot be read as an Excel file ({error})", where=name, remedy="save it as .xlsx"
        ) from error
    try:
        sheet = source.sheet or book.sheetnames[0]
        if sheet not in book.sheetnames:
            hint = nearest(sheet, book.sheetnames) or f"sheets: {', '.join(book.sheetnames)}"
            raise InputError(f"no sheet {sheet!r}", where=name, remedy=hint)
        rows = [list(row) for row in book[sheet].iter_rows(values_only=True)]
    finally:
        book.close()
    if not rows or all(cell is None for cell in rows[0]):
        raise InputError(f"sheet {sheet!r} is empty or has no header in its first row", where=name)
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    header = [as_written(cell) for cell in rows[0]]
    cells = pd.DataFrame(rows[1:], dtype=object, columns=range(len(header)))
    return _with_header(cells, header, name)


def _read_vector(path: Path, name: str, source: TableSource) -> RawTable:
    try:
        layers = [str(layer) for layer in pyogrio.list_layers(path)[:, 0]]
    except pyogrio.errors.DataSourceError as error:
        raise InputError(f"cannot be read ({error})", where=name) from error
    if source.layer is not None and source.layer not in layers:
        hint = nearest(source.layer, layers) or f"layers: {', '.join(layers)}"
        raise InputError(f"no layer {source.layer!r}", where=name, remedy=hint)
    if source.layer is None and len(layers) != 1:
        raise InputError(
            f"has {len(layers)} layers", where=name, remedy=f"set layer: one of {', '.join(layers)}"
        )
    frame = gpd.read_file(path, layer=source.layer or layers[0])
    if not isinstance(frame, gpd.GeoDataFrame):
        return RawTable(name, frame.astype(object).reset_index(drop=True))
    cells = pd.DataFrame(frame.drop(columns=frame.geometry.name)).astype(object)
    geometry = frame.geometry.to_numpy()
    centres = [None if g is None or g.is_empty else g.centroid for g in geometry]
    points = np.array([(np.nan, np.nan) if c is None else (c.x, c.y) for c in centres], dtype=float)
    crs = None if frame.crs is None else frame.crs.to_string()
    return RawTable(name, cells.reset_index(drop=True), points.reshape(-1, 2), crs)
