"""Typed tables of published numbers, and `estimates.csv`, as rows to audit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phytomass.accounting.audit.spans import Span, exact, printed, times
from phytomass.errors import InputError, Problem, require_columns

NEEDED = ("quantity", "value", "unit")
TEXTS = (
    "id", "quantity", "zone", "pool", "kind", "unit", "statistic", "period", "derived", "rule",
    "method", "note",
)  # fmt: skip
NUMBERS = ("value", "area_ha", "se", "low", "high", "level")

COUNTS = ("", "plots", "sites", "trees", "pixels", "samples", "years")
"""Units of whole numbers that are exact."""

MASSES = {"kg": 1e-3, "Mg": 1.0, "t": 1.0, "kt": 1e3, "Gg": 1e3, "Mt": 1e6, "Tg": 1e6, "Pg": 1e9}
"""Unit of mass → Mg."""

KINDS = {"": "dry_mass", "C": "C", "CO2": "CO2e", "CO2e": "CO2e"}
_UNIT = re.compile(r"(kg|Mg|t|kt|Gg|Mt|Tg|Pg)(?: ?(C|CO2e?))?(/ha)?(/yr)?$")


@dataclass(frozen=True)
class Unit:
    """What a unit of mass says.

    Parameters
    ----------
    mg : float
        Mg in it.
    kind : str
        dry_mass, C or CO2e.
    per_ha, per_year : bool
    """

    mg: float
    kind: str
    per_ha: bool
    per_year: bool


def unit_of(text: str) -> Unit | None:
    """Return what a unit of mass says; None for any other unit.

    Examples
    --------
    >>> unit_of("Mt CO₂/yr")
    Unit(mg=1000000.0, kind='CO2e', per_ha=False, per_year=True)
    """
    found = _UNIT.match(text.strip().replace("₂", "2").replace("/a", "/yr"))
    if found is None:
        return None
    mass, kind, hectare, year = found.groups()
    return Unit(MASSES[mass], KINDS[kind or ""], bool(hectare), bool(year))


@dataclass(frozen=True)
class Row:
    """A number of the table.

    Parameters
    ----------
    line : int
        In the file.
    name : str
        Its id, or what it is in words.
    text : dict
        The columns in words; absent ones are empty.
    number : dict
        The columns in numbers, those that are there.
    """

    line: int
    name: str
    text: dict[str, str]
    number: dict[str, Span]

    @property
    def unit(self) -> Unit | None:
        """What its unit says, the column kind taken for a unit that does not tell."""
        found = unit_of(self.text["unit"])
        if found and found.kind == "dry_mass" and self.text["kind"]:
            return Unit(found.mg, self.text["kind"], found.per_ha, found.per_year)
        return found

    @property
    def mg(self) -> Span | None:
        """Value in Mg (per ha, per year)."""
        value, unit = self.number.get("value"), self.unit
        return None if value is None or unit is None else times(value, exact(unit.mg))

    def key(self, *left_out: str) -> tuple[str, ...]:
        """Return what it is a number of, without some columns."""
        columns = ("quantity", "zone", "pool", "kind", "unit", "statistic", "period")
        return tuple(self.text[c] for c in columns if c not in left_out)


def read_table(path: Path) -> list[Row]:
    """Return the rows of a table.

    Parameters
    ----------
    path : path
        CSV with quantity, value and unit; pool, kind, area_ha, period, zone, statistic, se, low,
        high, level, id, derived (a formula of ids, or a comparison where value is empty), rule (of a
        deduction) and note where there are any. Numbers as they were printed: their digits are their rounding.

    Raises
    ------
    InputError
        For a file that is no such table, numbers that are none and ids that stand twice, by row.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"is no table: {error}", where=str(path)) from error
    require_columns(table.columns, NEEDED, str(path))
    problems: list[Problem] = []
    rows: list[Row] = []
    seen: set[str] = set()
    for line, record in enumerate(table.to_dict("records"), start=2):
        given = {str(column): str(value).strip() for column, value in record.items()}
        row = _row(line, given, str(path), problems)
        if given.get("id") in seen:
            problems.append(Problem(f"{path}, row {line}", f"the id {given['id']!r} stands twice"))
        seen |= {given["id"]} if given.get("id") else set()
        rows.append(row)
    if problems:
        raise InputError.of(problems)
    return rows


def _row(line: int, given: dict[str, str], where: str, problems: list[Problem]) -> Row:
    number: dict[str, Span] = {}
    for column in NUMBERS:
        if given.get(column):
            try:
                counted = column == "value" and given["unit"] in COUNTS
                number[column] = printed(given[column], counted=counted)
            except InputError:
                what = f"{given[column]!r} is not a number"
                problems.append(Problem(f"{where}, row {line}, column {column}", what))
    text = {column: given.get(column, "") for column in TEXTS}
    words = [text[c] for c in ("quantity", "zone", "pool", "kind", "statistic", "period")]
    return Row(line, text["id"] or " ".join(word for word in words if word), text, number)
