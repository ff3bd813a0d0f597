"""The step `plots`: from field sheets to biomass and carbon of plots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd

from phytomass import tables
from phytomass.allometry import tree_biomass
from phytomass.carbon import POOLS
from phytomass.files import write_geopackage
from phytomass.inventory import (
    plot_statistics,
    plots_in_use,
    plots_with_biomass,
    read_inventory,
    suspicious_trees,
)
from phytomass.inventory.field_error import (
    ErrorModel,
    PlotDraws,
    ensemble_biomass,
    plot_draws,
    variance_shares,
)
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import existing, grid_of
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import TITLES, WRITES

SHARE_DRAWS = 1000
"""Draws behind each source's share of the variance: enough for a table in whole percent."""


def _settings(opened: OpenProject) -> dict[str, Any]:
    project = opened.project
    return {
        "inventory": project.inventory.model_dump(mode="json"),
        "allometry": project.allometry.model_dump(mode="json"),
        "carbon": project.carbon.model_dump(mode="json"),
        "errors": project.errors.model_dump(mode="json"),
        "random_state": project.random_state,
        "period": project.period,
        "crs": str(grid_of(opened).crs),
    }


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    inventory = opened.project.inventory
    return existing(
        opened.root,
        plots=inventory.plots.path,
        trees=inventory.trees.path if inventory.trees else None,
        equations=opened.project.allometry.equations,
        wood_density=opened.project.allometry.wood_density_table,
    )


def _work(context: Context) -> None:
    opened, project, folder = context.opened, context.opened.project, context.folder
    crs = str(grid_of(opened).crs)
    inventory = read_inventory(project.inventory, opened.root, crs)
    trees, weighed = inventory.trees, False
    if trees is not None:
        tables.write(folder, "suspicious_rows", suspicious_trees(trees))
        weighed = (
            "agb_kg" in trees
        )  # the sheet brings the mass: no equation, and none of its errors
        if not weighed:
            trees = tree_biomass(trees, project.allometry, opened.root)
            trees = ensemble_biomass(trees, _model_of(opened))
        tables.write(folder, "trees", trees)
    plots = plots_with_biomass(inventory, trees, project.carbon, project.inventory)
    tables.write(folder, "rejected_rows", inventory.rejected)
    if trees is not None:
        tables.write(folder, "rejected_trees", inventory.losses)
    tables.write(folder, "plot_statistics", plot_statistics(plots))
    if trees is not None and not weighed:
        plots = _with_errors(context, trees, plots)
    tables.write(folder, "plots", plots)
    points = geopandas.points_from_xy(plots["easting"], plots["northing"])
    table = geopandas.GeoDataFrame(plots, geometry=points, crs=crs)
    write_geopackage(folder / "plots.gpkg", table, "plots")


def _model_of(opened: OpenProject) -> ErrorModel:
    project = opened.project
    sections = (project.allometry, project.carbon, project.errors)
    return ErrorModel(*sections, opened.root, date=project.period)


def _with_errors(context: Context, trees: pd.DataFrame, plots: pd.DataFrame) -> pd.DataFrame:
    """Draw the whole error of the plots; write the draws, their mean and each source's share."""
    project, folder = context.opened.project, context.folder
    model, seed = _model_of(context.opened), project.random_state
    draws = plot_draws(
        trees,
        plots,
        model,
        random_state=seed,
        store=folder / "plot_draws.zarr",
        workers=context.workers,
        progress=context.progress,
    )
    used = plots_in_use(plots, project.inventory)
    kept = used["plot_id"].astype(str)
    tables.write(folder, "field_error", mean_error(draws.take(kept.tolist())))
    counts = {
        "drawn_again": draws.drawn_again,
        "below_zero": draws.below_zero,
        "fractions_truncated": draws.fractions_truncated,
    }
    tables.write(folder, "draw_counts", pd.DataFrame({"what": counts.keys(), "n": counts.values()}))
    fewer = project.errors.model_copy(update={"draws": min(project.errors.draws, SHARE_DRAWS)})
    theirs = trees[trees["plot_id"].astype(str).isin(kept)]
    shares = variance_shares(
        theirs, used, replace(model, errors=fewer), random_state=seed, progress=context.progress
    )
    tables.write(folder, "error_shares", shares)
    bounds = draws.table().drop(columns=["agb_mg_ha"])
    return plots.merge(bounds, on="plot_id", how="left", validate="one_to_one")


def mean_error(draws: PlotDraws) -> pd.DataFrame:
    """Return the error of the mean of plots that comes from the field: more plots do not cure it.

    Returns
    -------
    DataFrame
        pool (column of `phytomass.carbon.POOLS`), unit, n, mean (of the plots, without errors),
        draws_mean, percentile (share of the draws below the mean), se, low90, high90, low95,
        high95 (of the draws of the mean).
    """
    rows = []
    for column, meaning in POOLS.items():
        mean = draws.pool(column).mean()
        low90, high90, low95, high95 = mean.quantile([0.05, 0.95, 0.025, 0.975])[0]
        rows.append(
            {
                "pool": meaning.name,
                "unit": meaning.unit,
                "n": len(draws.agb),
                "mean": mean.point[0],
                "draws_mean": mean.values[0].mean(),
                "percentile": 100 * (mean.values[0] < mean.point[0]).mean(),
                "se": mean.se()[0],
                "low90": low90,
                "high90": high90,
                "low95": low95,
                "high95": high95,
            }
        )
    return pd.DataFrame(rows)


STEP = Step(
    name="plots",
    title=TITLES["plots"],
    needs=(),
    settings=_settings,
    inputs=_inputs,
    work=_work,
    writes=WRITES["plots"],
)
