"""The ways of laying out a plot and of writing down its trees: areas, stems, status."""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi, radians

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import InputError, nearest
from phytomass.inventory.cells import is_missing, mended, parse_number
from phytomass.inventory.columns import Reading
from phytomass.inventory.findings import Findings, Repair
from phytomass.inventory.headers import read_header
from phytomass.inventory.settings import InventorySettings, SubPlot, TableSource
from phytomass.inventory.tables import RawTable

Array = NDArray[np.float64]


def equivalent_diameter(stems: ArrayLike) -> Array:
    """Return √Σd² of the stems of each tree: the diameter of one stem with their basal area.

    Parameters
    ----------
    stems : array, shape (n_trees, n_stems)
        Diameters in any unit; NaN for no stem.

    Returns
    -------
    array, shape (n_trees,)
        NaN for a tree without a stem.

    Examples
    --------
    >>> equivalent_diameter([[3.0, 4.0], [5.0, np.nan], [np.nan, np.nan]])
    array([ 5.,  5., nan])
    """
    d = np.asarray(stems, dtype=float)
    total = np.sqrt(np.nansum(d**2, axis=1))
    return np.where(np.isfinite(d).any(axis=1), total, np.nan)


def horizontal_area_ha(radius_m: float, slope_deg: float = 0.0) -> float:
    """Return the horizontal area of a circle whose radius was laid along the slope: π r² cos(slope).

    Examples
    --------
    >>> round(horizontal_area_ha(17.84), 6), round(horizontal_area_ha(17.84, 60.0), 6)
    (0.099986, 0.049993)
    """
    return pi * radius_m**2 * cos(radians(slope_deg)) * 1e-4


def per_hectare(dbh_cm: ArrayLike, subplots: list[SubPlot]) -> Array:
    """Return how many trees per hectare each tree of nested plots stands for.

    A tree counts in the subplot whose limits hold its diameter (lower limit included); NaN for a
    tree that no subplot takes.

    Examples
    --------
    >>> nest = [SubPlot(dbh_min_cm=5, dbh_max_cm=20, area_ha=0.01), SubPlot(dbh_min_cm=20, area_ha=0.1)]
    >>> per_hectare([4.9, 5.0, 19.9, 20.0], nest)
    array([ nan, 100., 100.,  10.])
    """
    d = np.atleast_1d(np.asarray(dbh_cm, dtype=float))
    factor = np.full(d.shape, np.nan)
    for part in subplots:
        inside = (d >= part.dbh_min_cm) & (d < part.dbh_max_cm)
        factor[inside] = 1.0 / part.horizontal_ha
    return factor


def with_equivalent_diameter(
    raw: RawTable, source: TableSource, key: str, findings: Findings
) -> RawTable:
    """Return the file with a column dbh_cm of the equivalent diameter of its stem columns.

    A cell that is no number stays as it is written, so that its row is rejected for it; or it is
    repaired, where the project asks for that.
    """
    if not source.stems:
        return raw
    _check_stems(raw, source, key)
    text = raw.cells[source.stems]
    missing = text.map(lambda cell: is_missing(cell, source.missing)).to_numpy(dtype=bool)
    values = text.map(lambda cell: parse_number(cell, source.decimal)).to_numpy(dtype=float)
    values = np.where(missing, np.nan, values)
    bad = ~missing & ~np.isfinite(values)
    if source.repair:
        for row, stem in np.argwhere(bad):
            values[row, stem] = _mended_stem(raw, source, int(row), source.stems[stem], findings)
        bad &= ~np.isfinite(values)
    diameter = equivalent_diameter(values)
    cells = ["" if np.isnan(d) else repr(float(d)).replace(".", source.decimal) for d in diameter]
    for row in np.flatnonzero(bad.any(axis=1)):
        cells[row] = str(text.iloc[int(row), int(np.flatnonzero(bad[row])[0])])
    return replace(raw, cells=raw.cells.assign(dbh_cm=cells))


def _check_stems(raw: RawTable, source: TableSource, key: str) -> None:
    header = [str(c) for c in raw.cells.columns]
    absent = [c for c in source.stems if c not in header]
    if absent:
        hint = nearest(absent[0], header) or f"columns of the file: {', '.join(header)}"
        raise InputError(f"no column {absent[0]!r} ({key}.stems)", where=raw.name, remedy=hint)
    if source.columns.get("dbh_cm"):
        remedy = f"remove {key}.columns.dbh_cm; the unit is that of {key}.units.dbh_cm"
        raise InputError("the diameter is given by stems and by a column", where=key, remedy=remedy)
    units = {read_header(stem).unit for stem in source.stems}
    if len(units) > 1:
        remedy = f"bring them to one unit, and say which: {key}.units.dbh_cm"
        what = f"the headers of the stems do not agree in their unit: {', '.join(source.stems)}"
        raise InputError(what, where=raw.name, remedy=remedy)


def _mended_stem(
    raw: RawTable, source: TableSource, row: int, stem: str, findings: Findings
) -> float:
    header = read_header(stem)
    unit = source.units.get("dbh_cm") or (header.unit if header.sure else "") or "cm"
    cell = str(raw.cells[stem].iloc[row])
    value, why = mended(cell, source.decimal, unit, "length_cm")
    if why:
        findings.repaired.append(Repair(*raw.source_of(row), stem, cell, value, why))
    return value


def live_rows(
    reading: Reading, keep: NDArray[np.bool_], settings: InventorySettings, findings: Findings
) -> NDArray[np.bool_]:
    """Return which of the kept rows are live trees by their status; list the others."""
    if not settings.status:
        return keep
    if "status" not in reading.found:
        remedy = f"map {reading.key}.columns.status, or remove inventory.status"
        findings.problem(reading.raw.name, "no column 'status'", remedy)
        return keep
    codes = reading.raw.cells[reading.found["status"]]
    unknown = sorted({c for c in codes[keep] if c not in settings.status})
    if unknown:
        shown = ", ".join(repr(c) for c in unknown[:5])
        remedy = "say in inventory.status what they mean: live, dead, missing or below_threshold"
        findings.problem(reading.place("status"), f"codes without a meaning: {shown}", remedy)
        return keep
    is_live = np.array([settings.status.get(c) == "live" for c in codes], dtype=np.bool_)
    live = np.logical_and(keep, is_live)
    for row in np.flatnonzero(keep & ~live):
        reason = f"left out by inventory.status: {settings.status[codes.iloc[row]]}"
        reading.reject(findings, int(row), "status", reason, filtered=True)
    return np.asarray(live, dtype=np.bool_)


def leave_out_small(
    trees: pd.DataFrame, reading: Reading, settings: InventorySettings, findings: Findings
) -> None:
    """List the trees below the smallest diameter, and those that no subplot takes."""
    d = trees["dbh_cm"].to_numpy(dtype=float)
    limit = settings.dbh_min_cm
    if limit is not None:
        for row in trees.index[d < limit]:
            reason = f"below inventory.dbh_min_cm ({limit:g} cm)"
            reading.reject(findings, int(row), "dbh_cm", reason, filtered=True)
    if settings.subplots:
        outside = np.isnan(per_hectare(d, settings.subplots)) & (d > 0)
        for row in trees.index[outside]:
            reason = "no subplot takes trees of this diameter"
            reading.reject(findings, int(row), "dbh_cm", reason, filtered=True)


def merged_stems(trees: pd.DataFrame, reading: Reading, findings: Findings) -> pd.DataFrame:
    """Return one row per tree of a table with one row per stem: √Σd², the tallest height."""
    keys = ["plot_id", "tree_id"]
    groups = trees.groupby(keys, sort=False)
    mixed = groups["species"].nunique()
    if (mixed > 1).any():
        plot, tree = mixed.index[mixed > 1][0]
        findings.problem(
            reading.place("species"),
            f"stems of one tree are of different species: tree {tree} of plot {plot}",
            "correct the species or the tree's number",
        )
    out = trees.drop_duplicates(keys).set_index(keys)
    squares = (trees["dbh_cm"] ** 2).groupby([trees[k] for k in keys], sort=False).sum()
    out["dbh_cm"] = np.sqrt(squares)
    if "height_m" in out:
        out["height_m"] = groups["height_m"].max()
    if "agb_kg" in out:
        out["agb_kg"] = groups["agb_kg"].sum()
    return out.reset_index()[trees.columns]
