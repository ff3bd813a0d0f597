"""The frame around every command: whatever happens ends in a short message and an exit code."""

from __future__ import annotations

import errno
import os
import select
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from phytomass.cli.plain import any_console
from phytomass.cli.stops import STOPS
from phytomass.errors import PhytomassError, PhytomassWarning, Problem

if TYPE_CHECKING:
    from phytomass.cli.console import Screen

PUT_RIGHT, UNFORESEEN, UNREAD = 2, 70, 141

_PERMISSION = "change its permissions, or choose another place"
_LOOK = "check the path"
_SPACE = "free some space and run again: what is finished is kept"
_OPEN = "run with fewer --workers, or raise the limit (ulimit -n)"
OS_PROBLEMS = {
    errno.EACCES: ("permission denied", _PERMISSION),
    errno.EPERM: ("permission denied", _PERMISSION),
    errno.EROFS: ("lies on a read-only file system", "choose another place"),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "use a shorter path"),
    errno.ENOENT: ("no such file or folder", _LOOK),
    errno.ENOTDIR: ("part of the path is a file, not a folder", _LOOK),
    errno.EISDIR: ("is a folder, not a file", _LOOK),
    errno.ELOOP: ("symbolic links lead in a circle", "remove one of the links"),
    errno.EIO: ("the device cannot be read or written", "check the disk or the network drive"),
    getattr(errno, "ESTALE", -1): ("the network drive lost the file", "run again"),
    errno.EINVAL: ("the system refuses the name", _LOOK),
}
"""What the system says about a path → in plain words, and what to do."""

OS_LIMITS = {
    errno.ENOSPC: ("the disk is full", _SPACE),
    getattr(errno, "EDQUOT", -2): ("your share of the disk is used up", _SPACE),
    errno.EFBIG: ("a file became larger than allowed", _SPACE),
    errno.EMFILE: ("too many files are open", _OPEN),
    errno.ENFILE: ("too many files are open on this computer", _OPEN),
}
"""The same where it is not about one path."""

MEMORY = Problem(
    "", "there is not enough memory", "close other programs, or run with fewer --workers (-j 1)"
)


def framed(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code; no exception gets out."""
    any_console()
    debug = "--debug" in arguments
    try:
        from phytomass.cli.app import app

        with _our_warnings(arguments):
            app([a for a in arguments if a != "--debug"], prog_name="phytomass")
    except BaseException as error:
        if debug and not isinstance(error, SystemExit):
            traceback.print_exception(error)
        return _ended(error, arguments)
    return 0


def _ended(error: BaseException, arguments: Sequence[str]) -> int:
    """Say how it ended; return the exit code."""
    if STOPS.received:  # also where a library turned the exception into another one
        STOPS.say()
        return STOPS.exit_code
    if isinstance(error, SystemExit):
        if isinstance(error.__context__, BrokenPipeError):  # the library for verbs hides it
            return _ended(error.__context__, arguments)
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, BrokenPipeError) and _unread():
        return UNREAD
    with suppress(OSError):
        problems = _problems(error)
        if problems:
            _screen(arguments).problems(problems)
            return PUT_RIGHT
        _unforeseen(error, arguments)
    return UNFORESEEN


def _problems(error: BaseException) -> Sequence[Problem]:
    """Return an error that a user can do something about as problems; none if it is not one."""
    if isinstance(error, PhytomassError):
        return error.problems
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return [MEMORY]
    if isinstance(error, OSError) and error.errno in OS_LIMITS:
        return [Problem(str(error.filename or ""), *OS_LIMITS[error.errno])]
    if isinstance(error, OSError) and error.filename and error.errno in OS_PROBLEMS:
        return [Problem(os.fsdecode(error.filename), *OS_PROBLEMS[error.errno])]
    return []


def _unforeseen(error: BaseException, arguments: Sequence[str]) -> None:
    from phytomass.cli.crash import without_secrets, write_report

    report = write_report(error, arguments)
    what = f"something went wrong inside phytomass ({type(error).__name__}: {error})"
    if isinstance(error, RecursionError):
        what = "something is nested too deeply, in the project file perhaps"
    what = without_secrets(what.splitlines()[0][:500])
    remedy = "earlier results are as they were"
    if report is not None:
        remedy = f"please send us this file: {report}; {remedy}"
    _screen(arguments).problems([Problem("", what, remedy)], report=str(report or ""))


def _unread() -> bool:
    """Tell whether nobody reads the standard output any longer; then let nothing more go there."""
    if hasattr(select, "poll"):
        output = select.poll()
        output.register(1, 0)
        if not output.poll(0):
            return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return True


def _screen(arguments: Sequence[str]) -> Screen:
    from phytomass.cli.console import Screen

    return Screen(as_json="--json" in arguments)


@contextmanager
def _our_warnings(arguments: Sequence[str]) -> Iterator[None]:
    """Show our own warnings as lines for people; those of libraries as they are."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, PhytomassWarning):
            _screen(arguments).warning(str(message))
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual
