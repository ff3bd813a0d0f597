"""Outliers and the table of statistics of the plots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from phytomass.carbon import POOLS


@dataclass(frozen=True, eq=False)
class Outliers:
    """Which values lie outside the bounds.

    Parameters
    ----------
    flags : array of bool, shape (n,)
        True for an outlier.
    low, high : float
        The bounds, in the unit of the values; NaN for fewer than two values.
    """

    flags: NDArray[np.bool_]
    low: float
    high: float


def flag_outliers(values: ArrayLike, n_sd: float = 3.0) -> Outliers:
    """Flag the values outside mean ± n_sd standard deviations, in one pass.

    Parameters
    ----------
    values : array, shape (n,)
        In any unit; NaN is left out of mean and SD and never flagged.
    n_sd : float
        Number of standard deviations (with n - 1).

    Notes
    -----
    The values themselves make the bounds, and removing the flagged ones and asking again can flag
    more: one pass is the rule of the afforestation paper. No value among n can lie further than
    (n - 1)/√n standard deviations from the mean, so with 3 SD and fewer than 11 values nothing is
    ever flagged.

    Examples
    --------
    >>> outliers = flag_outliers([10.0] * 20 + [100.0])
    >>> int(outliers.flags.sum()), round(outliers.low, 2), round(outliers.high, 2)
    (1, -44.63, 73.2)
    """
    array = np.asarray(values, dtype=float)
    known = array[np.isfinite(array)]
    if known.size < 2:
        return Outliers(np.zeros(array.shape, dtype=bool), np.nan, np.nan)
    mean, sd = float(known.mean()), float(known.std(ddof=1))
    low, high = mean - n_sd * sd, mean + n_sd * sd
    tolerance = 1e-9 * max(abs(mean), sd)
    return Outliers((array < low - tolerance) | (array > high + tolerance), low, high)


def plot_statistics(plots: pd.DataFrame) -> pd.DataFrame:
    """Return sum, mean, SD, min, max, range and skewness of every pool over the plots.

    Parameters
    ----------
    plots : DataFrame
        With columns of `phytomass.carbon.POOLS`; those that are missing are left out.

    Returns
    -------
    DataFrame
        pool, unit, n, sum, mean, sd (n - 1), min, max, range, skewness. Skewness is the adjusted
        Fisher-Pearson coefficient G₁ = n/((n-1)(n-2)) Σ((x - mean)/sd)³, which is Excel's SKEW;
        NaN for fewer than three plots or no spread. sd is NaN for one plot. Missing values are
        left out.

    Examples
    --------
    >>> plot_statistics(pd.DataFrame({"agb_mg_ha": [1.0, 2.0, 6.0]})).round(3).iloc[0].to_dict()
    {'pool': 'agb', 'unit': 'Mg/ha', 'n': 3, 'sum': 9.0, 'mean': 3.0, 'sd': 2.646, 'min': 1.0,
     'max': 6.0, 'range': 5.0, 'skewness': 1.458}
    """
    rows = []
    for column, meaning in POOLS.items():
        if column in plots:
            values = plots[column].to_numpy(dtype=float)
            summary = _summary(values[np.isfinite(values)])
            rows.append({"pool": meaning.name, "unit": meaning.unit, **summary})
    names = ["pool", "unit", "n", "sum", "mean", "sd", "min", "max", "range", "skewness"]
    return pd.DataFrame(rows, columns=names)


def _summary(x: NDArray[np.float64]) -> dict[str, float]:
    n = x.size
    if n == 0:
        return {"n": 0, "sum": 0.0}
    sd = float(x.std(ddof=1)) if n > 1 else np.nan
    skewness = np.nan
    if n > 2 and sd > 1e-12 * max(1.0, float(np.abs(x).max())):
        skewness = float(n / ((n - 1) * (n - 2)) * (((x - x.mean()) / sd) ** 3).sum())
    low, high = float(x.min()), float(x.max())
    spread = {"min": low, "max": high, "range": high - low, "skewness": skewness}
    return {"n": n, "sum": float(x.sum()), "mean": float(x.mean()), "sd": sd, **spread}
