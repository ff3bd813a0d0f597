"""The audit of a table: every rule over every row that it can read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from phytomass.accounting.audit.deductions import deductions
from phytomass.accounting.audit.findings import AGREES, CONTRADICTS, UNKNOWN, Finding, judged
from phytomass.accounting.audit.rules import RULES
from phytomass.accounting.audit.spans import compared, worked_out
from phytomass.accounting.audit.table import Row, read_table
from phytomass.errors import InputError


def audit(path: Path | str) -> list[Finding]:
    r"""Return what agrees in a table or a results folder, what does not, and what cannot be told.

    A number agrees if the values that round to it meet the values that follow from the others,
    each within the rounding of its printed digits.

    Parameters
    ----------
    path : path
        A table (`read_table`), or a results folder, whose ``estimates.csv`` is read.

    Raises
    ------
    InputError
        For a folder without ``estimates.csv``, a table that cannot be read, and formulas with
        anything but ids, numbers and ``+ - * / **``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder) / "paper.csv"
    ...     _ = table.write_text("id,quantity,pool,kind,value,unit,area_ha,period\n"
    ...         "m,map_mean,AGB,C,162.8,Mg C/ha,12.0e6,2020\ns,stock,AGB,C,2.05,Pg C,12.0e6,2020\n")
    ...     found = [one for one in audit(table) if one.status == CONTRADICTS]
    >>> [(one.row, one.rule, one.stated, one.expected) for one in found]
    [('s', 'mean × area', '2.05e+09', '1.9536e+09')]
    """
    given = Path(path)
    file = given / "estimates.csv" if given.is_dir() else given
    if not file.is_file():
        raise InputError(
            "holds no estimates.csv" if given.is_dir() else "no such file", where=str(given),
            remedy="give a results folder (of a project: its results/), or a table with quantity, value and unit",
        )  # fmt: skip
    rows = read_table(file)
    findings = [one for rule in (_derived, *RULES, deductions) for one in rule(rows)]
    told = {line for one in findings for line in (one.line, *one.beside)}
    nothing = "nothing in the table to hold it against"
    findings += [
        Finding(UNKNOWN, row.name, row.line, "alone", note=row.text["note"] or nothing)
        for row in rows
        if row.line not in told
    ]
    return sorted(findings, key=lambda one: one.line)


def _derived(rows: Sequence[Row]) -> Iterator[Finding]:
    """Work out the formulas of the column derived."""
    known = {row.text["id"]: row.number["value"] for row in rows if "value" in row.number}
    known.pop("", None)
    for row in rows:
        formula, note = row.text["derived"], row.text["note"]
        if not formula:
            continue
        words = set(re.findall(r"\w+", formula))
        beside = [one for one in rows if one.text["id"] in words]
        where = f"row {row.line}, column derived"
        try:
            if "value" in row.number:
                expected = worked_out(formula, known)
                yield judged(row, formula, row.number["value"], expected, beside, note)
            else:
                holds, left, right = compared(formula, known)
                status = AGREES if holds else CONTRADICTS
                lines = tuple(one.line for one in beside)
                sides = (str(left), str(right))
                yield Finding(status, row.name, row.line, formula, *sides, note, lines)
        except InputError as error:
            problem = error.problems[0]
            raise InputError(problem.what, where=where, remedy=problem.remedy) from error
