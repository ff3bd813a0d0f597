"""Which column of a file is which of ours: as mapped, by its name, or by a usual name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from phytomass.errors import Problem
from phytomass.inventory.findings import Findings
from phytomass.inventory.headers import last_part, read_header, usual_headers
from phytomass.inventory.settings import TableSource
from phytomass.inventory.tables import RawTable
from phytomass.units import FACTORS

PLACE = ("easting", "northing")


class Wanted(Protocol):
    """What is asked of a column of ours."""

    @property
    def name(self) -> str:
        """Our name."""

    @property
    def quantity(self) -> str:
        """Key of `FACTORS`, empty where there is no unit."""

    @property
    def required(self) -> bool:
        """Whether the file must have it."""


def matched(
    raw: RawTable, source: TableSource, columns: Sequence[Wanted], findings: Findings, key: str
) -> tuple[dict[str, str], list[Problem]]:
    """Return our column → the file's, and a note for each that was taken by a usual name.

    A column is the one mapped, else the one of our name, whole or as the last part in a form's
    group, else the only one with a usual name that nothing else claims. Columns that a table need
    not have are taken by usual names only where nothing is mapped: a mapping is believed to be
    whole. Positions are not looked for where the file has points.
    """
    header = [str(c) for c in raw.cells.columns]
    found = {}
    for column in columns:
        given = source.named(column.name)
        theirs = column.name if given is None else given
        one = theirs if theirs in header else _only_last(theirs, header)
        if one:
            found[column.name] = one
    free = [name for name in header if name not in found.values()]
    notes = []
    for column in columns:
        if column.name in found or column.name in source.columns:
            continue
        if raw.points is not None and column.name in PLACE:
            continue
        if not column.required and (source.columns or source.stems):
            continue
        usual = usual_headers(column.name, free)
        if len(usual) == 1:
            found[column.name] = usual[0]
            notes.append(Problem(f"{raw.name}, column {usual[0]}", f"is taken as {column.name}"))
        elif usual and column.required:
            what = f"several columns may be {column.name}: {', '.join(usual)}"
            findings.problem(raw.name, what, f"map one: {key}.columns.{column.name}")
        elif usual:
            what = f"none of {', '.join(usual)} is taken as {column.name}: there are several"
            remedy = f"map one if it is: {key}.columns.{column.name}"
            notes.append(Problem(raw.name, what, remedy))
    return found, notes


def _only_last(name: str, header: Sequence[str]) -> str:
    """Return the only header whose last part is a name, empty where there is none or several."""
    several = [h for h in header if h != name and last_part(h) == name]
    return several[0] if len(several) == 1 and name else ""


def units_of_headers(
    found: Mapping[str, str],
    source: TableSource,
    columns: Sequence[Wanted],
    findings: Findings,
    names: tuple[str, str],
) -> tuple[dict[str, str], list[Problem]]:
    """Return our column → unit that its header names, and a note for each that is not our unit.

    A unit that the project gives and the header contradicts is a problem. Names of ours say
    nothing of the file's unit, nor does a single letter without brackets.

    Parameters
    ----------
    found, source, columns, findings
        As in `matched`.
    names : tuple of str
        The file and the table's key, for messages.
    """
    units, notes = {}, []
    (file, key), quantities = names, {c.name: c.quantity for c in columns if c.quantity}
    for name, theirs in found.items():
        text = source.stems[0] if name == "dbh_cm" and source.stems else theirs
        header = read_header(text)
        if name not in quantities or last_part(text) == name or not header.sure:
            continue
        factors, given = FACTORS[quantities[name]], source.units.get(name)
        if header.unit not in factors:
            continue
        where, own = f"{file}, column {text}", next(iter(factors))
        if given is not None and factors.get(given) != factors[header.unit]:
            what = f"the header says {header.unit}, and {key}.units.{name} says {given}"
            remedy = f"remove {key}.units.{name} to believe the header, or rename the column"
            findings.problem(where, what, remedy)
        elif given is None and header.unit != own:
            notes.append(Problem(where, f"its unit is taken from the header: {header.unit}"))
        units[name] = header.unit
    return units, notes
