"""What rejected trees take away from each plot: its biomass is too low by them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phytomass.files import of_texts
from phytomass.inventory.cells import is_missing
from phytomass.inventory.columns import TREE_COLUMNS, Reading, number_of
from phytomass.inventory.findings import Findings

DIAMETER = next(column for column in TREE_COLUMNS if column.name == "dbh_cm")
LOSS_COLUMNS = ["plot_id", "n_trees", "n_rejected", "stem_share", "basal_area_share"]


def losses_by_plot(reading: Reading | None, findings: Findings) -> pd.DataFrame:
    """Return the share of the trees of each plot that was set aside for a fault.

    Rows that the project itself leaves out (`where`, `status`, `dbh_min_cm`, empty rows) count
    neither as trees nor as rejected.

    Parameters
    ----------
    reading : Reading or None
        The list of trees; None where there is none.
    findings : Findings
        With the rows that were set aside.

    Returns
    -------
    DataFrame
        One row per plot that lost trees: plot_id, n_trees (rejected ones included), n_rejected,
        stem_share = n_rejected / n_trees, basal_area_share = Σd² of the rejected / Σd² of all (NaN
        where a rejected tree has no diameter).
    """
    if reading is None or not {"plot_id", "dbh_cm"} <= set(reading.found):
        return pd.DataFrame(columns=LOSS_COLUMNS)
    left_out = findings.unused(reading.key)
    rejected = {r.row for r in findings.rows_of_table(reading.key)} - left_out
    cells = reading.raw.cells
    trees = pd.DataFrame(
        {
            "plot_id": cells[reading.found["plot_id"]].to_numpy(dtype=object),
            "d2": of_texts(cells[reading.found["dbh_cm"]], lambda c: _square(c, reading)),
            "rejected": np.isin(np.arange(len(cells)), sorted(rejected)),
        }
    )
    return _shares(trees[~np.isin(np.arange(len(cells)), sorted(left_out))])


def _square(cell: str, reading: Reading) -> float:
    """Return d² in the file's own unit, which shares do not depend on; NaN for no diameter."""
    if is_missing(cell, reading.source.missing):
        return np.nan
    d = number_of(cell, DIAMETER, reading)
    return float(d * d) if np.isfinite(d) and d > 0 else np.nan


def _shares(trees: pd.DataFrame) -> pd.DataFrame:
    unknown = trees["rejected"] & trees["d2"].isna()
    trees = trees.assign(lost=trees["d2"].where(trees["rejected"], 0.0), unknown=unknown)
    groups = trees.groupby("plot_id", sort=True)
    table = groups.agg(
        n_trees=("rejected", "size"),
        n_rejected=("rejected", "sum"),
        d2=("d2", "sum"),
        lost=("lost", "sum"),
        unknown=("unknown", "any"),
    ).reset_index()
    table = table[table["n_rejected"] > 0].reset_index(drop=True)
    table["stem_share"] = table["n_rejected"] / table["n_trees"]
    table["basal_area_share"] = (table["lost"] / table["d2"]).mask(table["unknown"])
    return table[LOSS_COLUMNS]
