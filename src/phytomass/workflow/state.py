"""What the results of a step depend on, and whether that is still as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phytomass.files import sha256_of
from phytomass.workflow.record import Done, Input, Record

if TYPE_CHECKING:
    from phytomass.workflow.engine import Step
    from phytomass.workflow.load import OpenProject

Stamp = tuple[tuple[str, int, int, int, int], ...]
FRESH_NS = 3_000_000_000
"""A file that changed less than this ago is read again each time: its times are not fine enough."""


@dataclass
class Fingerprints:
    """SHA-256 of files and folders, read again only where the system says that they changed."""

    known: dict[Path, tuple[Stamp, str]] = field(default_factory=dict)

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file's bytes, or of a folder's names and bytes.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        now = stamp(path)
        if path in self.known and self.known[path][0] == now:
            return self.known[path][1]
        sha256 = sha256_of(path)
        if all(max(mtime, ctime) < time.time_ns() - FRESH_NS for *_, mtime, ctime in now):
            self.known[path] = (now, sha256)
        return sha256


def stamp(path: Path) -> Stamp:
    """Return what the system says of a file or of every file in a folder: size and times."""
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    stats = [(str(f), f.stat()) for f in files]
    return tuple((f, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for f, s in stats)


@dataclass(frozen=True)
class State:
    """Everything the results of a step depend on."""

    version: str
    settings: dict[str, Any]
    inputs: list[Input]
    needs: dict[str, dict[str, str]]


def state_of(step: Step, opened: OpenProject, record: Record, prints: Fingerprints) -> State:
    """Return everything the results of a step depend on."""
    inputs = [
        Input(
            path=shown(path, opened.root),
            role=role,
            sha256=prints.of(path),
            bytes=path.stat().st_size,
        )
        for role, paths in step.inputs(opened).items()
        for path in paths
    ]
    needs = {
        name: {output.path: output.sha256 for output in record.steps[name].outputs}
        for name in step.needs
        if name in record.steps
    }
    settings = json.loads(json.dumps(step.settings(opened), default=str))
    return State(version("phytomass"), settings, inputs, needs)


def shown(path: Path, root: Path) -> str:
    """Return a path as the record shows it: relative to the project where it lies in it."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def why_run(state: State, old: Done | None, results: Path, prints: Fingerprints) -> str | None:
    """Say why a step must run, or return None when it need not."""
    if old is None:
        return "it has no results yet"
    if old.version != state.version:
        return f"phytomass changed from {old.version} to {state.version}"
    for output in old.outputs:
        path = results / output.path
        if not path.exists():
            return f"{output.path} is missing"
        if prints.of(path) != output.sha256:
            return f"{output.path} was changed by something else"
    changed = list(_differences(old.settings, state.settings))
    if changed:
        return f"settings changed: {', '.join(changed[:4])}"
    files = changed_files(old.inputs, state.inputs)
    if files:
        return f"input files changed: {', '.join(files[:4])}"
    for name, outputs in state.needs.items():
        if outputs != old.needs.get(name):
            return f"the results of '{name}' changed"
    return None


def changed_files(before: list[Input], now: list[Input]) -> list[str]:
    """Return the paths of inputs that came, went or have other contents, sorted."""
    old = {(entry.role, entry.path): entry.sha256 for entry in before}
    new = {(entry.role, entry.path): entry.sha256 for entry in now}
    return sorted({key[1] for key in old.keys() | new.keys() if old.get(key) != new.get(key)})


def changed_meanwhile(
    step: Step, opened: OpenProject, before: State, record: Record, prints: Fingerprints
) -> list[str]:
    """Return what a step read that is no longer as it was when the step began.

    Raises
    ------
    InputError
        If an input is gone.
    """
    names = changed_files(before.inputs, state_of(step, opened, record, prints).inputs)
    for outputs in before.needs.values():
        for name, sha256 in outputs.items():
            path = opened.results / name
            if not path.exists() or prints.of(path) != sha256:
                names.append(str(path))
    return names


def _differences(old: Any, new: Any, key: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(name), new.get(name), f"{key}.{name}".strip("."))
    elif old != new:
        yield key
