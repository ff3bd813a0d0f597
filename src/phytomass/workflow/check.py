"""`check`: read everything a project names, compute nothing, list all that is wrong at once."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

import pandas as pd
from odc.geo.geobox import GeoBox

from phytomass import tables
from phytomass.accounting import check_zones
from phytomass.errors import InputError
from phytomass.extras import require
from phytomass.features import Workers, check_patch, differing_dates, suspicious_values
from phytomass.grid import blocks_of, describe_grid, same_grid
from phytomass.grid import grid_of as grid_of_dataset
from phytomass.imagery import check_mask
from phytomass.models import load_model, patch_of
from phytomass.models.patch_cnn import require_torch
from phytomass.rasters import open_raster, pixels_of
from phytomass.workflow.inputs import crs_of, grid_of
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.field import check_field
from phytomass.workflow.preflight.findings import Findings
from phytomass.workflow.preflight.paths import (
    check_single_files,
    check_whole,
    paths_elsewhere,
    refuse_unwritable,
)
from phytomass.workflow.preflight.places import check_ground, check_surroundings, plots_on_grid
from phytomass.workflow.preflight.rasters import check_sources, check_values
from phytomass.workflow.safety import results_apart
from phytomass.workflow.travel import folder_of

WHOLE = frozenset({"plots", "stack", "compare", "map", "account", "report"})


def check_project(opened: OpenProject, steps: Collection[str] = ()) -> Findings:
    """Read everything a project names, each source by itself, and list all that is wrong.

    Parameters
    ----------
    opened : OpenProject
        The project.
    steps : collection of str
        Check only what these steps read; everything if empty.

    Returns
    -------
    Findings
        Problems, which stop a run; warnings about what looks wrong; and notes about what is
        allowed and worth knowing (files outside the project folder, rows left out).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from phytomass.workflow import new_project, open_project
    >>> with TemporaryDirectory() as folder:  # a new project names files that are not there yet
    ...     findings = check_project(open_project(new_project(Path(folder))), ["plots"])
    >>> any("no such file" in problem.what for problem in findings.problems)
    True
    """
    findings = Findings()
    findings.attempt(lambda: refuse_unwritable(opened.results))
    findings.problems += results_apart(opened)
    if not opened.project.is_mapped:
        return _check_plots_alone(findings, opened, set(steps) or set(WHOLE))
    grid = findings.attempt(lambda: grid_of(opened))
    if grid is not None:
        findings.sizes.n_pixels = grid.shape[0] * grid.shape[1]
    wanted = set(steps) or set(WHOLE)
    _check_extras(findings, opened, wanted)
    given = opened.project.map.model_from
    if given is not None:
        findings.attempt(lambda: load_model(folder_of(opened.root, given)))
    plots = None
    if wanted - {"stack"} and opened.project.has_plots:
        stated = opened.project.grid.crs if opened.project.grid else None
        crs = stated if grid is None else str(grid.crs)
        survey = check_field(findings, opened, crs)
        plots = plots_on_grid(findings, opened, survey, grid) if grid is not None else None
    if wanted - {"plots"}:
        _check_rasters(findings, opened, grid, plots)
    findings.notes += paths_elsewhere(opened)
    return findings


def _check_plots_alone(findings: Findings, opened: OpenProject, wanted: set[str]) -> Findings:
    _check_extras(findings, opened, wanted)
    check_field(findings, opened, findings.attempt(lambda: crs_of(opened)))
    check_single_files(findings, opened)
    findings.notes += paths_elsewhere(opened)
    return findings


def keep_findings(findings: Findings, opened: OpenProject, steps: Collection[str] = ()) -> None:
    """Write what was found into the results, where the report finds it.

    Parameters
    ----------
    findings : Findings
        Of `check_project`.
    opened : OpenProject
        The project.
    steps : collection of str
        As in `check_project`: a look at trees alone or images alone leaves the whole one as it is.

    Raises
    ------
    InputError
        If the results folder cannot be written to.
    """
    if steps and not set(steps) - {"plots", "stack"}:
        return
    try:
        opened.results.mkdir(parents=True, exist_ok=True)
        tables.write(opened.results, "findings", findings.table())
    except OSError as error:
        raise InputError(
            f"cannot write to the results folder ({error.strerror})", where=str(opened.results)
        ) from error


def check_scheduler(scheduler: str) -> None:
    """Check the name of a scheduler, before anything else is done.

    Raises
    ------
    InputError
        If it is none of `phytomass.features.Workers`, or its package is not installed.
    """
    Workers(scheduler=scheduler).require()


def _check_extras(findings: Findings, opened: OpenProject, wanted: Collection[str]) -> None:
    """Ask for optional packages now, rather than after an hour."""
    if "report" in wanted:
        findings.attempt(partial(require, "report", "reports"))
    predictors = opened.project.predictors
    for key, source in predictors.rasters.items() if predictors else ():
        if source.catalog is not None and not source.files:
            where = f"predictors.rasters.{key}"
            findings.attempt(partial(require, "catalogs", "scenes of catalogues", where=where))


def _check_rasters(
    findings: Findings, opened: OpenProject, grid: GeoBox | None, plots: pd.DataFrame | None
) -> None:
    project, root = opened.project, opened.root
    if project.predictors is None:
        return
    none = pd.DataFrame({"plot_id": [], "easting": [], "northing": []}, dtype=float)
    now, where = project.predictors, project.inventory.file_of_plots
    seen = check_sources(findings, now, root, grid)
    if grid is not None:
        at_plots = none if plots is None else plots
        values = check_values(findings, now, root, grid, at_plots, seen)
        if plots is not None:
            check_ground(findings, now, plots, values, where)
    earlier = project.earlier_predictors()
    if earlier is not None:
        sizes = findings.sizes.sets
        seen = check_sources(findings, earlier, root, grid)
        findings.sizes.sets = sizes
        if grid is not None:
            check_values(findings, earlier, root, grid, none, seen)
    check_single_files(findings, opened)
    cut = check_whole(findings, opened)
    findings.attempt(lambda: _refuse_no_torch(opened))
    if grid is not None:
        _check_on_grid(findings, opened, grid, cut)
        for one in (now, earlier):
            if one is not None:
                findings.warnings += suspicious_values(one, root, grid)
        if earlier is not None:
            findings.warnings += differing_dates(now, earlier, root, grid)
        if plots is not None and len(plots):
            check_surroundings(findings, opened, grid, plots)


def _check_on_grid(
    findings: Findings, opened: OpenProject, grid: GeoBox, cut: Collection[Path]
) -> None:
    """Check what must lie on the grid besides the sources: masks, zones, truth, patches."""
    project, root = opened.project, opened.root
    for mask in (project.mask, project.earlier.mask if project.earlier else None):
        if mask is not None and (root / mask.path).is_file() and root / mask.path not in cut:
            findings.attempt(partial(check_mask, mask, root, grid, project.study_area))
    if project.zones is not None and (root / project.zones.path).is_file():
        findings.attempt(
            partial(check_zones, root / project.zones.path, project.zones.column, grid)
        )
    truths = (project.truth.path, project.truth.earlier) if project.truth else ()
    for path in truths:
        if path is not None and (root / path).is_file() and root / path not in cut:
            findings.attempt(partial(_refuse_other_grid, root, path, grid))
    side = max(patch_of(model) for model in project.models)
    findings.attempt(lambda: check_patch(side, grid))


def _refuse_no_torch(opened: OpenProject) -> None:
    if any(model.needs_torch for model in opened.project.models):
        require_torch()


def _refuse_other_grid(root: Path, path: Path, grid: GeoBox) -> None:
    """Refuse a reference on another grid, or one whose pixels cannot be read."""
    where = f"{path} (truth)"
    with open_raster(root / path, where) as dataset:
        own = grid_of_dataset(dataset, where)
        if not same_grid(own, grid):
            raise InputError(
                f"is on another grid: {describe_grid(own)}; the project's is {describe_grid(grid)}",
                where=where,
                remedy="resample the reference to the project's grid",
            )
        with pixels_of(where):
            for block in blocks_of(grid.shape):
                dataset.read(1, window=block.window)
