"""Compiled traversal of trees: 64 pixels as one mask per node.

Values are ranks among the thresholds of their predictor (`ranked`), in units of 64 pixels that are
alike (`grouped`), so that most of a unit goes the same way at most nodes: at a node one comparison
of vectors gives a mask, and the pixels that go left and right are queued at the children, those of
16 units side by side. Which pixels share a unit changes no pixel's number: trees are added in their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from phytomass.imagery.pixels.compiled import compiled

Words = NDArray[np.uint64]
Ranks = NDArray[np.uint16]
Array = NDArray[np.float64]
UNIT = 64
UNITS = 16
"""Units whose pixels share a queue: enough of them that the processor never waits for one."""
QUEUE = 2 * UNITS * UNIT
"""Places of the ring that is the queue; no pixel waits twice, so half of them would do, but for one."""
NEAR = 64
"""Units that a tree is walked through with before the next: so many ranks fit into the caches."""
SEEN = 128
"""Pixels of a group whose spread is looked at before it is halved."""
WIDEST = 24
"""Predictors among which the one to halve along is looked for."""

# a node as one word: rank of its threshold (16 bits), predictor (16), left child (30; the right one
# is the next), whether the left and the right child are leaves; a leaf is its own left child
ONE, LOW, NODE, SIDE = (np.uint64(n) for n in (1, 0xFFFF, 0x3FFFFFFF, 0xFFFFFFFF))
S6, S16, S32, S62, S63 = (np.uint64(n) for n in (6, 16, 32, 62, 63))
NONE, RING = np.uint64(0), np.uint64(QUEUE - 1)


def _at_most(_: Any, ranks: Any, place: Any, rank: Any) -> Any:
    """Compare 64 ranks that stand side by side with one: a mask of those that are not larger."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector, number = ir.VectorType(ir.IntType(16), UNIT), ir.IntType(32)
        array = context.make_array(signature.args[0])(context, builder, value=args[0])
        start = builder.gep(array.data, [args[1]])
        lanes = builder.load(builder.bitcast(start, vector.as_pointer()))
        lanes.align = 2
        nothing = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(nothing, args[2], ir.Constant(number, 0))
        everywhere = ir.Constant(ir.VectorType(number, UNIT), [0] * UNIT)
        same = builder.shuffle_vector(first, nothing, everywhere)
        return builder.bitcast(builder.icmp_unsigned("<=", lanes, same), ir.IntType(64))

    return types.uint64(ranks, types.uint64, types.uint16), codegen


at_most: Any = intrinsic(_at_most)


def _lowest(_: Any, mask: Any) -> Any:
    """Return the place of the lowest bit of a mask that is not empty, by one instruction."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), codegen


lowest: Any = intrinsic(_lowest)


@compiled
def ranked(values: NDArray[np.float32], thresholds: Array, starts: Any, out: Ranks) -> None:
    """Replace values (predictors, n) by how many thresholds of their predictor lie below."""
    low, value = np.empty(UNIT, np.int64), np.empty(UNIT)
    for predictor in range(values.shape[0]):
        first, size = starts[predictor], starts[predictor + 1] - starts[predictor]
        for i in range(0, values.shape[1], UNIT):
            n = min(UNIT, values.shape[1] - i)
            for k in range(n):
                value[k], low[k] = values[predictor, i + k], first
            left = size
            while left > 0:  # the same steps for all, so that nothing waits for a value
                half = left >> 1
                for k in range(n):
                    low[k] += (left - half) if thresholds[low[k] + half] < value[k] else 0
                left = half
            for k in range(n):
                out[predictor, i + k] = low[k] - first


@compiled
def _best_split(ranks: Ranks, weight: Array, order: Any, start: int, stop: int) -> int:
    """Return the predictor whose halves are narrowest, summed over all predictors.

    A half along f leaves of the spread sd_g of g about sd_g √(1 - 2/π r_fg²).
    """
    step = max((stop - start) // SEEN, 1)
    seen = order[start:stop:step]
    own = np.empty((ranks.shape[0], len(seen)))
    for predictor in range(ranks.shape[0]):
        for k in range(len(seen)):
            own[predictor, k] = weight[predictor] * ranks[predictor, seen[k]]
        own[predictor] -= own[predictor].mean()
    sd = np.sqrt((own * own).sum(axis=1))
    wide = np.argsort(-sd)[:WIDEST]
    best, most = wide[0], -1.0
    for f in wide:
        if sd[f] == 0:
            break
        gain = 0.0
        for g in wide:
            if sd[g] > 0:
                r = (own[f] * own[g]).sum() / (sd[f] * sd[g])
                gain += sd[g] * (1 - np.sqrt(1 - min(r * r, 1.0) * 2 / np.pi))
        if gain > most:
            best, most = f, gain
    return int(best)


@compiled
def _halved(keys: Ranks, order: Any, start: int, stop: int, place: int) -> None:
    """Put those with the smaller keys before a place (quickselect)."""
    while stop - start > 1:
        pivot = keys[order[(start + stop) // 2]]
        i, j = start, stop - 1
        while i <= j:
            while keys[order[i]] < pivot:
                i += 1
            while keys[order[j]] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if place <= j:
            stop = j + 1
        elif place >= i:
            start = i
        else:
            return


@compiled
def grouped(ranks: Ranks, weight: Array) -> Any:
    """Return an order of pixels in which each 64 that follow each other are alike.

    The pixels are halved along one predictor, again and again (see `_best_split`).
    """
    n = ranks.shape[1]
    order = np.arange(n)
    waiting = [(0, n)]
    while waiting:
        start, stop = waiting.pop()
        units = (stop - start + UNIT - 1) // UNIT
        if units < 2:
            continue
        place = start + units // 2 * UNIT
        _halved(ranks[_best_split(ranks, weight, order, start, stop)], order, start, stop, place)
        waiting.append((start, place))
        waiting.append((place, stop))
    return order


@compiled
def summed(
    nodes: Words, values: Array, starts: Any, member: Any, ranks: Ranks, full: Words, sums: Array
) -> None:
    """Add the leaves of all trees to the sums of their members.

    Parameters
    ----------
    nodes : array of uint64, shape (nodes,)
        The nodes of all trees, each tree level by level.
    values : array, shape (nodes,)
        What leaves add.
    starts : array of int, shape (trees + 1,)
        Where the nodes of each tree begin.
    member : array of int, shape (trees,)
        The member of the ensemble that each tree belongs to.
    ranks : array of uint16, shape (units, predictors, 64)
        Ranks of the pixels.
    full : array of uint64, shape (units,)
        The pixels of each unit that are wanted.
    sums : array, shape (members, units × 64)
        Is added to.
    """
    queue = np.empty((QUEUE, 2), np.uint64)
    leaves = np.empty((UNITS * UNIT + 2, 2), np.uint64)
    for start in range(0, full.shape[0], NEAR):
        stop = min(start + NEAR, full.shape[0])
        for tree in range(starts.shape[0] - 1):
            first, last = starts[tree], starts[tree + 1]
            total = sums[member[tree]]
            for unit in range(start, stop, UNITS):
                here = full[unit : min(unit + UNITS, stop)]
                if last - first == 1:  # one leaf: the same for all
                    total[unit * UNIT : (unit + len(here)) * UNIT] += values[first]
                    continue
                done = _walked(nodes[first:last], ranks, here, unit, queue, leaves)
                _added(values[first:last], leaves, done, total)


@compiled
def _walked(
    nodes: Words, ranks: Ranks, full: Words, first: int, queue: Words, leaves: Words
) -> Any:
    """Walk through one tree with some units; list the leaves with the pixels that reach them.

    Nothing branches on what pixels do: a child that no pixel reaches is written and forgotten.
    """
    width, flat = np.uint64(ranks.shape[1]), ranks.ravel()
    queued, done, turn = NONE, NONE, NONE
    for unit in range(full.shape[0]):
        queue[queued, 0], queue[queued, 1] = full[unit], np.uint64(first + unit) << S32
        queued += ONE
    while turn < queued:
        mask, place = queue[turn & RING, 0], queue[turn & RING, 1]
        turn += ONE
        word = nodes[place & SIDE]
        origin = ((place >> S32) * width + ((word >> S16) & LOW)) << S6
        below = at_most(flat, origin, np.uint16(word & LOW))
        left, right = mask & below, mask & ~below
        any_left, any_right = np.uint64(left != NONE), np.uint64(right != NONE)
        child = (place & ~SIDE) | ((word >> S32) & NODE)
        leaf = (word >> S62) & ONE
        queue[queued & RING, 0], queue[queued & RING, 1] = left, child
        queued += any_left & (leaf ^ ONE)
        leaves[done, 0], leaves[done, 1] = left, child
        done += any_left & leaf
        child += ONE
        leaf = word >> S63
        queue[queued & RING, 0], queue[queued & RING, 1] = right, child
        queued += any_right & (leaf ^ ONE)
        leaves[done, 0], leaves[done, 1] = right, child
        done += any_right & leaf
    return done


@compiled
def _added(values: Array, leaves: Words, done: Any, total: Array) -> None:
    for k in range(done):
        mask, place = leaves[k, 0], leaves[k, 1]
        value, lane = values[place & SIDE], (place >> S32) << S6
        while mask != NONE:
            total[lane + lowest(mask)] += value
            mask &= mask - ONE
