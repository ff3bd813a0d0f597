"""Trees that were measured a second time, to learn how exact the first measurement is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phytomass.errors import InputError
from phytomass.inventory.columns import Column, find_columns, kept_rows, standard_columns
from phytomass.inventory.findings import Findings
from phytomass.inventory.keys import with_joined_keys
from phytomass.inventory.settings import TableSource
from phytomass.inventory.tables import read_table

KEY = "inventory.controls"
TREE = ["plot_id", "tree_id"]
SIZES = ("dbh_cm", "height_m")
COLUMNS = (
    *(Column(name, "text") for name in TREE),
    Column("dbh_cm", "number", "length_cm", required=False, may_miss=True),
    Column("height_m", "number", "length_m", required=False, may_miss=True),
)


def read_controls(source: TableSource, root: Path) -> pd.DataFrame:
    """Read control measurements: plot_id, tree_id, dbh_cm and height_m, NaN where there is none.

    Parameters
    ----------
    source : TableSource
        The table; the tree list itself may be named, with the columns of its second measurement.
    root : path
        The project's folder.

    Raises
    ------
    InputError
        For a table that cannot be read, without either size, with cells that are no number or not
        above zero, or with a tree twice.
    """
    findings = Findings()
    raw = with_joined_keys(read_table(source, root), source, KEY)
    reading = find_columns(raw, source, KEY, COLUMNS, findings)
    findings.stop_if_any()
    table = standard_columns(reading, kept_rows(reading, findings), COLUMNS, findings)
    findings.refuse_rejected("correct it, or leave it empty")
    sizes = [name for name in SIZES if name in table]
    if not sizes:
        findings.problem(raw.name, "has neither dbh_cm nor height_m", f"map them: {KEY}.columns")
    for name in sizes:
        low = table.index[table[name] <= 0]
        if len(low):
            findings.problem(reading.place(name, low), "a size is above 0")
    twice = table.index[table.duplicated(TREE)]
    if len(twice):
        findings.problem(reading.place("tree_id", twice), "a tree that stands there already")
    findings.stop_if_any()
    if table[sizes].isna().all(axis=None):
        raise InputError("holds no measurement", where=raw.name)
    return table.reindex(columns=[*TREE, *SIZES]).reset_index(drop=True)
