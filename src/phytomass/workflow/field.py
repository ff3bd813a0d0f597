"""The step `plots`: from field sheets to biomass and carbon of plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas

from phytomass.allometry import tree_biomass
from phytomass.files import write_csv, write_geopackage
from phytomass.inventory import plot_statistics, plots_with_biomass, read_inventory
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import existing, grid_of
from phytomass.workflow.load import OpenProject


def _settings(opened: OpenProject) -> dict[str, Any]:
    project = opened.project
    return {
        "inventory": project.inventory.model_dump(mode="json"),
        "allometry": project.allometry.model_dump(mode="json"),
        "carbon": project.carbon.model_dump(mode="json"),
        "crs": str(grid_of(opened).crs),
    }


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    inventory = opened.project.inventory
    return existing(
        opened.root,
        plots=inventory.plots.path,
        trees=inventory.trees.path if inventory.trees else None,
        equations=opened.project.allometry.equations,
    )


def _work(context: Context) -> None:
    opened, project, folder = context.opened, context.opened.project, context.folder
    crs = str(grid_of(opened).crs)
    inventory = read_inventory(project.inventory, opened.root, crs)
    context.progress("field sheets", 1, 3)
    trees = None
    if inventory.trees is not None:
        trees = tree_biomass(inventory.trees, project.allometry, opened.root)
        write_csv(folder / "trees.csv", trees)
    context.progress("trees", 2, 3)
    plots = plots_with_biomass(inventory, trees, project.carbon, project.inventory)
    write_csv(folder / "rejected_rows.csv", inventory.rejected)
    write_csv(folder / "plots.csv", plots)
    write_csv(folder / "plot_statistics.csv", plot_statistics(plots))
    points = geopandas.points_from_xy(plots["easting"], plots["northing"])
    table = geopandas.GeoDataFrame(plots, geometry=points, crs=crs)
    write_geopackage(folder / "plots.gpkg", table, "plots")
    context.progress("plots", 3, 3)


STEP = Step(
    name="plots",
    title="trees and plots to biomass and carbon per hectare",
    needs=(),
    settings=_settings,
    inputs=_inputs,
    work=_work,
)
