"""The paths of a project: what is missing, what lies elsewhere, where results go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from phytomass.errors import InputError, Problem
from phytomass.features import refuse_truncated
from phytomass.workflow import field, predictors
from phytomass.workflow.load import OpenProject
from phytomass.workflow.named import found_files
from phytomass.workflow.preflight.findings import Findings
from phytomass.workflow.steps import steps_of

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


def single_files(opened: OpenProject) -> dict[str, Path]:
    """Return the files that the later steps read besides sheets and sources, by key."""
    named = (pair for step in steps_of(opened.project) for pair in step.reads.named(opened.project))
    early = {key for s in (field, predictors) for key, _ in s.STEP.reads.named(opened.project)}
    return {key: p for key, p in named if isinstance(p, Path) and key not in early}


def check_single_files(findings: Findings, opened: OpenProject) -> None:
    """Say which of the files that the later steps read are missing."""
    for key, path in single_files(opened).items():
        findings.attempt(partial(found_files, opened.root, key, path))


def check_whole(findings: Findings, opened: OpenProject) -> set[Path]:
    """Say which rasters beside the predictors' sources are cut off; return them."""
    like = opened.project.grid.like if opened.project.grid else None
    named = [*([like] if like else []), *single_files(opened).values()]
    cut = set()
    for path in dict.fromkeys(opened.root / path for path in named):
        before = len(findings.problems)
        if path.is_file():
            findings.attempt(partial(refuse_truncated, path))
        if len(findings.problems) > before:
            cut.add(path)
    return cut


def _named_paths(opened: OpenProject) -> Iterator[Path]:
    for step in steps_of(opened.project):
        for key, value in step.reads.named(opened.project):
            if isinstance(value, Path):
                yield opened.root / value
                continue
            with suppress(InputError):  # a missing file is listed as a problem elsewhere
                yield from found_files(opened.root, key, value)


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
