"""Compiling loops over pixels with numba: the one place that knows its decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function to machine code on its first call, and keep the code for the next run.

    The interpreter lock is released inside, so that threads may each work on rows of their own:
    numba's own threads are not used, because they cannot be entered from two threads at once.

    Examples
    --------
    >>> @compiled
    ... def double(value: float) -> float:
    ...     return 2 * value
    >>> double(2.0)
    4.0
    """
    return cast("F", njit(nogil=True, cache=_can_cache(function))(function))


def inlined(function: F) -> F:
    """Compile a helper of a compiled function into it, wherever it is called."""
    return cast("F", njit(nogil=True, inline="always")(function))


def _can_cache(function: Callable[..., Any]) -> bool:
    """Tell whether the function comes from a file: numba finds its cache by the file's path."""
    return not function.__code__.co_filename.startswith("<")
