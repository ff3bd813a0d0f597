"""Reading a file into a table of cells, whatever its format; no cell is interpreted here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.delimited import read_delimited, table_of
from phytomass.errors import InputError
from phytomass.files import require_file
from phytomass.inventory.findings import as_written
from phytomass.inventory.settings import TableSource
from phytomass.inventory.workbook import read_workbook
from phytomass.vectors import read_features

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
    if suffix in TEXT:
        records = read_delimited(path, name, source.encoding, source.delimiter)
        table = RawTable(name, table_of(records, name))
    elif suffix in EXCEL:
        table = RawTable(name, table_of(read_workbook(path, name, source.sheet), name))
    else:
        table = _read_vector(path, name, source)
    if table.cells.empty and (table.points is None or not len(table.points)):
        raise InputError("has no data rows", where=name)
    part = source.sheet if suffix in EXCEL else source.layer if suffix in VECTOR else None
    return replace(
        table,
        name=f"{name} [{part}]" if part else name,
        cells=pd.DataFrame(
            {name: _written(column) for name, column in table.cells.items()},
            index=table.cells.index,
            columns=table.cells.columns,
            dtype=object,
        ),
    )


def _written(column: pd.Series[Any]) -> list[str]:
    """Return the cells of a column as a user sees them; texts that are alike are made once."""
    cells = column.tolist()
    made = {text: as_written(text) for text in dict.fromkeys(c for c in cells if type(c) is str)}
    return [made[c] if type(c) is str else as_written(c) for c in cells]


def _read_vector(path: Path, name: str, source: TableSource) -> RawTable:
    frame = read_features(path, name, source.layer)
    if not isinstance(frame, gpd.GeoDataFrame):
        return RawTable(name, frame.astype(object).reset_index(drop=True))
    cells = pd.DataFrame(frame.drop(columns=frame.geometry.name)).astype(object)
    geometry = frame.geometry.to_numpy()
    centres = [None if g is None or g.is_empty else g.centroid for g in geometry]
    points = np.array(
        [(np.nan, np.nan) if c is None or c.is_empty else (c.x, c.y) for c in centres], dtype=float
    )
    crs = None if frame.crs is None else frame.crs.to_string()
    return RawTable(name, cells.reset_index(drop=True), points.reshape(-1, 2), crs)
