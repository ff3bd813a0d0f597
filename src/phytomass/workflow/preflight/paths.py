"""The paths of a project: what is missing, what lies elsewhere, where results go."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from phytomass.errors import InputError, Problem
from phytomass.features import refuse_truncated
from phytomass.workflow.inputs import existing, raster_files
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.findings import Findings

SHOWN = 3


def refuse_unwritable(results: Path) -> None:
    """Raise when results cannot be written there.

    Raises
    ------
    InputError
        If the folder, or the first one above it that exists, cannot be written to.
    """
    place = results
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise InputError(
            "cannot be written to",
            where=f"output folder {results}",
            remedy="choose another `output`, or change the folder's permissions",
        )


def check_single_files(findings: Findings, opened: OpenProject) -> None:
    """Say which of the files that the project names by their whole path are missing."""
    project = opened.project
    earlier = project.earlier.mask if project.earlier else None
    named = {
        "mask": project.mask.path if project.mask else None,
        "earlier mask": earlier.path if earlier else None,
        "zones": project.zones.path if project.zones else None,
        "truth": project.truth.path if project.truth else None,
        "earlier truth": project.truth.earlier if project.truth else None,
    }
    for role, path in named.items():
        findings.attempt(partial(existing, opened.root, **{role: path}))


def check_whole(findings: Findings, opened: OpenProject) -> set[Path]:
    """Say which rasters beside the predictors' sources are cut off; return them."""
    project = opened.project
    masks = [project.mask, project.earlier.mask if project.earlier else None]
    truths = (project.truth.path, project.truth.earlier) if project.truth else ()
    named = [project.grid.like, *(mask.path for mask in masks if mask is not None), *truths]
    cut = set()
    for path in dict.fromkeys(opened.root / path for path in named if path is not None):
        before = len(findings.problems)
        if path.is_file():
            findings.attempt(partial(refuse_truncated, path))
        if len(findings.problems) > before:
            cut.add(path)
    return cut


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


def paths_elsewhere(opened: OpenProject) -> list[Problem]:
    """List files that lie outside the project's folder: allowed, but a copy would miss them.

    Those that leave it the same way are one note.
    """
    root = opened.root.resolve()
    found: dict[bool, list[tuple[str, Path]]] = {}
    for path in dict.fromkeys(_named_paths(opened)):
        try:
            if not path.exists() or path.resolve().is_relative_to(root):
                continue
        except (OSError, ValueError):
            continue  # a name that no file can have is a problem of whoever reads it
        linked = any(part.is_symlink() for part in (path, *path.parents))
        inside = path.is_relative_to(opened.root)
        shown = path.relative_to(opened.root) if inside else path
        found.setdefault(linked, []).append((shown.as_posix(), path.resolve()))
    return [_elsewhere(paths, linked) for linked, paths in found.items()]


def _elsewhere(paths: list[tuple[str, Path]], linked: bool) -> Problem:
    shown, there = paths[0]
    if len(paths) == 1:
        how = f"through a symbolic link: {there}" if linked else "by its path"
        return Problem(shown, f"lies outside the project folder {how}")
    names = ", ".join(name for name, _ in paths[:SHOWN])
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    how = "through symbolic links" if linked else "by their paths"
    what = f"lie outside the project folder {how}; a copy of the folder would miss them"
    return Problem(f"{names}{more}", what)
