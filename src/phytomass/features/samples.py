"""Plots joined with predictors: what a model is trained on and judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError


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

    Raises
    ------
    InputError
        If lengths differ, ids repeat, or a value is missing.
    """

    X: pd.DataFrame
    y: NDArray[np.float64]
    plot_id: NDArray[np.str_]
    group: NDArray[np.str_]
    easting: NDArray[np.float64]
    northing: NDArray[np.float64]

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

    def __len__(self) -> int:
        return len(self.X)

    def with_predictors(self, names: list[str]) -> Samples:
        """Return the same plots with only the named predictors, in that order."""
        absent = [name for name in names if name not in self.X.columns]
        if absent:
            raise InputError(f"no predictor named {', '.join(absent)}", where="samples")
        return replace(self, X=self.X[names])
