"""The report: tables, figures and words made from a results folder, as one HTML page.

`write_report` reads the files that `phytomass run` writes and makes a page that needs no network,
no fonts and no scripts; `map_figure` writes its map as a picture, `draw_map` and `draw_predictions`
give matplotlib figures. Nothing is computed here that a result file does not already hold, except
what it takes to draw and to judge. What it says stands in `messages/`, one file per language.

Names are imported when they are first used: the project file knows the report's settings without
matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phytomass.report.content.results import Results, read_results
    from phytomass.report.judgement.facts import Facts, facts_of
    from phytomass.report.judgement.rules import RULES, Limits, Rule, limits_of
    from phytomass.report.messages.languages import languages, speaking
    from phytomass.report.page.figures import draw_map, draw_predictions
    from phytomass.report.page.html import map_figure, render, write_report
    from phytomass.report.settings import ReportSettings

__all__ = [
    "RULES",
    "Facts",
    "Limits",
    "ReportSettings",
    "Results",
    "Rule",
    "draw_map",
    "draw_predictions",
    "facts_of",
    "languages",
    "limits_of",
    "map_figure",
    "read_results",
    "render",
    "speaking",
    "write_report",
]

_HOMES = {
    "content.results": ("Results", "read_results"),
    "judgement.facts": ("Facts", "facts_of"),
    "judgement.rules": ("RULES", "Limits", "Rule", "limits_of"),
    "messages.languages": ("languages", "speaking"),
    "page.figures": ("draw_map", "draw_predictions"),
    "page.html": ("map_figure", "render", "write_report"),
    "settings": ("ReportSettings",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"phytomass.report.{home}"), name)
    raise AttributeError(f"module 'phytomass.report' has no attribute {name!r}")
