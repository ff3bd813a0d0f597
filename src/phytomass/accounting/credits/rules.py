"""Rules of deduction as records of a table, each with version and reference."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path

from phytomass.errors import InputError, nearest, require_columns

FORMS = ("quantile", "steps")
BUFFERS = ("gross", "net")


@dataclass(frozen=True)
class Rule:
    """What a standard takes off a reduction for its uncertainty, as a share of it.

    ``quantile``: ``q · max(U − allowance, 0) / z`` with U the half-width of the two-sided interval
    over the value and z its quantile. ``steps``: a share of U by the class of U.

    Parameters
    ----------
    id, version : str
        E.g. ``art-trees`` and ``2.0``.
    form : str
        ``quantile`` or ``steps``.
    level : float
        Share of the interval that U is the half-width of.
    quantile : float
        One-sided normal quantile q of the form quantile, e.g. 0.524417 for 70 %.
    divisor : float
        The rule's own quantile z of its two-sided interval, e.g. 1.645006 for 90 %.
    allowance : float
        U up to which nothing is taken off, and which is taken off U beyond (form quantile).
    steps : tuple of (float, float)
        Upper bound of U, and share of U taken off; of the form steps.
    buffer_of : str
        Whether the buffer is a share of ``gross`` reductions or of what is left (``net``).
    reference, note : str

    Raises
    ------
    InputError
        For a rule without id, version or reference, and parameters that are none.

    Examples
    --------
    >>> rule = rule_of("art-trees", "2.0")
    >>> round(rule.share(0.1645), 4)
    0.0524
    """

    id: str
    version: str
    form: str
    level: float
    quantile: float
    divisor: float
    allowance: float
    steps: tuple[tuple[float, float], ...]
    buffer_of: str
    reference: str
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a rule that nobody could look up, or that says nothing."""
        for name in ("id", "version", "reference"):
            if not str(getattr(self, name)).strip():
                raise InputError(f"a rule of deduction without {name}", where=self.id or "rules")
        if self.form not in FORMS or self.buffer_of not in BUFFERS:
            what = f"form {self.form!r} and buffer of {self.buffer_of!r}"
            raise InputError(what, where=self.name, remedy=f"use {FORMS} and {BUFFERS}")
        if not 0 < self.level < 1:
            raise InputError(f"a level of {self.level:g} is no share", where=self.name)
        if self.form == "quantile" and not (
            self.quantile > 0 and self.divisor > 0 and self.allowance >= 0
        ):
            what = "a quantile and a divisor above 0 and an allowance from 0 belong to it"
            raise InputError(what, where=self.name)
        bounds, shares = [step[0] for step in self.steps], [step[1] for step in self.steps]
        rising = bounds == sorted(set(bounds)) and all(0 <= share <= 1 for share in shares)
        if self.form == "steps" and not (bounds and rising and bounds[-1] == float("inf")):
            what = "steps rise up to inf, each with a share of 0 to 1"
            raise InputError(what, where=self.name)

    @property
    def name(self) -> str:
        """Id and version."""
        return f"{self.id} {self.version}"

    def share(self, half_width: float) -> float:
        """Return the share that is taken off, for a half-width relative to the value; up to 1."""
        if self.form == "steps":
            return min(half_width * next(s for b, s in self.steps if half_width <= b), 1.0)
        return min(self.quantile * max(half_width - self.allowance, 0.0) / self.divisor, 1.0)


COLUMNS = tuple(field.name for field in fields(Rule))


def read_rules(path: Path | str) -> tuple[Rule, ...]:
    """Return the rules of your own table, e.g. those of a VCS methodology.

    Parameters
    ----------
    path : path
        CSV with the columns of phytomass's ``rules.csv``: id, version, form (quantile or steps),
        level, quantile, divisor, allowance, steps (``0.1:0;0.2:0.5;inf:1``), buffer_of, reference, note.

    Raises
    ------
    InputError
        For columns that are missing, numbers that are none, rules twice, and as `Rule`.
    """
    return _rules(Path(path).read_text(encoding="utf-8-sig"), str(path))


def rule_of(id: str, version: str, own: tuple[Rule, ...] = ()) -> Rule:
    """Return a rule by id and version, from your own or from phytomass's table.

    Raises
    ------
    InputError
        For a rule or a version that is not there, naming those that are.

    Examples
    --------
    >>> rule_of("art-trees", "")
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: a rule of deduction without version: 'art-trees' → ...
    """
    known = {rule.name: rule for rule in (*_shipped(), *own)}
    there = f"there are {', '.join(known)}"
    if not id or not version:
        lacking = "id" if not id else "version"
        raise InputError(f"a rule of deduction without {lacking}: {id!r}", remedy=there)
    wanted = f"{id} {version}"
    if wanted not in known:
        hint = nearest(wanted, list(known))
        raise InputError(f"no rule of deduction {wanted!r}", remedy=hint or there)
    return known[wanted]


@cache
def _shipped() -> tuple[Rule, ...]:
    text = (files("phytomass.accounting.credits") / "rules.csv").read_text(encoding="utf-8")
    return _rules(text, "rules.csv")


def _rules(text: str, where: str) -> tuple[Rule, ...]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    require_columns(reader.fieldnames or (), COLUMNS[:-1], where)
    rules: dict[str, Rule] = {}
    for number, row in enumerate(reader, start=2):
        try:
            rule = _rule(row)
        except (ValueError, TypeError) as error:
            raise InputError(str(error), where=f"{where}, row {number}") from error
        if rule.name in rules:
            raise InputError(f"the rule {rule.name} stands twice", where=f"{where}, row {number}")
        rules[rule.name] = rule
    return tuple(rules.values())


def _rule(row: dict[str, str]) -> Rule:
    steps = [part.split(":") for part in (row["steps"] or "").split(";") if part]
    return Rule(
        row["id"], row["version"], row["form"], float(row["level"]),
        float(row["quantile"] or "nan"), float(row["divisor"] or "nan"), float(row["allowance"] or 0),
        tuple((float(bound), float(share)) for bound, share in steps),
        row["buffer_of"], row["reference"], row.get("note") or "",
    )  # fmt: skip
