"""Trying again: with growing pauses, and never beyond a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from phytomass.imagery.catalogs.addresses import masked

T = TypeVar("T")


class PassingError(Exception):
    """A fault of the network or a server that may be gone at the next attempt."""


class GaveUp(Exception):  # noqa: N818  # it says what happened; callers turn it into a message
    """The last error, after how many attempts."""

    def __init__(self, reason: str, attempts: int) -> None:
        super().__init__(reason)
        self.attempts = attempts


@dataclass(frozen=True)
class Patience:
    """How long to go on trying.

    Parameters
    ----------
    attempts : int
        Most attempts.
    deadline : float
        Time of `clock` after which nothing is begun, in seconds.
    pause : float
        Seconds before the second attempt; doubled before each further one, at most half a minute.
    clock, sleep : callable
        For tests.
    """

    attempts: int
    deadline: float
    pause: float = 0.5
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)

    def persist(
        self,
        work: Callable[[int], T],
        errors: tuple[type[Exception], ...],
    ) -> tuple[T, int]:
        """Do some work, again after each of the named errors.

        Parameters
        ----------
        work : callable
            Called with the number of the attempt, from 1.
        errors : tuple of exception classes
            Errors that may pass.

        Returns
        -------
        result, attempts
            What the work gave, and how many attempts it took.

        Raises
        ------
        GaveUp
            After the last attempt, or at the deadline.

        Examples
        --------
        >>> patience = Patience(3, deadline=time.monotonic() + 9, sleep=lambda seconds: None)
        >>> patience.persist(lambda attempt: 1 / (attempt - 1), (ZeroDivisionError,))
        (1.0, 2)
        """
        reason = "no time was left"
        for attempt in range(1, self.attempts + 1):
            if self.clock() >= self.deadline:
                raise GaveUp(f"the time was over; {reason}", attempt - 1)
            try:
                return work(attempt), attempt
            except errors as error:
                known = isinstance(error, PassingError)  # says what happened by itself
                said = str(error) if known else f"{type(error).__name__}: {error}"
                reason = masked(said)[:300]
            if attempt < self.attempts:
                left = max(self.deadline - self.clock(), 0.0)
                self.sleep(min(self.pause * 2 ** (attempt - 1), 30.0, left))
        raise GaveUp(reason, self.attempts)
