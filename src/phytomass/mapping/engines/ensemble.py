"""What predicts the pixels of a block with all members of an ensemble."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from phytomass.mapping.dense import field_regressor
from phytomass.mapping.engines.base import Engine, Regressor
from phytomass.mapping.engines.choose import Fast, Window, engine_for
from phytomass.mapping.engines.forest import Forest
from phytomass.models import joined, with_means
from phytomass.models.pixel.neighbourhood import NeighbourhoodRegressor

Array = NDArray[np.float64]
AT_ONCE = 16_384
"""Pixels whose members are held at a time."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Some pixels under all members.

    Parameters
    ----------
    pixels : array of int, shape (some,)
        Their places among the pixels in use.
    point : array, shape (some,)
        What the map says, Mg/ha.
    members : array, shape (members, some)
        Mg/ha.
    variance : array, shape (some,)
        Squared standard error of the point.
    """

    pixels: NDArray[np.int64]
    point: Array
    members: Array
    variance: Array


class Ensemble(Protocol):
    """Predicts pixels with all members; no pixel's numbers depend on which others are asked for."""

    @property
    def halo(self) -> int:
        """Pixels it sees on each side of a pixel."""

    @property
    def count(self) -> int:
        """Number of members."""

    def spread(self, values: NDArray[np.floating], use: NDArray[np.bool_]) -> Iterator[Spread]:
        """Predict some pixels of a block, a part at a time (see `Engine.predict`)."""


@dataclass(frozen=True, eq=False)
class Refits:
    """Members that were fitted beside the model: one engine each.

    Parameters
    ----------
    point : Engine
        Of the model.
    engines : tuple of Engine
        Of the members.
    """

    point: Engine
    engines: tuple[Engine, ...]

    @property
    def halo(self) -> int:
        """Pixels it sees on each side of a pixel."""
        return max(self.point.halo, *(one.halo for one in self.engines))

    @property
    def count(self) -> int:
        """Number of members."""
        return len(self.engines)

    def spread(self, values: NDArray[np.floating], use: NDArray[np.bool_]) -> Iterator[Spread]:
        """Predict some pixels of a block; the standard error is the spread of the members."""
        places = np.flatnonzero(use)
        step = len(places) if self.halo else AT_ONCE
        for first in range(0, len(places), step):
            pixels = np.arange(first, min(first + step, len(places)))
            own = np.zeros(use.size, bool)
            own[places[pixels]] = True
            here = own.reshape(use.shape)
            found = np.array([one.predict(values, here) for one in self.engines])
            point = self.point.predict(values, here)
            yield Spread(pixels, point, found, found.var(axis=0, ddof=1))


@dataclass(frozen=True, eq=False)
class Grown:
    """Members that together are the forest of the map: at the cost of one forest.

    A member's few trees scatter by chance too. Each member is split into halves, and what both
    halves have in common is the standard error (bootstrap of little bags: Sexton & Laake 2009,
    Comput. Stat. Data Anal. 53:801-811; Athey et al. 2019, Ann. Stat. 47:1148-1178); the chance
    that is left in the mean of all members is added.

    Parameters
    ----------
    fast : Fast
        The engine of the forest.
    count : int
        Number of members, all of as many trees.
    windows : tuple of int
        Sides of the windows whose means are predictors; empty for a forest on one pixel.
    """

    fast: Fast
    count: int
    windows: tuple[int, ...] = ()

    @property
    def halo(self) -> int:
        """Pixels it sees on each side of a pixel."""
        return max(self.windows, default=1) // 2

    def spread(self, values: NDArray[np.floating], use: NDArray[np.bool_]) -> Iterator[Spread]:
        """Predict some pixels of a block."""
        forest = self.fast.core
        assert isinstance(forest, Forest)  # noqa: S101  # `ensemble_for` made it so
        seen = with_means(values, self.windows) if self.windows else values
        each = forest.count // self.count
        half = np.arange(forest.count) % each >= each - each // 2
        own = np.arange(forest.count) // each
        trees = [each - each // 2, each // 2]
        for pixels, sums in forest.chunks(
            self.fast.made_ready(seen[:, use]), own + half * self.count
        ):
            if not trees[1]:
                yield self._of(pixels, sums, sums.var(axis=0, ddof=1))
                continue
            first, second = sums[: self.count] / trees[0], sums[self.count :] / trees[1]
            shared = ((first - first.mean(0)) * (second - second.mean(0))).sum(0) / (self.count - 1)
            members = (sums[: self.count] + sums[self.count :]) / each
            yield self._of(pixels, members, np.maximum(shared, 0.0))

    def _of(self, pixels: Any, members: Array, variance: Array) -> Spread:
        chance = members.var(axis=0, ddof=1) / self.count
        return Spread(pixels, members.mean(axis=0), members, variance + chance)


def ensemble_for(
    model: Regressor, members: Sequence[Regressor], names: Sequence[str], windows: Iterable[Window]
) -> Ensemble:
    """Return what predicts pixels with the members of an ensemble.

    Parameters
    ----------
    model : Regressor
        That of the map; of a forest, the members' trees.
    members : sequence of Regressor
        Fitted on the columns `names`.
    names, windows
        As in `engine_for`: each engine is compared with its model.
    """
    seen = list(windows)
    whole = joined(members)
    grown = None if whole is None else _grown(whole, names, seen, len(members))
    if grown is not None:
        return grown
    engines = (engine_for(one, names, seen) for one in (model, *members))
    return Refits(next(engines), tuple(engines))


def _grown(whole: Any, names: Sequence[str], seen: Sequence[Window], count: int) -> Grown | None:
    field = field_regressor(whole)
    if field is None:
        fast = engine_for(whole, names, seen)
        ready = isinstance(fast, Fast) and isinstance(fast.core, Forest) and fast.after is None
        return Grown(fast, count) if ready else None  # type: ignore[arg-type]
    if not isinstance(field, NeighbourhoodRegressor):
        return None
    wide = [_with_means(values, use, tuple(field.windows)) for values, use in seen]
    inner = engine_for(field.estimator_, (), wide)
    if isinstance(inner, Fast) and isinstance(inner.core, Forest):
        return Grown(inner, count, tuple(field.windows))
    return None


def _with_means(values: Any, use: Any, windows: tuple[int, ...]) -> Window:
    return with_means(values, windows), use
