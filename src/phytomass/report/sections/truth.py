"""The known truth: how the map, its total and every candidate compare with it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from phytomass.report.content.blocks import (
    Block,
    Figure,
    Findings,
    Gallery,
    Pair,
    Section,
    Table,
)
from phytomass.report.content.columns import columns_of
from phytomass.report.content.results import Results
from phytomass.report.content.values import (
    map_model_of,
    period_key,
    pick,
)
from phytomass.report.judgement.rules import way
from phytomass.report.messages import labels
from phytomass.report.messages.saying import say
from phytomass.report.sections.models_figures import score_against_truth

MOST_ROWS = 150
TRUTH = "truth_comparison"
FAIR = 0.05
"""Difference in R² up to which cross-validation is called fair."""

CANDIDATES = (
    "model", "predictors", "n", "r2", "rmse", "bias", "mae", "map_mean", "truth_mean",
)  # fmt: skip
"""Columns of result tables that are shown, in order."""


def truth_section(results: Results) -> Section:
    """Build the section on the comparison with the known truth."""
    table = results.truth_comparison
    title = say("truth.title")
    if table is None or table.empty:
        return Section("truth", title, missing=say("truth.missing"))
    rows = _tidy(table)
    sentences = truth_in_words(results, rows)
    blocks: list[Block] = [Findings(tuple(sentences))] if sentences else []
    blocks += [*_beside(_figure(results, rows), _own_table(rows)), _candidates(rows)]
    return Section("truth", title, tuple(blocks), files=("truth_comparison.csv", "estimates.csv"))


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "period": table["period"], "model": table["model"],
            "predictors": table["predictors"], "block_m": table["block_m"],
            "used_for_map": table["used_for_map"],
            **{
                name: table[name]
                for name in ("n", "r2", "rmse", "bias", "mae", "map_mean", "truth_mean")
            },
        }
    )  # fmt: skip


def _finest(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the latest period at the smallest block size."""
    latest = max(rows["period"], key=period_key)
    rows = rows[rows["period"] == latest]
    smallest = rows["block_m"].min()
    return rows[rows["block_m"] == smallest] if np.isfinite(smallest) else rows


def truth_in_words(results: Results, rows: pd.DataFrame) -> list[str]:
    """Say how far the map, its total, and the cross-validated scores are from the truth."""
    finest = _finest(rows)
    own = finest[finest["used_for_map"]]
    mean, truth = pick(results, "map_mean", "mean"), pick(results, "truth_mean", "mean")
    if mean is not None and truth is not None:
        sentences = _off("mean", mean.value, truth.value, "Mg/ha")
    elif len(own):
        first = own.iloc[0]
        sentences = _off("mean", first["map_mean"], first["truth_mean"], "Mg/ha")
    else:
        sentences = []
    stock, true_stock = (pick(results, q, "total") for q in ("stock", "truth_stock"))
    if stock is not None and true_stock is not None:
        sentences += _off("stock", stock.value, true_stock.value, stock.unit)
    if len(own):
        sentences += [*_score_in_words(results, float(own["r2"].iloc[0])), *_best(finest)]
    return sentences


def _score_in_words(results: Results, real: float) -> list[str]:
    """Compare the cross-validated R² of the map's model with the real one."""
    chosen = map_model_of(results)
    said = chosen.score("r2") if chosen is not None else np.nan
    if chosen is None or not (np.isfinite(said) and np.isfinite(real)):
        return []
    if abs(said - real) <= FAIR:
        verdict = say("truth.fair")
    else:
        verdict = say("truth.flattered" if said > real else "truth.hard")
    split = labels.split(chosen.split)
    return [say("truth.score", real=real, split=split, said=said, verdict=verdict)]


def _best(finest: pd.DataFrame) -> list[str]:
    """Say whether the chosen candidate is also the best one."""
    if len(finest) < 2 or finest["r2"].isna().all():
        return []
    best = finest.iloc[int(finest["r2"].fillna(-np.inf).to_numpy().argmax())]
    if best["used_for_map"]:
        return [say("truth.chosen_is_best")]
    model, predictors = best["model"], labels.predictor_set(best["predictors"])
    name = say("chosen.model", model=labels.model_in_sentence(model), predictors=predictors)
    return [say("truth.other_is_best", name=name, r2=best["r2"])]


def _off(what: Literal["mean", "stock"], value: float, truth: float, unit: str) -> list[str]:
    """Say how far a number is off the truth."""
    if not (np.isfinite(value) and np.isfinite(truth) and truth):
        return []
    off = (value - truth) / abs(truth)
    return [
        say(
            f"off_truth.{what}", value=value, unit=unit, off=abs(off), way=way(off > 0), truth=truth
        )
    ]


def _beside(figures: list[Gallery], tables: list[Table]) -> list[Block]:
    if figures and tables:
        return [Pair(figures[0], tables[0])]
    return [*figures, *tables]


def _figure(results: Results, rows: pd.DataFrame) -> list[Gallery]:
    chosen, scored = map_model_of(results), results.model_comparison
    if chosen is None or scored is None or not chosen.split:
        return []
    cv = scored[scored["split"] == chosen.split][["model", "predictors", "r2"]]
    finest = _finest(rows)
    both = finest.merge(cv, on=["model", "predictors"], suffixes=("_truth", "_cv"))
    both = both[both["r2_truth"].notna() & both["r2_cv"].notna()]
    if len(both) < 2:
        return []
    split = labels.split(chosen.split)
    picture = score_against_truth(both, split, say("truth.alt"))
    caption = say(
        "truth.figure", split=split, n=finest["n"].max(), blocks=_blocks(finest),
        candidates=len(both),
    )  # fmt: skip
    return [Gallery((Figure(picture, caption),), "full")]


def _blocks(rows: pd.DataFrame) -> str:
    side = rows["block_m"].iloc[0]
    return say("truth.squares", side=side) if np.isfinite(side) else say("truth.pixels")


def _own_table(rows: pd.DataFrame) -> list[Table]:
    own = rows[rows["used_for_map"]].copy()
    if own.empty:
        return []
    own = own.sort_values(["period", "block_m"], kind="stable")
    return [
        Table.of(
            say("truth.map"),
            columns_of(TRUTH, own, "period", "block_m", "n", "r2", "rmse", "bias"),
            note=say("truth.map_note"),
        )
    ]


def _candidates(rows: pd.DataFrame) -> Table:
    finest = _finest(rows).sort_values("r2", ascending=False, kind="stable")
    hidden = len(finest) - MOST_ROWS
    finest = finest.head(MOST_ROWS).reset_index(drop=True)
    more = say("word.more_in", n=hidden, file="truth_comparison.csv") if hidden > 0 else ""
    return Table.of(
        say("truth.candidates", blocks=_blocks(finest)),
        columns_of(TRUTH, finest, *CANDIDATES),
        marked=np.flatnonzero(finest["used_for_map"]).tolist(),
        note=f"{say('truth.shaded')} {more}".rstrip(),
    )
