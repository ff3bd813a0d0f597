"""Means of the plots themselves, with the standard error of a simple random sample."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass import tables
from phytomass.accounting.estimate import KINDS, POOLS, Estimate, table_of
from phytomass.accounting.shared import Shared, moved_by, t_error, years_of
from phytomass.accounting.zones import ALL
from phytomass.carbon import KIND_UNITS, CarbonSettings, Kind, Pool, to_pool
from phytomass.draws import Draws
from phytomass.errors import InputError, require_columns

NAN = float("nan")
LEVEL = 0.95
"""Of the bounds of a change."""


def plot_estimates(
    plots: pd.DataFrame,
    *,
    carbon: CarbonSettings | None = None,
    period: str = "",
    period_before: str = "",
    shared: Shared | None = None,
) -> pd.DataFrame:
    """Return the mean of the plots, its standard error, and the change where measured twice.

    ``SE = s / sqrt(n)``, with s the SD of the plots (n - 1): right for a simple random sample of
    plots, too small where plots of one site resemble each other; the row's method then says so.
    The change is the mean of the differences of the plots measured at both dates, its error that
    of the differences.

    Parameters
    ----------
    plots : DataFrame
        With ``agb_mg_ha`` (Mg/ha dry mass), and optionally ``agb_before_mg_ha``, ``years`` between
        the two (else those between the periods), ``site`` and ``carbon_fraction`` (of each plot,
        where groups of trees have their own).
    carbon : CarbonSettings, optional
        Factors, taken as exact.
    period, period_before : str
        Dates.
    shared : callable, optional
        Pool and kind → draws of the change of the plots that were measured twice, with nothing but
        what they share: its variance comes on top of that of the differences.

    Returns
    -------
    DataFrame
        Rows of `estimates.csv`: quantities plot_mean, and plot_change and plot_change_rate; the
        statistics mean, SE and SD (the last two only of two or more plots). A change has the 95 %
        bounds of t.

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
    periods = (period_before, period)
    masses = [
        list(_estimates(plots, (pool, kind), carbon or CarbonSettings(), periods, shared))
        for pool in POOLS
        for kind in KINDS
    ]
    return table_of(estimate for rows in zip(*masses, strict=True) for estimate in rows)


def _estimates(
    plots: pd.DataFrame, mass: tuple[Pool, Kind], carbon: CarbonSettings, periods: tuple[str, str],
    shared: Shared | None,
) -> Iterator[Estimate]:  # fmt: skip
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
    drawn = None if shared is None else shared(*mass)
    grown = after - before
    yield from _rows(partial(change, "plot_change", unit=unit), grown, clustered, drawn)
    years = years_of(plots, periods)
    if years is not None:
        per_year = partial(change, "plot_change_rate", unit=f"{unit}/yr")
        yield from _rows(per_year, grown / years, clustered, drawn, years[np.isfinite(grown)])


def _rows(
    row: partial[Estimate],
    values: NDArray[np.float64],
    clustered: bool,
    drawn: Draws | None = None,
    years: NDArray[np.float64] | float = 1.0,
) -> Iterator[Estimate]:
    held = values[np.isfinite(values)]
    n, mean = len(held), float(held.mean()) if len(held) else NAN
    if not n:
        return
    code = "plots_mean" if row.args[0] == "plot_mean" else "paired_differences"
    sd = float(held.std(ddof=1)) if n > 1 else NAN
    se = sd / np.sqrt(n)
    interval: dict[str, float] = {}
    if row.args[0] != "plot_mean" and n > 1:
        moved = None if drawn is None else moved_by(drawn, np.broadcast_to(1 / (n * years), n))
        se, low, high = t_error(se**2, moved, n - 1, LEVEL)
        interval = {"low": mean + low, "high": mean + high, "level": LEVEL}
    n_draws = 0 if drawn is None else drawn.n_draws
    yield row(
        value=mean,
        statistic="mean",
        n=n,
        method=tables.method(code),
        se=se,
        n_draws=n_draws,
        **interval,
    )
    if n < 2:
        return
    codes = ["plots_se"] + ["shared_errors"] * (drawn is not None) + ["clustered"] * clustered
    yield row(value=se, statistic="SE", n=n, method=tables.method(*codes))
    yield row(value=sd, statistic="SD", n=n, method=tables.method("plots_spread"))
