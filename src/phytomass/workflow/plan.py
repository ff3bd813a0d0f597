"""Which steps a run would take, why, and about how long; nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phytomass.files import sha256_of
from phytomass.workflow.durations import Duration, before, from_rates, machine_factor
from phytomass.workflow.engine import Record, Step, _reason, _shown, _state, _with_needs
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.findings import Sizes

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
    wanted = _with_needs({step.name: step for step in steps}, targets)
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
    if old is None:
        return _reason({}, None, results)
    state = _state(step, opened, record, _digest(step, opened, old))
    why = _reason(state, old, results)
    if why is None and again:
        return f"it needs what '{again[0]}' makes anew"
    return why


def _digest(step: Step, opened: OpenProject, old: dict[str, Any]) -> Callable[[Path], str]:
    """Return how contents are told apart: read, or, where that takes long, by size."""
    sizes = [path.stat().st_size for paths in step.inputs(opened).values() for path in paths]
    if sum(sizes) <= COMPARED:
        return sha256_of
    kept = {(e["path"], e["bytes"]): str(e["sha256"]) for e in old.get("inputs", [])}
    return lambda path: kept.get((_shown(path, opened.root), path.stat().st_size), "")


def _took(old: dict[str, Any] | None, why: str) -> Duration | None:
    """Return what the step took before, unless it would now do something else."""
    if old is None or why.startswith("settings changed"):
        return None
    seconds = old.get("seconds")
    return before(float(seconds)) if isinstance(seconds, int | float) else None
