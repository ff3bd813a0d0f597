"""Field sheets to an inventory: trees, plots, and the rows that could not be used."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError, Problem
from phytomass.inventory.checks import SetAside, check_membership, check_plots, check_trees
from phytomass.inventory.columns import (
    OF_PLOTS,
    PLOT_COLUMNS,
    TREE_COLUMNS,
    Column,
    Reading,
    drop_rejected,
    find_columns,
    kept_rows,
    standard_columns,
)
from phytomass.inventory.coordinates import place_plots, stated_crs, with_points
from phytomass.inventory.corners import areas_of_corners, areas_of_polygons, centres_of_corners
from phytomass.inventory.design import (
    leave_out_small,
    live_rows,
    merged_stems,
    per_hectare,
    with_equivalent_diameter,
)
from phytomass.inventory.findings import Findings
from phytomass.inventory.keys import with_joined_keys
from phytomass.inventory.losses import LOSS_COLUMNS, losses_by_plot
from phytomass.inventory.remeasured import Remeasurement, follow
from phytomass.inventory.settings import InventorySettings, TableSource
from phytomass.inventory.tables import read_table
from phytomass.inventory.visits import Visit, Visits, rows_of_visit, source_at, visits_of

WHAT = {
    "agb_mg_ha": "biomass",
    "agb_se_mg_ha": "the standard error of biomass",
    "agb_before_mg_ha": "the earlier biomass",
}
"""What trees say of plots, in words."""

ON_DEMAND = ("agb_kg", "date")
"""Columns of trees that are read only where the project names them."""


@dataclass(frozen=True, eq=False)
class Inventory:
    """What was measured, checked row by row.

    Parameters
    ----------
    trees : DataFrame or None
        tree_id, plot_id, species, dbh_cm, height_m (NaN where the file has no heights), and where
        given per_ha (trees per hectare a row stands for) and agb_kg; None where the plots come
        with their biomass.
    plots : DataFrame
        plot_id, easting, northing (in the project's CRS), site (the plot's own id where none is
        given), and where known area_ha, agb_mg_ha, agb_se_mg_ha, agb_before_mg_ha, elevation_m.
        With trees also n_trees_rejected: trees of the plot that were set aside for a fault, so
        that its biomass is too low by them.
    rejected : DataFrame
        file, row (as a spreadsheet counts, the header being row 1), column, value, reason, kind
        (``rejected`` for a fault, ``left out`` where the project asked for it).
    files : tuple of path
        What was read.
    losses : DataFrame
        One row per plot that lost trees for a fault, see `losses_by_plot`.
    repaired : DataFrame
        file, row, column, value (as written), used, reason: cells that were read as the number they
        mean, where the project asks for it.
    earlier : Remeasurement or None
        The earlier date of a list that holds several; all the rest is about the later one.
    crs : str or None
        CRS of easting and northing: the project's, else the one that is stated for the file.
    """

    trees: pd.DataFrame | None
    plots: pd.DataFrame
    rejected: pd.DataFrame
    files: tuple[Path, ...]
    losses: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=LOSS_COLUMNS))
    repaired: pd.DataFrame = field(default_factory=lambda: Findings().repairs())
    earlier: Remeasurement | None = None
    crs: str | None = None


@dataclass(frozen=True, eq=False)
class Parts:
    """What could be read of an inventory, whether or not the whole of it can be used.

    Parameters
    ----------
    plots_read, trees_read : Reading or None
        The files, as far as they have our columns.
    plots, trees : DataFrame or None
        The rows that can be used.
    visits : Visits or None
        Of plots that stand in the list of trees at several dates.
    """

    plots_read: Reading | None
    trees_read: Reading | None
    plots: pd.DataFrame | None
    trees: pd.DataFrame | None
    visits: Visits | None = None


def read_inventory(settings: InventorySettings, root: Path, crs: str | None) -> Inventory:
    """Read the tables of plots and trees and check every row.

    A row is set aside, with its reason, when a value is missing or no number, when a diameter or
    height is zero, when its plot was set aside, or when `where` leaves it out.

    Parameters
    ----------
    settings : InventorySettings
        The section `inventory` of the project file.
    root : path
        The project's folder.
    crs : str or None
        The project's CRS, to which plot positions are converted; None where plots need none, and
        positions that the file has stay as they are.

    Raises
    ------
    InputError
        With every problem at once, each with file, rows and column: a missing file or column,
        another encoding, ids that repeat, negative values, heights above 120 m, diameters in
        another unit, trees of unknown plots, no plot area, nothing left.
    """
    findings = Findings()
    inventory = _read(settings, root, crs, findings, crs is not None)
    findings.stop_if_any()
    if inventory is None:
        raise InputError("the inventory could not be read", where="inventory")
    return inventory


def check_inventory(settings: InventorySettings, root: Path, crs: str | None) -> list[Problem]:
    """Return every problem that `read_inventory` would stop at; an empty list if there is none.

    Parameters
    ----------
    settings, root, crs
        As in `read_inventory`.
    """
    findings = Findings()
    _read(settings, root, crs, findings, crs is not None)
    return findings.problems


def read_parts(
    settings: InventorySettings,
    root: Path,
    crs: str | None,
    findings: Findings,
    placed: bool = True,
    visit: Visit = "last",
) -> Parts:
    """Read the tables independently of one another, as far as each can be read.

    Parameters
    ----------
    settings, root
        As in `read_inventory`.
    crs : str or None
        As in `read_inventory`; None leaves positions as they are in the file.
    findings : Findings
        Gets every problem and every rejected row.
    placed : bool
        Whether plots need a position.
    visit : {"last", "first"}
        Which one, where trees were measured more than once.
    """
    plots_read = None
    if settings.plots is not None:
        columns = _plot_columns(settings, placed)
        plots_read = _open(settings.plots, "inventory.plots", root, columns, findings)
    trees_read = None
    source = source_at(settings, visit)
    if source is not None:  # masses and dates of the file are only read when the project asks
        named = source.columns
        columns = tuple(c for c in TREE_COLUMNS if c.name not in ON_DEMAND or c.name in named)
        columns += OF_PLOTS if settings.plots is None else ()
        trees_read = _open(source, "inventory.trees", root, columns, findings)
    where = trees_read if settings.plots is None else plots_read
    if where is not None:
        _check_biomass_and_area(settings, where, trees_read, findings)
    plots: pd.DataFrame | None = None
    set_aside: SetAside = {}
    if plots_read is not None:
        measure = _is_measured(settings, plots_read, trees_read)
        plots, set_aside = _plots(plots_read, settings, crs, findings, measure, placed)
    elif settings.plots is None and trees_read is not None:
        plots = _plots_of_trees(trees_read, settings, findings)
    known = None if plots is None else set(plots["plot_id"])
    trees, visits = None, None
    if trees_read is not None:
        keep = kept_rows(trees_read, findings)
        visits = visits_of(trees_read, keep, settings, findings)
        if visits is not None:
            keep = rows_of_visit(trees_read, keep, visits, visit, findings)
        trees = _trees(trees_read, keep, known, set_aside, findings, settings)
    return Parts(plots_read, trees_read, plots, trees, visits)


def _read(
    settings: InventorySettings, root: Path, crs: str | None, findings: Findings, placed: bool
) -> Inventory | None:
    parts = read_parts(settings, root, crs, findings, placed)
    trees, plots = parts.trees, parts.plots
    if findings.problems or plots is None:
        return None
    losses = losses_by_plot(parts.trees_read, findings)
    earlier = None
    if trees is not None and parts.trees_read is not None:
        plots["n_trees_rejected"] = _rejected_per_plot(plots["plot_id"], parts.trees_read, findings)
        if parts.visits is not None:
            earlier, trees = followed(parts, settings, root, findings)
            if earlier is None:
                return None
            earlier = replace(earlier, trees=_with_expansion(earlier.trees, plots, settings))
        trees = _with_expansion(trees, plots, settings)
    sources = [s for s in (settings.trees, settings.plots) if s is not None]
    paths = [s.path for s in sources]
    paths += [s.join.path for s in sources if s.join is not None and s.join.path is not None]
    files = tuple(root / path for path in dict.fromkeys(paths))
    repairs = findings.repairs()
    stated = crs if crs is not None else stated_crs(parts.plots_read)
    return Inventory(trees, plots, findings.table(), files, losses, repairs, earlier, stated)


def followed(
    parts: Parts, settings: InventorySettings, root: Path, findings: Findings
) -> tuple[Remeasurement | None, pd.DataFrame]:
    """Read the first visit and follow its trees to the last; None where they cannot be."""
    first = Findings()
    then = read_parts(settings, root, None, first, False, "first")
    now, reading, visits = parts.trees, parts.trees_read, parts.visits
    assert now is not None and reading is not None and visits is not None  # noqa: S101
    old = then.trees, then.trees_read, first
    plots = set() if parts.plots is None else set(parts.plots["plot_id"])
    return follow(old, (now, reading, findings), visits, plots, settings)


def _open(
    source: TableSource, key: str, root: Path, columns: tuple[Column, ...], findings: Findings
) -> Reading | None:
    try:
        raw = with_joined_keys(read_table(source, root), source, key)
        raw = with_equivalent_diameter(raw, source, key, findings)
    except InputError as error:
        findings.problems += error.problems
        return None
    before = len(findings.problems)
    reading = find_columns(raw, source, key, columns, findings)
    return reading if len(findings.problems) == before else None


def _check_biomass_and_area(
    settings: InventorySettings, reading: Reading, trees: Reading | None, findings: Findings
) -> None:
    name, found = reading.raw.name, reading.found
    if settings.trees is None:
        if "agb_mg_ha" not in found:
            remedy = "map inventory.plots.columns.agb_mg_ha, or give inventory.trees"
            findings.problem(name, "no column 'agb_mg_ha', and there is no list of trees", remedy)
        return
    mapped = set(settings.plots.columns) if settings.plots is not None else set()
    for column in sorted(_from_trees(settings) & mapped):
        remedy = f"remove inventory.plots.columns.{column}, or inventory.trees"
        what = WHAT[column]
        findings.problem("inventory", f"{what} is given both by trees and by plots", remedy)
    expanded = _is_expanded(settings, trees)
    if settings.radius_along == "slope" and "slope_deg" not in found:
        findings.problem(name, "no column 'slope_deg', and radii were laid along the slope")
    measured = settings.plot_corners or reading.raw.shapes is not None or expanded
    if "area_ha" not in found and settings.area_ha is None and not measured:
        remedy = (
            "give inventory.plot_area_ha or plot_radius_m, map a column area_ha (with its unit), or "
            "list the corners (inventory.plot_corners)"
        )
        findings.problem("inventory", "the area of the plots is not known", remedy)
    if "area_ha" in found and (settings.area_ha is not None or expanded):
        remedy = "keep one; inventory.plots.columns.area_ha: '' leaves the column out"
        findings.problem(name, "plot areas are given in the file and in the project", remedy)


def _from_trees(settings: InventorySettings) -> set[str]:
    """Return the columns of plots that come from the trees: no error where trees were weighed."""
    if settings.trees is None:
        return set()
    own = {"agb_mg_ha"} if "agb_kg" in settings.trees.columns else {"agb_mg_ha", "agb_se_mg_ha"}
    dated = settings.remeasured or "date" in settings.trees.columns
    return own | {"agb_before_mg_ha"} if dated else own


def _is_expanded(settings: InventorySettings, trees: Reading | None) -> bool:
    """Tell whether trees say for how many per hectare they stand."""
    return bool(settings.subplots) or (trees is not None and "per_ha" in trees.found)


def _is_measured(settings: InventorySettings, plots: Reading, trees: Reading | None) -> bool:
    """Tell whether areas that the file does not give are those of corners or polygons."""
    needed = settings.trees is not None and not _is_expanded(settings, trees)
    drawn = settings.plot_corners or plots.raw.shapes is not None
    return drawn and needed and settings.area_ha is None and "area_ha" not in plots.found


def _plots(
    reading: Reading,
    settings: InventorySettings,
    crs: str | None,
    findings: Findings,
    measure: bool,
    placed: bool,
) -> tuple[pd.DataFrame | None, SetAside]:
    """Return the plots that can be used, and the others with the reason."""
    before = len(findings.problems)
    keep = kept_rows(reading, findings)
    table = standard_columns(reading, keep, _columns_to_complete(settings, placed), findings)
    if crs is None:
        table = with_points(table, reading, findings)
    else:
        table = place_plots(table, reading, crs, findings)
    measure = measure and len(findings.problems) == before
    if settings.plot_corners:
        if measure and crs is not None:
            table = areas_of_corners(table, crs, reading, findings)
        table = centres_of_corners(table, reading, findings)
    elif measure:
        table = areas_of_polygons(table, crs, reading, findings)
    check_plots(table, reading, findings)
    good = drop_rejected(table, reading, findings)
    if good.empty and len(findings.problems) == before:
        findings.problem(reading.raw.name, "no plot can be used", "see the rejected rows")
    good = _completed(good, settings)
    known = set(good["plot_id"])
    return good, {p: why for p, why in _set_aside(reading, findings).items() if p not in known}


def _plot_columns(settings: InventorySettings, placed: bool) -> tuple[Column, ...]:
    """Return the columns that a table of plots may have: positions too, where none is needed."""
    free = () if placed or settings.plot_corners else ("easting", "northing")
    return tuple(
        replace(c, required=False, may_miss=True) if c.name in free else c for c in PLOT_COLUMNS
    )


def _columns_to_complete(settings: InventorySettings, placed: bool) -> tuple[Column, ...]:
    """Return the columns to read: either trees and areas or biomass must be complete."""
    columns = _plot_columns(settings, placed)
    if settings.trees is not None:
        computed = _from_trees(settings)
        return tuple(c for c in columns if c.name not in computed)
    return tuple(replace(c, may_miss=c.may_miss or c.name == "area_ha") for c in columns)


def _plots_of_trees(
    reading: Reading, settings: InventorySettings, findings: Findings
) -> pd.DataFrame | None:
    """Return the plots that a list of trees names, with what it says of them."""
    own = Findings()  # a fault of a row is told when the trees are read
    columns = (PLOT_COLUMNS[0], *OF_PLOTS)
    table = standard_columns(reading, kept_rows(reading, own), columns, own)
    findings.repaired += own.repaired
    if "plot_id" not in table:
        return None
    table = table[table["plot_id"] != ""]
    groups = table.groupby("plot_id", sort=False)
    for column in table.columns.drop("plot_id"):
        several = groups[column].nunique()
        if (several > 1).any():
            plot = several.index[(several > 1).to_numpy()][0]
            rows = table.index[(table["plot_id"] == plot).to_numpy()]
            what = f"the trees of plot {plot!r} do not agree in it"
            findings.problem(reading.place(column, rows), what, "correct the rows of that plot")
    return _completed(groups.first().reset_index(), settings)


def _set_aside(reading: Reading, findings: Findings) -> SetAside:
    """Return the plots of rejected rows, each with the reason for its trees and whose wish it was."""
    column = reading.raw.cells[reading.found["plot_id"]]
    reasons: SetAside = {}
    for rejection in findings.rows_of_table(reading.key):
        how = "left out" if rejection.filtered else f"rejected: {rejection.reason}"
        row = f"row {rejection.number} of {rejection.file}"
        reason = f"its plot was {how} ({row})"
        reasons[column.iloc[rejection.row]] = (reason, rejection.filtered)
    return reasons


def _completed(plots: pd.DataFrame, settings: InventorySettings) -> pd.DataFrame:
    plots = plots.reset_index(drop=True)
    site = plots["site"].to_numpy(dtype=object) if "site" in plots else np.full(len(plots), "")
    plots["site"] = np.where(site == "", plots["plot_id"].to_numpy(dtype=object), site)
    if "area_ha" not in plots and settings.area_ha is not None:
        plots["area_ha"] = settings.area_ha
        if settings.radius_along == "slope" and "slope_deg" in plots:
            plots["area_ha"] *= np.cos(np.radians(plots["slope_deg"].to_numpy(dtype=float)))
    first = ["plot_id", "easting", "northing", "site"]
    rest = [c.name for c in PLOT_COLUMNS if c.name not in first and c.name in plots]
    return plots[[c for c in (*first, *rest) if c in plots]]


def _trees(
    reading: Reading,
    keep: NDArray[np.bool_],
    known: set[str] | None,
    set_aside: SetAside,
    findings: Findings,
    settings: InventorySettings,
) -> pd.DataFrame:
    keep = live_rows(reading, keep, settings, findings)
    without_height = settings.missing_height == "keep"
    columns = tuple(
        replace(c, may_miss=c.may_miss or (without_height and c.name == "height_m"))
        for c in TREE_COLUMNS
    )
    table = standard_columns(reading, keep, columns, findings)
    merge = settings.stem_rows == "merge"
    check_trees(table, reading, findings, stems=merge)
    if "dbh_cm" in table:
        leave_out_small(table, reading, settings, findings)
    if known is not None:
        check_membership(table, reading, known, set_aside, findings)
    if "tree_id" not in table:
        number = table.groupby("plot_id").cumcount() + 1
        table["tree_id"] = table["plot_id"] + "-" + number.astype(str)
    good = drop_rejected(table, reading, findings).reset_index(drop=True)
    if "height_m" not in good:
        good["height_m"] = np.nan
    if merge and "tree_id" in reading.found:
        good = merged_stems(good, reading, findings)
    more = [c for c in ("per_ha", "agb_kg", "wood_density_g_cm3", "family") if c in good]
    return good[["tree_id", "plot_id", "species", "dbh_cm", "height_m", *more]]


def _with_expansion(
    trees: pd.DataFrame, plots: pd.DataFrame, settings: InventorySettings
) -> pd.DataFrame:
    """Add per_ha where plots are nested; radii laid along the slope count horizontally."""
    if not settings.subplots:
        return trees
    factor = per_hectare(trees["dbh_cm"], settings.subplots)
    if settings.radius_along == "slope":
        slope = trees["plot_id"].map(plots.set_index("plot_id")["slope_deg"])
        factor = factor / np.cos(np.radians(slope.to_numpy(dtype=float)))
    return trees.assign(per_ha=factor)


def _rejected_per_plot(
    plot_id: pd.Series[str], reading: Reading, findings: Findings
) -> pd.Series[int]:
    """Count the trees of each plot that were set aside for a fault, not by `where`."""
    faulty = {r.row for r in findings.rows_of_table(reading.key) if not r.filtered}
    plots = reading.raw.cells[reading.found["plot_id"]].iloc[sorted(faulty)]
    return plot_id.map(plots.value_counts()).fillna(0).astype(int)
