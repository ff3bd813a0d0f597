"""Inner folds of whole groups, and fitting with the groups known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import has_fit_parameter

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


def fit_grouped(estimator: Any, X: NDArray[Any], y: NDArray[Any], groups: NDArray[Any]) -> Any:
    """Fit an estimator or a pipeline; tell its last step the groups where it asks for them.

    Parameters
    ----------
    estimator : estimator
        As `build_model` or `tuned` return it, or any other.
    X, y, groups : array, length n
        Predictors or patches, target, and the site or block of each plot.
    """
    inner = getattr(estimator, "estimator", estimator)
    steps = getattr(inner, "steps", None)
    if not has_fit_parameter(steps[-1][1] if steps else inner, "groups"):
        return estimator.fit(X, y)
    name = f"{steps[-1][0]}__groups" if steps else "groups"
    return estimator.fit(X, y, **{name: groups})
