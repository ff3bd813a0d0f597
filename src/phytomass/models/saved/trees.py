"""Trees of scikit-learn as plain arrays, all trees of a model one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree._tree import NODE_DTYPE, Tree

from phytomass.errors import InputError

Arrays = dict[str, NDArray[Any]]
FIELDS: tuple[str, ...] = NODE_DTYPE.names
SIZES = ("n_features", "max_depth", "node_count")
LEAF = -1


def arrays_of(trees: Sequence[Any]) -> Arrays:
    """Return the nodes and values of trees, one array per field.

    Raises
    ------
    InputError
        For trees of several outputs.
    """
    if not trees:
        return {}
    if any(tree.n_outputs != 1 for tree in trees):
        raise InputError("cannot be saved: its trees predict several outputs", where="model")
    states = [tree.__getstate__() for tree in trees]
    found = {
        f"trees/{name}": np.concatenate([state["nodes"][name] for state in states])
        for name in FIELDS
    }
    found["trees/value"] = np.concatenate([state["values"].reshape(-1) for state in states])
    sizes = [[tree.n_features, tree.max_depth, tree.node_count] for tree in trees]
    return found | {"trees/sizes": np.array(sizes, dtype=np.int64)}


def trees_of(arrays: Mapping[str, NDArray[Any]], where: str) -> list[Any]:
    """Return the trees of `arrays_of`; what would lead a prediction astray is refused.

    Raises
    ------
    InputError
        If arrays are missing, or a node points outside its tree or to a predictor that is not there.
    """
    if "trees/sizes" not in arrays:
        return []
    names = [*FIELDS, "value"]
    columns = {name: arrays.get(f"trees/{name}") for name in names}
    sizes = arrays["trees/sizes"]
    if sizes.ndim != 2 or sizes.shape[1] != len(SIZES) or sizes.dtype.kind != "i":
        raise _damaged(where, "sizes")
    total = int(sizes[:, 2].sum())
    lost = [n for n, column in columns.items() if column is None or column.shape != (total,)]
    if lost or (sizes[:, 2] < 1).any():
        raise _damaged(where, ", ".join(lost) or "node_count")
    nodes = np.zeros(total, NODE_DTYPE)
    for name in FIELDS:
        nodes[name] = columns[name]
    values = np.asarray(columns["value"], dtype=np.float64)
    ends = np.cumsum(sizes[:, 2])
    return [
        _tree(nodes[end - n : end], values[end - n : end], (int(p), int(depth)), where)
        for end, (p, depth, n) in zip(ends, sizes, strict=True)
    ]


def _tree(
    nodes: NDArray[np.void], values: NDArray[np.float64], size: tuple[int, int], where: str
) -> Any:
    n, (n_features, depth), here = len(nodes), size, np.arange(len(nodes))
    left, right = nodes["left_child"], nodes["right_child"]
    leaf = left == LEAF
    inner = (left > here) & (left < n) & (right > here) & (right < n)
    inner &= (nodes["feature"] >= 0) & (nodes["feature"] < n_features)
    if not np.where(leaf, right == LEAF, inner).all():
        raise _damaged(where, "a node points outside its tree")
    tree = Tree(n_features, np.ones(1, np.intp), 1)
    tree.__setstate__(
        {
            "max_depth": depth,
            "node_count": n,
            "nodes": np.ascontiguousarray(nodes),
            "values": np.ascontiguousarray(values.reshape(n, 1, 1)),
        }
    )
    return tree


def _damaged(where: str, what: str) -> InputError:
    return InputError(f"is damaged: trees: {what}", where=where, remedy="save the model again")
