"""How much of the variance each source of error makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from phytomass.carbon import POOLS
from phytomass.draws.philox import item_keys, uniforms
from phytomass.inventory.field_error.draws import plot_draws
from phytomass.inventory.field_error.plot_draws import PlotDraws
from phytomass.inventory.field_error.settings import SOURCES, ErrorSettings
from phytomass.inventory.field_error.shared import ErrorModel
from phytomass.progress import Progress, silent

SHARE_PLOTS = 250
"""Plots behind each source's share of the variance: enough for a table in whole percent."""


def variance_shares(
    trees: pd.DataFrame,
    plots: pd.DataFrame,
    model: ErrorModel,
    *,
    random_state: int,
    column: str = "carbon_mg_ha",
    sample: int = SHARE_PLOTS,
    workers: int | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Return each source's share of the variance, in a plot and in the mean of all plots.

    Each source is drawn alone, and each is left out once, with the same numbers as in the whole
    chain. In a mean of many plots the errors of single trees average out and the shared ones
    stay, so the two columns differ. Of more plots than `sample` a random sample is drawn; the
    variance of the mean of all n plots is then estimated from its m plots,

    V = v / n + (1 - 1/n) c,  c = (m s² - v) / (m - 1),

    with v the mean variance of a plot, s² the variance of the mean of the sample and c the mean
    covariance of two plots: what plots share does not shrink, and the rest does as with all.

    Parameters
    ----------
    trees, plots, model, random_state
        As in `plot_draws`; fewer draws (1 000 to 2 000) are enough here.
    column : str
        Which pool; total carbon by default, so that every source has a part in it, but for
        that of dead wood and litter, which no pool of the living holds.
    sample : int
        Plots that are looked at, drawn with `random_state`, whatever the order of rows.
    workers : int, optional
        Threads; the result does not depend on it.
    progress : callable
        Told how many of the runs are done.

    Returns
    -------
    DataFrame
        source; alone_plot (median over plots of its variance alone over that of all sources);
        alone_mean (the same of the mean of all plots); lost_plot, lost_mean (share by which the
        variance falls without it); bias_percent (how far the mean of all plots moves when only
        this source is drawn); a last row ``all``, with cv_plot_percent (median) and
        cv_mean_percent of the whole chain; those two stand in every row for the source alone.
    """
    errors, n = model.errors, len(plots)
    plots = _sampled(plots, sample, random_state)
    trees = trees[trees["plot_id"].astype(str).isin(plots["plot_id"].astype(str))]
    sources = [s for s in SOURCES if errors.on(s) and (s != "dead_matter" or column not in POOLS)]
    runs: list[tuple[str, str, ErrorSettings]] = [("all", "all", errors)]
    for one in sources:
        runs += [(one, "alone", errors.only(one)), (one, "lost", errors.without(one))]
    found: dict[tuple[str, str], tuple[np.ndarray, np.ndarray, float, float]] = {}
    for done, (source, how, settings) in enumerate(runs):
        drawn = plot_draws(
            trees,
            plots,
            replace(model, errors=settings),
            random_state=random_state,
            workers=workers,
        )
        found[source, how] = _moments(drawn, column, n)
        progress("shares of the variance", done + 1, len(runs))
    whole = found["all", "all"]
    rows = [_row(s, found[s, "alone"], found[s, "lost"], whole) for s in sources]
    return pd.DataFrame([*rows, _row("all", whole, None, whole)])


def _sampled(plots: pd.DataFrame, sample: int, random_state: int) -> pd.DataFrame:
    """Return a random sample of the plots, in their order; all where there are no more."""
    if len(plots) <= sample:
        return plots
    keys = item_keys(plots["plot_id"].astype(str))
    chance = uniforms(random_state, "variance shares", keys, range(1))[:, 0]
    chosen = np.sort(np.argsort(chance, kind="stable")[:sample])
    return plots.iloc[chosen].reset_index(drop=True)


def _moments(draws: PlotDraws, column: str, n: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return variance and mean of plots, and variance and relative bias of the mean of n."""
    pool = draws.pool(column)
    parts = [np.asarray(pool[rows].values) for rows in pool.blocks()]
    variance = np.concatenate([p.var(axis=1, ddof=1) for p in parts])
    mean = np.concatenate([p.mean(axis=1) for p in parts])
    total = np.asarray(pool.mean().values[0])
    point = float(pool.point.mean())
    bias = float(total.mean() / point - 1) if point > 0 else 0.0
    return variance, mean, _of_mean(float(total.var(ddof=1)), variance, n), bias


def _of_mean(of_sample: float, variance: np.ndarray, n: int) -> float:
    """Return the variance of the mean of n plots, known that of the mean of some of them."""
    m = len(variance)
    if m in (0, 1, n):
        return of_sample
    own = float(variance.mean())
    shared = (m * of_sample - own) / (m - 1)
    return max(own / n + (1 - 1 / n) * shared, 0.0)


def _row(
    source: str,
    alone: tuple[np.ndarray, np.ndarray, float, float],
    lost: tuple[np.ndarray, np.ndarray, float, float] | None,
    whole: tuple[np.ndarray, np.ndarray, float, float],
) -> dict[str, object]:
    some = whole[0] > 0
    mean = float(whole[1].mean())

    def median(values: np.ndarray) -> float:
        return float(np.median(values)) if values.size else 0.0

    return {
        "source": source,
        "alone_plot": median(alone[0][some] / whole[0][some]),
        "alone_mean": alone[2] / whole[2] if whole[2] > 0 else 0.0,
        "lost_plot": np.nan if lost is None else median(1 - lost[0][some] / whole[0][some]),
        "lost_mean": np.nan if lost is None or whole[2] == 0 else 1 - lost[2] / whole[2],
        "bias_percent": 100 * alone[3],
        "cv_plot_percent": 100 * median(np.sqrt(alone[0][some]) / whole[1][some]),
        "cv_mean_percent": 100 * float(np.sqrt(alone[2])) / mean if mean > 0 else 0.0,
    }
