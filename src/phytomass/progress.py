"""How the library reports progress: a callback, never a print."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, total)`; `what` names the work, `done` runs from 0 to `total`."""


def silent(what: str, done: int, total: int) -> None:
    """Report nothing: the default callback."""
