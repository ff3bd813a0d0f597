"""Tables of one form that stand apart: trees that a form repeats within each plot."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from phytomass.errors import InputError, nearest
from phytomass.inventory.settings import JoinedTable

KEYS = (
    ("_parent_index", "_index"),
    ("_submission__uuid", "_uuid"),
    ("_submission__id", "_id"),
    ("PARENT_KEY", "KEY"),
)
"""Keys of repeated groups and of what they belong to, in exports of KoboToolbox and ODK Central."""


def joined(
    cells: pd.DataFrame, other: pd.DataFrame, join: JoinedTable, names: tuple[str, str]
) -> pd.DataFrame:
    """Return the rows of a table with the columns of another that it lacks, found by a key.

    Parameters
    ----------
    cells, other : DataFrame of str
        A row of `other` may belong to many of `cells`, and never several to one. A row without
        any has empty cells, and is rejected later for what it then lacks.
    join : JoinedTable
        The key.
    names : tuple of str
        What to call both tables in messages.

    Raises
    ------
    InputError
        For an absent key, one that repeats in `other`, and where no row has its partner.
    """
    mine, theirs = _keys(cells, other, join, names)
    known = other[other[theirs] != ""]
    twice = known.loc[known.duplicated(theirs), theirs].unique()
    if len(twice):
        what = f"{theirs} is not unique: {', '.join(map(str, twice[:5]))}"
        raise InputError(what, where=names[1], remedy="name a key that each row has for itself: on")
    if not cells[mine].isin(known[theirs]).any():
        what = f"no {mine} of its rows is a {theirs} of {names[1]}"
        raise InputError(what, where=names[0], remedy="check join.on")
    added = known.set_index(theirs, drop=False)
    added = added[[c for c in added.columns if c not in cells.columns]]
    found = added.reindex(cells[mine].to_numpy()).fillna("").set_axis(cells.index)
    return pd.concat([cells, found], axis=1)


def _keys(
    cells: pd.DataFrame, other: pd.DataFrame, join: JoinedTable, names: Sequence[str]
) -> tuple[str, str]:
    if not join.on:
        for mine, theirs in KEYS:
            if mine in cells and theirs in other:
                return mine, theirs
        usual = " or ".join(f"{mine}: {theirs}" for mine, theirs in KEYS)
        remedy = f"say which columns belong together: join.on, e.g. {{{usual.split(' or ')[0]}}}"
        raise InputError(f"no usual key ({usual})", where=names[0], remedy=remedy)
    pair = (join.on, join.on) if isinstance(join.on, str) else next(iter(join.on.items()))
    for column, table, name in zip(pair, (cells, other), names, strict=True):
        if column not in table:
            header = [str(c) for c in table.columns]
            hint = nearest(column, header) or f"columns: {', '.join(header)}"
            raise InputError(f"no column {column!r} (join.on)", where=name, remedy=hint)
    return pair
