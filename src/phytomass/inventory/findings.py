"""What reading a table found: problems that stop, rows that are set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError, Problem

FIRST_ROW = 2
"""Number of the first data row in a spreadsheet: the header is row 1."""

SHOWN = 10
REJECTED_COLUMNS = ["file", "row", "column", "value", "reason", "kind"]
REPAIRED_COLUMNS = ["file", "row", "column", "value", "used", "reason"]
REJECTED, LEFT_OUT = "rejected", "left out"
"""Kinds of rows that are not used: for a fault, or because the project asked for it."""


@dataclass(frozen=True)
class Rejection:
    """One reason to set one row aside.

    Parameters
    ----------
    key : str
        Which table of the project file, e.g. ``inventory.trees``.
    file, row, column, value, reason
        As in the table of rejected rows, but `row` counts from 0 over the data rows.
    filtered : bool
        True when the user's own `where` asked for it, or the row is empty: no fault.
    line : int or None
        Row as a spreadsheet counts; None where the header is one row.
    """

    key: str
    file: str
    row: int
    column: str
    value: str
    reason: str
    filtered: bool = False
    line: int | None = None

    @property
    def number(self) -> int:
        """Row as a spreadsheet counts."""
        return self.row + FIRST_ROW if self.line is None else self.line

    @property
    def kind(self) -> str:
        """What the table of rejected rows calls it."""
        return LEFT_OUT if self.filtered else REJECTED


@dataclass(frozen=True)
class Repair:
    """A cell that was read as the number it means.

    Parameters
    ----------
    file, row, column, value, used, reason
        As in the table of repaired cells.
    """

    file: str
    row: int
    column: str
    value: str
    used: float
    reason: str


@dataclass
class Findings:
    """Collects problems and rejections while the tables of one inventory are read."""

    problems: list[Problem] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    repaired: list[Repair] = field(default_factory=list)
    elsewhere: dict[str, set[int]] = field(default_factory=dict)
    """Table → data rows that belong to another date, and are used there."""

    def problem(self, where: str, what: str, remedy: str = "") -> None:
        """Add a problem that stops the reading in the end."""
        self.problems.append(Problem(where, what, remedy))

    def stop_if_any(self) -> None:
        """Raise all problems found so far as one error."""
        if self.problems:
            raise InputError.of(self.problems)

    def refuse_rejected(self, remedy: str) -> None:
        """Make problems of the rejections: of a small table no row may go missing."""
        for one in self.rejected:
            if not one.filtered:
                self.problem(
                    f"{one.file}, row {one.number}, column {one.column}", one.reason, remedy
                )

    def rows_of_table(self, key: str) -> list[Rejection]:
        """Return the rejections of one table of the project."""
        return [rejection for rejection in self.rejected if rejection.key == key]

    def unused(self, key: str) -> set[int]:
        """Return the data rows of a table that count nowhere here: left out, or of another date."""
        left_out = {r.row for r in self.rows_of_table(key) if r.filtered}
        return left_out | self.elsewhere.get(key, set())

    def add(self, other: Findings) -> None:
        """Add what another reading of the same tables found and this one did not."""
        known = set(self.rejected)
        self.problems += [p for p in other.problems if p not in self.problems]
        self.rejected += [r for r in other.rejected if r not in known]
        self.repaired += other.repaired

    def table(self) -> pd.DataFrame:
        """Return the rejected rows, in order of file and row."""
        ordered = sorted(self.rejected, key=lambda r: (r.file, r.row))
        rows = [(r.file, r.number, r.column, r.value, r.reason, r.kind) for r in ordered]
        return pd.DataFrame(rows, columns=REJECTED_COLUMNS)

    def repairs(self) -> pd.DataFrame:
        """Return the repaired cells, in order of file and row; `used` in the unit of the file."""
        ordered = sorted(set(self.repaired), key=lambda r: (r.file, r.row, r.column))
        rows = [(r.file, r.row, r.column, r.value, r.used, r.reason) for r in ordered]
        return pd.DataFrame(rows, columns=REPAIRED_COLUMNS)


def rows_of(index: Sequence[int] | pd.Index | NDArray[np.intp], first: int = FIRST_ROW) -> str:
    """Say which rows of a spreadsheet are meant, at most ten of them by number.

    Parameters
    ----------
    index : sequence of int
        Data rows, from 0.
    first : int
        Number of the first data row.

    Examples
    --------
    >>> rows_of([0]), rows_of([0, 1, 4])
    ('row 2', 'rows 2, 3, 6')
    """
    numbers = [str(int(i) + first) for i in index]
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(numbers[:SHOWN])}{more}"


def as_written(cell: Any) -> str:
    """Return a cell as text, as a user sees it; whole numbers without a decimal point.

    Examples
    --------
    >>> as_written(" P1 "), as_written(12.0), as_written(None), as_written(float("nan"))
    ('P1', '12', '', '')
    """
    if cell is None or cell is pd.NaT or cell is pd.NA:
        return ""
    if isinstance(cell, float | np.floating):
        number = float(cell)
        whole = number.is_integer() and abs(number) < 1e15
        return "" if np.isnan(number) else str(int(number)) if whole else repr(number)
    return " ".join(str(cell).split())
