"""From the cells of a file to columns with our names, types and units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError, Problem, nearest
from phytomass.files import of_texts
from phytomass.inventory.angles import parse_angle
from phytomass.inventory.cells import is_missing, mended, parse_number, same_cell
from phytomass.inventory.findings import Findings, Rejection, Repair, rows_of
from phytomass.inventory.matching import matched, units_of_headers
from phytomass.inventory.settings import Cell, TableSource
from phytomass.inventory.tables import RawTable
from phytomass.units import FACTORS, convert

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
    Column("family", "text", required=False, may_miss=True),
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
    notes : tuple of Problem
        What was taken for granted: columns by usual names, units of headers.
    """

    raw: RawTable
    source: TableSource
    key: str
    found: Mapping[str, str]
    notes: tuple[Problem, ...] = ()

    def rows(self, rows: Sequence[int] | pd.Index | NDArray[np.intp]) -> str:
        """Say which rows of the file are meant."""
        if self.raw.sheets is None:
            return rows_of(rows, self.raw.first_row)
        by_sheet: dict[str, list[int]] = {}
        for row in rows:
            sheet, number = self.raw.source_of(int(row))
            by_sheet.setdefault(sheet, []).append(number)
        return "; ".join(f"{sheet}, {rows_of(n, 0)}" for sheet, n in by_sheet.items())

    def place(
        self, name: str, rows: Sequence[int] | pd.Index | NDArray[np.intp] | None = None
    ) -> str:
        """Say file, rows and column (as the file calls it) for a message."""
        where = "" if rows is None else f", {self.rows(rows)}"
        return f"{self.raw.name}{where}, column {self.found.get(name, name)}"

    def reject(
        self, findings: Findings, row: int, name: str, reason: str, filtered: bool = False
    ) -> None:
        """Set one row aside because of one of its columns; `filtered` if the project asked for it."""
        self.set_aside(findings, row, self.found.get(name, name), reason, filtered)

    def set_aside(
        self, findings: Findings, row: int, column: str, reason: str, filtered: bool = False
    ) -> None:
        """Set one row aside because of a column of the file; see `reject`."""
        file, line = self.raw.source_of(row)
        cell = self.raw.cells[column].iloc[row] if column in self.raw.cells else ""
        findings.rejected.append(
            Rejection(self.key, file, row, column, cell, reason, filtered, line)
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
    found, notes = matched(raw, source, columns, findings, key)
    for column in columns:
        given = source.named(column.name)
        theirs = column.name if given is None else given
        if column.name in found:
            continue
        if column.name in source.columns and theirs:
            hint = nearest(theirs, header) or f"columns of the file: {', '.join(header)}"
            findings.problem(raw.name, f"no column {theirs!r} ({key}.columns.{column.name})", hint)
        elif column.required and not _is_point(column.name, raw):
            findings.problem(
                raw.name, f"no column {theirs!r}", _map_it(column.name, header, key, source)
            )
    _check_units(columns, source, key, findings)
    units, told = units_of_headers(found, source, columns, findings, (raw.name, key))
    source = source.model_copy(update={"units": {**units, **source.units}})
    return Reading(raw, source, key, found, tuple(notes + told))


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
    text = reading.raw.cells
    keep = ~(text == "").all(axis=1).to_numpy(dtype=bool)
    if reading.raw.points is not None:
        keep |= np.isfinite(reading.raw.points).all(axis=1)
    for row in np.flatnonzero(~keep):
        reading.reject(findings, int(row), "", EMPTY, filtered=True)
    header = [str(column) for column in text.columns]
    for given, wanted in reading.source.where.items():
        column = given if given in text else reading.found.get(given, given)
        if column not in text:
            hint = nearest(given, header) or f"columns: {', '.join(header)}"
            findings.problem(f"{reading.key}.where.{given}", "is not a column of the file", hint)
            continue
        values = wanted if isinstance(wanted, list) else [wanted]
        fits = _told(text[column], partial(_is_one_of, values=values))
        asked = " or ".join(str(value) for value in values)
        for row in np.flatnonzero(keep & ~fits):
            reason = f"left out by {reading.key}.where: not {asked}"
            reading.set_aside(findings, int(row), str(column), reason, filtered=True)
        keep &= fits
    if not keep.any():
        what = "no row is left" + (f" after {reading.key}.where" if reading.source.where else "")
        findings.problem(reading.raw.name, what, "check the file and the conditions")
    return keep


def _is_one_of(cell: str, values: Sequence[Cell]) -> bool:
    return any(same_cell(cell, value) for value in values)


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
        missing = _told(cells, lambda cell: is_missing(cell, reading.source.missing))
        if column.kind == "text":
            table[column.name] = cells.mask(missing, "").astype(str)
            for row in table.index[_told(cells, lambda cell: cell.upper() in ERRORS)]:
                reading.reject(findings, int(row), column.name, "an error of the spreadsheet")
        else:
            table[column.name] = _numbers(reading, column, cells, missing, findings)
        if not column.may_miss:
            if missing.all() and len(table):
                findings.problem(reading.place(column.name), "is empty in every row")
            for row in table.index[missing]:
                reading.reject(findings, int(row), column.name, "missing")
    return table


def _told(cells: Iterable[str], what: Callable[[str], bool]) -> NDArray[np.bool_]:
    return np.array(of_texts(cells, what), dtype=np.bool_)


def _numbers(
    reading: Reading,
    column: Column,
    cells: pd.Series[str],
    missing: NDArray[np.bool_],
    findings: Findings,
) -> NDArray[np.float64]:
    decimal = reading.source.decimal
    parsed = np.array(of_texts(cells, lambda cell: _parsed(cell, decimal, column)), dtype=float)
    if reading.source.repair:
        for i in map(int, np.flatnonzero(~np.isfinite(parsed) & ~missing)):
            parsed[i] = _mended(reading, column, cells.iloc[i], int(cells.index[i]), findings)
    bad = ~np.isfinite(parsed) & ~missing
    values = np.where(bad | missing, np.nan, parsed)
    if bad.any() and bad.sum() * 2 > (~missing).sum():
        shown = cells[bad].iloc[0]
        remedy = f"check {reading.key}.columns"
        if bool(cells[bad].str.fullmatch(DECIMAL_COMMA).any()):
            remedy = f"set {reading.key}.decimal: ','"
        elif _meant(shown, column, reading)[1]:
            remedy = f"set {reading.key}.repair: true to read the number in such cells"
        where = reading.place(column.name, cells.index[bad])
        findings.problem(where, f"does not hold numbers but, for instance, {shown!r}", remedy)
        return values
    for row in cells.index[bad]:
        reading.reject(findings, int(row), column.name, "not a number")
    unit = reading.source.units.get(column.name)
    if unit is None or unit not in FACTORS.get(column.quantity, {}):
        return values
    return convert(values, unit, column.quantity)


def number_of(cell: str, column: Column, reading: Reading) -> float:
    """Return the number of a cell in the unit of the file, mended where the project asks for it."""
    value = _parsed(cell, reading.source.decimal, column)
    return _meant(cell, column, reading)[0] if reading.source.repair and np.isnan(value) else value


def _meant(cell: str, column: Column, reading: Reading) -> tuple[float, str]:
    own = column.quantity and next(iter(FACTORS[column.quantity]))
    unit = reading.source.units.get(column.name, own)
    return mended(cell, reading.source.decimal, unit, column.quantity)


def _mended(reading: Reading, column: Column, cell: str, row: int, findings: Findings) -> float:
    value, why = _meant(cell, column, reading)
    if why:
        header = reading.found[column.name]
        findings.repaired.append(Repair(*reading.raw.source_of(row), header, cell, value, why))
    return value


def _parsed(cell: str, decimal: str, column: Column) -> float:
    value = parse_number(cell, decimal)
    return parse_angle(cell) if column.angle and np.isnan(value) else value


def drop_rejected(table: pd.DataFrame, reading: Reading, findings: Findings) -> pd.DataFrame:
    """Return the table without the rows that were rejected."""
    return table[~table.index.isin([r.row for r in findings.rows_of_table(reading.key)])]


def rows_where(table: pd.DataFrame, condition: pd.Series[bool]) -> Iterator[int]:
    """Walk over the data rows (from 0) that meet a condition."""
    yield from (int(row) for row in table.index[condition.to_numpy(dtype=bool)])
