"""Tables that hold several dates: the same tree stands in them once per date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from phytomass.inventory.columns import Reading

YEARS = re.compile(r"year|yr|date|meas|surve[yn]|census|visit|^sheet$", re.IGNORECASE)
"""What columns of years and days are called: INVYR, MEASYEAR, date."""

VISITS = re.compile(r"census|survey|visit|campaign|cycle|epoch|remeas", re.IGNORECASE)
"""What columns of numbered visits are called."""

NOT_DATES = re.compile(r"plant|birth|\bage|estab|germin|(^|_)id$", re.IGNORECASE)
"""Years that tell trees apart, not visits."""

YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")

MOST_DATES = 12
"""More different values are numbers, not dates of an inventory."""

MOST_PLOTS = 0.5
"""Share of the plots with several dates from which a table holds several inventories."""


@dataclass(frozen=True)
class Dates:
    """A column that tells the dates of a table apart.

    Parameters
    ----------
    key : str
        The table's key in the project file.
    column : str
        The column of the file.
    values : tuple of str
        Its years, or the numbers of its visits, in order.
    days : bool
        Whether the file holds days of these years.
    """

    key: str
    column: str
    values: tuple[str, ...]
    days: bool = False

    def remedy(self) -> str:
        """Say how to keep one date."""
        keep = f"{self.key}.where: {{{self.column}: {self.values[-1]}}}"
        if self.days:
            keep = f"a column of the year and {self.key}.where"
        many = f"there seem to be {len(self.values)} dates ({self.listed}): keep one with {keep}"
        if not YEAR.fullmatch(self.values[0]) or not self.key.endswith("trees"):
            return many
        return f"{many}, or follow the trees with {self.key}.columns.date: {self.column}"

    @property
    def listed(self) -> str:
        """The dates as text, the first few."""
        return ", ".join(self.values[:4]) + (" …" if len(self.values) > 4 else "")


def dates_telling_apart(reading: Reading, groups: Sequence[pd.Index]) -> Dates | None:
    """Return the column of dates that differs wherever an id repeats, if there is one.

    Parameters
    ----------
    reading : Reading
        The table.
    groups : sequence of Index
        Data rows (from 0) that share an id.
    """
    for dates, cells in _columns(reading):
        if all(cells.iloc[rows.to_numpy()].nunique() == len(rows) for rows in groups):
            return dates
    return None


def several_dates(reading: Reading, rows: list[int]) -> Dates | None:
    """Return the column of dates that most plots have several values of, if there is one.

    Trees without numbers cannot repeat one, and would be counted once per date.

    Parameters
    ----------
    reading : Reading
        The list of trees.
    rows : list of int
        Data rows in use, from 0.
    """
    plots = reading.raw.cells[reading.found["plot_id"]].iloc[rows]
    for dates, cells in _columns(reading):
        per_plot = cells.iloc[rows].groupby(plots.to_numpy()).nunique()
        if len(per_plot) and (per_plot > 1).mean() > MOST_PLOTS:
            return dates
    return None


def _columns(reading: Reading) -> list[tuple[Dates, pd.Series[str]]]:
    """Return the columns that may hold dates, by their name and by what is in them, as years."""
    mapped = set(reading.found.values())
    found = []
    for column in map(str, reading.raw.cells.columns):
        if column in mapped or NOT_DATES.search(column):
            continue
        cells = reading.raw.cells[column]
        years = cells.map(_year)
        if YEARS.search(column) and (years != "").sum() >= (cells != "").sum():
            days = bool((years != cells).any())
        elif VISITS.search(column):
            years, days = cells, False
        else:
            continue
        values = tuple(sorted(set(years) - {""}))
        if 2 <= len(values) <= MOST_DATES:
            found.append((Dates(reading.key, column, values, days), years))
    return found


def _year(cell: str) -> str:
    found = YEAR.search(cell)
    return found.group() if found else ""
