"""Which steps a run would take, why, and about how long; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phytomass.workflow.durations import Duration, before, from_rates, machine_factor
from phytomass.workflow.engine import Step, with_needs
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.findings import Sizes
from phytomass.workflow.record import Done, Record
from phytomass.workflow.state import Fingerprints, shown, stamp, state_of, why_run

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
    """

    name: str
    title: str
    why: str | None
    duration: Duration | None = None


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
    record, results = Record.read(opened.results), opened.results
    wanted = with_needs({step.name: step for step in steps}, targets)
    planned: list[Planned] = []
    for step in steps:
        if step.name not in wanted:
            continue
        old = record.steps.get(step.name)
        again = [p.name for p in planned if p.why is not None and p.name in step.needs]
        why = _why(step, opened, record, results, again)
        planned.append(
            Planned(step.name, step.title, why, None if why is None else _took(old, why))
        )
    if sizes is None or all(p.why is None or p.duration for p in planned):
        return planned
    factor = machine_factor()
    return [
        p
        if p.why is None or p.duration
        else Planned(
            p.name, p.title, p.why, from_rates(p.name, opened.project, sizes, workers, factor)
        )
        for p in planned
    ]


def _why(
    step: Step, opened: OpenProject, record: Record, results: Path, again: list[str]
) -> str | None:
    old = record.steps.get(step.name)
    prints = _prints(step, opened, old)
    why = why_run(state_of(step, opened, record, prints), old, results, prints)
    if why is None and again:
        return f"it needs what '{again[0]}' makes anew"
    return why


def _prints(step: Step, opened: OpenProject, old: Done | None) -> Fingerprints:
    """Return how contents are told apart: read, or, where that takes long, by size."""
    files = [path for paths in step.inputs(opened).values() for path in paths]
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
