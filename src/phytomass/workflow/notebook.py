"""A project from Python: opened, checked and run as by the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from warnings import warn

from phytomass.errors import InputError, PhytomassWarning, nearest
from phytomass.progress import Progress, silent
from phytomass.workflow.check import check_project, keep_findings
from phytomass.workflow.engine import Outcome, default_workers, run_steps
from phytomass.workflow.load import OpenProject, load_project
from phytomass.workflow.names import TITLES
from phytomass.workflow.steps import steps_of, targets_of


def open_project(project: str | Path | OpenProject) -> OpenProject:
    """Open a project; one that is open already is returned as it is.

    Parameters
    ----------
    project : str, Path or OpenProject
        A project file, or the folder that holds `project.yaml`.

    Returns
    -------
    OpenProject
        With the settings (`project`) and the folder of the results (`results`).

    Raises
    ------
    ProjectFileError
        With one problem per mistake; see `load_project`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from phytomass.workflow import new_project
    >>> with TemporaryDirectory() as folder:
    ...     opened = open_project(new_project(Path(folder)))
    >>> opened.project.random_state, opened.results.name
    (1, 'results')
    """
    return project if isinstance(project, OpenProject) else load_project(project)


def run(
    project: str | Path | OpenProject,
    steps: Sequence[str] = (),
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> list[Outcome]:
    """Check a project, then bring the results of its steps up to date.

    What `phytomass run` does: a step is done again only when something that it depends on has
    changed. What looks wrong in the data is a warning each and is kept in `findings.csv`.

    Parameters
    ----------
    project : str, Path or OpenProject
        As in `open_project`.
    steps : sequence of str
        Any of plots, stack, compare, map, account, report; those they need are done first. All of
        them if empty.
    workers : int, optional
        Threads or processes; the number of processors if left out. Results do not depend on it.
    progress : callable
        Called with (what, done, total).

    Returns
    -------
    list of Outcome
        Per step its name, its status (run or skipped), why, the seconds, and the names of its
        results in the folder `open_project(project).results`.

    Raises
    ------
    InputError
        With every problem of the project at once, before anything is computed; and as `run_steps`.
    DiskFullError
        If the disk is full; earlier results stay.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> settings = '''
    ... name: Three plots
    ... period: "2020"
    ... grid: {crs: EPSG:32643, resolution: 10, bounds: [500000, 3800000, 501000, 3801000]}
    ... inventory: {plots: {path: plots.csv}}
    ... predictors: {rasters: {s2: {files: s2.tif, sensor: optical}}}
    ... models: [simple_linear]
    ... '''
    >>> plots = '''plot_id,easting,northing,agb_mg_ha
    ... A,500100,3800100,80
    ... B,500300,3800200,120
    ... C,500500,3800300,60'''
    >>> with TemporaryDirectory() as folder:
    ...     written = Path(folder, "project.yaml").write_text(settings)
    ...     written = Path(folder, "plots.csv").write_text(plots)
    ...     outcomes = run(folder, ["plots"]) + run(folder, ["plots"])
    >>> [(outcome.name, outcome.status) for outcome in outcomes]
    [('plots', 'run'), ('plots', 'skipped')]
    """
    for unknown in (name for name in steps if name not in TITLES):
        remedy = nearest(unknown, list(TITLES)) or f"use any of {', '.join(TITLES)}"
        raise InputError(f"no step {unknown!r}", where="steps", remedy=remedy)
    opened = open_project(project)
    targets = targets_of(opened.project, list(steps) or list(TITLES))
    findings = check_project(opened, targets)
    if findings.problems:
        raise InputError.of(findings.problems)
    for warning in findings.warnings:
        warn(str(warning), PhytomassWarning, stacklevel=2)
    keep_findings(findings, opened, targets)
    return list(
        run_steps(
            opened,
            steps_of(opened.project),
            targets,
            workers=workers or default_workers(),
            progress=progress,
        )
    )
