"""Plots joined with predictors: what a model is trained on and judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError


@dataclass(frozen=True, eq=False)
class Patches:
    """The surroundings of each plot.

    Parameters
    ----------
    values : array, shape (n, p, side, side)
        Predictors around each plot, float32, NaN where there are no data.
    rows, cols : array of int, shape (n,)
        The pixel of each plot on the grid.
    """

    values: NDArray[np.float32]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]

    @property
    def side(self) -> int:
        """Side of the patches, pixels."""
        return int(self.values.shape[-1])

    def crop(self, side: int) -> NDArray[np.float32]:
        """Return the centres of the patches: array of shape (n, p, side, side)."""
        cut = (self.side - side) // 2
        return self.values[:, :, cut : cut + side, cut : cut + side]

    def overlapping(
        self, train: NDArray[np.int64], test: NDArray[np.int64], side: int
    ) -> NDArray[np.bool_]:
        """Tell which training plots have a patch that shares a pixel with that of a test plot.

        Parameters
        ----------
        train, test : array of int
            Positions of the plots.
        side : int
            Side of the patches.

        Returns
        -------
        array of bool, shape (len(train),)
        """
        row_gap, col_gap = (
            np.abs(place[train][:, None] - place[test][None]) for place in (self.rows, self.cols)
        )
        near = (row_gap < side) & (col_gap < side)
        found: NDArray[np.bool_] = near.any(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Samples:
    """Predictors and biomass at plots; all arrays have one entry per plot, in one order.

    Parameters
    ----------
    X : DataFrame, shape (n, p)
        Predictors by name, float64, no missing values.
    y : array, shape (n,)
        Observed aboveground biomass, Mg/ha dry mass.
    plot_id : array of str, shape (n,)
        Unique ids.
    group : array of str, shape (n,)
        Site of each plot: plots of one site are never split between training and test. Where
        no site is known, the plot's own id.
    easting, northing : array, shape (n,)
        Plot centres in the CRS of the grid, in metres.
    patches : Patches, optional
        The surroundings of the plots, for models that see them; the centre of each is its row
        of X.
    y_se : array, shape (n,), optional
        Standard errors of the biomass, Mg/ha: where they are given, training weighs plots by them.
    y_draws : array, shape (n, draws), optional
        Draws of the biomass, Mg/ha: where they are given, each member of a network learns its own.

    Raises
    ------
    InputError
        If lengths differ, ids repeat, a value is missing, a standard error is negative, or patches
        belong to other plots.
    """

    X: pd.DataFrame
    y: NDArray[np.float64]
    plot_id: NDArray[np.str_]
    group: NDArray[np.str_]
    easting: NDArray[np.float64]
    northing: NDArray[np.float64]
    patches: Patches | None = None
    y_se: NDArray[np.float64] | None = None
    y_draws: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        n = len(self.X)
        for name in ("y", "plot_id", "group", "easting", "northing"):
            if len(getattr(self, name)) != n:
                raise InputError(f"{name} has {len(getattr(self, name))} entries, X has {n}")
        if len(set(self.plot_id.tolist())) != n:
            raise InputError("plot ids repeat", where="plot_id", remedy="give each plot its own id")
        missing = [str(c) for c in self.X.columns if not np.isfinite(self.X[c].to_numpy()).all()]
        if missing or not np.isfinite(self.y).all():
            raise InputError(f"missing values in {', '.join(missing) or 'y'}", where="samples")
        self._check_errors()
        if self.patches is not None:
            middle = self.patches.crop(1)[:, :, 0, 0] if self.patches.side % 2 else np.empty(0)
            if not np.array_equal(middle, self.X.to_numpy(np.float32)):
                raise InputError("patches are not those of the plots", where="samples")

    def _check_errors(self) -> None:
        for name, values in (("y_se", self.y_se), ("y_draws", self.y_draws)):
            if values is not None and len(values) != len(self.X):
                raise InputError(f"{name} has {len(values)} entries, X has {len(self.X)}")
            if values is not None and not np.isfinite(values).all():
                raise InputError(f"missing values in {name}", where="samples")
        if self.y_se is not None and (self.y_se < 0).any():
            raise InputError("a standard error is negative", where="samples")

    def __len__(self) -> int:
        return len(self.X)

    def with_predictors(self, names: list[str]) -> Samples:
        """Return the same plots with only the named predictors, in that order."""
        absent = [name for name in names if name not in self.X.columns]
        if absent:
            raise InputError(f"no predictor named {', '.join(absent)}", where="samples")
        patches = self.patches
        if patches is not None:
            columns = [list(self.X.columns).index(name) for name in names]
            patches = replace(patches, values=patches.values[:, columns])
        return replace(self, X=self.X[names], patches=patches)
