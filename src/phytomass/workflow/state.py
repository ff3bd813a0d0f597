"""What the results of a step depend on, and whether that is still as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phytomass.files import sha256_of
from phytomass.workflow.reads import Part, Reads
from phytomass.workflow.record import LAYOUT, RECORD, Done, Input, Record

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


@dataclass(frozen=True)
class Memory:
    """What is known of a results folder, to find out what steps depend on.

    Parameters
    ----------
    opened : OpenProject
        The project.
    steps : sequence of Step
        All steps, in order.
    record : Record
        What was done last.
    prints : Fingerprints
        Of files.
    """

    opened: OpenProject
    steps: Sequence[Step]
    record: Record
    prints: Fingerprints

    def needs_of(self, reads: Reads) -> list[str]:
        """Return the steps that write what is read, in order."""
        names = {part.name for part in reads.parts()}
        return [step.name for step in self.steps if names & set(step.writes)]

    def state_of(self, step: Step, reads: Reads) -> State:
        """Return everything the results of a step depend on."""
        inputs = [
            Input(
                path=shown(path, self.opened.root),
                role=role,
                sha256=self.prints.of(path),
                bytes=path.stat().st_size,
            )
            for role, paths in reads.files().items()
            for path in paths
        ]
        needs: dict[str, dict[str, str]] = {}
        for part in reads.parts():
            writer = next((s.name for s in self.steps if part.name in s.writes), BESIDES)
            sha256 = self._sha256(part, writer, step)
            if sha256 is not None:
                needs.setdefault(writer, {})[str(part)] = sha256
        settings = json.loads(json.dumps(reads.settings(), default=str))
        return State(version("phytomass"), settings, inputs, needs)

    def _sha256(self, part: Part, writer: str, reader: Step) -> str | None:
        if part.name == RECORD:
            return self.record.sha256(self.opened, [s.name for s in self.steps], reader.name)
        done = self.record.steps.get(writer)
        if part.whole and done is not None:  # that it is still so was seen when it was their turn
            return next((o.sha256 for o in done.outputs if o.path == part.name), None)
        return part.sha256(self.opened.results, self.prints)

    def changed_meanwhile(self, step: Step, before: State) -> list[str]:
        """Return what a step read that is no longer as it was when the step began.

        Raises
        ------
        InputError
            If an input is gone.
        """
        reads = step.reads.of(self.opened)
        now = self.state_of(step, reads)
        names = changed_files(before.inputs, now.inputs)
        kept = {name: sha for parts in before.needs.values() for name, sha in parts.items()}
        for part in reads.parts():
            found = part.sha256(self.opened.results, self.prints)
            if part.name != RECORD and found != kept.get(str(part)):
                names.append(str(self.opened.results / part.name))
        return names + ([] if before.settings == now.settings else ["the grid"])


BESIDES = "besides"
"""Stands for the writer of results that no step writes: findings, and the record."""


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
    if old.layout != LAYOUT:
        return "its results are of an earlier phytomass, which noted less of what they depend on"
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
    for name, parts in state.needs.items():
        if parts != old.needs.get(name):
            return f"the results of '{name}' changed" if name != BESIDES else _named(parts)
    return None


def _named(parts: Iterable[str]) -> str:
    return f"{' or '.join(parts)} changed"


def changed_files(before: list[Input], now: list[Input]) -> list[str]:
    """Return the paths of inputs that came, went or have other contents, sorted."""
    old = {(entry.role, entry.path): entry.sha256 for entry in before}
    new = {(entry.role, entry.path): entry.sha256 for entry in now}
    return sorted({key[1] for key in old.keys() | new.keys() if old.get(key) != new.get(key)})


def _differences(old: Any, new: Any, key: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(name), new.get(name), f"{key}.{name}".strip("."))
    elif old != new:
        yield key
