"""Workflow: the project file, the steps of a run, what is skipped and why, and provenance."""

from phytomass.workflow.check import check_project, check_scheduler, keep_findings
from phytomass.workflow.durations import Duration, joined
from phytomass.workflow.engine import Context, Outcome, Step, default_workers, run_steps
from phytomass.workflow.load import OpenProject, load_project
from phytomass.workflow.plan import Planned, plan_steps
from phytomass.workflow.preflight import Findings, Sizes
from phytomass.workflow.project import Project
from phytomass.workflow.start import make_demo, new_project, project_schema
from phytomass.workflow.steps import STEPS

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
    "plan_steps",
    "project_schema",
    "run_steps",
]
