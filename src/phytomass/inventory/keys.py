"""Keys that a file spreads over several columns: site, block and plot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phytomass.errors import InputError, nearest
from phytomass.inventory.cells import is_missing
from phytomass.inventory.settings import JOINED, TableSource
from phytomass.inventory.tables import RawTable


def with_joined_keys(raw: RawTable, source: TableSource, key: str) -> RawTable:
    """Return the file with one more column for each key of several: its cells joined by ``/``.

    A row that lacks a part has no key.

    Raises
    ------
    InputError
        For a part that the file does not have, and for two keys that look alike once joined.
    """
    cells = raw.cells
    for name, parts in source.columns.items():
        if not isinstance(parts, list):
            continue
        header = [str(column) for column in cells.columns]
        for part in parts:
            if part not in header:
                hint = nearest(part, header) or f"columns of the file: {', '.join(header)}"
                what = f"no column {part!r} ({key}.columns.{name})"
                raise InputError(what, where=raw.name, remedy=hint)
        texts = cells[parts].astype(str)
        lost = texts.map(lambda cell: is_missing(cell, source.missing)).any(axis=1).to_numpy()
        joined = texts.agg(JOINED.join, axis=1)
        several = texts[~lost].drop_duplicates().agg(JOINED.join, axis=1)
        if several.duplicated().any():
            twice = several[several.duplicated()].iloc[0]
            raise InputError(
                f"two different keys are both {twice!r} when joined by {JOINED!r}",
                where=f"{raw.name}, columns {', '.join(parts)}",
                remedy=f"write their parts without {JOINED!r}",
            )
        cells = cells.assign(**{JOINED.join(parts): np.where(lost, "", joined)})
    return raw if cells is raw.cells else replace(raw, cells=cells.astype(object))
