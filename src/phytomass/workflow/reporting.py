"""The step `report`: everything as one HTML page, and the dictionary of the tables."""

from __future__ import annotations

from dataclasses import dataclass

from phytomass import tables
from phytomass.extras import require
from phytomass.files import write_text
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.names import OF_IMAGES, TITLES, WRITES
from phytomass.workflow.preflight.findings import FINDINGS
from phytomass.workflow.project import Project
from phytomass.workflow.reads import Part, Reads, setting
from phytomass.workflow.record import RECORD

README = """What the tables of this folder hold, column by column. The report is report.html; where every
number comes from, down to the hash of each input file, stands in provenance.json.

"""


@dataclass(frozen=True, kw_only=True)
class ReportReads(Reads):
    """What the step reads: everything, since the report shows every result and every setting."""

    project: Project = setting("", opens=False)

    def parts(self) -> tuple[Part, ...]:
        """Return all results of the other steps, what was found before them, and the record."""
        without = {"report", *(() if self.project.is_mapped else OF_IMAGES)}
        others = (name for step, names in WRITES.items() if step not in without for name in names)
        return tuple(Part(name) for name in (*others, FINDINGS, RECORD))


def _work(reads: ReportReads, context: Context) -> None:
    require("report", "reports")
    from phytomass.report import write_report  # needs what `require` asks for

    project, results = reads.project, reads.results.folder
    write_report(
        results,
        context.folder / "report.html",
        title=project.name,
        description=project.description,
        language=project.report.language,
        progress=context.progress,
    )
    written = [name for name, one in tables.tables().items() if (results / one.file).is_file()]
    write_text(context.folder / "README.txt", README + tables.dictionary_text(written))


STEP = Step(
    name="report",
    title=TITLES["report"],
    reads=ReportReads,
    work=_work,
    writes=WRITES["report"],
)
