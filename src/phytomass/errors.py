"""The errors and warnings of phytomass: each says what is wrong, where, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from reprlib import Repr

LONGEST_SHOWN = 80
"""Characters of a value that a message shows."""

CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that steer a terminal or turn the direction of writing, and halves of characters."""


def shown(value: object) -> str:
    """Return a value as text for a message: short whatever its size, and without control characters.

    Examples
    --------
    >>> shown("summer"), shown([1, 2.5, None])
    ("'summer'", '[1, 2.5, None]')
    >>> len(shown("x" * 10**6)) < LONGEST_SHOWN, len(shown([["x" * 99] * 99] * 99)) <= LONGEST_SHOWN
    (True, True)
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) >= 10**18:
        return f"a number of about 10^{int(value.bit_length() * 0.30103)}"
    short = Repr()
    short.maxstring = short.maxother = LONGEST_SHOWN - 10
    short.maxlevel = 3
    text = printable(short.repr(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def printable(text: str) -> str:
    r"""Return a text without the characters that steer a terminal; line ends stay.

    Examples
    --------
    >>> printable("red\x1b[31m and\nblack")
    'red�[31m and\nblack'
    """
    return CONTROL.sub("\ufffd", text)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    Parameters
    ----------
    where : str
        File, row, column, band or key path: `plots.csv, row 12, column dbh_cm`.
    what : str
        What was found and what was expected.
    remedy : str
        What the user can do about it; may be empty.
    """

    where: str
    what: str
    remedy: str = ""

    def __post_init__(self) -> None:
        for part in fields(self):  # what files hold is shown, and must not steer the terminal
            object.__setattr__(self, part.name, printable(getattr(self, part.name)))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} → {self.remedy}" if self.remedy else text


class PhytomassError(Exception):
    """Base of every error that phytomass raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong.
    where : str, optional
        File, row, column or band.
    remedy : str, optional
        What to do next.

    Examples
    --------
    >>> error = InputError("no column 'dbh'", where="trees.csv", remedy="map it in inventory.trees")
    >>> print(error)
    trees.csv: no column 'dbh' → map it in inventory.trees
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(where, what, remedy),)
        super().__init__(str(self.problems[0]))


class InputError(PhytomassError, ValueError):
    """A file, a table, a raster or a setting cannot be used as it is."""

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> InputError:
        """Make one error of several problems, so that all of them are shown at once.

        Examples
        --------
        >>> print(InputError.of([Problem("a.tif", "has no CRS"), Problem("b.tif", "is empty")]))
        a.tif: has no CRS
        b.tif: is empty
        """
        error = cls("\n".join(str(problem) for problem in problems))
        error.problems = tuple(problems)
        return error


@contextmanager
def gathered(problems: list[Problem]) -> Iterator[None]:
    """Keep the problems of an `InputError` raised in the block, each once, and go on after it.

    Examples
    --------
    >>> problems = []
    >>> for name in ("a.tif", "b.tif"):
    ...     with gathered(problems):
    ...         raise InputError("is empty", where=name)
    >>> [problem.where for problem in problems]
    ['a.tif', 'b.tif']
    """
    try:
        yield
    except InputError as error:
        problems += [problem for problem in error.problems if problem not in problems]


class ProjectFileError(InputError):
    """The project file is not valid; one problem per mistake."""


class DiskFullError(PhytomassError):
    """The disk, a quota or the file system's largest file was full before a file was whole."""


class WorkersError(PhytomassError):
    """Workers cannot be reached, or were lost; what they had finished is kept."""


class PhytomassWarning(UserWarning):
    """Base of the warnings of phytomass."""


def require_columns(found: Iterable[object], needed: Sequence[str], where: str) -> None:
    """Raise when a table that was made in Python lacks columns.

    Raises
    ------
    InputError
        Naming them, and the columns that there are.

    Examples
    --------
    >>> require_columns(["plot_id", "dbh"], ["dbh_cm"], "trees")
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: trees: no column dbh_cm → there are plot_id, dbh
    """
    names = [str(name) for name in found]
    absent = [name for name in needed if name not in names]
    if absent:
        remedy = f"there are {', '.join(names[:30])}"
        raise InputError(f"no column {', '.join(absent)}", where=where, remedy=remedy)


def nearest(name: str, known: Sequence[str], n: int = 1) -> str:
    """Return the nearest known name(s) as a hint, or an empty string.

    Examples
    --------
    >>> nearest("randon_forest", ["random_forest", "svr"])
    "did you mean 'random_forest'?"
    >>> nearest("zzz", ["random_forest"])
    ''
    """
    close = get_close_matches(name, list(known), n=n, cutoff=0.6)
    return f"did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
