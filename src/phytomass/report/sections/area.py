"""The area: estimates, pools, classes, elevation bands and zones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phytomass.report.content.blocks import (
    Block,
    Figure,
    Gallery,
    Heading,
    Pair,
    Section,
    Table,
    Words,
)
from phytomass.report.content.estimates import estimates_table, main_masses
from phytomass.report.content.results import Results
from phytomass.report.content.values import AGB, in_whole, period_key
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import aligned, count, measured, number, percent
from phytomass.report.sections.area_figures import (
    band_panel,
    band_text,
    class_bars,
    pools_bars,
    zone_bars,
)

OF_AREA = ("map_mean", "area", "stock", "plot_mean", "truth_mean", "truth_stock")
KIND_ORDER = {"dry_mass": 0, "C": 1, "CO2e": 2}
MOST_ZONES = 40


def area_section(results: Results) -> Section:
    """Build the section on stocks and where they are."""
    files = ("estimates.csv", "class_shares.csv", "elevation_profile.csv")
    if all(t is None for t in (results.estimates, results.class_shares, results.elevation_profile)):
        missing = "no estimates.csv, class_shares.csv or elevation_profile.csv"
        return Section("area", "Stocks and where they are", missing=missing)
    blocks = [
        *_estimates(results.estimates),
        *_zones(results.estimates),
        *_classes(results.class_shares),
        *_elevation(results.elevation_profile),
    ]
    return Section("area", "Stocks and where they are", tuple(blocks), files=files)


def _estimates(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words("Estimates are left out: no estimates.csv.", "missing")]
    whole = table[in_whole(table)]
    unknown = ~whole["quantity"].isin(set(labels.QUANTITIES))
    rows = main_masses(whole[whole["quantity"].isin(OF_AREA) | unknown])
    note = (
        "SD: how much pixels (of a map) or plots differ, not how well the mean is known. n: pixels or "
        "plots. Other pools and kinds follow by the project's carbon factors "
        "and are in estimates.csv."
    )
    shown = (
        [estimates_table(rows, "Estimates for the whole mapped area.", note)] if len(rows) else []
    )
    return [*_pools(whole), *shown]


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
    pools, kinds = (
        [f(v) for v in rows[c]] for f, c in ((labels.pool, "pool"), (labels.kind, "kind"))
    )
    picture = pools_bars(pools, kinds, rows["value"].to_list(), "Bars of the stock in each pool")
    area = rows["area_ha"]
    over = f" over {number(area.iloc[0], 5)} ha" if np.isfinite(area.iloc[0]) else ""
    when = f", {labels.period(latest)}" if latest else ""
    caption = (
        f"Stock by pool{over}{when}. Bars of different colours are different kinds of mass and "
        "must not be added."
    )
    shown = Table.of(
        f"Stock by pool{over}{when}; per hectare: the same divided by that area.",
        [
            ("Pool", "text", pools),
            ("Kind", "text", kinds),
            ("Stock", "number", [number(v) for v in rows["value"]]),
            ("Per hectare", "number", [measured(v) for v in rows["value"] / area]),
            ("Unit", "short", rows["unit"]),
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
        f"Zones, AGB dry mass{when}.",
        [
            ("Zone", "text", means["zone"]),
            ("Area, ha", "number", [number(v, 5) for v in means["area_ha"]]),
            ("Mean AGB, Mg/ha", "number", aligned(means["value"])),
            ("Stock, Mg", "number", [number(stocks.get(z)) for z in means["zone"]]),
            ("Pixels", "number", [count(v) for v in means["n"]]),
        ],
    )
    ranked = means.sort_values("value", ascending=False, kind="stable").head(MOST_ZONES)
    if ranked["value"].notna().sum() < 2:
        return [Heading("Zones"), shown]
    picture = zone_bars(
        [str(z) for z in ranked["zone"]], ranked["value"].to_numpy(dtype=float),
        "Mean AGB, Mg/ha dry mass", "Bars of the mean AGB of each zone",
    )  # fmt: skip
    caption = f"Mean AGB of the zones, Mg/ha dry mass{when}, n = {count(len(ranked))} zones."
    return [Heading("Zones"), Pair(Gallery((Figure(picture, caption),), "full"), shown)]


def _stocks_by_zone(zoned: pd.DataFrame, period: str) -> dict[str, float]:
    rows = zoned[
        (zoned["quantity"] == "stock") & (zoned["pool"] == "AGB") & (zoned["kind"] == "dry_mass")
    ]
    rows = rows[rows["period"] == period]
    return dict(zip(rows["zone"], rows["value"].astype(float), strict=True))


def _classes(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words("Classes of biomass are left out: no class_shares.csv.", "missing")]
    bands = [band_text(a, b) for a, b in zip(table["low_mg_ha"], table["high_mg_ha"], strict=True)]
    total = float(table["area_ha"].sum())
    caption = f"Share of the area and of the AGB in classes of AGB, n = {number(total, 5)} ha."
    shown = Table.of(
        "Classes of AGB (dry mass).",
        [
            ("AGB, Mg/ha", "text", bands),
            ("Area, ha", "number", [measured(v) for v in table["area_ha"]]),
            ("Share of area", "number", [percent(v) for v in table["area_share"]]),
            ("AGB, Mg", "number", [number(v) for v in table["agb_mg"]]),
            ("Share of AGB", "number", [percent(v) for v in table["agb_share"]]),
        ],
    )
    picture = class_bars(table, "Bars of the share of each AGB class")
    pair = Pair(Gallery((Figure(picture, caption),), "full"), shown)
    return [Heading("Classes of biomass"), pair]


def _elevation(table: pd.DataFrame | None) -> list[Block]:
    if table is None or table.empty:
        return [Words("The elevation profile is left out: no elevation_profile.csv.", "missing")]
    rows = table.sort_values("low_m", kind="stable").reset_index(drop=True)
    panels = [
        ("mean_mg_ha", "Mean AGB ± spatial SD", "Mg/ha", "sd_mg_ha"),
        ("area_ha", "Area", "ha", None),
        ("stock_mg", "Stock of AGB", "Mg", None),
        ("change_mg_ha", "Mean change of AGB", "Mg/ha", None),
        ("change_mg", "Change of AGB", "Mg", None),
    ]
    figures = [
        Figure(band_panel(rows, column, (label, unit), spread, f"{label} by elevation band"), "")
        for column, label, unit, spread in panels
        if rows[column].notna().any()
    ]
    area = number(rows["area_ha"].sum(), 5)
    caption = f"AGB (dry mass) by elevation, {count(len(rows))} bands, n = {area} ha."
    if rows["change_mg_ha"].notna().any():
        caption += " Change: later minus earlier date; losses in another colour."
    return [
        Heading("Elevation profile"),
        Gallery(tuple(figures), "third", caption),
        _elevation_table(rows),
    ]


def _elevation_table(rows: pd.DataFrame) -> Table:
    heads = [
        ("area_ha", "Area, ha", 4), ("mean_mg_ha", "Mean, Mg/ha", 4),
        ("sd_mg_ha", "Spatial SD", 3), ("stock_mg", "Stock, Mg", 4),
        ("mean_before_mg_ha", "Mean before", 4), ("change_mg_ha", "Change, Mg/ha", 3),
        ("change_mg", "Change, Mg", 4),
    ]  # fmt: skip
    bands = [band_text(a, b) for a, b in zip(rows["low_m"], rows["high_m"], strict=True)]
    shares = [("area_share", "Share of area"), ("change_share", "Share of change")]
    return Table.of(
        "AGB (dry mass) by elevation band.",
        [
            ("Elevation, m", "text", bands),
            *(
                (head, "number", [measured(v, digits) for v in rows[column]])
                for column, head, digits in heads
                if rows[column].notna().any()
            ),
            *(
                (head, "number", [percent(v) for v in rows[column]])
                for column, head in shares
                if rows[column].notna().any()
            ),
        ],
    )
