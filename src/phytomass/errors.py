"""The errors and warnings of phytomass: each says what is wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches


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
