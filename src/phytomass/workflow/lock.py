"""One run at a time in a results folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from phytomass.errors import InputError
from phytomass.files import FULL

LOCK, HOLDER = ".phytomass.lock", ".phytomass.run.json"
PATIENCE_S = 0.2
"""A run that is just ending may hold the lock for a moment longer."""


@contextmanager
def one_run(results: Path) -> Iterator[None]:
    """Hold the lock of a results folder while the block runs.

    The system gives the lock back when a process ends, however it ends: there are no stale locks.
    A file beside it tells others who holds it.

    Raises
    ------
    InputError
        If another run holds it; says which.
    """
    lock = FileLock(results / LOCK, timeout=PATIENCE_S, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(
            f"another run is at work here: {_holder(results)}",
            where=f"results folder {results}",
            remedy="wait until it has ended, or stop it; `phytomass check` works meanwhile",
        ) from error
    except OSError as error:
        if error.errno in FULL:
            raise
        raise InputError(
            f"the folder cannot be locked ({error.strerror})",
            where=str(results / LOCK),
            remedy="remove what lies there, or choose another `output`",
        ) from error
    try:
        _introduce(results / HOLDER)
        yield
    finally:
        for name in (HOLDER, LOCK):  # while the lock is still held: nobody else's can be hit
            with suppress(OSError):
                (results / name).unlink()
        with suppress(OSError):
            lock.release()


def _introduce(path: Path) -> None:
    """Say who holds the lock, in a new file: what lies there may be a link."""
    path.unlink(missing_ok=True)
    me = {
        "process": os.getpid(),
        "computer": socket.gethostname(),
        "since": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    }
    with path.open("x", encoding="utf-8") as stream:
        json.dump(me, stream)


def _holder(results: Path) -> str:
    try:
        who = json.loads((results / HOLDER).read_text(encoding="utf-8"))
        return f"process {who['process']} on {who['computer']}, since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "it does not say which"
