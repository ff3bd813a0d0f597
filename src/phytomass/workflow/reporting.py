"""The step `report`: everything as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phytomass.extras import require
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.load import OpenProject


def _settings(opened: OpenProject) -> dict[str, Any]:
    return {"name": opened.project.name, "description": opened.project.description}


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    return {}


def _work(context: Context) -> None:
    require("report", "reports")
    from phytomass.report import write_report  # matplotlib and jinja2 come with an extra

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
