"""The area: estimates, pools, classes, elevation bands and zones."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from phytomass import tables
from phytomass.report.content.blocks import (
    Block,
    Figure,
    Gallery,
    Heading,
    Pair,
    Picture,
    Section,
    Table,
    Words,
)
from phytomass.report.content.columns import columns_of
from phytomass.report.content.estimates import estimates_table, main_masses
from phytomass.report.content.results import Results
from phytomass.report.content.values import AGB, in_whole, period_key
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import aligned, count, measured, number
from phytomass.report.messages.saying import say
from phytomass.report.sections.area_figures import (
    band_panel,
    band_text,
    class_bars,
    pools_bars,
    zone_bars,
)

OF_AREA = (
    "assisted_mean",
    "assisted_total",
    "assisted_mapped_total",
    "model_mean",
    "model_total",
    "model_mapped_total",
    "mask_area",
    "missing_area",
    "area_mean",
    "area_total",
    "map_mean",
    "area",
    "stock",
    "plot_mean",
    "truth_mean",
    "truth_stock",
)
PANELS = ("mean_mg_ha", "area_ha", "stock_mg", "change_mg_ha", "change_mg")
"""Columns of the elevation profile that are drawn."""

BANDED = (
    "area_ha", "mean_mg_ha", "sd_mg_ha", "stock_mg", "mean_before_mg_ha", "change_mg_ha",
    "change_mg", "area_share", "change_share",
)  # fmt: skip
"""Columns of the elevation profile that the table shows where they are known."""

KIND_ORDER = {"dry_mass": 0, "C": 1, "CO2e": 2}
MOST_ZONES = 40


def area_section(results: Results) -> Section:
    """Build the section on stocks and where they are."""
    files = ("estimates.csv", "class_shares.csv", "elevation_profile.csv")
    if all(t is None for t in (results.estimates, results.class_shares, results.elevation_profile)):
        return Section("area", say("area.title"), missing=say("area.missing"))
    blocks = [
        *_estimates(results.estimates),
        *_zones(results.estimates),
        *_classes(results.class_shares),
        *_elevation(results.elevation_profile),
    ]
    return Section("area", say("area.title"), tuple(blocks), files=files)


def _estimates(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words(say("estimates.missing"), "missing")]
    whole = table[in_whole(table)]
    unknown = ~whole["quantity"].map(partial(labels.is_known, "quantity")).astype(bool)
    rows = main_masses(whole[whole["quantity"].isin(OF_AREA) | unknown])
    caption, note = say("estimates.whole"), say("estimates.note")
    return [*_pools(whole), *([estimates_table(rows, caption, note)] if len(rows) else [])]


def _pools(whole: pd.DataFrame) -> list[Block]:
    """Show the stock of every pool, and what it is per hectare."""
    rows = whole[(whole["quantity"] == "stock") & whole["unit"].str.startswith("Mg")]
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return []
    latest = max(rows["period"], key=period_key)
    rows = rows[rows["period"] == latest].drop_duplicates(["pool", "kind"])
    rows = rows.assign(_kind=rows["kind"].map(KIND_ORDER).fillna(3))
    rows = rows.sort_values("_kind", kind="stable")
    pools = [labels.named("mass_pool", code) for code in rows["pool"]]
    kinds = [labels.named("kind", code) for code in rows["kind"]]
    picture = pools_bars(pools, kinds, rows["value"].to_list(), say("stocks.alt"))
    area = rows["area_ha"]
    over = say("stocks.over", area=area.iloc[0]) if np.isfinite(area.iloc[0]) else ""
    about = {"over": over, "when": f", {labels.period(latest)}" if latest else ""}
    caption = say("stocks.figure", **about)
    shown = Table.of(
        say("stocks.caption", **about),
        [
            (say("heading.pool"), "text", pools),
            (say("heading.kind"), "text", kinds),
            (say("heading.stock"), "number", [number(v) for v in rows["value"]]),
            (say("heading.per_hectare"), "number", [measured(v) for v in rows["value"] / area]),
            (say("heading.unit"), "short", rows["unit"]),
        ],
    )
    return [Pair(Gallery((Figure(picture, caption),), "full"), shown)]


def _zones(table: pd.DataFrame | None) -> list[Block]:
    if table is None:
        return []
    zoned = table[~in_whole(table)]
    means = zoned[(zoned["quantity"] == "map_mean") & (zoned["statistic"] == "mean")]
    means = means[(means["pool"] == AGB[0]) & (means["kind"] == AGB[1])]
    if means.empty:
        return []
    latest = max(means["period"], key=period_key)
    means = means[means["period"] == latest].drop_duplicates("zone")
    stocks = _stocks_by_zone(zoned, latest)
    when = f", {labels.period(latest)}" if latest else ""
    shown = Table.of(
        say("zones.caption", when=when),
        [
            *columns_of("estimates", means, "zone", "area_ha"),
            (say("heading.mean_agb_mg_ha"), "number", aligned(means["value"])),
            (say("heading.stock_mg"), "number", [number(stocks.get(z)) for z in means["zone"]]),
            (say("heading.pixels"), "number", [count(v) for v in means["n"]]),
        ],
    )
    ranked = means.sort_values("value", ascending=False, kind="stable").head(MOST_ZONES)
    if ranked["value"].notna().sum() < 2:
        return [Heading(say("zones.title")), shown]
    picture = zone_bars(
        [str(z) for z in ranked["zone"]], ranked["value"].to_numpy(dtype=float),
        say("zones.axis"), say("zones.alt"),
    )  # fmt: skip
    caption = say("zones.figure", when=when, n=len(ranked))
    return [Heading(say("zones.title")), Pair(Gallery((Figure(picture, caption),), "full"), shown)]


def _stocks_by_zone(zoned: pd.DataFrame, period: str) -> dict[str, float]:
    rows = zoned[
        (zoned["quantity"] == "stock") & (zoned["pool"] == "AGB") & (zoned["kind"] == "dry_mass")
    ]
    rows = rows[rows["period"] == period]
    return dict(zip(rows["zone"], rows["value"].astype(float), strict=True))


def _classes(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words(say("classes.missing"), "missing")]
    bands = [band_text(a, b) for a, b in zip(table["low_mg_ha"], table["high_mg_ha"], strict=True)]
    total = float(table["area_ha"].sum())
    caption = say("classes.figure", area=total)
    shown = Table.of(
        say("classes.caption"),
        [
            (say("classes.agb"), "text", bands),
            *columns_of("class_shares", table, "area_ha", "area_share", "agb_mg", "agb_share"),
        ],
    )
    picture = class_bars(table, say("classes.alt"))
    pair = Pair(Gallery((Figure(picture, caption),), "full"), shown)
    return [Heading(say("classes.title")), pair]


def _elevation(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words(say("elevation.missing"), "missing")]
    rows = table.sort_values("low_m", kind="stable").reset_index(drop=True)
    figures = [
        Figure(_band_panel(rows, column), "") for column in PANELS if rows[column].notna().any()
    ]
    caption = say("elevation.figure", n=len(rows), area=rows["area_ha"].sum())
    if rows["change_mg_ha"].notna().any():
        caption = f"{caption} {say('elevation.change')}"
    return [
        Heading(say("elevation.title")),
        Gallery(tuple(figures), "third", caption),
        _elevation_table(rows),
    ]


def _band_panel(rows: pd.DataFrame, column: str) -> Picture:
    label, unit = (
        say(f"elevation_panel.{column}"),
        tables.table("elevation_profile").columns[column].unit,
    )
    spread = "sd_mg_ha" if column == "mean_mg_ha" else None
    return band_panel(rows, column, (label, unit), spread, say("elevation.alt", what=label))


def _elevation_table(rows: pd.DataFrame) -> Table:
    bands = [band_text(a, b) for a, b in zip(rows["low_m"], rows["high_m"], strict=True)]
    known = [name for name in BANDED if rows[name].notna().any()]
    return Table.of(
        say("elevation.caption"),
        [
            (say("elevation.axis"), "text", bands),
            *columns_of("elevation_profile", rows, *known),
        ],
    )
