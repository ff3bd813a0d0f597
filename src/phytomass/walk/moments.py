"""Running moments: those of the parts of a set of values make those of the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Number, sum, squares, least and greatest of a set of values.

    Parameters
    ----------
    n : int
        Values.
    total : float
        Their sum.
    squares : float
        Sum of the squared deviations from their mean.
    low, high : float
        Least and greatest; infinite where there are none.

    Examples
    --------
    >>> both = Moments.of(np.array([1.0, 2.0])) + Moments.of(np.array([6.0]))
    >>> both.n, both.mean, round(both.sd, 6), both.high
    (3, 3.0, 2.160247, 6.0)
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """Return the moments of an array without missing values."""
        if not values.size:
            return cls()
        total = float(values.sum())
        squares = float(((values - total / values.size) ** 2).sum())
        return cls(values.size, total, squares, float(values.min()), float(values.max()))

    def __add__(self, other: Moments) -> Moments:
        """Join two sets (Chan et al. 1983, Am. Stat. 37, 242-247)."""
        if not (self.n and other.n):
            return self if self.n else other
        shift = self.mean - other.mean
        return Moments(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares + shift**2 * self.n * other.n / (self.n + other.n),
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @property
    def mean(self) -> float:
        """The mean; NaN where there are no values."""
        return self.total / self.n if self.n else float("nan")

    @property
    def sd(self) -> float:
        """The standard deviation over all values (divided by n: they are the population)."""
        return float(np.sqrt(self.squares / self.n)) if self.n else float("nan")
