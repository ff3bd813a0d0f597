"""A quantity with its draws: point, value under each draw, and the draws that its items share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from phytomass.draws.store import TAKEN, Layout, Meaning, Stored, new_store, open_store
from phytomass.errors import InputError, nearest

Array = NDArray[np.float64]
Rows = slice | NDArray[np.integer[Any]]

ROWS = 256
"""Items that are looked at together, fewer where there are very many draws."""

BLOCK_BYTES = 64_000_000
"""Memory for one block of items."""


class Values(Protocol):
    """Values of items under draws: an array, or what reads or computes rows when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Items, draws."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Return some items under all draws."""


@dataclass(frozen=True)
class Lazy:
    """Values that are computed when rows of them are asked for.

    Parameters
    ----------
    shape : tuple of int
        Items, draws.
    compute : callable
        Rows → array, shape (rows, draws).

    Examples
    --------
    >>> Lazy((3, 2), lambda rows: np.arange(6.0).reshape(3, 2)[rows] * 10)[1:]
    array([[20., 30.],
           [40., 50.]])
    """

    shape: tuple[int, int]
    compute: Callable[[Rows], Array]

    def __getitem__(self, rows: Rows) -> Array:
        """Compute some rows."""
        return self.compute(rows)


@dataclass(frozen=True, eq=False)
class Draws:
    """A quantity of several items: its point, its draws, and what its draws share.

    Draw k holds one value of every shared error; so what is paired (two pools, two dates, a sum
    over plots) is paired draw by draw, and `+` and `-` refuse draws of another seed or number.

    Parameters
    ----------
    point : array, shape (n,)
        The quantity without errors.
    values : array, zarr array or `Lazy`, shape (n, k)
        The quantity under each draw.
    ids : tuple of str, length n
        Names of the items.
    pool, kind, unit, date : str
        What it is: e.g. AGB, dry_mass, Mg/ha, 2020.
    random_state : int
        The seed that the draws come from.
    shared : mapping of str to array, shape (k,)
        Shared errors by name, e.g. ``carbon_fraction`` or ``wood_density/Melia azedarach``.
    level : str
        What an item is: ``plot``, ``zone``, ``mean``, ``total``.

    Raises
    ------
    InputError
        If the shapes do not fit each other, or an id is repeated.

    Examples
    --------
    >>> values = np.array([[90.0, 110.0, 100.0], [45.0, 55.0, 50.0]])
    >>> agb = Draws(np.array([100.0, 50.0]), values, ("A", "B"), "AGB", "dry_mass", "Mg/ha")
    >>> agb.mean().values, agb.total([2.0, 1.0]).point, agb.total([2.0, 1.0]).unit
    (array([[67.5, 82.5, 75. ]]), array([250.]), 'Mg')
    >>> (agb - agb).se()
    array([0., 0.])
    """

    point: Array
    values: Values
    ids: tuple[str, ...]
    pool: str
    kind: str
    unit: str
    date: str = ""
    random_state: int = 0
    shared: Mapping[str, Array] = field(default_factory=dict)
    level: str = "plot"

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit."""
        n, k = len(self.ids), self.n_draws
        if np.shape(self.point) != (n,) or tuple(self.values.shape) != (n, k):
            shapes = f"point {np.shape(self.point)}, values {tuple(self.values.shape)}, ids {n}"
            raise InputError(f"draws whose shapes do not fit: {shapes}")
        if len(set(self.ids)) != n:
            twice = next(i for i in self.ids if self.ids.count(i) > 1)
            raise InputError(f"{self.level} {twice!r} is there twice", remedy="name each once")

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return int(self.values.shape[-1])

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ids)

    def __getitem__(self, rows: Rows) -> Draws:
        """Return some items, with their values in memory."""
        ids = tuple(np.asarray(self.ids, dtype=object)[rows].tolist())
        values = np.asarray(self.values[rows], dtype=np.float64)
        return replace(self, point=self.point[rows], values=values, ids=ids)

    def take(self, ids: Sequence[str]) -> Draws:
        """Return the named items, in that order, with their values in memory.

        Raises
        ------
        InputError
            If one is not there.
        """
        place = {name: row for row, name in enumerate(self.ids)}
        for name in ids:
            if name not in place:
                remedy = nearest(name, self.ids) or f"first ones: {', '.join(self.ids[:3])}"
                raise InputError(f"no draws of {self.level} {name!r}", remedy=remedy)
        return self[np.array([place[name] for name in ids], dtype=np.int64)]

    def first(self, k: int) -> Draws:
        """Return the first k draws; stored ones are read no further than that.

        Raises
        ------
        InputError
            If there are fewer.
        """
        if not 0 < k <= self.n_draws:
            raise InputError(f"{k} draws wanted, and there are {self.n_draws}")
        old = self.values
        if isinstance(old, Stored):
            values: Values = old.first(k)
        else:
            values = Lazy((len(self), k), lambda rows: np.asarray(old[rows])[:, :k])
        return replace(self, values=values, shared={n: v[:k] for n, v in self.shared.items()})

    def blocks(self) -> Iterator[slice]:
        """Walk over the items in blocks of bounded memory."""
        size = max(1, min(ROWS, BLOCK_BYTES // (8 * self.n_draws)))
        for first in range(0, len(self), size):
            yield slice(first, min(first + size, len(self)))

    def _each(self, statistic: Callable[[Array], Array]) -> Array:
        """Return a statistic of the draws of each item."""
        blocks = list(self.blocks()) or [slice(0, 0)]
        return np.concatenate([statistic(np.asarray(self[rows].values)) for rows in blocks])

    def expected(self) -> Array:
        """Return the mean of the draws of each item, shape (n,)."""
        return self._each(lambda values: np.asarray(values.mean(axis=1)))

    def se(self) -> Array:
        """Return the standard error of each item, the SD of its draws: more do not narrow it."""
        return self._each(lambda values: np.asarray(values.std(axis=1, ddof=1)))

    def quantile(self, probabilities: Sequence[float]) -> Array:
        """Return quantiles of the draws of each item, shape (n, len(probabilities))."""
        return self._each(lambda v: np.asarray(np.quantile(v, probabilities, axis=1).T))

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Return the bounds that hold this share of the draws, as much below as above.

        Raises
        ------
        InputError
            If the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise InputError(f"a level of {level:g}", remedy="give a share, e.g. 0.95")
        low, high = self.quantile([(1 - level) / 2, (1 + level) / 2]).T
        return low, high

    def mean(self, weights: Sequence[float] | Array | None = None) -> Draws:
        """Return the mean over the items under each draw: shared errors do not average out.

        Parameters
        ----------
        weights : array, shape (n,), optional
            All alike if left out; they are divided by their sum.
        """
        if weights is None:
            weight = np.full(len(self), 1.0 / max(len(self), 1))
            found = self._sum(weight, "mean", self.unit)
            return replace(found, point=np.array([self.point.mean()]))
        given = self._weights(weights)
        if not given.sum() > 0:
            raise InputError("a mean with weights that are all zero")
        return self._sum(given / given.sum(), "mean", self.unit)

    def total(self, area_ha: Sequence[float] | Array | None = None) -> Draws:
        """Return the sum over the items under each draw.

        Parameters
        ----------
        area_ha : array, shape (n,), optional
            Area of each item, for a quantity per hectare; its unit then loses ``/ha``.

        Raises
        ------
        InputError
            If areas are given for what is not per hectare, or not given for what is.
        """
        if self.unit.endswith("/ha") != (area_ha is not None):
            per = "is per hectare" if area_ha is None else "is not per hectare"
            remedy = "give area_ha" if area_ha is None else "leave area_ha out"
            raise InputError(f"a total of {self.unit}, which {per}", remedy=remedy)
        if area_ha is None:
            return self._sum(np.ones(len(self)), "total", self.unit)
        return self._sum(self._weights(area_ha), "total", self.unit.removesuffix("/ha"))

    def _weights(self, given: Sequence[float] | Array) -> Array:
        weight = np.asarray(given, dtype=np.float64)
        if weight.shape != (len(self),):
            raise InputError(f"{weight.size} weights or areas for {len(self)} items")
        if not (np.isfinite(weight) & (weight >= 0)).all():
            raise InputError("a weight or area that is missing or below zero")
        return weight

    def _sum(self, weight: Array, level: str, unit: str) -> Draws:
        if not len(self):
            raise InputError(f"a {level} of nothing")
        total = np.zeros(self.n_draws)
        for rows in self.blocks():
            total += weight[rows] @ np.asarray(self[rows].values)
        made = {"point": np.array([weight @ self.point]), "values": total[None, :], "ids": (level,)}
        return replace(self, **made, unit=unit, level=level)  # type: ignore[arg-type]

    def __add__(self, other: Draws) -> Draws:
        """Add item by item and draw by draw."""
        return self._paired(other, np.add, self.date or other.date)

    def __sub__(self, other: Draws) -> Draws:
        """Subtract item by item and draw by draw: what both share cancels."""
        dates = dict.fromkeys(d for d in (other.date, self.date) if d)
        return self._paired(other, np.subtract, " to ".join(dates))

    def _paired(self, other: Draws, how: Callable[[Any, Any], Array], date: str) -> Draws:
        for name in ("random_state", "n_draws", "ids", "level", "pool", "kind", "unit"):
            one, two = getattr(self, name), getattr(other, name)
            if one != two:
                raise InputError(f"draws that do not pair: {name} {_short(one)} and {_short(two)}")
        for name in set(self.shared) & set(other.shared):
            if not np.array_equal(self.shared[name], other.shared[name]):
                raise InputError(f"draws that do not pair: other draws of {name}")
        a, b = self.values, other.values
        return replace(
            self,
            point=how(self.point, other.point),
            values=Lazy(
                (len(self), self.n_draws),
                lambda rows: how(np.asarray(a[rows], np.float64), np.asarray(b[rows], np.float64)),
            ),
            date=date,
            shared={**other.shared, **self.shared},
        )

    def save(self, path: Path, name: str = "draws") -> Draws:
        """Write the draws to a folder ``….zarr``, whole or not at all; return them from there.

        Values are kept as float32, point and shared draws as float64.

        Raises
        ------
        InputError
            If it cannot be written, or under that name.
        """
        if name in TAKEN:
            raise InputError(f"the name {name!r} is taken", where=str(path))
        meaning = Meaning(self.pool, self.kind, self.unit, self.date)
        layout = Layout(
            self.ids,
            self.n_draws,
            {name: meaning},
            tuple(self.shared),
            self.random_state,
            self.level,
        )
        with new_store(path, layout) as target:
            target.point[name][:] = self.point
            for rows in self.blocks():
                target.values[name][rows, :] = np.asarray(self[rows].values, dtype=np.float32)
            target.write_shared(self.shared, slice(0, self.n_draws))
        return Draws.open(path, name)

    @classmethod
    def open(cls, path: Path, name: str | None = None) -> Draws:
        """Open draws that were written; their values are read when asked for.

        Parameters
        ----------
        path : Path
            Folder ``….zarr``.
        name : str, optional
            Which of its quantities, e.g. ``agb_mg_ha``; the first if left out.

        Raises
        ------
        InputError
            If there is no such folder or quantity, or it cannot be read.
        """
        return cls(**open_store(path).quantity(name))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
