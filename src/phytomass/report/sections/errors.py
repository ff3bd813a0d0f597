"""The errors of field biomass: bounds of the plots' mean, each source's share, doubtful trees."""

from __future__ import annotations

import pandas as pd

from phytomass.report.content.blocks import Block, Figure, Gallery, Section, Table, Words
from phytomass.report.content.columns import columns_of
from phytomass.report.content.results import Results
from phytomass.report.messages import labels
from phytomass.report.messages.saying import say
from phytomass.report.sections.errors_figures import share_bars

DOUBTS = ("extrapolated", "implied_density_impossible")
"""Columns of trees.csv that flag doubtful trees."""

FIELD_ERROR = (
    "pool", "unit", "mean", "se", "low90", "high90", "low95", "high95",
)  # fmt: skip
ERROR_SHARES = (
    "source", "alone_plot", "alone_mean", "cv_plot_percent", "cv_mean_percent",
)  # fmt: skip
"""Columns of result tables that are shown, in order."""


def errors_section(results: Results) -> Section:
    """Build the section on the errors of field biomass; it needs a tree list."""
    if results.field_error is None and results.error_shares is None:
        return Section("errors", say("errors.title"), missing=say("errors.missing"))
    blocks = (
        *_mean(results),
        *_shares(results.error_shares),
        *_counts(results.draw_counts),
        *_doubts(results.trees),
    )
    return Section(
        "errors",
        say("errors.title"),
        blocks,
        files=("field_error.csv", "error_shares.csv", "draw_counts.csv", "plots.csv", "trees.csv"),
    )


def _mean(results: Results) -> list[Block]:
    table = results.field_error
    if table is None or table.empty:
        return []
    first = table.iloc[0]
    unit = str(first["unit"])
    bounds = {name: first[name] for name in ("mean", "low95", "high95")}
    words = say("errors.mean", n=first["n"], unit=unit, **bounds)
    shown = Table.of(
        say("errors.caption"),
        columns_of("field_error", table, *FIELD_ERROR),
        note=say("errors.note"),
    )
    return [Words(words), shown]


def _shares(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return []
    sources = table[table["source"] != "all"]
    names = [labels.named("error_source", s) for s in sources["source"]]
    picture = share_bars(
        names,
        sources["alone_plot"].to_numpy(dtype=float),
        sources["alone_mean"].to_numpy(dtype=float),
        say("error_shares.alt"),
    )
    whole = table[table["source"] == "all"].iloc[0]
    shares = {name: whole[f"cv_{name}_percent"] / 100 for name in ("plot", "mean")}
    caption = say("error_shares.figure", **shares)
    shown = Table.of(
        say("error_shares.caption"),
        columns_of("error_shares", sources, *ERROR_SHARES),
        note=say("error_shares.note"),
    )
    return [Gallery((Figure(picture, caption),), "half"), shown]


def _counts(table: pd.DataFrame | None) -> list[Block]:
    """Say how many numbers of the draws met a bound."""
    if table is None or table.empty:
        return []
    words = [
        say(f"draw_counts.{what}", n=n)
        for what, n in zip(table["what"], table["n"], strict=True)
        if labels.is_known("draw_counts", what)
    ]
    return [Words(say("errors.draw_counts", counts="; ".join(words)))]


def _doubts(trees: pd.DataFrame | None) -> list[Block]:
    if trees is None or trees.empty:
        return []
    agb = trees["agb_kg"]
    blocks: list[Block] = []
    for column in DOUBTS:
        flagged = trees[column]
        share = float(agb[flagged].sum() / agb.sum()) if agb.sum() > 0 else 0.0
        blocks.append(Words(say(f"doubts.{column}", share=share, n=flagged.sum())))
    return blocks
