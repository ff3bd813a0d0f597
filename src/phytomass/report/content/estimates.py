"""Rows of `estimates.csv` as a table a reader can follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from phytomass.report.content.blocks import Table, TableColumn
from phytomass.report.content.values import AGB
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import ABSENT, count, number
from phytomass.report.messages.saying import say

MAIN_MASSES = (("", ""), AGB, ("total", "C"), ("total", "CO2e"))
"""Pools and kinds that tables of estimates show; the others follow from them by fixed factors."""


def estimates_table(rows: pd.DataFrame, caption: str, note: str = "") -> Table:
    """Write rows of `estimates.csv` as a table, each with pool, kind, unit, area and date.

    What is said of one quantity (mean or total, standard error, SD, range) stands in one row.
    """
    keys = ["quantity", "zone", "pool", "kind", "unit", "period"]
    about = pd.DataFrame({key: rows[key] for key in keys})
    groups = [_Said.of(rows.loc[part.index]) for _, part in about.groupby(keys, sort=False)]
    ranges: list[TableColumn] = [
        (say("heading.range"), "number", [g.range_ or ABSENT for g in groups])
    ]
    intervals: list[TableColumn] = [
        (say("heading.bounds"), "number", [g.interval or ABSENT for g in groups])
    ]
    return Table.of(
        caption,
        [
            (
                say("heading.quantity"),
                "text",
                [labels.named("quantity", g.first["quantity"]) for g in groups],
            ),
            (say("heading.pool_kind"), "text", [g.mass for g in groups]),
            (say("heading.mean_or_total"), "number", [g.value for g in groups]),
            (say("heading.standard_error"), "number", [g.error for g in groups]),
            *(intervals if any(g.interval for g in groups) else []),
            (say("heading.sd"), "number", [g.text("SD", "spatial_SD") for g in groups]),
            *(ranges if any(g.range_ for g in groups) else []),
            (say("heading.unit"), "short", [str(g.first["unit"]) for g in groups]),
            (say("heading.area_ha"), "number", [number(g.first.get("area_ha"), 5) for g in groups]),
            (say("heading.n"), "number", [count(g.first.get("n")) for g in groups]),
            (
                say("heading.date"),
                "short",
                [labels.period(g.first.get("period") or ABSENT) for g in groups],
            ),
            (say("heading.method"), "text", [g.method for g in groups]),
        ],
        note=note,
    )


@dataclass(frozen=True, eq=False)
class _Said:
    """What `estimates.csv` says of one quantity: the row of its mean or total, and all values."""

    first: pd.Series[Any]
    values: dict[str, float]
    methods: dict[str, str]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Said:
        statistics = rows["statistic"].tolist()
        main = next((i for i, s in enumerate(statistics) if s in ("mean", "total")), 0)
        values = dict(zip(statistics, rows["value"].astype(float), strict=True))
        methods = dict(zip(statistics, rows["method"], strict=True))
        return cls(rows.iloc[main], values, methods)

    @property
    def mass(self) -> str:
        pool, kind = (str(self.first.get(key, "")) for key in ("pool", "kind"))
        return labels.mass(pool, kind) if pool else ABSENT

    @property
    def value(self) -> str:
        digits = 5 if self.first["unit"] == "ha" else 4
        return number(self.values.get("mean", self.values.get("total")), digits)

    def text(self, *statistics: str) -> str:
        found = [self.values[s] for s in statistics if s in self.values]
        return number(found[0]) if found else ABSENT

    @property
    def error(self) -> str:
        """The standard error: of its own row, or beside the mean or total."""
        return number(self.values.get("SE", float(self.first.get("se", np.nan))))

    @property
    def interval(self) -> str:
        """The interval with its level; empty without one."""
        low, high, level = (float(self.first.get(k, np.nan)) for k in ("low", "high", "level"))
        if not np.isfinite([low, high, level]).all():
            return ""
        return say("estimates.interval", low=low, high=high, level=level)

    @property
    def range_(self) -> str:
        ends = [number(self.values.get(s)) for s in ("min", "max")]
        return say("word.to", low=ends[0], high=ends[1]) if ends != [ABSENT, ABSENT] else ""

    @property
    def method(self) -> str:
        text = labels.method(self.first.get("method", ""))
        error = labels.method(self.methods.get("SE", ""))
        return say("estimates.method", of=text, se=error) if error and error != text else text


def main_masses(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the main pools and kinds; all of them where none of the main ones is there."""
    masses = zip(rows["pool"], rows["kind"], strict=True)
    kept = rows[[mass in MAIN_MASSES for mass in masses]]
    return kept if len(kept) else rows
