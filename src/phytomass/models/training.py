"""What a model is fitted to: plots as one value, and the only door into a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.validation import _check_sample_weight

from phytomass.errors import InputError

Array = NDArray[np.float64]

PER_PLOT = ("X", "y", "groups", "plot_id", "positions", "cells", "y_se", "y_draws", "weight")
"""The fields with one entry per plot."""


@dataclass(frozen=True, eq=False)
class Training:
    """Plots as a model is trained on them and judged by: one entry per plot in every array.

    Parameters
    ----------
    X : array, shape (n, p) or (n, p, k, k)
        Predictors at the plots, or patches of them around the plots: NaN where a neighbour has no
        data, never at the centre.
    y : array, shape (n,)
        Observed aboveground biomass, Mg/ha dry mass.
    groups : array, shape (n,)
        What is never split between training and test: the site or block of each plot; where none
        is known, the plot itself.
    plot_id : array of str, shape (n,)
        Names of the plots.
    positions : array, shape (n, 2)
        Easting and northing of the plots in the CRS of the grid, in metres; NaN where unknown.
    names : tuple of str
        Names of the predictors, in the order of the columns of X.
    cells : array of int, shape (n, 2), optional
        Row and column of each plot's pixel on the grid, where X holds patches.
    y_se : array, shape (n,), optional
        Standard errors of the biomass, Mg/ha: where they are given, training weighs plots by them.
    y_draws : array, shape (n, draws), optional
        Draws of the biomass, Mg/ha: where they are given, each member of a network learns its own.
    weight : array, shape (n,), optional
        Weights of the plots in a fit.

    Raises
    ------
    InputError
        If lengths differ, a value is missing, or a standard error or weight is negative.

    Examples
    --------
    >>> plots = Training.of([[0.1], [0.4], [0.6]], [20.0, 80.0, 120.0], ["a", "a", "b"])
    >>> plots.take([0, 2]).y.tolist(), plots.take(plots.groups == "a").X.tolist()
    ([20.0, 120.0], [[0.1], [0.4]])
    """

    X: NDArray[np.floating]
    y: Array
    groups: NDArray[Any]
    plot_id: NDArray[np.str_]
    positions: Array
    names: tuple[str, ...]
    cells: NDArray[np.int64] | None = None
    y_se: Array | None = None
    y_draws: NDArray[np.floating] | None = None
    weight: Array | None = None

    @classmethod
    def of(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        y_draws: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Training:
        """Make one of bare arrays, as estimators get them: of plots without names and places.

        Without `groups` each plot is a group of its own.
        """
        values, target = np.asarray(X), np.asarray(y, dtype=np.float64)
        n = len(target)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, target[:, None], dtype=np.float64)
        return cls(
            values,
            target,
            np.arange(n) if groups is None else np.asarray(groups),
            np.arange(n).astype(str),
            np.full((n, 2), np.nan),
            tuple(f"X{column}" for column in range(values.shape[1])),
            y_draws=None if y_draws is None else np.asarray(y_draws, dtype=np.float64),
            weight=weight,
        )

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in PER_PLOT}
        for name, values in given.items():
            if values is not None and len(values) != len(self.X):
                raise InputError(f"{name} has {len(values)} entries, X has {len(self.X)}")
        if len(self.names) != self.X.shape[1]:
            raise InputError(f"{len(self.names)} names for {self.X.shape[1]} columns", where="X")
        complete = np.isfinite(self.centres).all(axis=0)
        missing = [name for name, whole in zip(self.names, complete, strict=True) if not whole]
        missing += [
            name
            for name in ("y", "y_se", "y_draws", "weight")
            if given[name] is not None and not np.isfinite(given[name]).all()
        ]
        if missing:
            raise InputError(f"missing values (NaN) in {', '.join(missing)}", where="plots")
        if self.y_draws is not None and self.y_draws.ndim != 2:
            raise InputError(f"y_draws has shape {self.y_draws.shape}, expected (plots, draws)")
        if self.y_se is not None and (self.y_se < 0).any():
            raise InputError("a standard error is negative", where="plots")
        if self.weight is not None and ((self.weight < 0).any() or self.weight.sum() <= 0):
            raise InputError("weights must not be negative, nor all 0", where="sample_weight")

    def __len__(self) -> int:
        return len(self.X)

    @property
    def side(self) -> int:
        """Side of the patches, pixels; 1 without patches."""
        return 1 if self.X.ndim == 2 else int(self.X.shape[-1])

    @property
    def centres(self) -> NDArray[np.floating]:
        """Predictors of the plots' own pixels, array of shape (n, p)."""
        return self.X if self.X.ndim == 2 else self.X[:, :, self.side // 2, self.side // 2]

    @property
    def table(self) -> pd.DataFrame:
        """Predictors of the plots' own pixels by name, float64."""
        return pd.DataFrame(self.centres.astype(np.float64), columns=list(self.names))

    def take(self, rows: ArrayLike) -> Training:
        """Return some of the plots: by their positions, or by booleans."""
        chosen = np.asarray(rows)
        given = {name: getattr(self, name) for name in PER_PLOT}
        return replace(
            self, **{name: each[chosen] for name, each in given.items() if each is not None}
        )

    def with_predictors(self, names: Sequence[str]) -> Training:
        """Return the same plots with only the named predictors, in that order.

        Raises
        ------
        InputError
            If there is no predictor of such a name.
        """
        absent = [name for name in names if name not in self.names]
        if absent:
            raise InputError(f"no predictor named {', '.join(absent)}", where="plots")
        columns = [self.names.index(name) for name in names]
        return replace(self, X=self.X[:, columns], names=tuple(names))

    def seen(self, side: int, where: str = "plots") -> Training:
        """Return the plots as a model sees them that looks at patches of a side.

        Parameters
        ----------
        side : int
            Side of the patches, pixels; 1 gives X of shape (n, p), float64.
        where : str
            Who sees them, for the error.

        Raises
        ------
        InputError
            If the patches are smaller.
        """
        if side == 1:
            return replace(self, X=self.centres.astype(np.float64))
        if self.side < side:
            found = "none" if self.side == 1 else f"patches of {self.side}"
            raise InputError(
                f"needs patches of {side} pixels around the plots, the samples have {found}",
                where=where,
                remedy="extract_samples(..., patch=...)",
            )
        cut = (self.side - side) // 2
        return replace(self, X=self.X[:, :, cut : cut + side, cut : cut + side])

    def fit(self, estimator: Any) -> Any:
        """Fit an estimator, ours or a stranger's; it gets what it asks for beside X and y.

        What it asks for it says as scikit-learn's metadata routing wants it: groups,
        sample_weight and y_draws, each where the plots have them. A model that takes no weights is
        fitted to all plots alike.

        Returns
        -------
        estimator
            The fitted estimator.

        Raises
        ------
        sklearn.exceptions.UnsetMetadataPassedError
            If a part of the estimator takes weights and does not say whether it wants them.

        Examples
        --------
        >>> from sklearn.linear_model import LinearRegression
        >>> plots = Training.of([[0.0], [1.0], [2.0]], [0.0, 1.0, 9.0], sample_weight=[1, 1, 0])
        >>> plots.fit(LinearRegression()).coef_.round(6).tolist()
        [1.0]
        """
        offered = {"groups": self.groups, "sample_weight": self.weight, "y_draws": self.y_draws}
        given = {name: values for name, values in offered.items() if values is not None}
        routing = get_routing_for_object(estimator)
        wanted = routing.consumes("fit", given)
        taken = {
            name: values
            for name, values in given.items()
            if name in wanted or _undecided(routing, name)
        }
        with config_context(enable_metadata_routing=True):
            return estimator.fit(self.X, self.y, **taken)


def _undecided(routing: Any, name: str) -> bool:
    """Tell whether some `fit` takes a name without saying whether it wants it."""
    if isinstance(routing, MetadataRouter):
        return any(_undecided(pair.router, name) for _, pair in routing)
    return routing.fit.requests.get(name, False) is None


def weighable(estimator: Any) -> Any:
    """Let an estimator of scikit-learn's kind ask for the weights of the plots."""
    with config_context(enable_metadata_routing=True):
        return estimator.set_fit_request(sample_weight=True)
