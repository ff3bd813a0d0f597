"""The step `report`: everything as one HTML page, and the dictionary of the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phytomass import tables
from phytomass.extras import require
from phytomass.files import write_text
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.preflight.findings import FINDINGS

README = """What the tables of this folder hold, column by column. The report is report.html; where every
number comes from, down to the hash of each input file, stands in provenance.json.

"""


def _settings(opened: OpenProject) -> dict[str, Any]:
    project = opened.project
    return {
        "name": project.name,
        "description": project.description,
        "report": project.report.model_dump(),
    }


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    found = opened.results / FINDINGS
    return {"findings": [found]} if found.is_file() else {}


def _work(context: Context) -> None:
    require("report", "reports")
    from phytomass.report import write_report  # needs what `require` asks for

    project = context.opened.project
    write_report(
        context.done,
        context.folder / "report.html",
        title=project.name,
        description=project.description,
        language=project.report.language,
        progress=context.progress,
    )
    written = [name for name, one in tables.tables().items() if (context.done / one.file).is_file()]
    write_text(context.folder / "README.txt", README + tables.dictionary_text(written))


STEP = Step(
    name="report",
    title=TITLES["report"],
    needs=("plots", "stack", "compare", "map", "account"),
    settings=_settings,
    inputs=_inputs,
    work=_work,
    writes=WRITES["report"],
)
