"""A user's files are safe: no result goes where an input lies, or over a file of the user's."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phytomass.errors import InputError, Problem
from phytomass.imagery.scenes.places import files_of
from phytomass.workflow.named import named_files
from phytomass.workflow.names import WRITES
from phytomass.workflow.record import Record
from phytomass.workflow.workshop import foreign_files, pending

if TYPE_CHECKING:
    from phytomass.workflow.load import OpenProject

Identity = tuple[int, int]


def results_apart(
    opened: OpenProject, writes: Mapping[str, Collection[str]] = WRITES
) -> list[Problem]:
    """List what is wrong with where the results would go: `inputs_apart`, and foreign files.

    Files with a name of ours that the record does not know are the user's: no run replaces them.

    Parameters
    ----------
    opened : OpenProject
        The project.
    writes : mapping
        Step → names of the results it may write.
    """
    problems = inputs_apart(opened)
    foreign = [] if problems else _foreign(opened.results, writes)
    return problems + (list(foreign_files(foreign, opened.results).problems) if foreign else [])


def inputs_apart(opened: OpenProject) -> list[Problem]:
    """List the inputs that lie where the results would go.

    The results folder must not be, hold or lie in an input (a file of the project, the project file
    itself, a folder of images), by whichever links; and nothing in it may be a link to one.
    """
    results, inputs = opened.results, dict(_inputs(opened))
    held = [path for path in inputs if _lies_in(path, results)]
    held += [path for path in inputs if path.is_dir() and _lies_in(results, path)]
    if held:
        return [_refused(opened, "would hold inputs of the project", _listed(held, inputs))]
    links = list(_links(results, inputs)) if results.is_dir() else []
    if links:
        shown = ", ".join(f"{entry.name} is {inputs[path]}" for entry, path in links[:4])
        return [_refused(opened, "holds links to inputs of the project", shown)]
    return []


def _refused(opened: OpenProject, what: str, shown: str) -> Problem:
    return Problem(
        f"output: {opened.project.output}",
        f"the results folder {what}: {shown}",
        "give `output` a folder of its own, such as `results`: no result is written where inputs lie",
    )


def _listed(paths: Collection[Path], inputs: Mapping[Path, str]) -> str:
    names = [inputs[path] for path in dict.fromkeys(paths)]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _foreign(results: Path, writes: Mapping[str, Collection[str]]) -> list[str]:
    """Return names of ours that the record does not know; without a record it is for moving to say."""
    record = Record.read(results)
    if record.doubt or not results.is_dir():
        return []
    ours = record.listed | pending(results, writes)
    names = {name for step in writes.values() for name in step} - ours
    return sorted(name for name in names if os.path.lexists(results / name))


def _inputs(opened: OpenProject) -> Iterator[tuple[Path, str]]:
    """Give every file or folder that a project reads, and how messages call it."""
    yield opened.path, opened.path.name
    sections = dict(opened.project)
    sections.pop("output", None)
    predictors = sections.get("predictors")
    kept = () if predictors is None else _kept_scenes(predictors)
    for key, value in (*named_files(sections), *kept):
        if isinstance(value, Path):
            yield opened.root / value, f"{value} ({key})"
        else:
            for path in _matches(value, opened.root):
                yield path, f"{os.path.relpath(path, opened.root)} ({key})"


def _kept_scenes(predictors: Any) -> Iterator[tuple[str, str]]:
    """Give the folders of scenes of catalogues, and catalogues that are files."""
    for key, source in predictors.rasters.items():
        if source.catalog is not None:
            for name in ("folder", "url"):
                if "://" not in (value := getattr(source.catalog, name)):
                    yield f"predictors.rasters.{key}.catalog.{name}", value


def _matches(pattern: str, root: Path) -> Iterator[Path]:
    """Give what a path or pattern stands for now, and where a later run may find more."""
    if not has_magic(pattern):
        yield root / pattern
        return
    parts = (root / pattern).parts
    if "**" in parts:
        yield Path(*parts[: next(n for n, part in enumerate(parts) if has_magic(part))])
    with suppress(InputError):  # whoever reads the files says what is wrong with the pattern
        yield from files_of(pattern, root, "")


def _lies_in(path: Path, folder: Path) -> bool:
    """Tell whether a path is a folder or lies in it, as written or through links."""
    own, homes = _identity(folder), _forms(folder)
    return any(
        place in homes or (own is not None and _identity(place) == own)
        for form in _forms(path)
        for place in (form, *form.parents)
    )


def _forms(path: Path) -> set[Path]:
    """Return a path as written and as links lead."""
    try:
        return {Path(os.path.abspath(path)), Path(os.path.realpath(path))}  # noqa: PTH100
    except ValueError:  # a null character: reading it says so
        return set()


def _links(results: Path, inputs: Mapping[Path, str]) -> Iterator[tuple[Path, Path]]:
    """Give what in the results folder is an input by another name: a symbolic or a hard link."""
    known = {identity: path for path in inputs if (identity := _identity(path)) is not None}
    deep = any(path.is_file() and path.stat().st_nlink > 1 for path in inputs)
    for entry in results.rglob("*") if deep else results.iterdir():
        identity = _identity(entry)
        if identity in known:
            yield entry, known[identity]


def _identity(path: Path) -> Identity | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
