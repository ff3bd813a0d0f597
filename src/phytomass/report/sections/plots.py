"""The plots: statistics, outliers, rejected rows, equations and species."""

from __future__ import annotations

import pandas as pd

from phytomass.inventory import InventorySettings
from phytomass.report.content.blocks import Block, Heading, Section, Table, Words
from phytomass.report.content.columns import columns_of
from phytomass.report.content.results import Results
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import (
    ABSENT,
    aligned,
    count,
    listed,
    percent,
)
from phytomass.report.messages.saying import say

FIRST_ROWS = 10
SUSPICIOUS = ("plot_id", "tree_id", "column", "value", "reason", "suggestion")
MOST_OUTLIERS = 25
MOST_SPECIES = 40

PLOT_STATISTICS = (
    "pool", "unit", "n", "sum", "mean", "sd", "min", "max", "range", "skewness",
)  # fmt: skip
REJECTED_ROWS = (
    "file", "row", "column", "value", "reason",
)  # fmt: skip
"""Columns of result tables that are shown, in order."""


def plots_section(results: Results) -> Section:
    """Build the section on plots and trees."""
    parts = [
        _statistics(results.plot_statistics),
        _outliers(results),
        _rejected(results.rejected_rows),
        _suspicious(results.suspicious_rows),
        _left_out(results.plots_left_out),
        _equations(results.trees),
        _species(results.trees),
    ]
    blocks = tuple(block for part in parts for block in part)
    files = (
        "plots.csv",
        "plot_statistics.csv",
        "trees.csv",
        "rejected_rows.csv",
        "suspicious_rows.csv",
        "plots_left_out.csv",
    )
    if all(t is None for t in (results.plots, results.plot_statistics, results.trees)):
        return Section("plots", say("plots.title"), missing=say("plots.missing"))
    return Section("plots", say("plots.title"), blocks, files=files)


def _statistics(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words(say("pools.missing"), "missing")]
    shown = Table.of(
        say("pools.caption"),
        columns_of("plot_statistics", table, *PLOT_STATISTICS),
    )
    return [shown]


def outlier_sd(results: Results) -> float:
    """Return by how many SD a plot is an outlier: the project's `inventory.outlier_sd`."""
    settings = results.project.get("inventory") or {}
    return float(settings.get("outlier_sd", InventorySettings.model_fields["outlier_sd"].default))


def _outliers(results: Results) -> list[Block]:
    plots = results.plots
    if plots is None:
        return [Words(say("outliers.missing"), "missing")]
    agb = plots["agb_mg_ha"]
    flagged = plots["outlier"]
    sd = outlier_sd(results)
    low, high = agb.mean() - sd * agb.std(), agb.mean() + sd * agb.std()
    rule = say("outliers.bounds", sd=sd, low=low, high=high)
    if not bool((((agb < low) | (agb > high)) == flagged).all()):
        rule = f"{rule} {say('outliers.other_bounds')}"
    if not flagged.any():
        return [Heading(say("outliers.title")), Words(f"{say('outliers.none')} {rule}")]
    rows = plots[flagged].sort_values("agb_mg_ha", ascending=False, kind="stable")
    hidden = len(rows) - MOST_OUTLIERS
    rows = rows.head(MOST_OUTLIERS)
    named = bool(((plots["site"] != "") & (plots["site"] != plots["plot_id"])).any())
    sites = ["site"] if named else []
    placed = {"easting", "northing"} <= set(rows) and rows["easting"].notna().any()
    places = ["easting", "northing"] if placed else []
    table = Table.of(
        f"{say('outliers.caption', n=flagged.sum(), plots=len(plots))} {rule}",
        columns_of("plots", rows, "plot_id", *sites, "agb_mg_ha", *places),
        note=say("word.more_in", n=hidden, file="plots.csv") if hidden > 0 else "",
    )
    return [Heading(say("outliers.title")), table]


def _rejected(table: pd.DataFrame | None) -> list[Block]:
    head = Heading(say("rejected.title"))
    if table is None:
        return [Words(say("rejected.missing"), "missing")]
    if table.empty:
        return [head, Words(say("rejected.none"))]
    reasons = table.groupby(["reason", "file", "column"], sort=False).size().reset_index(name="n")
    reasons = reasons.sort_values("n", ascending=False, kind="stable")
    summary = Table.of(
        say("rejected.caption", n=len(table)),
        [
            *columns_of("rejected_rows", reasons, "reason", "file", "column"),
            (say("heading.rows"), "number", [count(n) for n in reasons["n"]]),
        ],
    )
    first = table.head(FIRST_ROWS)
    listing = Table.of(
        say("rejected.first", n=len(first)),
        columns_of(
            "rejected_rows",
            first,
            *REJECTED_ROWS,
            value=[v or say("word.empty") for v in first["value"]],
        ),
    )
    return [head, summary, listing]


def _suspicious(table: pd.DataFrame | None) -> list[Block]:
    """Show trees that look wrong; they were used as they are."""
    if table is None:
        return []
    head = Heading(say("suspicious.title"))
    if table.empty:
        return [head, Words(say("suspicious.none"))]
    first = table.head(FIRST_ROWS)
    shown = Table.of(
        say("suspicious.caption", n=len(table)),
        columns_of("suspicious_rows", first, *SUSPICIOUS),
    )
    return [head, shown]


def _left_out(table: pd.DataFrame | None) -> list[Block]:
    """List the plots no model saw, because a predictor has no value there."""
    if table is None or table.empty:
        return []
    first = table.head(MOST_OUTLIERS)
    hidden = len(table) - len(first)
    return [
        Heading(say("left_out.title")),
        Table.of(
            say("left_out.caption", n=len(table)),
            columns_of("plots_left_out", first, "plot_id", "missing"),
            note=say("word.more_in", n=hidden, file="plots_left_out.csv") if hidden else "",
        ),
    ]


def _equations(trees: pd.DataFrame | None) -> list[Block]:
    if trees is None or trees.empty:
        return [Words(say("equations.missing"), "missing")]
    if not (trees["equation_id"] != "").any():
        return [Words(say("equations.none"))]
    work = _tree_masses(trees)
    grouped = work.groupby("equation_id", sort=False)
    table = grouped.agg(
        trees=("kg", "size"), kg=("kg", "sum"), out_kg=("out_kg", "sum"),
        doubtful=("doubtful", "any"),
    )  # fmt: skip
    table["choice"] = grouped["choice"].agg(
        lambda c: listed(labels.named("choice", one) for one in dict.fromkeys(c))
    )
    table["species"] = grouped["species"].agg(lambda s: _some(list(dict.fromkeys(s))))
    table = table.sort_values("kg", ascending=False, kind="stable")
    total = float(work["kg"].sum()) or float("nan")
    shown = Table.of(
        say("equations.caption", n=len(work)),
        [
            (say("heading.equation"), "text", [str(i) for i in table.index]),
            (say("heading.chosen_as"), "text", table["choice"]),
            (say("heading.species"), "text", table["species"]),
            (say("heading.trees"), "number", [count(v) for v in table["trees"]]),
            (say("heading.share_of_agb"), "number", [percent(v / total) for v in table["kg"]]),
            (say("heading.extrapolated"), "number", _shares(table["out_kg"], table["kg"])),
            (say("heading.doubtful"), "text", [labels.flag(v) for v in table["doubtful"]]),
        ],
        marked=[i for i, v in enumerate(table["doubtful"]) if v],
        note=say("equations.note"),
    )
    return [Heading(say("equations.title")), shown]


def _tree_masses(trees: pd.DataFrame) -> pd.DataFrame:
    kg = trees["agb_kg"].fillna(0.0)
    outside = trees["extrapolated"]
    return pd.DataFrame(
        {
            "equation_id": trees["equation_id"], "choice": trees["choice"],
            "species": trees["species"], "plot_id": trees["plot_id"],
            "dbh_cm": trees["dbh_cm"], "height_m": trees["height_m"],
            "doubtful": trees["doubtful"], "kg": kg, "out_kg": kg.where(outside, 0.0),
        }
    )  # fmt: skip


def _some(names: list[str], most: int = 3) -> str:
    more = len(names) - most
    text = ", ".join(names[:most])
    return say("word.and_more", text=text, n=more) if more > 0 else text


def _shares(part: pd.Series[float], whole: pd.Series[float]) -> list[str]:
    return [percent(p / w) if w else ABSENT for p, w in zip(part, whole, strict=True)]


def _species(trees: pd.DataFrame | None) -> list[Block]:
    if trees is None or not (trees["species"] != "").any():
        return []
    work = _tree_masses(trees)
    table = work.groupby("species", sort=False).agg(
        trees=("kg", "size"), plots=("plot_id", "nunique"), dbh=("dbh_cm", "mean"),
        height=("height_m", "mean"), kg=("kg", "sum"),
    )  # fmt: skip
    table = table.sort_values("kg", ascending=False, kind="stable")
    hidden = len(table) - MOST_SPECIES
    total = float(work["kg"].sum()) or float("nan")
    table = table.head(MOST_SPECIES)
    shown = Table.of(
        say("species.caption", trees=len(work), plots=work["plot_id"].nunique()),
        [
            (say("heading.species"), "text", [str(i) or say("word.none") for i in table.index]),
            (say("heading.trees"), "number", [count(v) for v in table["trees"]]),
            (say("heading.plots"), "number", [count(v) for v in table["plots"]]),
            (say("heading.mean_dbh_cm"), "number", aligned(table["dbh"], 3)),
            (say("heading.mean_height_m"), "number", aligned(table["height"], 3)),
            (say("heading.share_of_agb"), "number", [percent(v / total) for v in table["kg"]]),
        ],
        note=say("species.more", n=hidden) if hidden > 0 else "",
    )
    return [Heading(say("species.title")), shown]
