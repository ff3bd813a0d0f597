"""The models: scores side by side, observed against predicted, sensors, splits in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from phytomass.report.content.blocks import (
    Block,
    Figure,
    Findings,
    Gallery,
    Heading,
    Section,
    Table,
    Words,
)
from phytomass.report.content.columns import columns_of
from phytomass.report.content.results import Results
from phytomass.report.content.values import MapModel, map_model_of, predictions_of
from phytomass.report.judgement.compared import sensors_in_words, splits_in_words, why_chosen
from phytomass.report.judgement.facts import Facts
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import aligned, fixed, number
from phytomass.report.messages.saying import say
from phytomass.report.sections.model_tables import model_tables_blocks
from phytomass.report.sections.models_figures import observed_predicted, reach_of, score_dots

MOST_ROWS = 120
SENSORS = "sensor_comparison"

MODEL_COMPARISON = (
    "split", "model", "predictors", "n_train", "n_test", "r2", "rmse", "rrmse_percent", "bias",
    "mae", "fold_sd_rmse",
)  # fmt: skip
"""Columns of result tables that are shown, in order."""


def models_section(results: Results, facts: Facts) -> Section:
    """Build the section on models."""
    table = results.model_comparison
    files = (
        "model_comparison.csv",
        "model_tables.csv",
        "sensor_comparison.csv",
        "predictions.csv",
        "map_model.json",
    )
    if "trained_elsewhere" in results.map_model:
        blocks: list[Block] = elsewhere_blocks(results)
        read = ("map_model.json", "model_distance.csv")
        return Section("models", say("models.title"), tuple(blocks), files=read)
    if table is None or table.empty:
        return Section("models", say("models.title"), missing=say("models.missing"))
    chosen = map_model_of(results)
    blocks = [
        *_choice(results, chosen, facts),
        *model_tables_blocks(results),
        *_dots(table),
        *_scatter(results, chosen),
        *_sensors(results, facts),
        Heading(say("candidates.title")),
        _table(table, chosen),
    ]
    return Section("models", say("models.title"), tuple(blocks), files=files)


def elsewhere_blocks(results: Results) -> list[Block]:
    """Say that the map's model was trained elsewhere, and how far its plots are from here."""
    said = results.map_model
    of = said["trained_elsewhere"]
    model = labels.model_in_sentence(str(said["model"]))
    told = say("elsewhere.trained", model=model, study=of["study"], period=of["period"])
    words = [Words(told), Words(say("elsewhere.not_judged"), "missing")]
    far = say("elsewhere.far", range=of["outside_range"], area=of["outside_applicability"])
    table = results.model_distance
    if table is None:
        return [*words, Words(far)]
    names = {"any": say("elsewhere.any"), "applicability": say("elsewhere.applicability")}
    shown = table.assign(predictor=[names.get(p, p) for p in table["predictor"]])
    return [*words, Words(far), Table.of(say("elsewhere.table"), columns_of(
        "model_distance", shown, "predictor", "training_low", "training_high", "here_low",
        "here_high", "share_below", "share_above", "share_outside",
    ))]  # fmt: skip


def _choice(results: Results, chosen: MapModel | None, facts: Facts) -> list[Block]:
    if chosen is None:
        return [Words(say("models.no_map_model"), "missing")]
    said = results.map_model
    sets = (
        say("models.with", set=labels.predictor_set(chosen.predictors)) if chosen.predictors else ""
    )
    trained = say("models.trained", n=said["n_train"]) if "n_train" in said else ""
    model = labels.model_in_sentence(chosen.model)
    blocks: list[Block] = [Words(say("models.made", model=model, sets=sets, trained=trained))]
    if "choice" in said:
        blocks.append(Words(say("models.why", why=why_chosen(said["choice"]))))
    names = [str(name) for name in said.get("predictors", [])]
    if names:
        blocks.append(Words(say("models.predictors", names=", ".join(names))))
    parameters = said.get("parameters") or {}
    if parameters:
        listing = ", ".join(f"{key} = {_setting(value)}" for key, value in parameters.items())
        blocks.append(Words(say("models.settings", settings=listing)))
    blocks += [Words(sentence) for sentence in _training(said)]
    words = splits_in_words(facts)
    if words:
        blocks.append(Findings((words,)))
    return blocks


def _training(said: dict[str, Any]) -> list[str]:
    """Say how the errors of plots were used, and what a lower precision costs."""
    training, sentences = said.get("training") or {}, []
    if training.get("weights") == "standard_errors":
        sentences.append(say("training.weights"))
    if training.get("draws"):
        sentences.append(say("training.draws"))
    error = said.get("precision_error") or {}
    if error:
        told = {name: error[name] for name in ("precision", "n", "rms", "largest")}
        sentences.append(say("training.precision", **told))
    return sentences


def _setting(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _splits(table: pd.DataFrame) -> list[str]:
    """Return the splits, the ones with known names first and in their usual order."""
    there = list(dict.fromkeys(table["split"]))
    usual = [s for s in labels.SPLITS if s in there]
    return [*usual, *(s for s in there if s not in usual)]


def _dots(table: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = [Heading(say("scores.title"))]
    for score in ("r2", "rmse"):
        name = say(f"score.{score}")
        limits = reach_of(table[score], score)
        figures = []
        for split in _splits(table):
            rows = table[table["split"] == split]
            title = labels.split(split).capitalize()
            alt = say("scores.alt", score=name, split=labels.split(split))
            figures.append(Figure(score_dots(rows, score, limits, title, alt), ""))
        tests = [
            say("scores.test", n=_span(table[table["split"] == s]), split=labels.split(s))
            for s in _splits(table)
        ]
        better = say("scores.higher" if score == "r2" else "scores.lower")
        caption = say("scores.caption", score=name, better=better, tests=tests)
        blocks.append(Gallery(tuple(figures), "third", caption))
    return blocks


def _span(rows: pd.DataFrame) -> str:
    n = rows["n_test"].dropna()
    if n.empty:
        return say("scores.no_n")
    low, high = n.min(), n.max()
    return say("scores.n", n=low) if low == high else say("scores.n_between", low=low, high=high)


def _scatter(results: Results, chosen: MapModel | None) -> list[Block]:
    if chosen is None:
        return []
    parts = {s: predictions_of(results, chosen, s) for s in _splits(chosen.scores)}
    parts = {s: rows for s, rows in parts.items() if len(rows) > 1}
    if not parts:
        return [Words(say("predicted.missing"), "missing")]
    top = 1.04 * max(float(rows[["observed", "predicted"]].max().max()) for rows in parts.values())
    figures = []
    for split, rows in parts.items():
        scores = {name: chosen.score(name, split) for name in ("r2", "rmse")}
        title = labels.split(split).capitalize()
        alt = say("predicted.alt", split=labels.split(split))
        figures.append(Figure(observed_predicted(rows, scores, top, title, alt), ""))
    who = f"{labels.model(chosen.model)}, {labels.predictor_set(chosen.predictors)}"
    caption = say("predicted.caption", who=who)
    repeats = max(len(rows) / max(rows["plot_id"].nunique(), 1) for rows in parts.values())
    if repeats > 1:
        caption = f"{caption} {say('predicted.repeats')}"
    return [Heading(say("predicted.title")), Gallery(tuple(figures), "third", caption)]


def _sensors(results: Results, facts: Facts) -> list[Block]:
    blocks: list[Block] = [Heading(say("sensors.title"))]
    sentences = sensors_in_words(facts, results.sensor_comparison)
    if not sentences:
        return [Words(say("sensors.missing"), "missing")]
    blocks.append(Findings(tuple(sentences)))
    table = results.model_comparison
    if table is not None:
        blocks.append(_sensor_table(table))
    paired = results.sensor_comparison
    if paired is not None and len(paired):
        blocks.append(_paired_table(paired))
    return blocks


def _sensor_table(table: pd.DataFrame) -> Table:
    kept = table[table["predictors"].str.lower().isin(["optical", "sar", "both", "all"])]
    sets = list(dict.fromkeys(kept["predictors"]))
    models = list(dict.fromkeys(kept["model"]))
    keys = [(split, model) for split in _splits(kept) for model in models]
    r2 = {(s, m, p): v for s, m, p, v in kept[["split", "model", "predictors", "r2"]].values}
    rmse = {(s, m, p): v for s, m, p, v in kept[["split", "model", "predictors", "rmse"]].values}
    rows = []
    for split, model in keys:
        cells = [fixed(r2.get((split, model, p)), 2) for p in sets]
        cells += [number(rmse.get((split, model, p)), 3) for p in sets]
        rows.append((labels.split(split), labels.model(model), *cells))
    heads = [f"{score} {labels.predictor_set(p)}" for score in ("R²", "RMSE") for p in sets]
    return Table.of(
        say("sensors.caption"),
        [
            (labels.heading(SENSORS, "split"), "short", [row[0] for row in rows]),
            (labels.heading(SENSORS, "model"), "short", [row[1] for row in rows]),
            *((head, "number", [row[2 + i] for row in rows]) for i, head in enumerate(heads)),
        ],
    )


def _paired_table(table: pd.DataFrame) -> Table:
    order = {name: i for i, name in enumerate(_splits(table))}
    table = table.assign(_order=table["split"].map(order)).sort_values("_order", kind="stable")
    ends = [*table["rmse_low"], *table["rmse_high"]]
    texts = aligned(ends, 3, sign=True)
    spans = [
        say("word.to", low=a, high=b)
        for a, b in zip(texts[: len(table)], texts[len(table) :], strict=True)
    ]
    return Table.of(
        say("sensors.paired"),
        [
            *columns_of(SENSORS, table, "split", "model", "best_single", "rmse_difference"),
            (say("heading.interval"), "number", spans),
            *columns_of(SENSORS, table, "n_units", "verdict"),
        ],
    )


def _table(table: pd.DataFrame, chosen: MapModel | None) -> Table:
    order = {name: i for i, name in enumerate(_splits(table))}
    ordered = table.assign(_order=table["split"].map(order), _rmse=table["rmse"])
    ordered = ordered.sort_values(["_order", "_rmse"], kind="stable")
    hidden = len(ordered) - MOST_ROWS
    ordered = ordered.head(MOST_ROWS).reset_index(drop=True)
    own = np.zeros(len(ordered), dtype=bool)
    if chosen is not None:
        own = (
            (ordered["model"] == chosen.model) & (ordered["predictors"] == chosen.predictors)
        ).to_numpy()
    more = say("word.more_in", n=hidden, file="model_comparison.csv") if hidden > 0 else ""
    return Table.of(
        say("candidates.caption"),
        columns_of("model_comparison", ordered, *MODEL_COMPARISON),
        marked=np.flatnonzero(own).tolist(),
        note=f"{say('candidates.note')} {more}".rstrip(),
    )
