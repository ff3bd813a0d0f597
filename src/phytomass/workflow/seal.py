"""The seal of a results folder: a manifest of hashes, its check, and a run that repeats it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from phytomass.accounting.audit import AGREES, CONTRADICTS, UNKNOWN, Finding
from phytomass.errors import InputError, ProjectFileError
from phytomass.files import full_disk_named, sha256_of, write_json
from phytomass.progress import Progress, silent
from phytomass.workflow.load import OpenProject, load_project
from phytomass.workflow.record import Record, plain_name

MANIFEST = "manifest.json"
FINDINGS = "findings.csv"
SEAL, REPLAY = "seal", "replay"


def seal(opened: OpenProject, record: Record) -> None:
    """Write `manifest.json`: the SHA-256 of every result, of the settings, and the version.

    It holds no times, so that a run that is repeated has the same seal.

    Raises
    ------
    InputError
        If there is a `manifest.json` of the user's.
    """
    path = opened.results / MANIFEST
    if path.is_file() and _read(opened.results) is None:
        raise InputError(
            f"holds a {MANIFEST} that is no seal of a run",
            where=str(opened.results),
            remedy="move it away",
        )
    files = {one.path: one.sha256 for step in record.steps.values() for one in step.outputs}
    findings = opened.results / FINDINGS
    if findings.is_file():
        files[FINDINGS] = sha256_of(findings)
    content = {
        "phytomass": version("phytomass"),
        "settings_sha256": settings_print(opened),
        "files": dict(sorted(files.items())),
    }
    if _read(opened.results) != content:
        with full_disk_named(opened.results):
            write_json(path, content)


def settings_print(opened: OpenProject) -> str:
    """Return the SHA-256 of the settings of a project, defaults included."""
    text = json.dumps(opened.project.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_seal(results: Path) -> list[Finding]:
    """Return which results are as the run left them, and which were changed or are gone.

    Parameters
    ----------
    results : Path
        A results folder; one without a seal cannot be told.
    """
    content = _read(results)
    if content is None:
        note = f"no {MANIFEST}: made before runs were sealed, or no results folder"
        return [Finding(UNKNOWN, MANIFEST, 0, SEAL, note=note)]
    return list(_against(results, content["files"], SEAL))


def replay(results: Path, *, workers: int = 1, progress: Progress = silent) -> list[Finding]:
    """Run a sealed project again into a folder that is thrown away, and compare every result.

    Parameters
    ----------
    results : Path
        The results folder of a project; its project file lies in a folder above.
    workers : int
        Threads or processes; results do not depend on it.
    progress : callable
        Where to report.

    Raises
    ------
    InputError
        If there is no seal, or no project whose results these are; and from the run.
    """
    from phytomass.workflow.check import check_project, keep_findings
    from phytomass.workflow.engine import run_steps
    from phytomass.workflow.steps import steps_of

    content = _read(results)
    if content is None:
        raise InputError("has no seal", where=str(results), remedy="run the project first")
    opened = project_of(results)
    if settings_print(opened) != content["settings_sha256"]:
        note = "the project file was changed since the run: its results are not repeated"
        return [Finding(CONTRADICTS, opened.path.name, 0, REPLAY, note=note)]
    targets = list(Record.read(results).steps)
    with TemporaryDirectory(prefix="phytomass-replay-") as folder:
        again = replace(opened, elsewhere=Path(folder) / "results")
        findings = check_project(again, targets)
        if findings.problems:
            raise InputError.of(findings.problems)
        keep_findings(findings, again, targets)
        steps = steps_of(again.project)
        for _ in run_steps(again, steps, targets, workers=workers, progress=progress):
            pass
        return list(_against(again.results, content["files"], REPLAY))


def project_of(results: Path) -> OpenProject:
    """Return the project whose results lie in a folder.

    Raises
    ------
    InputError
        If there is none in the folders above.
    """
    place = results.resolve()
    for folder in place.parents:
        try:
            opened = load_project(folder)
        except ProjectFileError:
            continue
        if opened.results.resolve() == place:
            return opened
    raise InputError(
        "belongs to no project: no project.yaml above it names it as its output",
        where=str(results),
        remedy="put the results back beside their project file",
    )


def _against(results: Path, files: dict[str, str], rule: str) -> Iterator[Finding]:
    """Compare files with their hashes."""
    for name, sha256 in files.items():
        path = results / name
        if not path.exists():
            yield Finding(CONTRADICTS, name, 0, rule, "", sha256[:12], "it is not there")
            continue
        found = sha256_of(path)
        status = AGREES if found == sha256 else CONTRADICTS
        yield Finding(status, name, 0, rule, found[:12], sha256[:12])


def _read(results: Path) -> dict[str, Any] | None:
    """Return the seal of a folder; None where there is none that holds together."""
    try:
        content = json.loads((results / MANIFEST).read_text(encoding="utf-8"))
        names = [plain_name(name) for name in content["files"]]
        known = isinstance(content["settings_sha256"], str) and names
        return dict(content) if known and "phytomass" in content else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
