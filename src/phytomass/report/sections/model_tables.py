"""Comparison tables of a publication, repeated on the project's plots, beside what it printed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from phytomass.report.content.blocks import Block, Heading, Table
from phytomass.report.content.columns import columns_of
from phytomass.report.content.results import Results
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import count, fixed
from phytomass.report.messages.saying import say


def model_tables_blocks(results: Results) -> list[Block]:
    """Show the tables of `model_tables.csv`, one per published table, split and predictor set."""
    table = results.model_tables
    if table is None or table.empty:
        return []
    key = str(table["publication"].iloc[0])
    who = labels.named("publication", key) if labels.is_known("publication", key) else key
    blocks: list[Block] = [Heading(say("model_tables.title", who=who))]
    keys = ["split", "predictors", "table"]
    for (split, predictors, _), part in table.groupby(keys, sort=False):
        blocks.append(_table(part.reset_index(drop=True), str(split), str(predictors), who))
    return blocks


def _table(part: pd.DataFrame, split: str, predictors: str, who: str) -> Table:
    first = part.iloc[0]
    reference = labels.model(first["reference"])
    resampled = part["n_units"].dropna()
    title = str(first["title"])
    caption = say(
        "model_tables.caption", table=first["table"], who=who, title=title[:1].lower() + title[1:],
        split=labels.split(split), set=labels.predictor_set(predictors), n=first["n_test"],
    )  # fmt: skip
    n = count(resampled.iloc[0]) if len(resampled) else say("model_tables.the")
    note = say("model_tables.note", reference=reference, n=n)
    return Table.of(
        caption,
        [
            *columns_of("model_tables", part, "label", "r2", "rmse", "rrmse_percent", "mae"),
            (f"R² − {reference}", "number", _signed(part, "r2_difference", 2)),
            (say("heading.interval_r2"), "number", _span(part, "r2", 2)),
            (f"RMSE − {reference}", "number", _signed(part, "rmse_difference", 1)),
            (say("heading.interval_rmse"), "number", _span(part, "rmse", 1)),
            *columns_of("model_tables", part, "published_r2"),
            (
                say("model_tables.their_rmse", unit=first["published_unit"]),
                "number",
                [fixed(v, 1) for v in part["published_rmse"]],
            ),
        ],
        note=note,
    )


def _signed(part: pd.DataFrame, column: str, digits: int) -> list[str]:
    return [_written(v, digits) for v in part[column]]


def _span(part: pd.DataFrame, score: str, digits: int) -> Sequence[str]:
    ends = zip(part[f"{score}_low"], part[f"{score}_high"], strict=True)
    return [
        ""
        if pd.isna(low)
        else say("word.to", low=_written(low, digits), high=_written(high, digits))
        for low, high in ends
    ]


def _written(value: float, digits: int) -> str:
    return "" if pd.isna(value) else fixed(value, digits, sign=True)
