"""The step `report`: everything as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phytomass.report import write_report
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.findings import FINDINGS


def _settings(opened: OpenProject) -> dict[str, Any]:
    return {"name": opened.project.name, "description": opened.project.description}


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    found = opened.results / FINDINGS
    return {"findings": [found]} if found.is_file() else {}


def _work(context: Context) -> None:
    project = context.opened.project
    write_report(
        context.done,
        context.folder / "report.html",
        title=project.name,
        description=project.description,
        progress=context.progress,
    )


STEP = Step(
    name="report",
    title="tables and figures to one page",
    needs=("plots", "stack", "compare", "map", "account"),
    settings=_settings,
    inputs=_inputs,
    work=_work,
)
