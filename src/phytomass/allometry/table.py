"""Reading tables of equations: the one in this room and a project's own, each row checked."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, cast

import numpy as np
import pandas as pd

from phytomass.allometry.equations import AllometricEquation, Correction
from phytomass.allometry.forms import FORMS
from phytomass.allometry.taxa import accepted_name
from phytomass.delimited import read_delimited, table_of
from phytomass.errors import InputError, Problem, nearest
from phytomass.units import FACTORS

T = TypeVar("T")

COEFFICIENTS = ("a", "b", "c", "d", "e")
COLUMNS = (
    *("id", "taxa", "group", "form", *COEFFICIENTS, "dbh_unit", "height_unit", "agb_unit"),
    *("component", "dbh_min_cm", "dbh_max_cm", "height_min_m", "height_max_m", "n", "rse_log"),
    *("correction", "region", "doubtful", "note", "source", "covariance"),
    *("site_sd", "sites", "site_source", "collection"),
)
REQUIRED = ("id", "form", "a", "source")
DEFAULTS = {
    **{"group": "any", "component": "aboveground", "correction": "unknown", "doubtful": "no"},
    **{"dbh_unit": "cm", "height_unit": "m", "agb_unit": "kg"},
}
ALLOWED = {
    "form": tuple(FORMS),
    "group": ("conifer", "broadleaf", "any"),
    "correction": ("included", "absent", "unknown"),
    "doubtful": ("yes", "no"),
    "dbh_unit": tuple(FACTORS["length_cm"]),
    "height_unit": tuple(FACTORS["length_m"]),
    "agb_unit": tuple(FACTORS["mass_kg"]),
}
NUMBERS = (
    *COEFFICIENTS,
    "dbh_min_cm",
    "dbh_max_cm",
    "height_min_m",
    "height_max_m",
    "rse_log",
    "site_sd",
)


def load_equations(extra: Path | None = None) -> dict[str, AllometricEquation]:
    """Return the equations by id: those of this room, and those of the user's own table.

    Parameters
    ----------
    extra : path, optional
        A UTF-8 CSV with the columns of `equations.csv`. Needed: id, form, the coefficients of
        the form (a, b, …), source; species separated by ``;`` in taxa. It adds to the built-in
        equations and cannot change one.

    Returns
    -------
    dict of str to AllometricEquation

    Raises
    ------
    InputError
        For every mistake in the table at once: row, column, what is allowed.

    Examples
    --------
    >>> equations = load_equations()
    >>> equations["chave2014"].coefficients, equations["dodonaea_viscosa_ali2015"].doubtful
    ((0.0673, 0.976), True)
    """
    equations = dict(builtin_equations())
    if extra is None:
        return equations
    records = read_delimited(extra, str(extra))
    return {**equations, **_parse(table_of(records, extra.name), extra.name, tuple(equations))}


@cache
def builtin_equations() -> MappingProxyType[str, AllometricEquation]:
    """Return the equations of this room by id (read once)."""
    text = (files("phytomass.allometry") / "equations.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    return MappingProxyType(_parse(table_of(rows, "equations.csv"), "equations.csv", taken=()))


def in_force(
    equations: Iterable[AllometricEquation], collections: Collection[str]
) -> list[AllometricEquation]:
    """Return the equations that species get by themselves: of no collection, or of one turned on.

    Examples
    --------
    >>> every = load_equations().values()
    >>> [e.id for e in in_force(every, ["mangroves"]) if e.collection]
    ['komiyama2005_mangroves']
    """
    return [e for e in equations if not e.collection or e.collection in collections]


def _parse(table: pd.DataFrame, name: str, taken: tuple[str, ...]) -> dict[str, AllometricEquation]:
    problems = list(_check_header(list(table.columns), name))
    if problems:
        raise InputError.of(problems)
    equations: dict[str, AllometricEquation] = {}
    for number, raw in enumerate(table.to_dict("records"), start=2):
        cells = {c: (raw.get(c) or "").strip() or DEFAULTS.get(c, "") for c in COLUMNS}
        found = list(_check_row(cells, f"{name}, row {number}", (*taken, *equations)))
        problems += found
        if not found:
            equations[cells["id"]] = _record(cells)
    if problems:
        raise InputError.of(problems)
    return equations


def _check_header(header: list[str], name: str) -> Iterator[Problem]:
    for column in REQUIRED:
        if column not in header:
            hint = nearest(column, header)
            yield Problem(name, f"no column {column!r}", hint or f"columns: {', '.join(COLUMNS)}")
    for column in header:
        if column not in COLUMNS:
            yield Problem(name, f"unknown column {column!r}", nearest(column, COLUMNS))


def _check_row(cells: dict[str, str], where: str, taken: tuple[str, ...]) -> Iterator[Problem]:
    def problem(column: str, what: str, remedy: str = "") -> Problem:
        return Problem(f"{where}, column {column}", what, remedy)

    for column in REQUIRED:
        if not cells[column]:
            yield problem(column, "is empty")
    if cells["id"] in taken:
        yield problem("id", f"{cells['id']!r} exists already", "give your equation its own id")
    for column, allowed in ALLOWED.items():
        if cells[column] and cells[column] not in allowed:
            yield problem(column, f"{cells[column]!r}", f"one of {', '.join(allowed)}")
    for column in NUMBERS:
        if cells[column] and not math.isfinite(_number(cells[column])):
            yield problem(column, f"{cells[column]!r} is not a number")
    for column, things in (("n", "trees"), ("sites", "sites")):
        if cells[column] and not cells[column].isdecimal():
            yield problem(column, f"{cells[column]!r} is not a count of {things}")
    if cells["site_sd"] and not 0 <= _number(cells["site_sd"]) <= 1:
        yield problem("site_sd", f"{cells['site_sd']!r}", "an SD of ln(AGB) from 0 to 1")
    if cells["sites"] and int(cells["sites"] if cells["sites"].isdecimal() else 0) < 2:
        yield problem("sites", f"{cells['sites']!r}", "at least two, or leave it empty")
    if cells["form"] in FORMS:
        form = FORMS[cells["form"]]
        filled = tuple(c for c in COEFFICIENTS if cells[c])
        wanted = COEFFICIENTS[: form.parameters]
        if filled != wanted:
            yield problem("a…e", f"{form.formula} takes {', '.join(wanted)}", "fill exactly these")
        yield from _check_covariance(cells["covariance"], form.parameters, where)
    for low, high in (("dbh_min_cm", "dbh_max_cm"), ("height_min_m", "height_max_m")):
        if cells[low] and cells[high] and _number(cells[low]) > _number(cells[high]):
            yield problem(low, f"{cells[low]} is above {high} = {cells[high]}")


def _check_covariance(text: str, parameters: int, where: str) -> Iterator[Problem]:
    if not text:
        return
    place, wanted = f"{where}, column covariance", parameters * (parameters + 1) // 2
    numbers = [_number(part) for part in text.split(";")]
    if len(numbers) != wanted or not all(math.isfinite(v) for v in numbers):
        what = f"{text!r} is not the lower triangle of a {parameters} × {parameters} matrix"
        yield Problem(place, what, f"{wanted} numbers separated by ;")
        return
    lower = np.zeros((parameters, parameters))
    lower[np.tril_indices(parameters)] = numbers
    eigenvalues = np.linalg.eigvalsh(lower)
    if eigenvalues.min() < -1e-9 * max(eigenvalues.max(), 1e-300) or eigenvalues.max() <= 0:
        yield Problem(place, "is not a covariance: it has a negative eigenvalue", "check the signs")


def _record(cells: dict[str, str]) -> AllometricEquation:
    taxa = tuple(accepted_name(t) for t in cells["taxa"].split(";") if t.strip())
    return AllometricEquation(
        id=cells["id"],
        taxa=taxa,
        group=cells["group"],
        form=cells["form"],
        coefficients=tuple(float(cells[c]) for c in COEFFICIENTS if cells[c]),
        component=cells["component"],
        dbh_range_cm=_range(cells["dbh_min_cm"], cells["dbh_max_cm"]),
        height_range_m=_range(cells["height_min_m"], cells["height_max_m"]),
        n=_or_none(cells["n"], int),
        rse_log=_or_none(cells["rse_log"], float),
        correction=cast(Correction, cells["correction"]),
        region=cells["region"],
        doubtful=cells["doubtful"] == "yes",
        note=cells["note"],
        source=cells["source"],
        dbh_unit=cells["dbh_unit"],
        height_unit=cells["height_unit"],
        agb_unit=cells["agb_unit"],
        covariance=tuple(float(v) for v in cells["covariance"].split(";"))
        if cells["covariance"]
        else None,
        site_sd=_or_none(cells["site_sd"], float),
        sites=_or_none(cells["sites"], int),
        site_source=cells["site_source"],
        collection=cells["collection"],
    )


def _range(low: str, high: str) -> tuple[float, float] | None:
    if not low and not high:
        return None
    return float(low or 0.0), float(high or math.inf)


def _or_none(text: str, kind: Callable[[str], T]) -> T | None:
    return kind(text) if text else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
