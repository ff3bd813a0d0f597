"""Comparison tables of a publication, repeated on the project's plots, beside what it printed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from phytomass.report.content.blocks import Block, Heading, Table
from phytomass.report.content.results import Results
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import THIN, aligned, count, fixed, number

PUBLICATIONS = {"mountain_paper": "the mountain paper"}

NOTE = (
    "RMSE and MAE: Mg/ha dry mass of aboveground biomass on held-out plots; RRMSE: of their mean. "
    "Differences: model minus {reference}, with paired 95 % intervals over {n} resampled sites or "
    "blocks; an interval that holds 0 cannot tell the two apart. Last two columns: as the "
    "publication printed them, on its own plots in its own unit, for orientation only."
)


def model_tables_blocks(results: Results) -> list[Block]:
    """Show the tables of `model_tables.csv`, one per published table, split and predictor set."""
    table = results.model_tables
    if table is None or table.empty:
        return []
    who = PUBLICATIONS.get(str(table["publication"].iloc[0]), str(table["publication"].iloc[0]))
    blocks: list[Block] = [Heading(f"The comparison tables of {who}")]
    keys = ["split", "predictors", "table"]
    for (split, predictors, _), part in table.groupby(keys, sort=False):
        blocks.append(_table(part.reset_index(drop=True), str(split), str(predictors), who))
    return blocks


def _table(part: pd.DataFrame, split: str, predictors: str, who: str) -> Table:
    first = part.iloc[0]
    reference = labels.model(first["reference"])
    resampled = part["n_units"].dropna()
    caption = (
        f"Table {first['table']} of {who} ({str(first['title'])[0].lower()}{str(first['title'])[1:]}) "
        f"on these plots: {labels.split(split)}, {labels.predictor_set(predictors)}, "
        f"n = {count(first['n_test'])}."
    )
    note = NOTE.format(reference=reference, n=count(resampled.iloc[0]) if len(resampled) else "the")
    return Table.of(
        caption,
        [
            ("Algorithm", "short", [str(v) for v in part["label"]]),
            ("R²", "number", [fixed(v, 2) for v in part["r2"]]),
            ("RMSE, Mg/ha", "number", aligned(part["rmse"])),
            ("RRMSE, %", "number", [number(v, 3) for v in part["rrmse_percent"]]),
            ("MAE, Mg/ha", "number", aligned(part["mae"])),
            (f"R² − {reference}", "number", _signed(part, "r2_difference", 2)),
            ("95 %, R²", "number", _span(part, "r2", 2)),
            (f"RMSE − {reference}", "number", _signed(part, "rmse_difference", 1)),
            ("95 %, RMSE", "number", _span(part, "rmse", 1)),
            ("Their R²", "number", [fixed(v, 2) for v in part["published_r2"]]),
            (
                f"Their RMSE, {first['published_unit']}",
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
        "" if pd.isna(low) else f"{_written(low, digits)} to {_written(high, digits)}"
        for low, high in ends
    ]


def _written(value: float, digits: int) -> str:
    text = "" if pd.isna(value) else fixed(value, digits)
    return f"+{text}" if value > 0 and float(text.replace(THIN, "")) > 0 else text
