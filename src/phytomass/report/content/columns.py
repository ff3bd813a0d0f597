"""Columns of result tables as a reader sees them: headings and numbers by their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from phytomass import tables
from phytomass.report.content.blocks import Align, TableColumn
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import aligned, percent, probability
from phytomass.report.messages.saying import WRITERS

CELLS: dict[str, Callable[..., str]] = {
    **WRITERS,
    "text": str,
    "flag": labels.flag,
    "sensor": labels.sensor,
    "period": labels.period,
    "probability": probability,
    "percentage": lambda value, digits: percent(value / 100, int(digits)),
}
"""How one cell is written; `aligned` and `signed` write a whole column alike."""

ALIGNED: dict[str, Align] = {"short": "short", "right": "number"}
"""Words after the way of writing that say how a column of texts stands."""


def columns_of(
    table: str, rows: pd.DataFrame, *names: str, **texts: Iterable[str]
) -> list[TableColumn]:
    """Return columns of a result table: heading, alignment and texts as `columns.csv` says.

    Parameters
    ----------
    table : str
        Name of the result table.
    rows : DataFrame
        Its rows.
    *names : str
        The columns, in order.
    **texts
        Texts for columns that are not written as their record says.

    Examples
    --------
    >>> rows = pd.DataFrame({"predictor": ["NDVI"], "r": [0.61234], "p": [0.0001]})
    >>> columns_of("correlations", rows, "predictor", "r", "p")
    [('Predictor', 'text', ['NDVI']), ('r', 'number', ['0.612']), ('p', 'number', ['< 0.001'])]
    """
    records = tables.table(table).columns
    return [
        (
            labels.heading(table, name),
            _align(records[name]),
            list(texts[name]) if name in texts else _written(records[name].shown, rows[name]),
        )
        for name in names
    ]


def _align(column: tables.Column) -> Align:
    last = column.shown.split(" ")[-1]
    if last in ALIGNED:
        return ALIGNED[last]
    return "text" if column.type in ("text", "flag") else "number"


def _written(shown: str, cells: pd.Series[Any]) -> list[str]:
    how, *rest = [word for word in shown.split(" ") if word not in ALIGNED]
    if how in ("aligned", "signed"):
        return aligned(cells, int(rest[0]), sign=how == "signed")
    if how == "words":
        return [labels.named(rest[0], cell) for cell in cells]
    return [CELLS[how](cell, *rest) for cell in cells]
