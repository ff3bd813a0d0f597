"""What the steps read: the grid, the files, and the results of earlier steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from odc.geo.geobox import GeoBox

from phytomass import tables
from phytomass.errors import InputError
from phytomass.features import (
    Extraction,
    PredictorStack,
    extract_samples,
    predictor_sets,
)
from phytomass.features.layers import Layer
from phytomass.files import require_file
from phytomass.grid import grid_from_bounds, grid_of_raster, pixel_area_ha, refuse_turned
from phytomass.imagery import PredictorSettings, files_of
from phytomass.inventory import plots_in_use
from phytomass.models import patch_of
from phytomass.vectors import read_polygons
from phytomass.walk.kinds import named
from phytomass.workflow.load import OpenProject
from phytomass.workflow.plot_errors import with_errors

WIDEST = 1e7
"""No study area is 10 000 km wide; one that seems so lies across the edge of its projection."""


def grid_of(opened: OpenProject) -> GeoBox:
    """Return the project's grid.

    Raises
    ------
    InputError
        If it cannot be made: no bounds, unknown CRS, or a CRS without metres.
    """
    settings = opened.project.grid
    if settings.like is not None:
        grid = grid_of_raster(opened.root / settings.like)
        refuse_turned(grid, f"{settings.like} (grid.like)")
    else:
        assert settings.crs is not None and settings.resolution is not None  # noqa: S101  # checked
        bounds = settings.bounds or _area_bounds(opened, settings.crs)
        grid = grid_from_bounds(settings.crs, settings.resolution, bounds)
    pixel_area_ha(grid)
    try:
        settings.refuse_huge(*grid.shape)
    except ValueError as error:
        raise InputError(str(error), where="grid") from error
    return grid


def _area_bounds(opened: OpenProject, crs: str) -> tuple[float, float, float, float]:
    area = opened.project.study_area
    if area is None:
        raise InputError(
            "neither bounds nor a study area",
            where="grid",
            remedy="give grid.bounds, grid.like, or study_area",
        )
    existing(opened.root, study_area=area)
    west, south, east, north = read_polygons(opened.root / area, str(area), crs).total_bounds
    if not max(east - west, north - south) < WIDEST:
        raise InputError(
            f"reaches around the globe in {crs}: it crosses the antimeridian or holds a pole there",
            where=str(area),
            remedy="choose a grid.crs made for the area, such as its UTM zone or UPS",
        )
    return float(west), float(south), float(east), float(north)


def raster_files(opened: OpenProject, settings: PredictorSettings) -> dict[str, list[Path]]:
    """Return the files of every predictor source, by role."""
    files: dict[str, list[Path]] = {}
    for key, source in settings.rasters.items():
        where = f"predictors.rasters.{key}"
        files[f"predictor {key}"] = files_of(source.files, opened.root, where)
        for rule in (source.slope, source.topography):
            if rule is not None:
                files[f"elevation for {key}"] = files_of(rule.dem, opened.root, where)
    if settings.terrain is not None:
        files["elevation"] = files_of(settings.terrain.dem, opened.root, "predictors.terrain")
    return files


def existing(root: Path, **paths: Path | None) -> dict[str, list[Path]]:
    """Return the given files by role; None is left out.

    Raises
    ------
    InputError
        If one does not exist or cannot be read.
    """
    found = {}
    for role, path in paths.items():
        if path is None:
            continue
        require_file(root / path, f"{path} ({role})")
        found[role] = [root / path]
    return found


def layers_in(results: Path) -> list[Layer]:
    """Return the layers of the stack of a results folder."""
    table = tables.read(results, "predictors")
    keys = ("name", "sensor", "kind", "formula", "source", "unit")
    return [Layer(*(str(row[k]) for k in keys)) for row in table.to_dict("records")]


def stack_in(results: Path, name: str = "predictors") -> PredictorStack:
    """Open a stack of a results folder, whichever way it is stored."""
    return PredictorStack.open(named(results, name) or results / f"{name}.tif")


def samples_of(opened: OpenProject, results: Path) -> Extraction:
    """Join plots and stack of a results folder; outliers are left out only when asked for.

    Patches come along where a model of the project sees them, standard errors and draws where it
    trains with them.
    """
    plots = plots_in_use(tables.read(results, "plots"), opened.project.inventory)
    stack = stack_in(results)
    side = max(patch_of(model) for model in opened.project.models)
    missing = opened.project.predictors.missing_at_plots
    extraction = extract_samples(stack, plots, missing=missing, patch=side)
    return replace(extraction, samples=with_errors(opened, results, extraction.samples))


def sets_of(opened: OpenProject, results: Path) -> dict[str, list[str]]:
    """Return the predictor sets to compare."""
    return predictor_sets(opened.project.predictors, layers_in(results))


def index_names(results: Path) -> list[str]:
    """Return the predictors that are indices: candidates of the simple linear regression."""
    return [layer.name for layer in layers_in(results) if layer.kind in ("index", "ratio")]
