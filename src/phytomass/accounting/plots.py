"""Means of the plots themselves, with the standard error of a simple random sample."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.accounting.change import years_between
from phytomass.accounting.estimate import KINDS, POOLS, Estimate, table_of
from phytomass.accounting.zones import ALL
from phytomass.carbon import KIND_UNITS, CarbonSettings, Kind, Pool, to_pool
from phytomass.errors import InputError, require_columns

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
        With ``agb_mg_ha`` (Mg/ha dry mass), and optionally ``agb_before_mg_ha``, ``site`` and
        ``carbon_fraction`` (of each plot, where groups of trees have their own).
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
    require_columns(plots, ("agb_mg_ha",), "plots")
    if not np.isfinite(plots["agb_mg_ha"].to_numpy(np.float64)).any():
        raise InputError("no plot has a value", where="plots, column agb_mg_ha")
    masses = [
        list(_estimates(plots, (pool, kind), carbon or CarbonSettings(), (period_before, period)))
        for pool in POOLS
        for kind in KINDS
    ]
    return table_of(estimate for rows in zip(*masses, strict=True) for estimate in rows)


def _estimates(
    plots: pd.DataFrame, mass: tuple[Pool, Kind], carbon: CarbonSettings, periods: tuple[str, str]
) -> Iterator[Estimate]:
    """Give all rows of one pool and kind; each plot is converted on its own."""
    clustered = "site" in plots and bool(plots["site"].dropna().duplicated().any())
    own = plots["carbon_fraction"].to_numpy(np.float64) if "carbon_fraction" in plots else None

    def values(column: str) -> NDArray[np.float64]:
        return to_pool(plots[column].to_numpy(np.float64), *mass, carbon, own)

    unit = f"{KIND_UNITS[mass[1]]}/ha"
    row = partial(Estimate, zone=ALL, pool=mass[0], kind=mass[1], area_ha=NAN)
    after = values("agb_mg_ha")
    yield from _rows(partial(row, "plot_mean", unit=unit, period=periods[1]), after, clustered)
    if "agb_before_mg_ha" not in plots:
        return
    before = values("agb_before_mg_ha")
    yield from _rows(partial(row, "plot_mean", unit=unit, period=periods[0]), before, clustered)
    between = " to ".join(periods) if all(periods) else periods[1]
    change = partial(row, period=between)
    yield from _rows(partial(change, "plot_change", unit=unit), after - before, clustered)
    years = years_between(*periods)
    if years:
        per_year = partial(change, "plot_change_rate", unit=f"{unit}/yr")
        yield from _rows(per_year, (after - before) / years, clustered)


def _rows(
    row: partial[Estimate], values: NDArray[np.float64], clustered: bool
) -> Iterator[Estimate]:
    held = values[np.isfinite(values)]
    n, mean = len(held), float(held.mean()) if len(held) else NAN
    if not n:
        return
    what = "mean of the plots" if row.args[0] == "plot_mean" else "mean of the paired differences"
    sd = float(held.std(ddof=1)) if n > 1 else NAN
    se = sd / np.sqrt(n)
    yield row(value=mean, statistic="mean", n=n, method=what, se=se)
    if n < 2:
        return
    caution = "; plots of one site are not independent, so it is too small" if clustered else ""
    method = f"s / √n, as of a simple random sample{caution}"
    yield row(value=se, statistic="SE", n=n, method=method)
    spread = "spread of the plots, not an error of their mean"
    yield row(value=sd, statistic="SD", n=n, method=spread)
