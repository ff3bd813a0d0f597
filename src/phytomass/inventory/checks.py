"""What cannot be: units mixed up, ids that repeat, trees taller than any tree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phytomass.errors import nearest
from phytomass.inventory.columns import Reading, rows_where
from phytomass.inventory.dates import dates_telling_apart
from phytomass.inventory.findings import Findings
from phytomass.inventory.ids import spelled_alike

TALLEST_M = 120.0
"""m; the tallest living tree, a coast redwood, stands at 116 m."""

THICKEST_CM = 1200.0
"""cm; the stoutest living tree, a Montezuma cypress, has 11.6 m."""

MEDIAN_DBH_CM = (1.0, 200.0)
"""cm; outside, a median diameter is in another unit: no forest is that thin or that stout."""

MEDIAN_SLENDERNESS = 0.12
"""m of height per cm of diameter; forests have 0.3-1.5, and a tenth of it in millimetres."""

MEDIAN_AGB_MG_HA = 1500.0
"""Mg/ha; only single stands of redwood and mountain ash hold more."""

REPEATS_SHOWN = 5

SetAside = dict[str, tuple[str, bool]]
"""Plot that is not used → why, and whether the project asked for it."""


def check_trees(
    trees: pd.DataFrame, reading: Reading, findings: Findings, stems: bool = False
) -> None:
    """Add what is wrong with the trees: nonsense stops, a tree without size is set aside."""
    if "tree_id" in trees and not stems:
        numbered = trees[(trees["tree_id"] != "") & (trees["plot_id"] != "")]
        _refuse_repeats(numbered, ["plot_id", "tree_id"], reading, findings)
    _refuse_negative(trees, ["dbh_cm", "height_m", "per_ha", "agb_kg"], reading, findings)
    for name in ("dbh_cm", "height_m", "per_ha"):
        if name in trees:
            why = (
                "stands for no trees"
                if name == "per_ha"
                else "not measured, or below breast height"
            )
            for row in rows_where(trees, trees[name] == 0):
                reading.reject(findings, row, name, f"zero: {why}")
    _check_dbh(trees, reading, findings)
    if "height_m" in trees:
        tall = trees.index[trees["height_m"] > TALLEST_M]
        if len(tall):
            findings.problem(
                reading.place("height_m", tall),
                f"height above {TALLEST_M:g} m (up to {trees['height_m'].max():g} m)",
                f"correct the rows, or set the unit: {reading.key}.units.height_m: cm, dm or ft",
            )


def _check_dbh(trees: pd.DataFrame, reading: Reading, findings: Findings) -> None:
    dbh = trees["dbh_cm"][trees["dbh_cm"] > 0]
    if dbh.empty:
        return
    where, key, median = reading.place("dbh_cm"), f"{reading.key}.units.dbh_cm", dbh.median()
    low, high = MEDIAN_DBH_CM
    declared = "dbh_cm" in reading.source.units
    if median > high:
        findings.problem(
            where, f"median diameter {median:g} cm", f"probably millimetres: set {key}: mm"
        )
    elif not declared and _too_stout(trees):
        findings.problem(
            where,
            f"median diameter {median:g} cm for a median height of "
            f"{trees['height_m'].median():g} m: trees are not that stout",
            f"if these are millimetres, set {key}: mm; if centimetres, say so with {key}: cm",
        )
    elif (dbh > THICKEST_CM).any():
        stout = dbh.index[dbh > THICKEST_CM]
        findings.problem(
            reading.place("dbh_cm", stout),
            f"diameter above {THICKEST_CM:g} cm (up to {dbh.max():g} cm)",
            f"correct the rows, or set the unit: {key}",
        )
    elif median < low and not declared:
        findings.problem(
            where,
            f"median diameter {median:g} cm",
            f"if these are metres, set {key}: m; if they are centimetres, say so with {key}: cm",
        )


def _too_stout(trees: pd.DataFrame) -> bool:
    """Tell whether heights are too small for the diameters to be centimetres."""
    if "height_m" not in trees:
        return False
    slenderness = trees["height_m"] / trees["dbh_cm"].where(trees["dbh_cm"] > 0)
    return bool(slenderness.median() < MEDIAN_SLENDERNESS)


def check_plots(plots: pd.DataFrame, reading: Reading, findings: Findings) -> None:
    """Add what is wrong with the plots."""
    _refuse_repeats(plots[plots["plot_id"] != ""], ["plot_id"], reading, findings)
    _refuse_negative(plots, ["agb_mg_ha", "agb_se_mg_ha", "agb_before_mg_ha"], reading, findings)
    if "slope_deg" in plots and bool(((plots["slope_deg"] < 0) | (plots["slope_deg"] >= 80)).any()):
        bad = plots.index[(plots["slope_deg"] < 0) | (plots["slope_deg"] >= 80)]
        findings.problem(reading.place("slope_deg", bad), "is not a slope of 0 to 80 degrees")
    if "area_ha" in plots:
        bad = plots.index[plots["area_ha"] <= 0]
        if len(bad):
            findings.problem(reading.place("area_ha", bad), "the area of a plot is not above zero")
    for name in ("agb_mg_ha", "agb_before_mg_ha"):
        if name in plots and plots[name].median() > MEDIAN_AGB_MG_HA:
            findings.problem(
                reading.place(name),
                f"median biomass {plots[name].median():g} Mg/ha",
                f"probably another unit: set {reading.key}.units.{name}, e.g. kg/ha or g/m2",
            )


def check_membership(
    trees: pd.DataFrame,
    reading: Reading,
    known: set[str],
    set_aside: SetAside,
    findings: Findings,
) -> None:
    """Refuse trees of unknown plots; set aside the trees of plots that were set aside.

    Parameters
    ----------
    trees : DataFrame
        With plot_id.
    known : set of str
        Plots that are used.
    set_aside : dict
        Plot that is not used → why, and whether the project asked for it.
    """
    for row, plot in trees["plot_id"][trees["plot_id"].isin(set_aside)].items():
        reading.reject(findings, int(str(row)), "plot_id", *set_aside[plot])
    strangers = trees[~trees["plot_id"].isin({"", *known, *set_aside})]
    if strangers.empty:
        return
    names = strangers["plot_id"].unique()
    shown = ", ".join(repr(name) for name in names[:5]) + (" …" if len(names) > 5 else "")
    hint = spelled_alike(names.tolist(), sorted(known)) or nearest(str(names[0]), sorted(known))
    findings.problem(
        reading.place("plot_id", strangers.index),
        f"trees of plots that are not in the table of plots: {shown}",
        hint or "add the plots, correct the ids, or leave the rows out with inventory.trees.where",
    )


def _refuse_repeats(
    table: pd.DataFrame, columns: list[str], reading: Reading, findings: Findings
) -> None:
    repeated = table[table.duplicated(columns, keep=False)]
    if repeated.empty:
        return
    groups = [(key, part.index) for key, part in repeated.groupby(columns, sort=False)]
    shown = [
        f"{' / '.join(map(str, key))} ({reading.rows(rows)})"
        for key, rows in groups[:REPEATS_SHOWN]
    ]
    more = f" and {len(groups) - REPEATS_SHOWN} more" if len(groups) > REPEATS_SHOWN else ""
    what = "plot id" if columns == ["plot_id"] else "tree id within a plot"
    dates = dates_telling_apart(reading, [rows for _, rows in groups])
    findings.problem(
        reading.place(columns[-1]),
        f"the same {what} more than once: {'; '.join(shown)}{more}",
        dates.remedy() if dates else "give each its own id, or remove the repeated rows",
    )


def _refuse_negative(
    table: pd.DataFrame, names: list[str], reading: Reading, findings: Findings
) -> None:
    for name in names:
        if name not in table:
            continue
        values = table[name]
        bad = values.index[np.asarray(values < 0)]
        if len(bad):
            findings.problem(
                reading.place(name, bad),
                f"negative {name} ({values.min():g})",
                f"correct the rows; if it means 'no value', list it in {reading.key}.missing",
            )
