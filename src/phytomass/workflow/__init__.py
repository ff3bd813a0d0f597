"""Workflow: the project file, the steps of a run, what is skipped and why, and provenance.

Names are imported when they are first used: the command line shows its help without any of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phytomass.workflow.check import check_project, check_scheduler, keep_findings
    from phytomass.workflow.durations import Duration, joined
    from phytomass.workflow.engine import Context, Outcome, Step, default_workers, run_steps
    from phytomass.workflow.load import OpenProject, load_project
    from phytomass.workflow.notebook import open_project, run
    from phytomass.workflow.plan import Planned, plan_steps
    from phytomass.workflow.preflight import Findings, Sizes
    from phytomass.workflow.project import Project
    from phytomass.workflow.start import make_demo, new_project, project_schema
    from phytomass.workflow.steps import STEPS, steps_of, targets_of

__all__ = [
    "STEPS",
    "Context",
    "Duration",
    "Findings",
    "OpenProject",
    "Outcome",
    "Planned",
    "Project",
    "Sizes",
    "Step",
    "check_project",
    "check_scheduler",
    "default_workers",
    "joined",
    "keep_findings",
    "load_project",
    "make_demo",
    "new_project",
    "open_project",
    "plan_steps",
    "project_schema",
    "run",
    "run_steps",
    "steps_of",
    "targets_of",
]

_HOMES = {
    "check": ("check_project", "check_scheduler", "keep_findings"),
    "durations": ("Duration", "joined"),
    "engine": ("Context", "Outcome", "Step", "default_workers", "run_steps"),
    "load": ("OpenProject", "load_project"),
    "notebook": ("open_project", "run"),
    "plan": ("Planned", "plan_steps"),
    "preflight": ("Findings", "Sizes"),
    "project": ("Project",),
    "start": ("make_demo", "new_project", "project_schema"),
    "steps": ("STEPS", "steps_of", "targets_of"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"phytomass.workflow.{home}"), name)
    raise AttributeError(f"module 'phytomass.workflow' has no attribute {name!r}")
