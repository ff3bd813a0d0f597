"""The records of result tables, and reading and writing by them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from phytomass.errors import InputError, Problem
from phytomass.files import texts_as_meant, write_csv
from phytomass.progress import Progress, silent

Type = Literal["text", "number", "count", "flag"]
AGAIN = "delete it and run `phytomass run` again"


@dataclass(frozen=True)
class Column:
    """One column of a result table.

    Parameters
    ----------
    name : str
        As in the file.
    type : {"text", "number", "count", "flag"}
        What its cells hold; a count is a whole number, a flag is True or False.
    required : bool
        Whether a file without it cannot be used.
    unit : str
        Of a number; ``as unit`` where a column of the row says it.
    shown : str
        How readers see its cells: a way of writing with its digits (``fixed 2``, ``percent 3``),
        ``words`` and the family of its codes, ``text``; then ``short`` (never broken) or ``right``.
    heading : str
        For people.
    meaning : str
        One sentence.
    """

    name: str
    type: Type
    required: bool
    unit: str
    shown: str
    heading: str
    meaning: str

    def typed(self, cells: pd.Series[str]) -> pd.Series[Any]:
        """Turn the cells of a file into the column's type; empty is missing, False for a flag.

        Raises
        ------
        ValueError
            If a cell is not of the type.

        Examples
        --------
        >>> column = Column("n", "count", True, "", "count", "n", "Plots.")
        >>> column.typed(pd.Series(["3", ""])).tolist()
        [3.0, nan]
        """
        if self.type == "text":
            return cells
        if self.type == "flag":
            words = cells.str.lower()
            if not words.isin(["true", "false", ""]).all():
                raise ValueError("something else than True and False")
            return words == "true"
        return pd.to_numeric(cells.where(cells != ""))

    def absent(self, rows: int) -> pd.Series[Any]:
        """Return the column as it is where a file does not have it."""
        nothing = {"text": "", "flag": False}.get(self.type, np.nan)
        return pd.Series([nothing] * rows, dtype=None if rows else _EMPTY[self.type])


_EMPTY = {"text": object, "flag": bool, "number": float, "count": float}


@dataclass(frozen=True)
class Pool:
    """One pool in one kind of mass, as tables of plots hold it.

    Parameters
    ----------
    name : str
        Begins its columns: `agb` of `agb_mg_ha`.
    pool, kind : str
        What it is: AGB, BGB, total, dead_wood or litter; dry_mass, C or CO2e.
    unit : str
        Per hectare.
    title : str
        In full.
    label : str
        As a report calls it.
    """

    name: str
    pool: str
    kind: str
    unit: str
    title: str
    label: str


@cache
def pools() -> Mapping[str, Pool]:
    """Return the pools by name, in the order of tables.

    Examples
    --------
    >>> pools()["carbon"].pool, pools()["carbon"].unit
    ('total', 'Mg C/ha')
    """
    return MappingProxyType({row["name"]: Pool(**row) for row in _rows("pools.csv")})


@dataclass(frozen=True)
class Table:
    """One result table.

    Parameters
    ----------
    name : str
        Its file without ``.csv``.
    step : str
        Step of a run that writes it.
    meaning : str
        One sentence.
    columns : mapping of str to Column
        In the order of the dictionary.
    """

    name: str
    step: str
    meaning: str
    columns: Mapping[str, Column]

    @property
    def file(self) -> str:
        """Its file name.

        Examples
        --------
        >>> table("plots").file
        'plots.csv'
        """
        return f"{self.name}.csv"

    def kept(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows if they keep the record.

        Raises
        ------
        ValueError
            If a column is not in the record, or a required one is not in the rows: the record is a
            promise to users.
        """
        unknown = [c for c in rows.columns if c not in self.columns]
        absent = [c.name for c in self.columns.values() if c.required and c.name not in rows]
        if unknown or absent:
            raise ValueError(f"{self.file}: not in its record {unknown}, missing {absent}")
        return rows

    def write(self, folder: str | Path, rows: pd.DataFrame, progress: Progress = silent) -> None:
        """Write the table, whole or not at all; raises as `kept` does."""
        write_csv(Path(folder) / self.file, self.kept(rows), progress)

    def read(self, folder: str | Path) -> pd.DataFrame:
        """Read the table, each column in its type; one that is no part of the record is text.

        Raises
        ------
        InputError
            If the file is not there, cannot be read, lacks a required column, or a column holds
            something else than its type.
        """
        path = Path(folder) / self.file
        try:
            raw = texts_as_meant(
                pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
            )
        except FileNotFoundError as error:
            raise InputError(
                "no such file", where=str(path), remedy="run `phytomass run`"
            ) from error
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            what = f"cannot be read as a table ({error})"
            raise InputError(what, where=str(path), remedy=AGAIN) from error
        lacking = [c.name for c in self.columns.values() if c.required and c.name not in raw]
        if lacking:
            what = f"has no column {', '.join(lacking)}"
            raise InputError(what, where=str(path), remedy=AGAIN)
        return self._typed(raw, path)

    def _typed(self, raw: pd.DataFrame, path: Path) -> pd.DataFrame:
        found: dict[str, pd.Series[Any]] = {str(name): raw[name] for name in raw}
        problems = []
        for column in (self.columns[name] for name in found if name in self.columns):
            try:
                found[column.name] = column.typed(raw[column.name])
            except ValueError as error:
                what = f"holds something else than a {column.type} ({error})"
                problems.append(Problem(f"{path}, column {column.name}", what, AGAIN))
        if problems:
            raise InputError.of(problems)
        return pd.DataFrame(found, index=raw.index)

    def completed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with every column of the record, absent ones as missing.

        Examples
        --------
        >>> rows = pd.DataFrame({"plot_id": ["P1"]})
        >>> table("plots_left_out").completed(rows).to_dict("records")
        [{'plot_id': 'P1', 'missing': ''}]
        """
        absent = {
            column.name: column.absent(len(rows)).set_axis(rows.index)
            for column in self.columns.values()
            if column.name not in rows
        }
        return rows.assign(**absent)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with files("phytomass.tables").joinpath(name).open(encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


@cache
def tables() -> Mapping[str, Table]:
    """Return the records of all result tables by name.

    Raises
    ------
    ValueError
        If the package's own records contradict each other.

    Examples
    --------
    >>> tables()["field_error"].columns["se"].unit
    'as unit'
    """
    stacks = {"predictors", "predictors_before"}
    columns: dict[str, dict[str, Column]] = {row["table"]: {} for row in _rows("records.csv")}
    for row in _rows("columns.csv"):
        for name in sorted(stacks) if row["table"] == "{stack}" else [row["table"]]:
            for column in _columns(row):
                if column.name in columns[name] and "{" in row["column"]:
                    continue  # one pool of several has a row of its own
                if column.name in columns[name]:
                    raise ValueError(f"columns.csv: {name}.{column.name} stands there twice")
                columns[name][column.name] = column
    return MappingProxyType(
        {
            row["table"]: Table(
                row["table"], row["step"], row["meaning"], MappingProxyType(columns[row["table"]])
            )
            for row in _rows("records.csv")
        }
    )


def _columns(row: dict[str, str]) -> Iterator[Column]:
    """Make the column of a row; one per pool where its name holds ``{pool}``."""
    if row["type"] not in get_args(Type) or not row["meaning"] or not row["shown"]:
        raise ValueError(f"columns.csv: {row['table']}.{row['column']} is not complete")
    for pool in pools().values() if "{pool}" in row["column"] else [None]:
        name, title = (pool.name, pool.title) if pool else ("", "")
        yield Column(
            row["column"].replace("{pool}", name),
            row["type"],  # type: ignore[arg-type]  # checked above
            row["required"] == "yes",
            pool.unit if pool else row["unit"],
            row["shown"],
            row["heading"].replace("{pool}", title),
            row["meaning"].replace("{pool}", title),
        )


def table(name: str) -> Table:
    """Return the record of a result table.

    Examples
    --------
    >>> table("estimates").columns["value"].required
    True
    """
    return tables()[name]


def write(folder: str | Path, name: str, rows: pd.DataFrame, progress: Progress = silent) -> None:
    """Write a result table by its record; see `Table.write`."""
    table(name).write(folder, rows, progress)


def read(folder: str | Path, name: str) -> pd.DataFrame:
    """Read a result table by its record; see `Table.read`."""
    return table(name).read(folder)
