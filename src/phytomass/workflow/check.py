"""`check`: read everything a project names, compute nothing, list every problem at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
from odc.geo.geobox import GeoBox

from phytomass.accounting import check_zones
from phytomass.allometry import check_species
from phytomass.errors import InputError, Problem
from phytomass.features import (
    Workers,
    check_contents,
    check_patch,
    check_stack,
    listed,
    plots_outside,
    predictor_sets,
    refuse_truncated,
    source_files,
    suspicious_values,
)
from phytomass.grid import describe_grid, grid_of_raster, same_grid
from phytomass.imagery import check_mask, files_of
from phytomass.inventory import check_inventory, read_inventory
from phytomass.models import patch_of, plots_needed
from phytomass.models.patch_cnn import require_torch
from phytomass.workflow.inputs import existing, grid_of, raster_files
from phytomass.workflow.load import OpenProject
from phytomass.workflow.plot_errors import check_training

T = TypeVar("T")


@dataclass
class Findings:
    """What `check` found: problems stop a run, notes do not."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def attempt(self, work: Callable[[], T]) -> T | None:
        """Do some checking; keep its errors as problems."""
        try:
            return work()
        except InputError as error:
            self.problems += [p for p in error.problems if p not in self.problems]
            return None


def check_project(opened: OpenProject, steps: Collection[str] = ()) -> Findings:
    """Read everything a project names and list all problems.

    Parameters
    ----------
    opened : OpenProject
        The project.
    steps : collection of str
        Check only what these steps read; everything if empty.

    Returns
    -------
    Findings
        Problems, and notes about things that are allowed but worth knowing (files outside the
        project folder, symbolic links).
    """
    findings = Findings()
    findings.attempt(lambda: _writable(opened.results))
    grid = findings.attempt(lambda: grid_of(opened))
    wanted = set(steps) or {"plots", "stack", "compare", "map", "account", "report"}
    plots = None
    if wanted - {"stack"}:
        plots = _check_field(findings, opened, str(grid.crs) if grid is not None else "EPSG:4326")
    if grid is None and wanted - {"plots"}:
        _check_files(findings, opened)
    if grid is not None and wanted - {"plots"}:
        _check_rasters(findings, opened, grid)
        findings.attempt(partial(_networks, opened, grid))
        if plots is not None:
            _check_plots_on_rasters(findings, opened, grid, plots)
        findings.notes += suspicious_values(opened.project.predictors, opened.root, grid)
    findings.notes += _unusual_paths(opened)
    return findings


def check_scheduler(scheduler: str) -> None:
    """Check the name of a scheduler, before anything else is done.

    Raises
    ------
    InputError
        If it is none of `phytomass.features.Workers`, or its package is not installed.
    """
    Workers(scheduler=scheduler).require()


def _check_field(findings: Findings, opened: OpenProject, crs: str) -> pd.DataFrame | None:
    """Check field sheets and equations; return the plots if they can be used."""
    project, root = opened.project, opened.root
    tables = project.allometry
    known = findings.attempt(
        lambda: existing(root, equations=tables.equations, wood_density=tables.wood_density_table)
    )
    problems = check_inventory(project.inventory, root, crs)
    findings.problems += problems
    if problems or known is None:
        return None
    inventory = read_inventory(project.inventory, root, crs)
    if inventory.trees is not None and "agb_kg" not in inventory.trees:
        findings.problems += check_species(inventory.trees, project.allometry, root)
    findings.attempt(lambda: check_training(opened, inventory))
    return inventory.plots


def _check_files(findings: Findings, opened: OpenProject) -> None:
    """Without a grid, at least say which files are missing."""
    project, root = opened.project, opened.root
    for key, source in project.predictors.rasters.items():
        where = f"predictors.rasters.{key}"
        findings.attempt(partial(files_of, source.files, root, where))
    if project.predictors.terrain is not None:
        dem = project.predictors.terrain.dem
        findings.attempt(partial(files_of, dem, root, "predictors.terrain"))
    others = {
        "mask": project.mask.path if project.mask else None,
        "zones": project.zones.path if project.zones else None,
        "truth": project.truth.path if project.truth else None,
    }
    for role, path in others.items():
        findings.attempt(partial(existing, root, **{role: path}))


def _check_rasters(findings: Findings, opened: OpenProject, grid: GeoBox) -> None:
    project, root = opened.project, opened.root
    for settings in (project.predictors, project.earlier_predictors()):
        if settings is not None:
            for file in findings.attempt(partial(source_files, settings, root)) or ():
                findings.attempt(partial(refuse_truncated, file))
    layers = findings.attempt(lambda: check_stack(project.predictors, root, grid))
    if layers is not None:
        findings.attempt(lambda: predictor_sets(project.predictors, layers))
    earlier = project.earlier_predictors()
    if earlier is not None:
        findings.attempt(lambda: check_stack(earlier, root, grid))
    for mask in (project.mask, project.earlier.mask if project.earlier else None):
        if mask is not None:
            findings.attempt(partial(check_mask, mask, root, grid, project.study_area))
    if project.zones is not None:
        findings.attempt(
            partial(check_zones, root / project.zones.path, project.zones.column, grid)
        )
    if project.truth is not None:
        for path in (project.truth.path, project.truth.earlier):
            if path is not None:
                findings.attempt(partial(_on_grid, root, path, grid))


def _check_plots_on_rasters(
    findings: Findings, opened: OpenProject, grid: GeoBox, plots: pd.DataFrame
) -> None:
    before = len(findings.problems)
    findings.attempt(lambda: _plots_on_grid(opened, plots, grid))
    findings.attempt(lambda: _enough_plots(opened, len(plots)))
    if len(findings.problems) > before or any("predictors" in p.where for p in findings.problems):
        return
    predictors, earlier = opened.project.predictors, opened.project.earlier_predictors()
    findings.attempt(lambda: check_contents(predictors, opened.root, grid, plots))
    if earlier is not None:
        findings.attempt(lambda: check_contents(earlier, opened.root, grid, plots.iloc[:0]))


def _enough_plots(opened: OpenProject, n: int) -> None:
    """Compare the plots with what the models need at the very least, with one predictor."""
    most = max((plots_needed(model, 1), model.key) for model in opened.project.models)
    if n < most[0]:
        raise InputError(
            f"model {most[1]} needs {most[0]} plots or more to train on, there are {n}",
            where=str(opened.project.inventory.plots.path),
            remedy="add plots, or leave the model out",
        )


def _networks(opened: OpenProject, grid: GeoBox) -> None:
    """Check that torch is there for the networks, and that their patches fit on the grid."""
    if any(model.needs_torch for model in opened.project.models):
        require_torch()
    check_patch(max(patch_of(model) for model in opened.project.models), grid)


def _writable(results: Path) -> None:
    place = results
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise InputError(
            "cannot be written to",
            where=f"output folder {results}",
            remedy="choose another `output`, or change the folder's permissions",
        )


def _on_grid(root: Path, path: Path, grid: GeoBox) -> None:
    own = grid_of_raster(root / path)
    if not same_grid(own, grid):
        raise InputError(
            f"is on another grid: {describe_grid(own)}; the project's is {describe_grid(grid)}",
            where=f"{path} (truth)",
            remedy="resample the reference to the project's grid",
        )


def _plots_on_grid(opened: OpenProject, plots: pd.DataFrame, grid: GeoBox) -> None:
    box = grid.boundingbox
    outside = plots_outside((box.left, box.bottom, box.right, box.top), plots)
    if outside:
        raise InputError(
            f"{len(outside)} of {len(plots)} plots lie outside the rasters: {listed(outside)}",
            where=str(opened.project.inventory.plots.path),
            remedy="check inventory.plots.crs and the coordinates, or enlarge the rasters",
        )


def _named_paths(opened: OpenProject) -> list[Path]:
    project, root = opened.project, opened.root
    inventory, masks = project.inventory, [project.mask]
    if project.earlier is not None:
        masks.append(project.earlier.mask)
    paths = [
        inventory.plots.path,
        inventory.trees.path if inventory.trees else None,
        project.allometry.equations,
        project.study_area,
        project.grid.like,
        project.zones.path if project.zones else None,
        *(mask.path for mask in masks if mask is not None),
        *((project.truth.path, project.truth.earlier) if project.truth else ()),
    ]
    named = [root / path for path in paths if path is not None]
    for settings in (project.predictors, project.earlier_predictors()):
        if settings is not None:
            try:
                named += [p for files in raster_files(opened, settings).values() for p in files]
            except InputError:
                continue  # a missing file is listed as a problem elsewhere
    return named


def _unusual_paths(opened: OpenProject) -> list[Problem]:
    """List files that lie outside the project's folder: allowed, but a copy would miss them."""
    root = opened.root.resolve()
    notes = []
    for path in dict.fromkeys(_named_paths(opened)):
        if not path.exists() or path.resolve().is_relative_to(root):
            continue
        shown = os.path.relpath(path, opened.root)
        through = any(part.is_symlink() for part in (path, *path.parents))
        how = "through a symbolic link" if through else "by its path"
        notes.append(Problem(shown, f"lies outside the project folder {how}: {path.resolve()}"))
    return notes
