"""The step `plots`: from field sheets to biomass and carbon of plots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import geopandas
import pandas as pd

from phytomass import tables
from phytomass.allometry import AllometrySettings, names_of, tree_biomass
from phytomass.carbon import POOLS, CarbonSettings
from phytomass.files import write_geopackage
from phytomass.inventory import (
    InventorySettings,
    plot_statistics,
    plots_in_use,
    plots_with_biomass,
    read_controls,
    read_inventory,
    suspicious_trees,
    with_stress,
)
from phytomass.inventory.field_error import (
    ErrorModel,
    ErrorSettings,
    PlotDraws,
    control_errors,
    ensemble_biomass,
    plot_draws,
    variance_shares,
    with_controls,
)
from phytomass.progress import Progress, silent
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import crs_of
from phytomass.workflow.names import SHARED_DRAWS, TITLES, WRITES
from phytomass.workflow.reads import Reads, derived, setting
from phytomass.workflow.remeasured import Dates, impossible_steps, shared_only, with_change

SHARE_DRAWS = 1000
"""Draws behind each source's share of the variance: enough for a table in whole percent."""


@dataclass(frozen=True, kw_only=True)
class PlotsReads(Reads):
    """What the step reads: sheets and factors, and of the grid only its CRS."""

    inventory: InventorySettings = setting("inventory", without=("strata",))
    allometry: AllometrySettings
    carbon: CarbonSettings
    errors: ErrorSettings
    random_state: int
    period: str
    crs: str | None = derived("grid.crs", crs_of)
    is_mapped: bool = derived("predictors", lambda opened: opened.project.is_mapped)


def _work(reads: PlotsReads, context: Context) -> None:
    folder = context.folder
    progress = context.progress
    progress("field sheets", 0, 1)
    inventory = read_inventory(reads.inventory, reads.root, reads.crs)
    progress("field sheets", 1, 1)
    trees, weighed, earlier = inventory.trees, False, inventory.earlier
    if trees is not None:
        found = [suspicious_trees(trees), impossible_steps(earlier)]
        tables.write(folder, "suspicious_rows", pd.concat(found) if earlier else found[0])
        n_now = len(trees)
        if earlier is not None:  # one call for both dates: one height model, one wood density
            trees = pd.concat([trees, earlier.trees], ignore_index=True)
        weighed = (
            "agb_kg" in trees
        )  # the sheet brings the mass: no equation, and none of its errors
        if not weighed:
            progress("biomass of trees", 0, 1)
            names = names_of(trees["species"].astype(str).tolist(), reads.allometry, reads.root)
            tables.write(folder, "species_names", names)
            stress = reads.allometry.environmental_stress
            if isinstance(stress, Path):
                trees = with_stress(trees, inventory.plots, inventory.crs, reads.root / stress)
            trees = tree_biomass(trees, reads.allometry, reads.root)
            reads = _with_controls(reads, inventory.trees, folder)
            trees = ensemble_biomass(trees, _model_of(reads))
            progress("biomass of trees", 1, 1)
        before, trees = trees.iloc[n_now:].reset_index(drop=True), trees.iloc[:n_now]
        tables.write(folder, "trees", trees, progress)
    plots = plots_with_biomass(inventory, trees, reads.carbon, reads.inventory)
    if earlier is not None and trees is not None:
        dates = Dates(earlier, before, trees, None if weighed else _model_of(reads))
        plots = with_change(plots, dates, reads.errors, reads.random_state, context)
    tables.write(folder, "rejected_rows", inventory.rejected)
    if not inventory.repaired.empty:
        tables.write(folder, "repaired_cells", inventory.repaired)
    if trees is not None:
        tables.write(folder, "rejected_trees", inventory.losses)
    tables.write(folder, "plot_statistics", plot_statistics(plots))
    if trees is not None and not weighed:
        plots = _with_errors(reads, context, trees, plots)
    tables.write(folder, "plots", plots, progress)
    if reads.crs is None or "easting" not in plots:
        return
    points = geopandas.points_from_xy(plots["easting"], plots["northing"])
    table = geopandas.GeoDataFrame(plots, geometry=points, crs=reads.crs)
    write_geopackage(folder / "plots.gpkg", table, "plots")


def _with_controls(reads: PlotsReads, trees: pd.DataFrame | None, folder: Path) -> PlotsReads:
    """Take the errors of measurement from trees measured twice, where the project has them."""
    if reads.inventory.controls is None or trees is None:
        return reads
    found = control_errors(trees, read_controls(reads.inventory.controls, reads.root), reads.errors)
    tables.write(folder, "control_measurements", found)
    return replace(reads, errors=with_controls(reads.errors, found))


def _model_of(reads: PlotsReads) -> ErrorModel:
    sections = (reads.allometry, reads.carbon, reads.errors)
    return ErrorModel(*sections, reads.root, date=reads.period)


def _with_errors(
    reads: PlotsReads, context: Context, trees: pd.DataFrame, plots: pd.DataFrame
) -> pd.DataFrame:
    """Draw the whole error of the plots; write the draws, their mean and each source's share."""
    folder, seed, model = context.folder, reads.random_state, _model_of(reads)
    draws = plot_draws(
        trees,
        plots,
        model,
        random_state=seed,
        store=folder / "plot_draws.zarr",
        workers=context.workers,
        progress=context.progress,
    )
    if reads.is_mapped or reads.inventory.design.is_sample or "agb_before_mg_ha" in plots:
        plot_draws(
            trees,
            plots,
            shared_only(model),
            random_state=seed,
            store=folder / SHARED_DRAWS,
            workers=context.workers,
            progress=context.progress,
        )
    used = plots_in_use(plots, reads.inventory)
    kept = used["plot_id"].astype(str)
    mean = mean_error(draws.of(kept.tolist()), context.workers, context.progress)
    tables.write(folder, "field_error", mean)
    counts = {
        "drawn_again": draws.drawn_again,
        "below_zero": draws.below_zero,
        "fractions_truncated": draws.fractions_truncated,
    }
    tables.write(folder, "draw_counts", pd.DataFrame({"what": counts.keys(), "n": counts.values()}))
    fewer = reads.errors.model_copy(update={"draws": min(reads.errors.draws, SHARE_DRAWS)})
    shares = variance_shares(
        trees,
        used,
        replace(model, errors=fewer),
        random_state=seed,
        workers=context.workers,
        progress=context.progress,
    )
    tables.write(folder, "error_shares", shares)
    bounds = draws.table(context.workers, context.progress).drop(columns=["agb_mg_ha"])
    return plots.merge(bounds, on="plot_id", how="left", validate="one_to_one")


def mean_error(draws: PlotDraws, workers: int = 1, progress: Progress = silent) -> pd.DataFrame:
    """Return the error of the mean of plots that comes from the field: more plots do not cure it.

    Returns
    -------
    DataFrame
        pool (column of `phytomass.carbon.POOLS`), unit, n, mean (of the plots, without errors),
        draws_mean, percentile (share of the draws below the mean), se, low90, high90, low95,
        high95 (of the draws of the mean).
    """
    rows, means = [], draws.means(workers, progress)
    for column, meaning in POOLS.items():
        mean = means[column]
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
    reads=PlotsReads,
    work=_work,
    writes=WRITES["plots"],
)
