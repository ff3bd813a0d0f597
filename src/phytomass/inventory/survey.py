"""A look at field sheets that says all that can be said, whatever is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass.errors import Problem
from phytomass.inventory.columns import EMPTY, Reading
from phytomass.inventory.coordinates import coordinates_of, stated_crs
from phytomass.inventory.dates import several_dates
from phytomass.inventory.findings import Findings
from phytomass.inventory.form import EXAMPLE
from phytomass.inventory.losses import losses_by_plot
from phytomass.inventory.read import Parts, followed, read_parts
from phytomass.inventory.remeasured import Remeasurement
from phytomass.inventory.settings import InventorySettings
from phytomass.inventory.suspicion import suspicious_trees
from phytomass.inventory.unit_doubts import doubtful_units

WORTH_SAYING = 0.01
"""Share of the stems or the basal area of a plot that is not lost without a word."""

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Survey:
    """What field sheets hold, as far as it can be read.

    Parameters
    ----------
    problems : list of Problem
        What `read_inventory` would stop at.
    warnings, notes : list of Problem
        What looks wrong, and what is worth knowing.
    trees, plots : DataFrame or None
        Rows that can be used, as in `Inventory`; None where a table cannot be read at all.
    places : DataFrame or None
        plot_id, easting, northing of the plots as they stand in the file, in `crs`.
    crs : str or None
        The CRS that project or file state for `places`.
    losses : DataFrame
        See `losses_by_plot`.
    located : bool
        Whether the positions are possible ones in their CRS.
    """

    problems: list[Problem]
    warnings: list[Problem]
    notes: list[Problem]
    trees: pd.DataFrame | None
    plots: pd.DataFrame | None
    places: pd.DataFrame | None
    crs: str | None
    losses: pd.DataFrame = field(default_factory=pd.DataFrame)
    located: bool = True


def survey_inventory(
    settings: InventorySettings, root: Path, crs: str | None, placed: bool = True
) -> Survey:
    """Read field sheets as far as they can be read, and say what is wrong and what looks wrong.

    Parameters
    ----------
    settings, root
        As in `read_inventory`.
    crs : str or None
        The project's CRS; None while it is not known: positions are then left as they are.
    placed : bool
        Whether plots need a position.

    Returns
    -------
    Survey
        With every problem of `read_inventory`; and warnings: units that the headers or the
        proportions of the trees contradict, several dates in one list, plots that lost more than
        `WORTH_SAYING` of their trees.
    """
    findings = Findings()
    parts = read_parts(settings, root, crs, findings, placed)
    raw = parts if crs is None else read_parts(settings, root, None, Findings(), placed)
    earlier = None
    if parts.visits is not None and not findings.problems:
        earlier, _ = followed(parts, settings, root, findings)
    losses = losses_by_plot(parts.trees_read, findings)
    warnings = _of_trees(parts, findings) + _lost(losses, parts) + _example(parts)
    where = _coordinates(parts.plots_read)
    return Survey(
        problems=findings.problems,
        warnings=warnings,
        notes=[
            *_taken(parts),
            *_repaired(findings),
            *_left_out(findings),
            *_odd_trees(parts),
            *_followed(parts, earlier),
        ],
        trees=parts.trees,
        plots=parts.plots,
        places=_with_places(raw.plots),
        crs=stated_crs(parts.plots_read) or crs,
        losses=losses,
        located=not any(problem.where == where for problem in findings.problems),
    )


def _of_trees(parts: Parts, findings: Findings) -> list[Problem]:
    """Say what looks wrong with the list of trees."""
    reading, trees = parts.trees_read, parts.trees
    if reading is None or trees is None or trees.empty:
        return []
    warnings = doubtful_units(trees, reading)
    dates = several_dates(reading, _rows_in_use(reading, findings))
    if dates is not None and all(p.remedy != dates.remedy() for p in findings.problems):
        what = f"most plots hold trees of several dates ({dates.listed}), each counted as a tree"
        warnings.append(Problem(f"{reading.raw.name}, column {dates.column}", what, dates.remedy()))
    return warnings


def _example(parts: Parts) -> list[Problem]:
    """Say that plots of the form's example stand among those of the user."""
    if parts.plots is None or parts.plots_read is None:
        return []
    shown = parts.plots["plot_id"].astype(str).str.startswith(EXAMPLE)
    if not shown.any() or shown.all():
        return []
    what = f"{int(shown.sum())} plots of the form's example are among the plots"
    return [Problem(parts.plots_read.raw.name, what, f"clear the rows of {EXAMPLE}… in the form")]


def _rows_in_use(reading: Reading, findings: Findings) -> list[int]:
    unused = findings.unused(reading.key) | {r.row for r in findings.rows_of_table(reading.key)}
    return [row for row in range(len(reading.raw.cells)) if row not in unused]


def _lost(losses: pd.DataFrame, parts: Parts) -> list[Problem]:
    """Say how much of the plots' trees is rejected, where that is worth saying."""
    worst = losses[(losses[["stem_share", "basal_area_share"]] > WORTH_SAYING).any(axis=1)]
    if worst.empty or parts.trees_read is None:
        return []
    ordered = worst.sort_values(["stem_share", "plot_id"], ascending=[False, True])
    shown = "; ".join(
        f"{row['plot_id'] or '(no plot)'} {_percent(row['stem_share'])} of {row['n_trees']} stems, "
        f"{_percent(row['basal_area_share'])} of the basal area"
        for row in ordered.head(SHOWN).to_dict("records")
    )
    more = f" and {len(worst) - SHOWN} more plots" if len(worst) > SHOWN else ""
    what = (
        f"{losses['n_rejected'].sum()} trees are rejected, and the biomass of {len(worst)} plots is "
        f"too low by them: {shown}{more}"
    )
    remedy = "correct the rows of rejected_rows.csv, or leave such plots out"
    return [Problem(parts.trees_read.raw.name, what, remedy)]


def _percent(share: float) -> str:
    if np.isnan(share):
        return "an unknown share"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _taken(parts: Parts) -> list[Problem]:
    """Say what was taken for granted: columns by usual names, units of headers."""
    readings = (parts.plots_read, parts.trees_read)
    return [note for reading in readings if reading is not None for note in reading.notes]


def _repaired(findings: Findings) -> list[Problem]:
    """Count the cells that were read as the number they mean, with the first of them."""
    repairs = findings.repairs()
    notes = []
    for file, cells in repairs.groupby("file", sort=True):
        one = cells.iloc[0]
        first = f"{one['value']!r} as {one['used']:g} (row {one['row']}, column {one['column']})"
        what = f"{len(cells)} cells are repaired as the project file asks, the first: {first}"
        notes.append(Problem(str(file), what, "see repaired_cells.csv of the results"))
    return notes


def _left_out(findings: Findings) -> list[Problem]:
    """Count the rows that the project itself leaves out; they are no rejections."""
    counts: dict[str, int] = {}
    for rejection in findings.rejected:
        if rejection.filtered and rejection.reason != EMPTY:
            counts[rejection.file] = counts.get(rejection.file, 0) + 1
    what = "rows are left out as the project file asks"
    return [Problem(file, f"{n} {what}") for file, n in counts.items()]


def _odd_trees(parts: Parts) -> list[Problem]:
    """Count the trees that look wrong one by one; they are used as they are."""
    if parts.trees is None or parts.trees_read is None or parts.trees.empty:
        return []
    odd = suspicious_trees(parts.trees)
    if odd.empty:
        return []
    first = odd.iloc[0]
    text = f"tree {first['tree_id']} of plot {first['plot_id']}: {first['reason']}"
    what = f"{len(odd)} trees look wrong and are used as they are, the first: {text}"
    return [Problem(parts.trees_read.raw.name, what, "see suspicious_rows.csv of the results")]


def _followed(parts: Parts, earlier: Remeasurement | None) -> list[Problem]:
    """Say what became of trees that were measured twice, and how many steps cannot be."""
    if earlier is None or parts.trees_read is None:
        return []
    counts = earlier.growth["fate"].value_counts()
    what = f"{len(earlier.plots)} plots were measured twice: " + ", ".join(
        f"{n} {fate}" for fate, n in counts.items()
    )
    notes = [Problem(parts.trees_read.raw.name, what)]
    odd = earlier.growth[earlier.growth["action"] != ""]
    if len(odd):
        first = odd.iloc[0]
        what = (
            f"{len(odd)} impossible steps, {first['action']}, the first: tree {first['tree_id']} "
            f"of plot {first['plot_id']}: {first['flag']}"
        )
        remedy = "see suspicious_rows.csv of the results and inventory.impossible_steps"
        notes.append(Problem(parts.trees_read.raw.name, what, remedy))
    return notes


def _with_places(plots: pd.DataFrame | None) -> pd.DataFrame | None:
    names = ["plot_id", "easting", "northing"]
    if plots is None or not set(names) <= set(plots.columns):
        return None
    return plots[names].dropna().reset_index(drop=True)


def _coordinates(reading: Reading | None) -> str:
    """Where a problem with impossible coordinates is told."""
    return "" if reading is None else coordinates_of(reading)
