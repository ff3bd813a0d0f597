"""The visits of each plot in a list that holds trees of several dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.inventory.cells import is_missing
from phytomass.inventory.columns import Reading
from phytomass.inventory.findings import Findings
from phytomass.inventory.settings import InventorySettings, TableSource

Flags = NDArray[np.bool_]
Visit = Literal["first", "last"]

SAME_VISIT_YEARS = 0.5
"""Dates of a plot that follow one another more closely are days of one visit."""

SHOWN = 5
DATE = re.compile(r"(\d{4})(?:(\.\d+)|-(\d\d?)(?:-(\d\d?)(?:[ T].*)?)?)?")
EARLIEST, LATEST = 1800, 2100


@dataclass(frozen=True, eq=False)
class Visits:
    """Which rows of a list belong to the first and the last visit of their plot.

    Parameters
    ----------
    first, last : array of bool, shape (n_rows,)
        Data rows of the file; in a wide list a row belongs to both.
    between : array of bool, shape (n_rows,)
        Rows of other visits.
    near_first, near_last : array of bool, shape (n_rows,)
        All rows of about that date, in use or not, and those whose date cannot be read.
    plots : DataFrame
        Indexed by plot_id: date_before, date (years, or year and month), years between them; of
        plots with two visits.
    """

    first: Flags
    last: Flags
    between: Flags
    near_first: Flags
    near_last: Flags
    plots: pd.DataFrame


def year_of(cell: str) -> float:
    """Return a year or day as a decimal year, the middle of a year; NaN where it is none.

    Examples
    --------
    >>> year_of("2002"), year_of("2002.25"), round(year_of("2002-07-02 00:00:00"), 2)
    (2002.5, 2002.25, 2002.5)
    >>> year_of("census 2"), year_of("2002-13")
    (nan, nan)
    """
    found = DATE.fullmatch(cell.strip())
    if found is None or not EARLIEST <= int(found[1]) <= LATEST:
        return np.nan
    year, part, month, day = int(found[1]), found[2], found[3], found[4]
    if part is not None:
        return year + float(part)
    if month is None:
        return year + 0.5
    if not 1 <= int(month) <= 12 or not 1 <= int(day or 15) <= 31:
        return np.nan
    return year + (int(month) - 1 + (int(day or 15.5) - 0.5) / 31) / 12


def source_at(settings: InventorySettings, visit: Visit) -> TableSource | None:
    """Return the list of trees with the columns of one visit, of a wide list."""
    if settings.trees is None or not settings.remeasured:
        return settings.trees
    own = settings.remeasured[_ordered(settings)[-1 if visit == "last" else 0]]
    return settings.trees.model_copy(update={"columns": {**settings.trees.columns, **own}})


def visits_of(
    reading: Reading, keep: Flags, settings: InventorySettings, findings: Findings
) -> Visits | None:
    """Return the visits of the plots; None where every plot has one.

    Parameters
    ----------
    reading : Reading
        The list of trees.
    keep : array of bool
        Rows in use.
    settings : InventorySettings
    findings : Findings
        Gets rows without a date, columns that hold none, and plots that were not visited again.
    """
    if settings.remeasured:
        return _of_columns(reading, keep, settings, findings)
    if "date" not in reading.found:
        return None
    cells = reading.raw.cells[reading.found["date"]]
    years = cells.map({cell: year_of(cell) for cell in cells.unique()}).to_numpy(dtype=float)
    given = ~cells.map(lambda cell: is_missing(cell, reading.source.missing)).to_numpy(dtype=bool)
    bad = keep & given & np.isnan(years)
    if bad.any() and 2 * bad.sum() > (keep & given).sum():
        what = f"does not hold years or days but, for instance, {cells[bad].iloc[0]!r}"
        remedy = "write 2002 or 2002-06-15: growth per year needs them"
        findings.problem(reading.place("date", np.flatnonzero(bad)), what, remedy)
        return None
    for row in np.flatnonzero(bad):
        reading.reject(findings, int(row), "date", "not a year or a day (2002, 2002-06-15)")
    plot = reading.raw.cells[reading.found["plot_id"]].to_numpy(dtype=object)
    return _of_rows(reading, plot, years, keep, findings)


def rows_of_visit(
    reading: Reading, keep: Flags, visits: Visits, visit: Visit, findings: Findings
) -> Flags:
    """Return which of the kept rows are of one visit; those between first and last are listed.

    Rows of the other visit alone go to `Findings.elsewhere`.
    """
    wanted = visits.last if visit == "last" else visits.first
    for row in np.flatnonzero(visits.between):
        reason = "between the first and the last date of its plot: choose two dates with where"
        reading.reject(findings, int(row), "date", reason, filtered=True)
    there = visits.first | visits.last
    findings.elsewhere[reading.key] = set(np.flatnonzero(there & ~wanted).tolist())
    return np.asarray(keep & wanted, dtype=np.bool_)


def _of_rows(
    reading: Reading, plot: NDArray[np.object_], years: NDArray[np.float64], keep: Flags,
    findings: Findings,
) -> Visits | None:  # fmt: skip
    rows = pd.DataFrame({"plot_id": plot, "year": np.where(keep, years, np.nan)}).dropna()
    days = rows.drop_duplicates().sort_values(["plot_id", "year"], ignore_index=True)
    apart = days.groupby("plot_id")["year"].diff().to_numpy() >= SAME_VISIT_YEARS
    days["visit"] = pd.Series(apart).groupby(days["plot_id"]).cumsum()
    dates = days.groupby(["plot_id", "visit"])["year"].mean()
    n = days.groupby("plot_id")["visit"].max()
    if not (n > 0).any():
        return None
    again = n.index[n > 0]
    first = dates.xs(0, level="visit")
    last = dates.groupby(level="plot_id").last()
    _refuse_lost(reading, first, n, first[again].median(), last[again].median(), findings)
    visit = rows.merge(days, on=["plot_id", "year"], how="left")["visit"].to_numpy()
    of_last = n.loc[rows["plot_id"]].to_numpy()
    found = np.zeros((3, len(plot)), dtype=bool)
    found[0, rows.index] = (visit == 0) & (of_last > 0)
    found[1, rows.index] = visit == of_last
    found[2, rows.index] = (visit > 0) & (visit < of_last)
    whole = bool((days["year"] % 1 == 0.5).all())
    plots = pd.DataFrame(
        {
            "date_before": [_text(year, whole) for year in first[again]],
            "date": [_text(year, whole) for year in last[again]],
            "years": (last[again] - first[again]).round(6),
        },
        index=again,
    )
    ids = pd.Index(plot)
    near = [~(np.abs(years - d.reindex(ids).to_numpy()) > SAME_VISIT_YEARS) for d in (first, last)]
    return Visits(found[0], found[1], found[2], near[0], near[1], plots)


def _refuse_lost(
    reading: Reading, date: pd.Series[float], n: pd.Series[int], first: float, last: float,
    findings: Findings,
) -> None:  # fmt: skip
    """Refuse plots of which there is the earlier date alone: felled, or not visited."""
    once = date[n[n == 0].index]
    lost = once[(once - first).abs() < (once - last).abs()].index.tolist()
    if not lost:
        return
    shown = ", ".join(map(str, lost[:SHOWN])) + (" …" if len(lost) > SHOWN else "")
    findings.problem(
        reading.place("date"),
        f"{len(lost)} plots have no row at the later date: {shown}",
        "if all their trees died, list them with that status; if nobody went there, leave the "
        f"plots out with {reading.key}.where or inventory.plots.where",
    )


def _of_columns(
    reading: Reading, keep: Flags, settings: InventorySettings, findings: Findings
) -> Visits | None:
    dates = _ordered(settings)
    years = [year_of(date) for date in dates]
    if np.isnan(years).any() or years[1] - years[0] < SAME_VISIT_YEARS:
        findings.problem(
            "inventory.remeasured",
            f"{' and '.join(dates)} are not two dates that are half a year apart or more",
            "write years or days: 1991, 2002-06-15",
        )
        return None
    text, there = reading.raw.cells, []
    for date in dates:
        columns = [c for c in settings.remeasured[date].values() if c in text]
        empty = text[columns].map(lambda cell: is_missing(cell, reading.source.missing))
        there.append(keep & ~empty.all(axis=1).to_numpy(dtype=bool))
    plots = sorted(set(text[reading.found["plot_id"]][keep]) - {""})
    table = pd.DataFrame({"date_before": dates[0], "date": dates[1]}, index=plots)
    table["years"] = round(years[1] - years[0], 6)
    every = np.ones(len(text), dtype=bool)
    return Visits(there[0], there[1], ~every, every, every, table)


def _ordered(settings: InventorySettings) -> list[str]:
    return sorted(settings.remeasured, key=year_of)


def _text(year: float, whole: bool) -> str:
    return f"{int(year)}" if whole else f"{int(year)}-{int(year % 1 * 12) + 1:02d}"
