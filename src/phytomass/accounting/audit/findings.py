"""What an audit finds of a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from phytomass.accounting.audit.spans import Span
from phytomass.accounting.audit.table import Row

AGREES, CONTRADICTS, UNKNOWN = "agrees", "contradicts", "cannot be told"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    status : str
        ``agrees``, ``contradicts`` or ``cannot be told``.
    row : str
        Id of the number, or what it is.
    line : int
        Its line in the file.
    rule : str
        What was checked.
    stated, expected : str
        The number, and the value that would agree; empty where there is none.
    note : str
    beside : tuple of int
        Lines of the other numbers in it.
    """

    status: str
    row: str
    line: int
    rule: str
    stated: str = ""
    expected: str = ""
    note: str = ""
    beside: tuple[int, ...] = ()


Rule = Callable[[Sequence[Row]], Iterator[Finding]]


def judged(
    row: Row, rule: str, stated: Span, expected: Span, beside: Sequence[Row] = (), note: str = ""
) -> Finding:
    """Return whether a number agrees with what follows from others."""
    status = AGREES if stated.meets(expected) else CONTRADICTS
    lines = tuple(one.line for one in beside)
    return Finding(status, row.name, row.line, rule, str(stated), str(expected), note, lines)
