"""Inner folds of whole groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import stream
from phytomass.errors import InputError


def inner_parts(groups: NDArray[Any], folds: int, seed: int) -> list[NDArray[np.bool_]]:
    """Return the held-out part of each inner fold; groups stay whole.

    Parameters
    ----------
    groups : array, shape (n,)
        Site or block of each plot.
    folds : int
        Folds; fewer where there are fewer groups.
    seed : int
        Fixes the order of the groups.

    Raises
    ------
    InputError
        If there are fewer than two groups.

    Examples
    --------
    >>> [part.sum().item() for part in inner_parts(np.array(["a", "a", "b", "c"]), 3, seed=1)]
    [1, 1, 2]
    """
    names, member = np.unique(groups.astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError("inner folds need 2 or more sites or blocks", where="groups")
    place = np.empty(len(names), dtype=np.int64)
    place[stream(seed, "inner").permutation(len(names))] = np.arange(len(names))
    folds = min(folds, len(names))
    return [place[member] % folds == fold for fold in range(folds)]
