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


def fit_grouped(
    estimator: Any,
    X: NDArray[Any],
    y: NDArray[Any],
    groups: NDArray[Any],
    *,
    sample_weight: NDArray[np.float64] | None = None,
    y_draws: NDArray[np.floating] | None = None,
) -> Any:
    """Fit an estimator or a pipeline; tell its last step what it takes of the rest.

    Parameters
    ----------
    estimator : estimator
        As `build_model` or `tuned` return it, or any other.
    X, y, groups : array, length n
        Predictors or patches, target, and the site or block of each plot.
    sample_weight : array, shape (n,), optional
        Weights of the plots; a model that takes none is fitted to all plots alike.
    y_draws : array, shape (n, draws), optional
        Draws of the target, for ensembles whose members each learn their own.
    """
    inner = getattr(estimator, "estimator", estimator)
    steps = getattr(inner, "steps", None)
    last = steps[-1][1] if steps else inner
    offered = {"groups": groups, "sample_weight": sample_weight, "y_draws": y_draws}
    prefix = f"{steps[-1][0]}__" if steps else ""
    taken = {
        prefix + name: value
        for name, value in offered.items()
        if value is not None and takes(last, name)
    }
    return estimator.fit(X, y, **taken)


def takes(estimator: Any, name: str) -> bool:
    """Tell whether the `fit` of an estimator takes an argument, itself or for what it wraps.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> takes(LinearRegression(), "sample_weight"), takes(LinearRegression(), "groups")
    (True, False)
    """
    wrapped = getattr(estimator, "regressor", estimator)  # of a transformed target
    return bool(has_fit_parameter(wrapped, name))
