"""Forests by compiled traversal: scikit-learn's random forests, extra trees, gradient boosting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from phytomass.mapping.engines.kernel import UNIT, grouped, ranked, summed

Array = NDArray[np.float64]
MOST_RANKS = 2**16 - 1
"""Thresholds of a predictor that fit into 16 bits; the last rank belongs to leaves."""
MOST_NODES = 2**30
CHUNK = 256
"""Units of pixels whose members are held at a time."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Some trees of a forest, as few enough thresholds that ranks have 16 bits.

    Parameters
    ----------
    nodes, values, starts
        As in `kernel.summed`.
    thresholds : array, shape (sum of all predictors' thresholds,)
        Sorted, predictor by predictor.
    bounds : array of int, shape (predictors + 1,)
        Where those of each predictor begin.
    weight : array, shape (predictors,)
        What a rank of each predictor counts when pixels are grouped.
    """

    nodes: NDArray[np.uint64]
    values: Array
    starts: NDArray[np.int64]
    thresholds: Array
    bounds: NDArray[np.int64]
    weight: Array

    @property
    def count(self) -> int:
        """Number of trees."""
        return len(self.starts) - 1


@dataclass(frozen=True, eq=False)
class Forest:
    """A forest: start + sum of its trees / divisor, added in the order of the trees.

    Parameters
    ----------
    parts : tuple of Trees
        All trees, in order.
    start : float
        What every prediction begins with.
    divisor : float
        Number of trees of a mean; 1 for a boosted sum.
    """

    parts: tuple[Trees, ...]
    start: float = 0.0
    divisor: float = 1.0

    @classmethod
    def of(cls, model: Any) -> Forest | None:
        """Return the engine of a fitted forest; None if it is another model, or has many outputs."""
        if type(model) in (RandomForestRegressor, ExtraTreesRegressor):
            trees = [one.tree_ for one in model.estimators_]
            made = cls(tuple(_parts(trees, 1.0)), divisor=float(len(trees)))
        elif type(model) is DecisionTreeRegressor:
            trees = [model.tree_]
            made = cls(tuple(_parts(trees, 1.0)))
        elif type(model) is GradientBoostingRegressor and _begins_alike(model):
            trees = [one.tree_ for one in model.estimators_[:, 0]]
            begin = float(model._raw_predict_init(np.zeros((1, model.n_features_in_)))[0, 0])
            made = cls(tuple(_parts(trees, model.learning_rate)), start=begin)
        else:
            return None
        return made if all(tree.n_outputs == 1 for tree in trees) else None

    def columns(self, values: NDArray[np.float32]) -> Array:
        """Predict pixels from values of shape (predictors, n)."""
        predicted: Array = self.members(values, np.zeros(self.count, np.int64))[0]
        return predicted

    @property
    def count(self) -> int:
        """Number of trees."""
        return sum(part.count for part in self.parts)

    def members(self, values: NDArray[np.float32], member: NDArray[np.int64]) -> Array:
        """Predict with each member of the ensemble.

        Parameters
        ----------
        values : array, shape (predictors, n)
            Predictors.
        member : array of int, shape (trees,)
            The member that each tree belongs to.

        Returns
        -------
        array, shape (members, n)
            Of a mean, that of the member's trees; of a boosted sum, the sum.
        """
        total = int(member.max()) + 1
        found = np.empty((total, values.shape[1]))
        for pixels, sums in self.chunks(values, member):
            found[:, pixels] = sums
        per_member = np.bincount(member, minlength=total)[:, None]
        return found / per_member if self.divisor != 1.0 else found

    def chunks(
        self, values: NDArray[np.float32], member: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], Array]]:
        """Add up the trees of each member, some pixels at a time, so that many members fit.

        Yields
        ------
        pixels : array of int, shape (some,)
            Which ones, all in the end.
        sums : array, shape (members, some)
            Not yet divided by the number of trees.
        """
        n, total = values.shape[1], int(member.max()) + 1
        units = -(-n // UNIT)
        wanted = np.full(units, ~np.uint64(0))
        if n % UNIT:
            wanted[-1] = np.uint64(2 ** (n % UNIT) - 1)
        order, laid = self._laid(values, units)
        bounds = np.cumsum([0, *(part.count for part in self.parts)])
        step = units if total == 1 else CHUNK
        for first in range(0, units, step):
            last = min(first + step, units)
            sums = np.full((total, (last - first) * UNIT), self.start)
            for part, ranks, start in zip(self.parts, laid, bounds, strict=False):
                own, here = member[start : start + part.count], wanted[first:last]
                summed(part.nodes, part.values, part.starts, own, ranks[first:last], here, sums)
            pixels = order[first * UNIT : last * UNIT]
            yield pixels, sums[:, : len(pixels)]

    def _laid(self, values: NDArray[np.float32], units: int) -> tuple[Any, list[Any]]:
        """Lay pixels side by side that are alike: their order, and ranks for each of the parts."""
        order, found = None, []
        for part in self.parts:
            ranks = np.empty(values.shape, np.uint16)
            ranked(values, part.thresholds, part.bounds, ranks)
            if order is None:
                order = grouped(ranks, part.weight)
            laid = np.zeros((len(values), units * UNIT), np.uint16)
            np.take(ranks, order, axis=1, out=laid[:, : values.shape[1]])
            by_unit = laid.reshape(-1, units, UNIT).transpose(1, 0, 2)
            found.append(np.ascontiguousarray(by_unit))
        return order, found


def _begins_alike(model: Any) -> bool:
    """Tell whether a boosted model begins with one number for all rows."""
    return model.init is None or model.init == "zero"


def _parts(trees: Sequence[Any], rate: float) -> Iterator[Trees]:
    """Pack trees, as many together as have few enough thresholds."""
    used, first = _thresholds(trees), 0
    if (
        max(len(one) for one in used) <= MOST_RANKS
        and sum(t.node_count for t in trees) < MOST_NODES
    ):
        yield _packed(trees, used, rate)
        return
    first = len(trees) // 2
    yield from _parts(trees[:first], rate)
    yield from _parts(trees[first:], rate)


def _thresholds(trees: Sequence[Any]) -> list[Array]:
    at = np.concatenate([tree.feature for tree in trees])
    value = np.concatenate([tree.threshold for tree in trees])
    return [np.unique(value[at == predictor]) for predictor in range(trees[0].n_features)]


def _packed(trees: Sequence[Any], used: Sequence[Array], rate: float) -> Trees:
    words, values = zip(*(_words(tree, used, rate) for tree in trees), strict=True)
    splits = np.bincount(
        np.concatenate([t.feature[t.feature >= 0] for t in trees]), minlength=len(used)
    )
    sizes = np.array([len(one) for one in used])
    return Trees(
        np.concatenate(words),
        np.concatenate(values),
        np.cumsum([0, *(len(word) for word in words)]),
        np.concatenate(used),
        np.cumsum([0, *sizes]),
        splits / np.maximum(sizes, 1),
    )


def _words(tree: Any, used: Sequence[Array], rate: float) -> tuple[NDArray[np.uint64], Array]:
    """Return the nodes of a tree level by level, as `kernel.summed` reads them, and what they add."""
    order = _by_level(tree.children_left, tree.children_right)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    feature = tree.feature[order]
    leaf = feature < 0
    left = np.where(leaf, np.arange(len(order)), place[tree.children_left[order]])
    rank = np.full(len(order), MOST_RANKS)
    for predictor, thresholds in enumerate(used):
        here = feature == predictor
        rank[here] = np.searchsorted(thresholds, tree.threshold[order][here])
    right = np.minimum(left + 1, len(order) - 1)
    bits = ((rank, 0), (np.where(leaf, 0, feature), 16), (left, 32))
    flags = ((leaf[left] & ~leaf, 62), (leaf[right] & ~leaf, 63))
    word = np.zeros(len(order), np.uint64)
    for field, shift in (*bits, *flags):
        word |= field.astype(np.uint64) << np.uint64(shift)
    return word, tree.value[order, 0, 0] * rate


def _by_level(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    levels = [np.array([0])]
    while len(levels[-1]):
        inner = levels[-1][left[levels[-1]] >= 0]
        levels.append(np.column_stack([left[inner], right[inner]]).ravel())
    return np.concatenate(levels)
