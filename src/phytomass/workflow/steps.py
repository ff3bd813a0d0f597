"""All steps of a run, in order, and those that a project has."""

from __future__ import annotations

from collections.abc import Sequence

from phytomass.errors import InputError
from phytomass.workflow import (
    accounts,
    comparison,
    field,
    maps,
    predictors,
    reporting,
    travel,
)
from phytomass.workflow.engine import Step
from phytomass.workflow.names import OF_IMAGES
from phytomass.workflow.project import Project

STEPS: tuple[Step, ...] = (
    field.STEP,
    predictors.STEP,
    comparison.STEP,
    maps.STEP,
    accounts.STEP,
    reporting.STEP,
)


def steps_of(project: Project) -> tuple[Step, ...]:
    """Return the steps that a project has."""
    absent = set() if project.is_mapped else set(OF_IMAGES)
    if not project.has_plots:
        absent.add(field.STEP.name)
    if project.map.model_from is None:
        return tuple(step for step in STEPS if step.name not in absent)
    absent.add(comparison.STEP.name)
    steps = (travel.STEP if step.name == maps.STEP.name else step for step in STEPS)
    return tuple(step for step in steps if step.name not in absent)


def targets_of(project: Project, targets: Sequence[str]) -> list[str]:
    """Return the steps that are wanted of a project; all that it has, where several are.

    Raises
    ------
    InputError
        If the only one wanted is none that it has.
    """
    names = [step.name for step in steps_of(project)]
    if len(targets) == 1 and targets[0] not in names:
        raise InputError(
            f"nothing to {targets[0]}: the study is of plots alone"
            if not project.is_mapped
            else f"nothing to {targets[0]}: the model comes from another study (map.model_from)",
            where="predictors" if not project.is_mapped else "map.model_from",
            remedy=f"use the verbs {', '.join(names)}"
            if project.is_mapped
            else "give `predictors` and `grid`, or use the verbs plots, account and report",
        )
    return [name for name in names if name in targets]
