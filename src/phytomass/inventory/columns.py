"""From the cells of a file to columns with our names, types and units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError, nearest
from phytomass.inventory.angles import parse_angle
from phytomass.inventory.findings import Findings, Rejection, rows_of
from phytomass.inventory.settings import Cell, TableSource
from phytomass.inventory.tables import RawTable
from phytomass.units import FACTORS, convert

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "#n/a", "nat"})
ERRORS = frozenset(
    ["#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!"]
)
"""What a formula that failed shows; `#N/A` is a missing value."""

EMPTY = "empty row"
DECIMAL_COMMA = r"-?\d+,\d+"


@dataclass(frozen=True)
class Column:
    """One of our columns.

    Parameters
    ----------
    name : str
        Our name, with the unit.
    kind : str
        ``text`` or ``number``.
    quantity : str
        Key of `phytomass.units.FACTORS`; empty where there is no unit to choose.
    required : bool
        Whether the file must have it.
    may_miss : bool
        Whether a row may leave it empty.
    angle : bool
        Whether it may be written in degrees, minutes and seconds.
    """

    name: str
    kind: Literal["text", "number"]
    quantity: str = ""
    required: bool = True
    may_miss: bool = False
    angle: bool = False


TREE_COLUMNS = (
    Column("plot_id", "text"),
    Column("species", "text"),
    Column("dbh_cm", "number", "length_cm"),
    Column("height_m", "number", "length_m", required=False),
    Column("tree_id", "text", required=False),
    Column("status", "text", required=False, may_miss=True),
    Column("date", "text", required=False),
    Column("per_ha", "number", "per_area_ha", required=False),
    Column("wood_density_g_cm3", "number", "density_g_cm3", required=False, may_miss=True),
    Column("agb_kg", "number", "mass_kg", required=False),
)
OF_PLOTS = (
    Column("site", "text", required=False, may_miss=True),
    Column("stratum", "text", required=False, may_miss=True),
    Column("weight", "number", required=False),
    Column("area_ha", "number", "area_ha", required=False),
)
"""What a list of trees may say of their plots, where there is no table of plots."""

PLOT_COLUMNS = (
    Column("plot_id", "text"),
    Column("easting", "number", angle=True),
    Column("northing", "number", angle=True),
    Column("site", "text", required=False, may_miss=True),
    Column("stratum", "text", required=False, may_miss=True),
    Column("weight", "number", required=False),
    Column("area_ha", "number", "area_ha", required=False),
    Column("agb_mg_ha", "number", "mass_per_area_mg_ha", required=False),
    Column("agb_se_mg_ha", "number", "mass_per_area_mg_ha", required=False, may_miss=True),
    Column("agb_before_mg_ha", "number", "mass_per_area_mg_ha", required=False, may_miss=True),
    Column("elevation_m", "number", "length_m", required=False, may_miss=True),
    Column("slope_deg", "number", required=False),
)


@dataclass(frozen=True)
class Reading:
    """A file being read: what it holds, how the project describes it, where to say so.

    Parameters
    ----------
    raw : RawTable
        The cells.
    source : TableSource
        The project's description of the file.
    key : str
        Its key in the project file, e.g. ``inventory.trees``.
    found : mapping
        Our column → the file's column, as far as the file has it.
    """

    raw: RawTable
    source: TableSource
    key: str
    found: Mapping[str, str]

    def place(
        self, name: str, rows: Sequence[int] | pd.Index | NDArray[np.intp] | None = None
    ) -> str:
        """Say file, rows and column (as the file calls it) for a message."""
        where = "" if rows is None else f", {rows_of(rows)}"
        return f"{self.raw.name}{where}, column {self.found.get(name, name)}"

    def reject(
        self, findings: Findings, row: int, name: str, reason: str, filtered: bool = False
    ) -> None:
        """Set one row aside because of one of its columns; `filtered` if the project asked for it."""
        column = self.found.get(name, name)
        cell = self.raw.cells[column].iloc[row] if column in self.raw.cells else ""
        findings.rejected.append(
            Rejection(self.key, self.raw.name, row, column, cell, reason, filtered)
        )


def find_columns(
    raw: RawTable, source: TableSource, key: str, columns: Sequence[Column], findings: Findings
) -> Reading:
    """Match our columns with those of the file and complain about what does not fit."""
    names = [c.name for c in columns]
    header = [str(c) for c in raw.cells.columns]
    for part, mapping in (("columns", source.columns), ("units", source.units)):
        for name in mapping:
            if name not in names:
                hint = nearest(name, names) or f"one of {', '.join(names)}"
                findings.problem(f"{key}.{part}.{name}", "is not a column of phytomass", hint)
    found = {}
    for column in columns:
        given = source.named(column.name)
        theirs = column.name if given is None else given
        if theirs in header:
            found[column.name] = theirs
        elif column.name in source.columns and theirs:
            hint = nearest(theirs, header) or f"columns of the file: {', '.join(header)}"
            findings.problem(raw.name, f"no column {theirs!r} ({key}.columns.{column.name})", hint)
        elif column.required and not _is_point(column.name, raw):
            findings.problem(
                raw.name, f"no column {theirs!r}", _map_it(column.name, header, key, source)
            )
    _check_units(columns, source, key, findings)
    return Reading(raw, source, key, found)


def _is_point(name: str, raw: RawTable) -> bool:
    return raw.points is not None and name in {"easting", "northing"}


def _map_it(name: str, header: list[str], key: str, source: TableSource) -> str:
    if len(header) == 1 and any(sign in header[0] for sign in ";\t|"):
        sign = next(sign for sign in ";\t|" if sign in header[0])
        return f"the cells seem to be separated by {sign!r}: set {key}.delimiter"
    stem = name.split("_")[0]
    close = {h.casefold(): h for h in header}
    guess = nearest(name, list(close)) or nearest(stem, list(close))
    hint = f"; {guess}" if guess else ""
    return f"map it: {key}.columns.{name}: one of {', '.join(header)}{hint}"


def _check_units(
    columns: Sequence[Column], source: TableSource, key: str, findings: Findings
) -> None:
    for column in columns:
        unit = source.units.get(column.name)
        if unit is None:
            continue
        where = f"{key}.units.{column.name}"
        if not column.quantity:
            findings.problem(where, f"{column.name} has no unit to choose", "remove this line")
            continue
        try:
            convert(1.0, unit, column.quantity)
        except InputError as error:
            findings.problem(where, error.problems[0].what, error.problems[0].remedy)


def kept_rows(reading: Reading, findings: Findings) -> NDArray[np.bool_]:
    """Return which rows the project's `where` keeps; the others are listed as rejected.

    Rows without anything in them are rejected too.
    """
    text, name = reading.raw.cells, reading.raw.name
    keep = ~(text == "").all(axis=1).to_numpy(dtype=bool)
    if reading.raw.points is not None:
        keep |= np.isfinite(reading.raw.points).all(axis=1)
    for row in np.flatnonzero(~keep):
        findings.rejected.append(
            Rejection(reading.key, name, int(row), "", "", EMPTY, filtered=True)
        )
    header = [str(column) for column in text.columns]
    for given, wanted in reading.source.where.items():
        column = given if given in text else reading.found.get(given, given)
        if column not in text:
            hint = nearest(given, header) or f"columns: {', '.join(header)}"
            findings.problem(f"{reading.key}.where.{given}", "is not a column of the file", hint)
            continue
        values = wanted if isinstance(wanted, list) else [wanted]
        fits = np.array([any(_same(cell, value) for value in values) for cell in text[column]])
        asked = " or ".join(str(value) for value in values)
        for row in np.flatnonzero(keep & ~fits):
            cell, reason = text[column].iloc[row], f"left out by {reading.key}.where: not {asked}"
            findings.rejected.append(
                Rejection(reading.key, name, int(row), str(column), cell, reason, filtered=True)
            )
        keep &= fits
    if not keep.any():
        what = "no row is left" + (f" after {reading.key}.where" if reading.source.where else "")
        findings.problem(name, what, "check the file and the conditions")
    return keep


def _same(cell: str, value: Cell) -> bool:
    if cell.casefold() == str(value).casefold():
        return True
    try:
        return float(cell) == float(value)
    except ValueError:
        return False


def standard_columns(
    reading: Reading, keep: NDArray[np.bool_], columns: Sequence[Column], findings: Findings
) -> pd.DataFrame:
    """Return the kept rows with our columns, in our units; bad cells are NaN or empty.

    The index is the data row of the file, counted from 0. Each bad cell is listed as rejected,
    and the row must be dropped by the caller after its own checks (`drop_rejected`).
    """
    table = pd.DataFrame(index=pd.Index(np.flatnonzero(keep), name="row"))
    for column in columns:
        if column.name not in reading.found:
            continue
        cells = reading.raw.cells[reading.found[column.name]].iloc[table.index]
        missing = np.array([is_missing(cell, reading.source.missing) for cell in cells], dtype=bool)
        if column.kind == "text":
            table[column.name] = cells.mask(missing, "").astype(str)
            for row in table.index[cells.str.upper().isin(ERRORS).to_numpy(dtype=bool)]:
                reading.reject(findings, int(row), column.name, "an error of the spreadsheet")
        else:
            table[column.name] = _numbers(reading, column, cells, missing, findings)
        if not column.may_miss:
            if missing.all() and len(table):
                findings.problem(reading.place(column.name), "is empty in every row")
            for row in table.index[missing]:
                reading.reject(findings, int(row), column.name, "missing")
    return table


def is_missing(cell: str, more: Sequence[str]) -> bool:
    """Tell whether a cell says that there is no value."""
    return cell.casefold() in MISSING or any(_same(cell, token) for token in more)


def _numbers(
    reading: Reading,
    column: Column,
    cells: pd.Series[str],
    missing: NDArray[np.bool_],
    findings: Findings,
) -> NDArray[np.float64]:
    parsed = np.array(
        [_parsed(cell, reading.source.decimal, column) for cell in cells], dtype=float
    )
    bad = ~np.isfinite(parsed) & ~missing
    values = np.where(bad | missing, np.nan, parsed)
    if bad.any() and bad.sum() * 2 > (~missing).sum():
        shown = cells[bad].iloc[0]
        comma = bool(cells[bad].str.fullmatch(DECIMAL_COMMA).any())
        remedy = f"set {reading.key}.decimal: ','" if comma else f"check {reading.key}.columns"
        where = reading.place(column.name, cells.index[bad])
        findings.problem(where, f"does not hold numbers but, for instance, {shown!r}", remedy)
        return values
    for row in cells.index[bad]:
        reading.reject(findings, int(row), column.name, "not a number")
    unit = reading.source.units.get(column.name)
    if unit is None or unit not in FACTORS.get(column.quantity, {}):
        return values
    return convert(values, unit, column.quantity)


def _parsed(cell: str, decimal: str, column: Column) -> float:
    value = parse_number(cell, decimal)
    return parse_angle(cell) if column.angle and np.isnan(value) else value


def parse_number(cell: str, decimal: str) -> float:
    """Return the exact number a text stands for, NaN where it is none."""
    try:
        return np.nan if "_" in cell else float(cell.replace(decimal, "."))
    except ValueError:
        return np.nan


def drop_rejected(table: pd.DataFrame, reading: Reading, findings: Findings) -> pd.DataFrame:
    """Return the table without the rows that were rejected."""
    return table[~table.index.isin([r.row for r in findings.rows_of_table(reading.key)])]


def rows_where(table: pd.DataFrame, condition: pd.Series[bool]) -> Iterator[int]:
    """Walk over the data rows (from 0) that meet a condition."""
    yield from (int(row) for row in table.index[condition.to_numpy(dtype=bool)])
