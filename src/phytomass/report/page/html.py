"""From results to one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from phytomass.files import whole_file, write_text
from phytomass.progress import Progress, silent
from phytomass.report.content.blocks import Section
from phytomass.report.content.layers import read_layer
from phytomass.report.content.results import Results, read_results
from phytomass.report.drawing.look import house_style, png_bytes
from phytomass.report.judgement.facts import facts_of
from phytomass.report.judgement.rules import limits_of
from phytomass.report.messages.languages import ENGLISH, speaking, spoken
from phytomass.report.messages.saying import say
from phytomass.report.sections.area import area_section
from phytomass.report.sections.change import change_section, potential_section
from phytomass.report.sections.errors import errors_section
from phytomass.report.sections.map_figures import LARGER, biomass_figure
from phytomass.report.sections.models import models_section
from phytomass.report.sections.plots import plots_section
from phytomass.report.sections.predictors import predictors_section
from phytomass.report.sections.sources import limits_section, sources_section
from phytomass.report.sections.summary import mapped_of, summary_section
from phytomass.report.sections.truth import truth_section
from phytomass.report.sections.uncertainty import uncertainty_section


def write_report(
    results: str | Path,
    target: str | Path | None = None,
    *,
    title: str = "",
    description: str = "",
    language: str = ENGLISH,
    progress: Progress = silent,
) -> Path:
    """Write the report of a results folder as one HTML page that needs nothing else.

    Every file of the folder may be absent; the section that needs it is then left out, and the
    report says so in one line. The same results give the same bytes.

    Parameters
    ----------
    results : str or Path
        The folder that `phytomass run` writes.
    target : str or Path, optional
        Where to write; ``report.html`` in `results` by default.
    title, description : str
        Above the report; by default what `provenance.json` says of the project.
    language : str
        ``en``, or one of `languages()`; what has no words in it yet is said in English.
    progress : callable
        Called with ``("report", done, total)``.

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    InputError
        If the folder is missing, a file in it is broken, `target` cannot be written, or there is
        no such language.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:  # a report of nothing says that nothing is there
    ...     page = write_report(folder, title="An empty study").read_text(encoding="utf-8")
    >>> "An empty study" in page
    True
    """
    read = read_results(results)
    path = Path(target) if target is not None else read.folder / "report.html"
    with speaking(language):
        write_text(path, render(read, title=title, description=description, progress=progress))
    return path


def render(
    results: Results, *, title: str = "", description: str = "", progress: Progress = silent
) -> str:
    """Return the report as HTML text in the spoken language; see `write_report`."""
    sections = build_sections(results, progress)
    environment = Environment(
        loader=PackageLoader("phytomass.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        say=say,
        language=spoken(),
        title=title or str(results.project.get("name") or say("page.untitled")),
        description=description or str(results.project.get("description") or ""),
        summary=sections[0],
        sections=sections[1:],
        version=str(results.provenance.get("phytomass", "")),
    )


def build_sections(results: Results, progress: Progress = silent) -> list[Section]:
    """Build all sections, in the order of the page."""
    mapped = mapped_of(results)
    facts = facts_of(results, mapped.summary)
    limits = limits_of(facts)
    names = tuple(name for name, _ in limits.found)
    makers: list[Callable[[], Section]] = [
        lambda: summary_section(results, mapped, names),
        lambda: plots_section(results),
        lambda: errors_section(results),
        lambda: predictors_section(results),
        lambda: models_section(results, facts),
        lambda: area_section(results),
        lambda: change_section(results),
        lambda: potential_section(results),
        lambda: uncertainty_section(results),
        lambda: truth_section(results),
        lambda: limits_section(limits),
    ]
    sections: list[Section] = []
    for done, make in enumerate(makers):
        progress("report", done, len(makers))
        sections.append(make())
    progress("report", len(makers), len(makers))
    return [*sections, sources_section(results, sections)]


def map_figure(results: str | Path | Results, target_png: str | Path) -> Path:
    """Write the biomass map with the plots on it as a PNG, e.g. for a README.

    Parameters
    ----------
    results : str, Path or Results
        The results folder, or what was read from it.
    target_png : str or Path
        Where to write.

    Raises
    ------
    InputError
        If the folder is missing or a file in it is broken.
    """
    read = results if isinstance(results, Results) else read_results(results)
    path, target = read.rasters.get("agb"), Path(target_png)
    layer = read_layer(path) if path is not None else None
    figure = biomass_figure(layer, read.plots, say("axis.agb"))
    with house_style(LARGER):
        data = png_bytes(figure)
    with whole_file(target) as beside:
        beside.write_bytes(data)
    return target
