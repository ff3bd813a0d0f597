"""The same trees at two dates: who survived, died or came in, and steps that cannot be."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.inventory.cells import is_missing, parse_number
from phytomass.inventory.columns import Reading
from phytomass.inventory.findings import Findings
from phytomass.inventory.settings import InventorySettings
from phytomass.inventory.visits import Visits

Array = NDArray[np.float64]

MOST_GROWTH_CM = 10.0
"""cm a year; nothing but the fastest poplars and eucalypts comes near."""

MOST_SHRINKAGE_CM = 5.0
"""cm; bark, swelling and the tape explain less."""

FEWEST = 5
"""Trees of a species whose median growth mends one of them."""

FEWEST_SWAPPED, SHARE_SWAPPED = 10, 2 / 3
"""So many trees, and this share of them shrinking, say that the dates are swapped."""

SHOWN = 5
KEY = ["plot_id", "tree_id"]
STAYED = ("survivor", "unchanged")
"""Fates of trees that stand at both dates."""

COLUMNS = [
    *("plot_id", "tree_id", "species", "date_before", "date", "years", "dbh_before_cm", "dbh_cm"),
    *("increment_cm_yr", "fate", "flag", "action"),
]


@dataclass(frozen=True, eq=False)
class Remeasurement:
    """What a list of several dates says of the earlier one.

    Parameters
    ----------
    trees : DataFrame
        The trees at the earlier date, with the columns of `Inventory.trees`. A tree that cannot be
        compared stands here as it does at the later date: it counts as unchanged.
    growth : DataFrame
        One row per tree: plot_id, tree_id, species, date_before, date, years, dbh_before_cm,
        dbh_cm, increment_cm_yr; fate (survivor, recruit, died, lost: not found again, below: too
        thin by now, unchanged: cannot be compared, left out); flag: what is odd about it; action
        where a step is impossible: kept, mended, rejected.
    plots : DataFrame
        Indexed by plot_id: date_before, date, years; of the plots that were visited twice.
    """

    trees: pd.DataFrame
    growth: pd.DataFrame
    plots: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Date:
    """The trees of one date, and those of its rows that are not used.

    Parameters
    ----------
    trees : DataFrame
    unused : DataFrame
        plot_id, tree_id, why (dead, missing, below, left out, fault), zero (a diameter of 0).
    """

    trees: pd.DataFrame
    unused: pd.DataFrame


def unused_rows(
    reading: Reading, near: NDArray[np.bool_], settings: InventorySettings, findings: Findings
) -> pd.DataFrame:
    """Return the trees of the rows near a date that are not used, with the reason as a word."""
    cells, found = reading.raw.cells, reading.found
    words = {"below_threshold": "below"}
    status, dbh = found.get("status"), found.get("dbh_cm")
    rows = []
    for r in findings.rows_of_table(reading.key):
        if not near[r.row]:
            continue
        why = "left out" if r.filtered else "fault"
        if r.filtered and settings.status and r.column == status:
            meaning = settings.status[r.value]
            why = words.get(meaning, meaning)
        elif r.filtered and r.column == dbh:
            why = "below"
        cell = "" if dbh is None else cells[dbh].iloc[r.row]
        zero = why == "fault" and parse_number(cell, reading.source.decimal) == 0
        zero = zero and not is_missing(cell, reading.source.missing)
        rows.append((*(cells[found[name]].iloc[r.row] for name in KEY), why, zero))
    table = pd.DataFrame(rows, columns=[*KEY, "why", "zero"])
    return table.sort_values("why", key=lambda s: s != "fault", kind="stable").drop_duplicates(KEY)


Read = tuple[pd.DataFrame, Reading, Findings]
"""Trees of a date, the list as it was read for it, and what was found then."""


def follow(
    then: tuple[pd.DataFrame | None, Reading | None, Findings], now: Read, visits: Visits,
    used: Container[str], settings: InventorySettings,
) -> tuple[Remeasurement | None, pd.DataFrame]:  # fmt: skip
    """Return `remeasured` of two readings of a list; None where something forbids it.

    The findings of the later date get those of the earlier one too.
    """
    trees, reading, findings = now
    before = len(findings.problems)
    earlier = None
    if "tree_id" not in reading.found:
        what = "trees of several dates without numbers: none can be followed"
        remedy = f"map {reading.key}.columns.tree_id, or keep one date with {reading.key}.where"
        findings.problem(reading.raw.name, what, remedy)
    elif then[0] is not None and then[1] is not None and not then[2].problems:
        old = Date(then[0], unused_rows(then[1], visits.near_first, settings, then[2]))
        new = Date(trees, unused_rows(reading, visits.near_last, settings, findings))
        plots = visits.plots.loc[[plot in used for plot in visits.plots.index]]
        earlier, trees = remeasured(old, new, plots, settings, reading, findings)
    findings.add(then[2])
    return (earlier if len(findings.problems) == before else None), trees


def remeasured(
    then: Date, now: Date, visits: pd.DataFrame, settings: InventorySettings, reading: Reading,
    findings: Findings,
) -> tuple[Remeasurement, pd.DataFrame]:  # fmt: skip
    """Follow every tree from one date to the other.

    Parameters
    ----------
    then, now : Date
    visits : DataFrame
        From `visits_of`: the plots that were visited twice.
    settings : InventorySettings
        What to do with impossible steps.
    reading : Reading
        The list, for messages.
    findings : Findings
        Gets trees that change species or plot or have no thickness any more, dates that are
        swapped, and plots without trees at the earlier date.

    Returns
    -------
    earlier : Remeasurement
    trees : DataFrame
        Those of the later date, mended where the project says so.
    """
    old = then.trees[then.trees["plot_id"].isin(visits.index)].reset_index(drop=True)
    both = _paired(old, now.trees[now.trees["plot_id"].isin(visits.index)], then, now)
    _check(both, then, now, reading, findings)
    both = both.join(visits, on="plot_id")
    both["fate"], both["flag"] = _fates(both)
    grown = (both["dbh_cm"] - both["dbh_before_cm"]).to_numpy(dtype=float)
    _refuse_swapped(both, grown, reading, findings)
    both["action"] = ""
    odd, what = _impossible(both, grown, _smallest(old, settings))
    both.loc[odd, "flag"] = what[odd]
    later = _treated(both, odd, now.trees, settings)
    both["increment_cm_yr"] = (both["dbh_cm"] - both["dbh_before_cm"]) / both["years"]
    trees = _at_first(both, old, later)
    _refuse_bare(trees, visits, settings, reading, findings)
    growth = both[COLUMNS].reset_index(drop=True)
    return Remeasurement(trees, growth, visits), later


def _paired(old: pd.DataFrame, new: pd.DataFrame, then: Date, now: Date) -> pd.DataFrame:
    """Return one row per tree: both diameters and species, and why it is not used at a date."""
    names = [*KEY, "species", "dbh_cm"]
    both = old[names].merge(new[names], on=KEY, how="outer", suffixes=("_before", ""), sort=False)
    order = pd.concat([old[KEY], new[KEY]]).drop_duplicates().assign(place=lambda t: range(len(t)))
    both = both.merge(order, on=KEY).sort_values("place", ignore_index=True).drop(columns="place")
    both = both.rename(columns={"dbh_cm_before": "dbh_before_cm"})
    for name, date in (("why_before", then), ("why", now)):
        unused = date.unused.rename(columns={"why": name})[[*KEY, name]]
        both = both.merge(unused, on=KEY, how="left")
        both[name] = both[name].fillna("")
    return both


def _fates(both: pd.DataFrame) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return the fate of each tree, and what is worth saying of it."""
    was, is_now = both["dbh_before_cm"].notna(), both["dbh_cm"].notna()
    before, after = both["why_before"], both["why"]
    aside = "its row at the {} date was set aside"
    cases = [
        (~is_now & after.isin(["fault", "left out"]), "left out", aside.format("later")),
        (is_now & (after == "fault"), "unchanged", aside.format("later")),
        (is_now & (before == "fault"), "unchanged", aside.format("earlier")),
        (was & is_now, "survivor", ""),
        (~was & (before == "left out"), "unchanged", aside.format("earlier")),
        (~was & (before == "dead"), "unchanged", "dead at the earlier date"),
        (~was & (before == "missing"), "unchanged", "not found at the earlier date"),
        (~was, "recruit", ""),
        (after == "dead", "died", ""),
        (after == "below", "below", "too thin at the later date"),
        (after == "missing", "lost", "not found at the later date"),
    ]
    where = [case[0].to_numpy(dtype=bool) for case in cases]
    fate = np.select(where, [case[1] for case in cases], "lost")
    flag = np.select(where, [case[2] for case in cases], "no row at the later date")
    return fate, flag


def _check(both: pd.DataFrame, then: Date, now: Date, reading: Reading, findings: Findings) -> None:
    known = both.dropna(subset=["dbh_before_cm", "dbh_cm"])
    other = known[known["species"].str.casefold() != known["species_before"].str.casefold()]
    if len(other):
        pairs = [
            f"{a!r} and {b!r}"
            for a, b in zip(other["species_before"], other["species"], strict=True)
        ]
        what = f"{len(other)} trees change species: {_names(other, pairs)}"
        findings.problem(reading.place("species"), what, "write one name at both dates")
    for date, unused in ((now, then.unused), (then, now.unused)):
        zero = unused[unused["zero"].astype(bool)].merge(date.trees[KEY], on=KEY)
        if len(zero):
            what = f"{len(zero)} trees have a diameter of 0 at one date: {_names(zero)}"
            remedy = (
                "say with a status that they died or were too thin; in a list with columns per "
                f"date leave the cell empty, or list '0' in {reading.key}.missing"
            )
            findings.problem(reading.place("dbh_cm"), what, remedy)
    _refuse_moves(then.trees, now.trees, reading, findings)
    both["species"] = both["species"].fillna(both["species_before"])


def _refuse_moves(
    old: pd.DataFrame, new: pd.DataFrame, reading: Reading, findings: Findings
) -> None:
    """Refuse a number that stands on another plot; where numbers begin anew in each, none can."""
    if old["tree_id"].duplicated().any() or new["tree_id"].duplicated().any():
        return
    pair = old[KEY].merge(new[KEY], on="tree_id", suffixes=("_before", ""))
    moved = pair[pair["plot_id_before"] != pair["plot_id"]]
    if len(moved):
        pairs = [
            f"{a!r} and {b!r}"
            for a, b in zip(moved["plot_id_before"], moved["plot_id"], strict=True)
        ]
        shown = [f"tree {t}: {p}" for t, p in zip(moved["tree_id"], pairs, strict=True)]
        findings.problem(
            reading.place("plot_id"),
            f"{len(moved)} trees change plot: {_listed(shown)}",
            "correct the plot, or give the tree of the other plot its own number",
        )


def _refuse_swapped(both: pd.DataFrame, grown: Array, reading: Reading, findings: Findings) -> None:
    held = grown[(both["fate"] == "survivor").to_numpy()]
    thinner = int((held < 0).sum())
    if len(held) >= FEWEST_SWAPPED and thinner > SHARE_SWAPPED * len(held):
        findings.problem(
            reading.place("dbh_cm"),
            f"{thinner} of {len(held)} trees are thinner at the later date",
            "the dates or their columns seem to be swapped, or their units differ",
        )


def _refuse_bare(
    trees: pd.DataFrame, visits: pd.DataFrame, settings: InventorySettings, reading: Reading,
    findings: Findings,
) -> None:  # fmt: skip
    bare = [str(plot) for plot in visits.index.difference(pd.Index(trees["plot_id"]))]
    if bare and settings.empty_plots == "error":
        findings.problem(
            reading.raw.name,
            f"plots without trees at the earlier date: {_listed(bare)}",
            "if they held none, set inventory.empty_plots: zero; else leave them out with where",
        )


def _smallest(old: pd.DataFrame, settings: InventorySettings) -> float:
    """Return the smallest diameter that is measured."""
    if settings.dbh_min_cm is not None:
        return settings.dbh_min_cm
    return float(old["dbh_cm"].min()) if len(old) else 0.0


def _impossible(
    both: pd.DataFrame, grown: Array, smallest: float
) -> tuple[NDArray[np.bool_], NDArray[np.object_]]:
    """Return which trees take a step that no tree takes, and what it is."""
    fate, years = both["fate"].to_numpy(), both["years"].to_numpy(dtype=float)
    d, rate = both["dbh_cm"].to_numpy(dtype=float), grown / years
    up = (fate == "survivor") & (rate > MOST_GROWTH_CM)
    down = (fate == "survivor") & (grown < -MOST_SHRINKAGE_CM)
    large = (fate == "recruit") & (d > smallest + MOST_GROWTH_CM * years)
    what = np.full(len(both), "", dtype=object)
    what[up] = [f"grew by {r:.3g} cm a year" for r in rate[up]]
    what[down] = [f"shrank by {-g:.3g} cm" for g in grown[down]]
    what[large] = [f"new and {x:.3g} cm thick: overlooked before?" for x in d[large]]
    return up | down | large, what


def _treated(
    both: pd.DataFrame, odd: NDArray[np.bool_], trees: pd.DataFrame, settings: InventorySettings
) -> pd.DataFrame:
    """Keep, mend or reject impossible steps; return the trees of the later date."""
    rule, survivor = settings.impossible_steps, (both["fate"] == "survivor").to_numpy()
    if rule == "keep" or not odd.any():
        both.loc[odd, "action"] = "kept"
        return trees
    mended = odd & survivor & (rule == "mend") & ("agb_kg" not in trees)
    both.loc[odd, "action"] = np.where(mended[odd], "mended", "rejected")
    both.loc[odd & ~mended, "fate"] = "unchanged"
    if not mended.any():
        return trees
    rate = ((both["dbh_cm"] - both["dbh_before_cm"]) / both["years"])[survivor & ~odd]
    by_species = rate.groupby(both["species"]).agg(["size", "median"])
    known = by_species["median"][by_species["size"] >= FEWEST]
    general = float(rate.median()) if len(rate) >= FEWEST else 0.0
    some = both[mended]
    growth = some["species"].map(known).fillna(general).astype(float)
    both.loc[mended, "dbh_cm"] = some["dbh_before_cm"] + growth * some["years"]
    new = trees[KEY].merge(both.loc[mended, [*KEY, "dbh_cm"]], on=KEY, how="left")["dbh_cm"]
    return trees.assign(dbh_cm=np.where(new.notna(), new, trees["dbh_cm"].to_numpy(dtype=float)))


def _at_first(both: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the trees of the earlier date; one that cannot be compared is as it is later."""
    fate = both[[*KEY, "fate"]]
    was = old.merge(fate, on=KEY, how="left")
    was = was[~was["fate"].isin(["unchanged", "left out"])].drop(columns="fate")
    same = new.merge(fate[fate["fate"] == "unchanged"], on=KEY).drop(columns="fate")
    trees = pd.concat([was, same], ignore_index=True)
    density = "wood_density_g_cm3"
    if density in trees:  # a tree's wood is one: the later figure, where there is one
        given = trees[KEY].merge(new[[*KEY, density]], on=KEY, how="left")[density]
        trees[density] = given.fillna(trees[density])
    return trees[new.columns]


def _names(table: pd.DataFrame, more: Sequence[str] = ()) -> str:
    texts = [f"{t} of plot {p}" for p, t in zip(table["plot_id"], table["tree_id"], strict=True)]
    return _listed([f"{a} ({b})" for a, b in zip(texts, more, strict=True)] if more else texts)


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (" …" if len(texts) > SHOWN else "")
