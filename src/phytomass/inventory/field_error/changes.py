"""Growth, ingrowth and mortality of remeasured trees, with intervals from paired draws."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.inventory.field_error.draws import plot_draws
from phytomass.inventory.field_error.prepare import diameter_sd
from phytomass.inventory.field_error.settings import ErrorSettings
from phytomass.inventory.field_error.shared import ErrorModel
from phytomass.inventory.plots import KG_PER_MG
from phytomass.inventory.remeasured import KEY, STAYED, Remeasurement
from phytomass.progress import Progress, silent

Array = NDArray[np.float64]

EARLIER = "earlier"
"""Campaign of the first date: its tape and its heights err apart from those of the last."""

BLOCK_BYTES = 64_000_000
"""Memory for the draws of one component of a block of plots."""

PARTS = ("growth", "ingrowth", "mortality", "change")
PERCENTILES = (2.5, 97.5)
FATES = {
    "n_survivors": ("survivor",),
    "n_recruits": ("recruit",),
    "n_died": ("died", "lost", "below"),
    "n_unchanged": ("unchanged",),
    "n_left_out": ("left out",),
}


@dataclass(frozen=True, eq=False)
class _Split:
    """Trees of both dates, apart by what became of them."""

    stayed_before: pd.DataFrame
    stayed: pd.DataFrame
    recruits: pd.DataFrame
    died: pd.DataFrame

    def of(self, plots: pd.Index) -> _Split:
        parts = vars(self).values()
        return _Split(*(part[part["plot_id"].isin(plots)] for part in parts))


def tree_growth(
    earlier: Remeasurement, before: pd.DataFrame, after: pd.DataFrame, errors: ErrorSettings
) -> pd.DataFrame:
    """Return the growth of every tree, with its mass at both dates.

    Parameters
    ----------
    earlier : Remeasurement
        From `phytomass.inventory.read_inventory`.
    before, after : DataFrame
        The trees of the two dates, with agb_kg.
    errors : ErrorSettings
        For the error of the increment: ``√(SD₁² + SD₂²) / years``, the SD of each diameter with
        its gross errors; NaN where diameters are taken as exact.

    Returns
    -------
    DataFrame
        `Remeasurement.growth`, and increment_se_cm_yr, agb_before_kg, agb_kg, agb_change_kg_yr (of
        trees that stand at both dates).
    """
    table = earlier.growth.copy()
    for name, trees in (("agb_before_kg", before), ("agb_kg", after)):
        mass = trees[[*KEY, "agb_kg"]].rename(columns={"agb_kg": name})
        table = table.merge(mass, on=KEY, how="left")
    absent = table["fate"].isin(["recruit", "left out"])
    table.loc[absent, "agb_before_kg"] = np.nan
    table["agb_change_kg_yr"] = (table["agb_kg"] - table["agb_before_kg"]) / table["years"]
    sds = [
        diameter_sd(table[name].to_numpy(dtype=float), errors)
        for name in ("dbh_before_cm", "dbh_cm")
    ]
    se = np.hypot(*sds) / table["years"].to_numpy(dtype=float)
    table["increment_se_cm_yr"] = se if errors.on("dbh") else np.nan
    return table


def plot_change(
    earlier: Remeasurement,
    before: pd.DataFrame,
    after: pd.DataFrame,
    plots: pd.DataFrame,
    model: ErrorModel | None,
    *,
    random_state: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Return growth, ingrowth, mortality and net change of every plot that was visited twice.

    ``growth + ingrowth - mortality = change`` in every draw. Under draw k both dates have the same
    site effect, coefficients, choice of equation, wood densities, height model and plot area, and
    a tree keeps its own wood and its own residual (its deviation from the equation is taken to be
    wholly its own, not that of a date); only what was measured errs anew at each date.

    Parameters
    ----------
    earlier : Remeasurement
        From `phytomass.inventory.read_inventory`.
    before, after : DataFrame
        The trees of the two dates, from one call of `phytomass.allometry.tree_biomass`, so that
        both have one height model.
    plots : DataFrame
        plot_id, and area_ha unless the trees have per_ha.
    model : ErrorModel or None
        None: no errors, for trees that bring their mass.
    random_state, workers, progress
        As in `plot_draws`.

    Returns
    -------
    DataFrame
        plot_id, date_before, date, years; numbers of trees by fate; agb_before_mg_ha, agb_mg_ha;
        and for growth (of trees at both dates), ingrowth, mortality (all that is gone) and change:
        ``…_mg_ha_yr``, ``…_se_mg_ha_yr``, ``…_low95_mg_ha_yr``, ``…_high95_mg_ha_yr``.
    """
    plots = plots[plots["plot_id"].isin(earlier.plots.index)].reset_index(drop=True)
    split = _split(earlier, before, after)
    head = plots[["plot_id"]].join(earlier.plots, on="plot_id")
    counts = pd.crosstab(earlier.growth["plot_id"], earlier.growth["fate"])
    for name, fates in FATES.items():
        known = counts.reindex(columns=list(fates), fill_value=0).sum(axis=1)
        head[name] = plots["plot_id"].map(known).fillna(0).astype(int)
    masses = [_mass(part, plots) for part in vars(split).values()]
    stayed_before, stayed, recruits, died = masses
    head["agb_before_mg_ha"], head["agb_mg_ha"] = stayed_before + died, stayed + recruits
    years = head["years"].to_numpy(dtype=float)
    values = (stayed - stayed_before, recruits, died, stayed + recruits - stayed_before - died)
    for name, value in zip(PARTS, values, strict=True):
        head[f"{name}_mg_ha_yr"] = value / years
    if model is None:
        return head
    size = max(1, BLOCK_BYTES // (8 * model.errors.draws))
    blocks = []
    for first in range(0, len(plots), size):
        some = plots.iloc[first : first + size].reset_index(drop=True)
        part = split.of(pd.Index(some["plot_id"]))
        years_of = years[first : first + size]
        blocks.append(_bounds(part, some, years_of, model, random_state, workers))
        progress("draws of the plots' change", min(first + size, len(plots)), len(plots))
    return pd.concat([head, pd.concat(blocks, ignore_index=True)], axis=1)[_order(head)]


def _order(head: pd.DataFrame) -> list[str]:
    first = [c for c in map(str, head.columns) if c.removesuffix("_mg_ha_yr") not in PARTS]
    ends = ("", "_se", "_low95", "_high95")
    return [*first, *(f"{name}{end}_mg_ha_yr" for name in PARTS for end in ends)]


def _split(earlier: Remeasurement, before: pd.DataFrame, after: pd.DataFrame) -> _Split:
    stayed = earlier.growth.loc[earlier.growth["fate"].isin(STAYED), KEY]
    after = after[after["plot_id"].isin(earlier.plots.index)]
    ids = pd.MultiIndex.from_frame(stayed)
    then, now = (pd.MultiIndex.from_frame(trees[KEY]).isin(ids) for trees in (before, after))
    return _Split(before[then], after[now], after[~now], before[~then])


def _mass(trees: pd.DataFrame, plots: pd.DataFrame) -> Array:
    """Return the mass of some trees on each plot, Mg/ha."""
    place = pd.Index(plots["plot_id"]).get_indexer(pd.Index(trees["plot_id"]))
    if "per_ha" in trees:
        weight = trees["per_ha"].to_numpy(dtype=float)
    else:
        weight = 1.0 / plots["area_ha"].to_numpy(dtype=float)[place]
    mass = trees["agb_kg"].to_numpy(dtype=float) * weight / KG_PER_MG
    return np.bincount(place, mass, minlength=len(plots)).astype(float)


def _bounds(
    split: _Split, plots: pd.DataFrame, years: Array, model: ErrorModel, random_state: int,
    workers: int | None,
) -> pd.DataFrame:  # fmt: skip
    """Return SE and bounds of each component, from the same draws at both dates."""
    first = replace(model, campaign=EARLIER)
    stayed, stayed_before, recruits, died = (
        plot_draws(
            trees, plots, at, random_state=random_state, workers=workers or os.cpu_count()
        ).agb
        for trees, at in (
            (split.stayed, model),
            (split.stayed_before, first),
            (split.recruits, model),
            (split.died, first),
        )
    )
    growth = stayed - stayed_before
    parts = (growth, recruits, died, growth + recruits - died)
    out: dict[str, Array] = {}
    for name, draws in zip(PARTS, parts, strict=True):
        values = np.asarray(draws.values[:], dtype=float) / years[:, None]
        low, high = np.percentile(values, PERCENTILES, axis=1)
        out[f"{name}_se_mg_ha_yr"] = values.std(axis=1, ddof=1)
        out[f"{name}_low95_mg_ha_yr"], out[f"{name}_high95_mg_ha_yr"] = low, high
    return pd.DataFrame(out)
