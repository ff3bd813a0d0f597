"""Which steps a run would take, why, and about how long; nothing is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from phytomass.workflow.durations import Duration, before, from_rates, machine_factor
from phytomass.workflow.engine import Step, with_needs
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.findings import Sizes
from phytomass.workflow.reads import Reads
from phytomass.workflow.record import Done, Record
from phytomass.workflow.state import Fingerprints, Memory, shown, stamp, why_run

COMPARED = 1_000_000_000
"""Bytes of inputs up to which contents are compared; beyond, files of the same size count as the
same here, and a run compares them."""


@dataclass(frozen=True)
class Planned:
    """One step of a plan.

    Parameters
    ----------
    name, title : str
        The step.
    why : str or None
        Why it would run; None when its results are up to date.
    duration : Duration or None
        About how long it would take.
    sure : bool
        False where it would run only if what it reads of an earlier step comes out otherwise.
    """

    name: str
    title: str
    why: str | None
    duration: Duration | None = None
    sure: bool = True


def plan_steps(
    opened: OpenProject,
    steps: Sequence[Step],
    targets: Sequence[str],
    sizes: Sizes | None = None,
    workers: int = 1,
) -> list[Planned]:
    """Return which of the target steps, and of those they need, would run.

    Parameters
    ----------
    opened : OpenProject
        The project, checked without a problem.
    steps : sequence of Step
        All steps, in order.
    targets : sequence of str
        Names of the steps wanted.
    sizes : Sizes, optional
        How large the task is (see `check_project`); without them no step that has not run before
        gets a duration.
    workers : int
        Threads or processes that would work.
    """
    memory = Memory(opened, steps, Record.read(opened.results), Fingerprints())
    wanted = with_needs(memory, targets)
    planned: list[Planned] = []
    for step in steps:
        if step.name in wanted:
            planned.append(_planned(step, memory, {p.name: p.sure for p in planned if p.why}))
    if sizes is None or all(p.why is None or p.duration for p in planned):
        return planned
    factor = machine_factor()
    return [
        p
        if p.why is None or p.duration
        else replace(p, duration=from_rates(p.name, opened.project, sizes, workers, factor))
        for p in planned
    ]


def _planned(step: Step, memory: Memory, again: Mapping[str, bool]) -> Planned:
    reads, old = step.reads.of(memory.opened), memory.record.steps.get(step.name)
    seen = replace(memory, prints=_prints(reads, memory.opened, old))
    why, sure = why_run(seen.state_of(step, reads), old, memory.opened.results, seen.prints), True
    if why is None:
        why, sure = _made_anew(reads, [one for one in memory.steps if one.name in again], again)
    took = None if why is None else _took(old, why)
    if took is not None and not sure:
        took = replace(took, low=0.0)
    return Planned(step.name, step.title, why, took, sure)


def _made_anew(
    reads: Reads, steps: Sequence[Step], again: Mapping[str, bool]
) -> tuple[str | None, bool]:
    """Say which step makes anew what is read; a part of it may well come out the same."""
    read = {part.name: part for part in reads.parts()}
    found = [
        (read[name].whole and again[step.name], step.name)
        for step in steps
        for name in step.writes
        if name in read
    ]
    if not found:
        return None, True
    sure, name = max(found, key=lambda one: one[0])
    if sure:
        return f"it needs what '{name}' makes anew", True
    return f"it is skipped if what it reads of '{name}' stays the same", False


def _prints(reads: Reads, opened: OpenProject, old: Done | None) -> Fingerprints:
    """Return how contents are told apart: read, or, where that takes long, by size."""
    files = [path for paths in reads.files().values() for path in paths]
    if old is None or sum(path.stat().st_size for path in files) <= COMPARED:
        return Fingerprints()
    kept = {(entry.path, entry.bytes): entry.sha256 for entry in old.inputs}
    same = {path: kept.get((shown(path, opened.root), path.stat().st_size)) for path in files}
    return Fingerprints({path: (stamp(path), sha) for path, sha in same.items() if sha is not None})


def _took(old: Done | None, why: str) -> Duration | None:
    """Return what the step took before, unless it would now do something else."""
    if old is None or why.startswith("settings changed"):
        return None
    return before(old.seconds)
