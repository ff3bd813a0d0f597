"""Ctrl-C, SIGTERM and SIGHUP: one clear last line, whatever is going on at that moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

LAST_LINES = {
    "SIGINT": "Interrupted.",
    "SIGTERM": "Stopped from outside (SIGTERM).",
    "SIGHUP": "Stopped, as the terminal was closed (SIGHUP).",
}
KEPT = "What is finished is kept: the next run goes on."


class Stops:
    """What a signal does.

    While nothing is written (imports, checks) it ends the process at once: an exception in the
    middle of an import would come out as something else. While results are made it raises
    `KeyboardInterrupt`, so that everything is put away.
    """

    def __init__(self) -> None:
        self.received = 0
        self._gently = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Catch the signals while the block runs, except those that were being ignored."""
        before = {}
        self.received, self._gently = 0, False
        if threading.current_thread() is threading.main_thread():
            numbers = [getattr(signal, name) for name in LAST_LINES if hasattr(signal, name)]
            wanted = [n for n in numbers if signal.getsignal(n) != signal.SIG_IGN]
            before = {number: signal.signal(number, self._caught) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def gently(self) -> Iterator[None]:
        """Let a signal put everything away first while the block runs: it writes."""
        self._gently = True
        try:
            yield
        finally:
            self._gently = bool(self.received)

    @property
    def exit_code(self) -> int:
        """What the shell expects of a process that a signal ended."""
        return 128 + self.received

    def say(self) -> None:
        """Write the last line."""
        name = signal.Signals(self.received).name
        with suppress(Exception):  # the terminal may be gone, or be written to at this moment
            sys.stdout.flush()
        with suppress(OSError):
            if "--json" in sys.argv:
                os.write(1, b'{"event": "interrupted"}\n')
            else:
                os.write(2, f"{LAST_LINES[name]} {KEPT}\n".encode("ascii"))

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if self._gently:
            raise KeyboardInterrupt
        self.say()
        os._exit(self.exit_code)


STOPS = Stops()
"""Those of this process."""
