"""How sure single pixels are: the map of their error, and whether intervals hold for plots."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phytomass.report.content.blocks import (
    Block,
    Figure,
    Findings,
    Gallery,
    Pair,
    Picture,
    Section,
    Table,
)
from phytomass.report.content.columns import columns_of
from phytomass.report.content.layers import read_layer
from phytomass.report.content.results import Results
from phytomass.report.drawing.look import INK, MUTED, grid_lines, house_style, new_figure, picture
from phytomass.report.messages.saying import say
from phytomass.report.sections.map_figures import biomass_map

LEVEL = 0.9
SHOWN = ("low_mg_ha", "high_mg_ha", "n", "bias_mg_ha", "coverage", "width_mg_ha")
SD = 2
"""Band of `agb_uncertainty.tif`."""


def uncertainty_section(results: Results) -> Section:
    """Build the section on the uncertainty of pixels."""
    title, path = say("uncertainty.title"), results.rasters.get("agb_uncertainty")
    if path is None:
        return Section("uncertainty", title, missing=say("uncertainty.missing"))
    label = say("uncertainty.axis")
    drawn = biomass_map(read_layer(path, SD), None, label, say("uncertainty.alt"))
    blocks: list[Block] = []
    table = results.reliability
    if table is not None and len(table):
        blocks.append(Findings(_in_words(table)))
    blocks.append(Gallery((Figure(drawn, say("uncertainty.map")),), "full"))
    if table is not None and len(table):
        rows = table[table["by"] == "predicted"]
        figure = Figure(_diagram(table), say("uncertainty.figure", n=rows["n"].sum()))
        shown = columns_of("reliability", rows, *SHOWN)
        listed = Table.of(say("uncertainty.table"), shown, note=say("uncertainty.note"))
        blocks.append(Pair(Gallery((figure,), "full"), listed))
    files = ("agb_uncertainty.tif", "reliability.csv", "zone_draws.zarr")
    return Section("uncertainty", title, tuple(blocks), files=files)


def _in_words(table: pd.DataFrame) -> tuple[str, ...]:
    """Say how often the interval holds, and what becomes of the densest plots."""
    rows = table[table["by"] == "predicted"]
    cover = float(np.average(rows["coverage"], weights=rows["n"]))
    worst = float(rows["coverage"].min())
    densest = table[table["by"] == "observed"].iloc[-1]
    return (
        say("uncertainty.held", cover=100 * cover, worst=100 * worst),
        say(
            "uncertainty.densest",
            low=densest["low_mg_ha"],
            observed=densest["observed_mg_ha"],
            predicted=densest["predicted_mg_ha"],
        ),
    )


def _diagram(table: pd.DataFrame) -> Picture:
    """Draw coverage by class of prediction, and bias by class of prediction and of observation."""
    with house_style():
        figure = new_figure(4.3, 4.6)
        above, below = figure.subplots(2, 1, sharex=True)
        for by, marker, colour in (("predicted", "o", INK), ("observed", "s", MUTED)):
            rows = table[table["by"] == by]
            place = rows["predicted_mg_ha" if by == "predicted" else "observed_mg_ha"]
            label = say(f"uncertainty.by_{by}")
            below.plot(place, rows["bias_mg_ha"], marker=marker, color=colour, label=label)
            if by == "predicted":
                above.plot(place, 100 * rows["coverage"], marker=marker, color=colour)
        above.axhline(100 * LEVEL, color=MUTED, lw=1, ls=(0, (4, 2)))
        below.axhline(0, color=MUTED, lw=1, ls=(0, (4, 2)))
        above.set(ylim=(50, 102), ylabel=say("uncertainty.coverage_axis"))
        below.set(xlabel=say("axis.agb"), ylabel=say("uncertainty.bias_axis"))
        for axes in (above, below):
            grid_lines(axes, "y")
        figure.legend(loc="outside lower center", ncols=2)
        return picture(figure, say("uncertainty.figure_alt"))
