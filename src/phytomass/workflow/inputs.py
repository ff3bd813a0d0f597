"""What several steps read: the grid, the stack, and what models are trained with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.experiments import TrainingSettings
from phytomass.features import (
    Extraction,
    PredictorStack,
    extract_samples,
    mapped_places,
    predictor_sets,
)
from phytomass.features.layers import Layer
from phytomass.files import require_file
from phytomass.grid import grid_from_bounds, grid_of_raster, pixel_area_ha, refuse_turned
from phytomass.imagery import MaskSettings, PredictorSettings, open_mask
from phytomass.inventory import InventorySettings, plots_in_use
from phytomass.models import ModelSettings, patch_of
from phytomass.validation import SPLITS, ValidationSettings
from phytomass.vectors import read_polygons
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import WRITES
from phytomass.workflow.plot_errors import DRAWS, SE, with_errors
from phytomass.workflow.project import GridSettings
from phytomass.workflow.reads import Part, Reads, Results, setting

WIDEST = 1e7
"""No study area is 10 000 km wide; one that seems so lies across the edge of its projection."""


def grid_of(opened: OpenProject) -> GeoBox:
    """Return the project's grid; see `make_grid`."""
    project = opened.project
    if project.grid is None:
        raise InputError("there is none", where="grid", remedy="give grid.like, or crs and bounds")
    return make_grid(project.grid, project.study_area, opened.root)


def crs_of(opened: OpenProject) -> str | None:
    """Return the CRS that plots are placed in; None where plots alone need no place."""
    return str(grid_of(opened).crs) if opened.project.grid is not None else None


def make_grid(settings: GridSettings, area: Path | None, root: Path) -> GeoBox:
    """Return the grid that settings, or the study area, describe.

    Raises
    ------
    InputError
        If it cannot be made: no bounds, unknown CRS, or a CRS without metres.
    """
    if settings.like is not None:
        grid = grid_of_raster(root / settings.like)
        refuse_turned(grid, f"{settings.like} (grid.like)")
    else:
        assert settings.crs is not None and settings.resolution is not None  # noqa: S101  # checked
        bounds = settings.bounds or _area_bounds(area, settings.crs, root)
        grid = grid_from_bounds(settings.crs, settings.resolution, bounds)
    pixel_area_ha(grid)
    try:
        settings.refuse_huge(*grid.shape)
    except ValueError as error:
        raise InputError(str(error), where="grid") from error
    return grid


def _area_bounds(area: Path | None, crs: str, root: Path) -> tuple[float, float, float, float]:
    if area is None:
        raise InputError(
            "neither bounds nor a study area",
            where="grid",
            remedy="give grid.bounds, grid.like, or study_area",
        )
    require_file(root / area, f"{area} (study_area)")
    west, south, east, north = read_polygons(root / area, str(area), crs).total_bounds
    if not max(east - west, north - south) < WIDEST:
        raise InputError(
            f"reaches around the globe in {crs}: it crosses the antimeridian or holds a pole there",
            where=str(area),
            remedy="choose a grid.crs made for the area, such as its UTM zone or UPS",
        )
    return float(west), float(south), float(east), float(north)


TRAINED_ON = ("plot_id", "easting", "northing", "site", "agb_mg_ha")
"""Columns of the plots that models are always trained with: no pool but the biomass itself."""


def stack_parts(name: str = "predictors") -> tuple[Part, ...]:
    """Return the results that hold a stack, whichever way it is stored."""
    return tuple(Part(one) for one in WRITES["stack"] if one.partition(".")[0] == name)


def _asks_for_the_map(project: Any) -> bool:
    return any(SPLITS[split].needs_domain for split in project.validation.splits)


@dataclass(frozen=True, kw_only=True)
class TrainingReads(Reads):
    """What training a model reads: of the plots only what it learns from."""

    predictors: PredictorSettings = setting(
        "predictors", only=("sets", "leave_out", "missing_at_plots")
    )
    inventory: InventorySettings = setting("inventory", only=("outliers",))
    models: list[ModelSettings]
    training: TrainingSettings
    validation: ValidationSettings
    random_state: int
    domain_mask: MaskSettings | None = setting("mask", without=("name",), when=_asks_for_the_map)
    domain_area: Path | None = setting("study_area", when=_asks_for_the_map)

    def parts(self) -> tuple[Part, ...]:
        """Add standard errors, draws and the mark of outliers where they are asked for."""
        weighed = (SE,) if self.training.weights == "standard_errors" else ()
        marked = ("outlier",) if self.inventory.outliers != "flag" else ()
        draws = (Part(DRAWS, array="agb_mg_ha"),) if self.training.draws else ()
        return (Part("plots.csv", (*TRAINED_ON, *marked, *weighed)), *draws, *stack_parts())

    def samples(self) -> Extraction:
        """Join plots and stack; outliers are left out only when asked for.

        Patches come along where a model sees them, standard errors and draws where it trains with
        them.
        """
        plots = plots_in_use(self.results.table("plots"), self.inventory)
        side = max(patch_of(model) for model in self.models)
        missing = self.predictors.missing_at_plots
        extraction = extract_samples(stack_in(self.results), plots, missing=missing, patch=side)
        samples = with_errors(extraction.samples, self.results, self.training, self.models)
        return replace(extraction, samples=samples)

    def domain(self) -> NDArray[np.float64] | None:
        """Return where pixels of the map lie (m, 2), metres; None where no split asks for it."""
        mask, area, splits = self.domain_mask, self.domain_area, self.validation.splits
        if not any(SPLITS[split].needs_domain for split in splits):
            return None
        stack = stack_in(self.results)
        with open_mask(mask, self.root, stack.grid, area) as inside:
            return mapped_places(stack, inside, self.random_state)

    def sets(self) -> dict[str, list[str]]:
        """Return the predictor sets to compare."""
        return predictor_sets(self.predictors, layers_in(self.results))

    def index_names(self) -> list[str]:
        """Return the predictors that are indices: candidates of the simple linear regression."""
        layers = layers_in(self.results)
        return [layer.name for layer in layers if layer.kind in ("index", "ratio")]


def layers_in(results: Results) -> list[Layer]:
    """Return the layers of the stack."""
    table = results.table("predictors")
    keys = ("name", "sensor", "kind", "formula", "source", "unit")
    return [Layer(*(str(row[k]) for k in keys)) for row in table.to_dict("records")]


def stack_in(results: Results, name: str = "predictors") -> PredictorStack:
    """Open a stack, whichever way it is stored."""
    folders = (path for end in (".zarr", "") if (path := results.path(f"{name}{end}")).is_dir())
    return PredictorStack.open(next(folders, results.path(f"{name}.tif")))
