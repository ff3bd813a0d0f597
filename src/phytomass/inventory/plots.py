"""Trees to plots: mass per hectare, pools, outliers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phytomass.carbon import POOLS, CarbonSettings, add_pools, dead_pools
from phytomass.errors import InputError
from phytomass.inventory.groups import plot_fractions
from phytomass.inventory.read import Inventory
from phytomass.inventory.settings import InventorySettings
from phytomass.inventory.statistics import flag_outliers

KG_PER_MG = 1000.0
SHOWN = 10
FIRST = ["plot_id", "easting", "northing", "site", "n_trees", *POOLS, "outlier"]


def plots_with_biomass(
    inventory: Inventory,
    trees: pd.DataFrame | None,
    carbon: CarbonSettings,
    settings: InventorySettings,
) -> pd.DataFrame:
    """Return the plots with biomass, all pools and the outlier flag.

    agb_mg_ha = Σ agb_kg / 1000 / area_ha over the trees of the plot, or Σ agb_kg · per_ha / 1000
    where trees have expansion factors, or the given value. Where groups of trees have their own
    carbon fraction (`carbon.carbon_fractions`), the plot's is their mean by biomass.

    Parameters
    ----------
    inventory : Inventory
        From `read_inventory`.
    trees : DataFrame or None
        Its trees with ``agb_kg`` (from `phytomass.allometry.tree_biomass`); None where the plots
        come with their biomass.
    carbon, settings
        Factors of the pools; rules for empty plots and outliers.

    Returns
    -------
    DataFrame
        plot_id, easting, northing, site, n_trees (missing where biomass was given), the columns
        of `phytomass.carbon.POOLS` in Mg/ha, outlier, and where known area_ha, n_trees_rejected,
        elevation_m, agb_before_mg_ha, carbon_fraction (where groups have their own) and the
        columns of `phytomass.carbon.dead_pools` (where their ratios are given). All plots are there, outliers too: see `plots_in_use`.

    Raises
    ------
    InputError
        If a tree has no biomass, a plot has no trees (unless `empty_plots` says ``zero``), or
        groups of trees have carbon fractions and there are no trees.
    """
    plots = inventory.plots.copy()
    if trees is None:
        _refuse_groups(carbon)
        plots["n_trees"] = pd.array([pd.NA] * len(plots), dtype="Int64")
    else:
        plots = _expanded(plots, trees, carbon, settings)
    plots = add_pools(plots, carbon)
    plots = plots.assign(**dead_pools(plots, carbon))
    plots["outlier"] = flag_outliers(plots["agb_mg_ha"], settings.outlier_sd).flags
    first = [name for name in FIRST if name in plots]  # plots alone need no position
    return plots[[*first, *(c for c in plots.columns if c not in FIRST)]]


def plots_in_use(plots: pd.DataFrame, settings: InventorySettings) -> pd.DataFrame:
    """Return the plots that models and totals use: without outliers if the project says so.

    Examples
    --------
    >>> plots = pd.DataFrame({"plot_id": ["A", "B"], "outlier": [False, True]})
    >>> settings = InventorySettings(plots={"path": "plots.csv"}, outliers="remove")
    >>> list(plots_in_use(plots, settings)["plot_id"])
    ['A']
    """
    if settings.outliers == "flag":
        return plots.reset_index(drop=True)
    return plots[~plots["outlier"].to_numpy(dtype=bool)].reset_index(drop=True)


def _refuse_groups(carbon: CarbonSettings) -> None:
    if carbon.carbon_fractions:
        raise InputError(
            "carbon fractions of groups of trees, and the plots come without trees",
            where="carbon.carbon_fractions",
            remedy="give carbon.carbon_fraction, or inventory.trees",
        )


def _expanded(
    plots: pd.DataFrame, trees: pd.DataFrame, carbon: CarbonSettings, settings: InventorySettings
) -> pd.DataFrame:
    lost = trees[trees["agb_kg"].isna()]
    if len(lost):
        raise InputError(
            f"{len(lost)} trees have no biomass, e.g. tree {lost['tree_id'].iloc[0]} of plot "
            f"{lost['plot_id'].iloc[0]}",
            where="trees",
            remedy="complete their diameter, height or wood density, or leave them out",
        )
    expanded = "per_ha" in trees
    weight = trees["per_ha"].to_numpy(dtype=float) if expanded else np.ones(len(trees))
    mass = trees.assign(mass=trees["agb_kg"].to_numpy(dtype=float) * weight)
    by_plot = mass.groupby("plot_id")["mass"].agg(["size", "sum"])
    by_plot = by_plot.reindex(plots["plot_id"].to_numpy(), fill_value=0)
    _refuse_empty(plots, by_plot["size"].to_numpy() == 0, settings)
    mass_mg = by_plot["sum"].to_numpy(dtype=float) / KG_PER_MG
    if carbon.carbon_fractions:
        place = pd.Index(plots["plot_id"]).get_indexer(pd.Index(trees["plot_id"]))
        fractions = plot_fractions(trees, mass["mass"].to_numpy(), place, len(plots), carbon)
        plots = plots.assign(carbon_fraction=fractions)
    return plots.assign(
        n_trees=pd.array(by_plot["size"].to_numpy(dtype="int64"), dtype="Int64"),
        agb_mg_ha=mass_mg if expanded else mass_mg / plots["area_ha"].to_numpy(dtype=float),
    )


def _refuse_empty(plots: pd.DataFrame, empty: pd.Series[bool], settings: InventorySettings) -> None:
    rejected = plots["n_trees_rejected"].to_numpy() > 0
    for bad, why, remedy in (
        (empty & rejected, "all trees were rejected", "correct the rows listed as rejected"),
        (
            empty & (settings.empty_plots == "error"),
            "no trees",
            "if they were measured and hold no trees, set inventory.empty_plots: zero; "
            "if they were not measured, leave them out with inventory.plots.where",
        ),
    ):
        ids = plots["plot_id"][bad].tolist()
        if ids:
            more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
            raise InputError(
                f"plots with {why}: {', '.join(ids[:SHOWN])}{more}",
                where=settings.file_of_plots,
                remedy=remedy,
            )
