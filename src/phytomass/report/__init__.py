"""The report: tables, figures and words made from a results folder, as one HTML page.

`write_report` reads the files that `phytomass run` writes and makes a page that needs no network,
no fonts and no scripts; `map_figure` writes its map as a picture, `draw_map` and `draw_predictions`
give matplotlib figures. Nothing is computed here that a result file does not already hold, except
what it takes to draw and to judge.
"""

from phytomass.report.content.results import Results, read_results
from phytomass.report.judgement.facts import Facts, facts_of
from phytomass.report.judgement.rules import RULES, Limits, Rule, limits_of
from phytomass.report.page.figures import draw_map, draw_predictions
from phytomass.report.page.html import map_figure, render, write_report

__all__ = [
    "RULES",
    "Facts",
    "Limits",
    "Results",
    "Rule",
    "draw_map",
    "draw_predictions",
    "facts_of",
    "limits_of",
    "map_figure",
    "read_results",
    "render",
    "write_report",
]
