"""Reading a file into a table of cells, whatever its format; no cell is interpreted here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from phytomass.delimited import read_delimited, table_of
from phytomass.errors import InputError
from phytomass.files import require_file, sha256_of
from phytomass.inventory.findings import FIRST_ROW, as_written
from phytomass.inventory.headers import joined_header
from phytomass.inventory.joins import joined
from phytomass.inventory.settings import ALL_SHEETS, TableSource
from phytomass.inventory.workbook import read_workbook, sheet_names
from phytomass.vectors import read_features

TEXT = {".csv", ".txt", ".tsv"}
EXCEL = {".xlsx", ".xlsm"}
VECTOR = {".gpkg", ".geojson", ".json", ".shp", ".fgb"}

SHEET = "sheet"
"""Column with the name of the sheet, where several are read."""


AREA = 2
"""Dimension of polygons."""


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
        Easting and northing of the features (centroids of areas, or a point inside where an area
        is bent round its own), NaN for none.
    crs : str or None
        Coordinate reference system that the file states.
    shapes : array of geometries, shape (n,), or None
        Where the features are areas.
    first_row : int
        Number of the first data row in the file.
    sheets : tuple of (str, int), or None
        Where several sheets stand one below the other: name and number of rows of each.
    """

    name: str
    cells: pd.DataFrame
    points: NDArray[np.float64] | None = None
    crs: str | None = None
    shapes: NDArray[np.object_] | None = None
    first_row: int = FIRST_ROW
    sheets: tuple[tuple[str, int], ...] | None = None

    def source_of(self, row: int) -> tuple[str, int]:
        """Return the file (and sheet) of a data row and its number there.

        Examples
        --------
        >>> table = RawTable("a.xlsx", pd.DataFrame(), sheets=(("a [1]", 3), ("a [2]", 2)))
        >>> table.source_of(2), table.source_of(3)
        (('a [1]', 4), ('a [2]', 2))
        """
        for name, n in self.sheets or ():
            if row < n:
                return name, row + self.first_row
            row -= n
        return self.name, row + self.first_row


MOST = 4
"""Tables that wait to be taken: the sheets of one inventory."""

_READ: dict[tuple[str, str, str], RawTable] = {}
"""By bytes, name and settings: what `check` has read, until the step that follows takes it. Each is
taken once, so that none lies in memory while a step works."""


def read_table(source: TableSource, root: Path) -> RawTable:
    """Read the file of a table source.

    Raises
    ------
    InputError
        If it is missing, of another format, badly encoded, ragged, empty, or larger than the
        limits of tables (`phytomass.limits`).
    """
    path, name = root / source.path, str(source.path)
    suffix = path.suffix.lower()
    known = TEXT | EXCEL | VECTOR
    require_file(path, name)
    if suffix not in known:
        raise InputError(
            f"unknown kind of file {suffix!r}",
            where=name,
            remedy=f"save it as one of {', '.join(sorted(known))}",
        )
    table = _read(path, name, source) if suffix in VECTOR else _read_once(path, name, source)
    return table if source.join is None else _joined(table, source, root)


def _read_once(path: Path, name: str, source: TableSource) -> RawTable:
    """Read a file, or take what was read of the same bytes in the same way before."""
    key = (sha256_of(path), name, source.model_dump_json(exclude={"join"}))
    known = _READ.pop(key, None)
    if known is not None:
        return known
    table = _read(path, name, source)
    if len(_READ) >= MOST:
        _READ.clear()
    _READ[key] = table
    return table


def _read(path: Path, name: str, source: TableSource) -> RawTable:
    suffix = path.suffix.lower()
    if suffix in TEXT:
        records = read_delimited(path, name, source.encoding, source.delimiter)
        table = _of_records(records, name, source)
    elif suffix in EXCEL:
        table = _read_sheets(path, name, source)
    else:
        table = _read_vector(path, name, source)
    if table.cells.empty and (table.points is None or not len(table.points)):
        raise InputError("has no data rows", where=table.name)
    return replace(table, cells=_as_written(table.cells))


def _of_records(records: list[list[str]], name: str, source: TableSource) -> RawTable:
    n = source.header_rows
    if n > 1:
        records = [joined_header(records[:n]), *records[n:]]
    return RawTable(name, table_of(records, name, n + 1), first_row=n + 1)


def _read_sheets(path: Path, name: str, source: TableSource) -> RawTable:
    """Read a sheet, or several one below the other."""
    if isinstance(source.sheet, list) or source.sheet == ALL_SHEETS:
        asked = source.sheet if isinstance(source.sheet, list) else sheet_names(path, name)
        return _stacked(path, name, source, [str(one) for one in asked])
    sheet = None if source.sheet is None else str(source.sheet)
    table = _of_records(read_workbook(path, name, sheet), name, source)
    return table if sheet is None else replace(table, name=f"{name} [{sheet}]")


def _stacked(path: Path, name: str, source: TableSource, sheets: list[str]) -> RawTable:
    if not sheets:
        raise InputError("no sheet is named or filled in", where=name, remedy="name one: sheet")
    parts = {}
    for sheet in sheets:
        where = f"{name} [{sheet}]"
        part = _of_records(read_workbook(path, name, sheet), where, source)
        column = f"{SHEET}_name" if SHEET in part.cells else SHEET
        parts[where] = part.cells.assign(**{column: sheet})
    cells = pd.concat(parts.values(), ignore_index=True).fillna("")
    lengths = tuple((where, len(part)) for where, part in parts.items())
    title = f"{name} [{', '.join(sheets)}]"
    return RawTable(title, cells, first_row=source.header_rows + 1, sheets=lengths)


def _joined(table: RawTable, source: TableSource, root: Path) -> RawTable:
    """Add the columns of another table, read as this one is."""
    join = source.join
    assert join is not None  # noqa: S101  # asked before
    changes = {"path": join.path or source.path, "sheet": join.sheet, "join": None}
    other = read_table(source.model_copy(update=changes), root)
    return replace(table, cells=joined(table.cells, other.cells, join, (table.name, other.name)))


def _as_written(cells: pd.DataFrame) -> pd.DataFrame:
    made = {name: _written(column) for name, column in cells.items()}
    return pd.DataFrame(made, index=cells.index, columns=cells.columns, dtype=object)


def _written(column: pd.Series[Any]) -> list[str]:
    """Return the cells of a column as a user sees them; texts that are alike are made once."""
    cells = column.tolist()
    made = {text: as_written(text) for text in {c for c in cells if type(c) is str}}
    return [made[c] if type(c) is str else as_written(c) for c in cells]


def _read_vector(path: Path, name: str, source: TableSource) -> RawTable:
    frame = read_features(path, name, source.layer)
    name = f"{name} [{source.layer}]" if source.layer else name
    if not isinstance(frame, gpd.GeoDataFrame):
        return RawTable(name, frame.astype(object).reset_index(drop=True))
    cells = pd.DataFrame(frame.drop(columns=frame.geometry.name)).astype(object)
    geometry = frame.geometry.to_numpy()
    centres = [None if g is None or g.is_empty else _middle(g) for g in geometry]
    points = np.array(
        [(np.nan, np.nan) if c is None or c.is_empty else (c.x, c.y) for c in centres], dtype=float
    )
    crs = None if frame.crs is None else frame.crs.to_string()
    areas = geometry if bool((shapely.get_dimensions(geometry) == AREA).any()) else None
    return RawTable(name, cells.reset_index(drop=True), points.reshape(-1, 2), crs, areas)


def _middle(geometry: shapely.Geometry) -> shapely.Point:
    """Return the centroid, or a point inside where an area is bent round its own."""
    centre = geometry.centroid
    if shapely.get_dimensions(geometry) < AREA or not geometry.is_valid or geometry.covers(centre):
        return centre
    return geometry.representative_point()
