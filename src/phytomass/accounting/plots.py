"""Means of the plots themselves, with the standard error of a simple random sample."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.accounting.change import years_between
from phytomass.accounting.estimate import Estimate, in_all_pools, table_of
from phytomass.accounting.zones import ALL
from phytomass.carbon import CarbonSettings
from phytomass.errors import InputError

NAN = float("nan")


def plot_estimates(
    plots: pd.DataFrame,
    *,
    carbon: CarbonSettings | None = None,
    period: str = "",
    period_before: str = "",
) -> pd.DataFrame:
    """Return the mean of the plots, its standard error, and the change where measured twice.

    ``SE = s / sqrt(n)``, with s the SD of the plots (n - 1): right for a simple random sample of
    plots, too small where plots of one site resemble each other; the row's method then says so.
    The change is the mean of the differences of the plots measured at both dates, its error that
    of the differences.

    Parameters
    ----------
    plots : DataFrame
        With ``agb_mg_ha`` (Mg/ha dry mass), and optionally ``agb_before_mg_ha`` and ``site``.
    carbon : CarbonSettings, optional
        Factors, taken as exact.
    period, period_before : str
        Dates.

    Returns
    -------
    DataFrame
        Rows of `estimates.csv`: quantities plot_mean, and plot_change and plot_change_rate; the
        statistics mean, SE and SD (the last two only of two or more plots).

    Raises
    ------
    InputError
        If no plot has a value.

    Examples
    --------
    >>> table = plot_estimates(pd.DataFrame({"agb_mg_ha": [10.0, 20.0, 30.0]}))
    >>> agb = table[(table["pool"] == "AGB") & (table["kind"] == "dry_mass")]
    >>> dict(zip(agb["statistic"], agb["value"].round(3), strict=True))
    {'mean': 20.0, 'SE': 5.774, 'SD': 10.0}
    """
    settings = carbon or CarbonSettings()
    after = plots["agb_mg_ha"].to_numpy(np.float64)
    clustered = "site" in plots and bool(plots["site"].dropna().duplicated().any())
    if not np.isfinite(after).any():
        raise InputError("no plot has a value", where="plots, column agb_mg_ha")
    rows = list(_rows("plot_mean", after, period, clustered))
    if "agb_before_mg_ha" in plots:
        before = plots["agb_before_mg_ha"].to_numpy(np.float64)
        rows += _rows("plot_mean", before, period_before, clustered)
        between = f"{period_before} to {period}" if period_before and period else period
        rows += _rows("plot_change", after - before, between, clustered)
        years = years_between(period_before, period)
        if years:
            rate = (after - before) / years
            rows += _rows("plot_change_rate", rate, between, clustered, unit="Mg/ha/yr")
    return table_of(estimate for row in rows for estimate in in_all_pools(row, settings))


def _rows(
    quantity: str,
    values: NDArray[np.float64],
    period: str,
    clustered: bool,
    unit: str = "Mg/ha",
) -> Iterator[Estimate]:
    held = values[np.isfinite(values)]
    n = len(held)
    if not n:
        return
    row = partial(
        Estimate, quantity, ALL, "AGB", "dry_mass", unit=unit, area_ha=NAN, n=n, period=period
    )
    what = "mean of the paired differences" if "change" in quantity else "mean of the plots"
    yield row(value=float(held.mean()), statistic="mean", method=what)
    if n < 2:
        return
    sd = float(held.std(ddof=1))
    caution = "; plots of one site are not independent, so it is too small" if clustered else ""
    method = f"s / √n, as of a simple random sample{caution}"
    yield row(value=sd / np.sqrt(n), statistic="SE", method=method)
    yield row(value=sd, statistic="SD", method="spread of the plots, not an error of their mean")
