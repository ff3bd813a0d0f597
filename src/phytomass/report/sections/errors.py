"""The errors of field biomass: bounds of the plots' mean, each source's share, doubtful trees."""

from __future__ import annotations

import pandas as pd

from phytomass.report.content.blocks import Block, Figure, Gallery, Section, Table, Words
from phytomass.report.content.results import Results
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import count, measured, percent, with_unit
from phytomass.report.sections.errors_figures import share_bars

COUNTED = {
    "drawn_again": "numbers lay outside their bounds and were drawn again",
    "below_zero": "tree masses below zero were set to zero",
    "fractions_truncated": "carbon fractions outside 0 to 1 were cut",
}
"""Row of draw_counts.csv, and what it counts."""

DOUBTS = (
    ("extrapolated", "trees outside the diameter or height range of their equation"),
    (
        "implied_density_impossible",
        "trees whose biomass would need a wood denser than any known (1.39 g/cm³)",
    ),
)
"""Column of trees.csv, and what it flags."""


def errors_section(results: Results) -> Section:
    """Build the section on the errors of field biomass; it needs a tree list."""
    if results.field_error is None and results.error_shares is None:
        return Section(
            "errors", "Errors of the field", missing="no field_error.csv: no tree list was given"
        )
    blocks = (
        *_mean(results),
        *_shares(results.error_shares),
        *_counts(results.draw_counts),
        *_doubts(results.trees),
    )
    return Section(
        "errors",
        "Errors of the field",
        blocks,
        files=("field_error.csv", "error_shares.csv", "draw_counts.csv", "plots.csv", "trees.csv"),
    )


def _mean(results: Results) -> list[Block]:
    table = results.field_error
    if table is None or table.empty:
        return []
    first = table.iloc[0]
    unit = str(first["unit"])
    words = (
        f"The mean of the {count(first['n'])} plots is {with_unit(first['mean'], unit)}. Errors of "
        "measuring and of the equations alone put it between "
        f"{with_unit(first['low95'], unit)} and {with_unit(first['high95'], unit)} (95 %). Most of "
        "this is shared by all trees of a species or equation: more plots would not narrow it. "
        "How the plots were sampled comes on top."
    )
    columns = [("mean", "Mean"), ("se", "SE"), ("low90", "5 %"), ("high90", "95 %")]
    columns += [("low95", "2.5 %"), ("high95", "97.5 %")]
    shown = Table.of(
        "Error of the mean of all plots from tree to carbon, from the draws: its standard error "
        "and percentiles.",
        [
            ("Pool", "text", [labels.plot_pool(p) for p in table["pool"]]),
            ("Unit", "short", table["unit"]),
            *((head, "number", [measured(v) for v in table[column]]) for column, head in columns),
        ],
        note="Bounds of each plot: plots.csv; all draws: plot_draws.zarr.",
    )
    return [Words(words), shown]


def _shares(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return []
    sources = table[table["source"] != "all"]
    names = [labels.error_source(s) for s in sources["source"]]
    picture = share_bars(
        names,
        sources["alone_plot"].to_numpy(dtype=float),
        sources["alone_mean"].to_numpy(dtype=float),
        "Bars of each source's share of the variance, in a plot and in the mean of all plots",
    )
    whole = table[table["source"] == "all"].iloc[0]
    caption = (
        "Variance of total carbon when only one source is drawn, as a share of the variance with "
        f"all. All together: {percent(whole['cv_plot_percent'] / 100)} of a plot's value (median), "
        f"{percent(whole['cv_mean_percent'] / 100)} of the mean of all plots."
    )
    shown = Table.of(
        "Each source alone, total carbon. CV: standard deviation as a share of the value.",
        [
            ("Source", "text", names),
            ("Share, plot", "number", [percent(v) for v in sources["alone_plot"]]),
            ("Share, mean", "number", [percent(v) for v in sources["alone_mean"]]),
            ("CV, plot", "number", [percent(v / 100) for v in sources["cv_plot_percent"]]),
            ("CV, mean", "number", [percent(v / 100) for v in sources["cv_mean_percent"]]),
        ],
        note="Shares need not add up to 100 %: sources act together.",
    )
    return [Gallery((Figure(picture, caption),), "half"), shown]


def _counts(table: pd.DataFrame | None) -> list[Block]:
    """Say how many numbers of the draws met a bound."""
    if table is None or table.empty:
        return []
    words = [
        f"{count(n)} {COUNTED[what]}"
        for what, n in zip(table["what"], table["n"], strict=True)
        if what in COUNTED
    ]
    return [Words(f"Bounds met by the draws: {'; '.join(words)}.")]


def _doubts(trees: pd.DataFrame | None) -> list[Block]:
    if trees is None or trees.empty:
        return []
    agb = trees["agb_kg"]
    blocks: list[Block] = []
    for column, what in DOUBTS:
        if column in trees:
            flagged = trees[column]
            share = float(agb[flagged].sum() / agb.sum()) if agb.sum() > 0 else 0.0
            blocks.append(
                Words(f"{percent(share)} of the AGB comes from {count(flagged.sum())} {what}.")
            )
    return blocks
