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
from phytomass.report.content.results import Results
from phytomass.report.content.values import MapModel, map_model_of, predictions_of
from phytomass.report.judgement.chosen import why_chosen
from phytomass.report.judgement.facts import Facts
from phytomass.report.judgement.rules import sensors_in_words, splits_in_words
from phytomass.report.messages import labels
from phytomass.report.messages.formatting import aligned, count, fixed, listed, number, percent
from phytomass.report.sections.model_tables import model_tables_blocks
from phytomass.report.sections.models_figures import observed_predicted, reach_of, score_dots

MOST_ROWS = 120
SCORES_NOTE = (
    "R² = 1 − SSE/SST on plots held out of training, negative where the model is worse than "
    "their mean. RRMSE: RMSE as a share of the mean observed AGB. Bias: predicted − observed. "
    "SD of RMSE: between folds. Shaded: the model of the map."
)


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
    if table is None or table.empty:
        return Section("models", "Models", missing="no model_comparison.csv")
    chosen = map_model_of(results)
    blocks = [
        *_choice(results, chosen, facts),
        *model_tables_blocks(results),
        *_dots(table),
        *_scatter(results, chosen),
        *_sensors(results, facts),
        Heading("All candidates"),
        _table(table, chosen),
    ]
    return Section("models", "Models", tuple(blocks), files=files)


def _choice(results: Results, chosen: MapModel | None, facts: Facts) -> list[Block]:
    if chosen is None:
        return [Words("The model of the map is not named: no map_model.json.", "missing")]
    said = results.map_model
    text = f"The map was made by {labels.model_in_sentence(chosen.model)}"
    if chosen.predictors:
        text += f" with {labels.predictor_set(chosen.predictors)}"
    if "n_train" in said:
        text += f", trained on {count(said['n_train'])} plots"
    blocks: list[Block] = [Words(f"{text}.")]
    if "choice" in said:
        blocks.append(Words(f"Why this one: {why_chosen(said['choice'])}."))
    names = [str(name) for name in said.get("predictors", [])]
    if names:
        blocks.append(Words(f"Predictors: {', '.join(names)}."))
    parameters = said.get("parameters") or {}
    if parameters:
        listing = ", ".join(f"{key} = {_setting(value)}" for key, value in parameters.items())
        blocks.append(Words(f"Settings, tuned on inner folds: {listing}."))
    blocks += [Words(sentence) for sentence in _training(said)]
    words = splits_in_words(facts)
    if words:
        blocks.append(Findings((words,)))
    return blocks


def _training(said: dict[str, Any]) -> list[str]:
    """Say how the errors of plots were used, and what a lower precision costs."""
    training, sentences = said.get("training") or {}, []
    if training.get("weights") == "standard_errors":
        sentences.append(
            "Plots weigh 1 / (se² + model variance) in training, by the standard errors of their "
            "biomass; scores are not weighted."
        )
    if training.get("draws"):
        sentences.append("Each member of a network learned a draw of its own of the plots.")
    error = said.get("precision_error") or {}
    if error:
        sentences.append(
            f"Mapped in {error['precision']}: on {count(error['n'])} training patches it differs "
            f"from fp32 by {percent(error['rms'], 2)} of the predictions' SD (rms), at most "
            f"{percent(error['largest'], 2)}."
        )
    return sentences


def _setting(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _splits(table: pd.DataFrame) -> list[str]:
    """Return the splits, the ones with known names first and in their usual order."""
    there = list(dict.fromkeys(table["split"]))
    usual = [s for s in labels.SPLITS if s in there]
    return [*usual, *(s for s in there if s not in usual)]


def _dots(table: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = [Heading("Scores by model, predictors and split")]
    for score, name in (("r2", "R²"), ("rmse", "RMSE, Mg/ha")):
        limits = reach_of(table[score], score)
        figures = []
        for split in _splits(table):
            rows = table[table["split"] == split]
            title = labels.split(split).capitalize()
            alt = f"{name} of every model and predictor set in {labels.split(split)}"
            figures.append(Figure(score_dots(rows, score, limits, title, alt), ""))
        tests = listed(
            f"{_span(table[table['split'] == s])} in {labels.split(s)}" for s in _splits(table)
        )
        better = "higher" if score == "r2" else "lower"
        caption = f"{name} on held-out plots, {better} is better; held-out predictions: {tests}."
        blocks.append(Gallery(tuple(figures), "third", caption))
    return blocks


def _span(rows: pd.DataFrame) -> str:
    n = rows["n_test"].dropna()
    if n.empty:
        return "n not given"
    low, high = n.min(), n.max()
    return f"n = {count(low)}" if low == high else f"n = {count(low)}–{count(high)}"


def _scatter(results: Results, chosen: MapModel | None) -> list[Block]:
    if chosen is None:
        return []
    parts = {s: predictions_of(results, chosen, s) for s in _splits(chosen.scores)}
    parts = {s: rows for s, rows in parts.items() if len(rows) > 1}
    if not parts:
        return [Words("Observed against predicted is left out: no predictions.csv.", "missing")]
    top = 1.04 * max(float(rows[["observed", "predicted"]].max().max()) for rows in parts.values())
    figures = []
    for split, rows in parts.items():
        scores = {name: chosen.score(name, split) for name in ("r2", "rmse")}
        title = labels.split(split).capitalize()
        alt = f"Predicted against observed AGB in {labels.split(split)}"
        figures.append(Figure(observed_predicted(rows, scores, top, title, alt), ""))
    who = f"{labels.model(chosen.model)}, {labels.predictor_set(chosen.predictors)}"
    caption = (
        f"Observed and predicted AGB (Mg/ha dry mass) of held-out plots: {who}. Dashed: 1:1; solid: "
        "least-squares line of predicted on observed, a slope below 1 means compressed predictions."
    )
    repeats = max(len(rows) / max(rows["plot_id"].nunique(), 1) for rows in parts.values())
    if repeats > 1:
        caption += " With repeated folds, each plot appears once per repeat."
    head = Heading("Observed against predicted")
    return [head, Gallery(tuple(figures), "third", caption)]


def _sensors(results: Results, facts: Facts) -> list[Block]:
    blocks: list[Block] = [Heading("Optical, SAR, and both")]
    sentences = sensors_in_words(facts, results.sensor_comparison)
    if not sentences:
        text = "Sensors are not compared: the sets optical, sar and both were not all scored."
        return [Words(text, "missing")]
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
        "Sensors compared on the same folds; RMSE in Mg/ha.",
        [
            ("Split", "short", [row[0] for row in rows]),
            ("Model", "short", [row[1] for row in rows]),
            *((head, "number", [row[2 + i] for row in rows]) for i, head in enumerate(heads)),
        ],
    )


VERDICTS = {
    "both_better": "both better",
    "no_difference": "no difference",
    "single_better": "single better",
}


def _paired_table(table: pd.DataFrame) -> Table:
    order = {name: i for i, name in enumerate(_splits(table))}
    table = table.assign(_order=table["split"].map(order)).sort_values("_order", kind="stable")
    ends = [*table["rmse_low"], *table["rmse_high"]]
    texts = aligned(ends, 3, sign=True)
    spans = [f"{a} to {b}" for a, b in zip(texts[: len(table)], texts[len(table) :], strict=True)]
    return Table.of(
        "Both sensors against the better single one: difference of RMSE (both − single, Mg/ha; "
        "negative: both are better) with its paired 95 % interval over resampled sites or blocks.",
        [
            ("Split", "short", [labels.split(s) for s in table["split"]]),
            ("Model", "short", [labels.model(m) for m in table["model"]]),
            ("Best single", "text", [labels.predictor_set(s) for s in table["best_single"]]),
            ("Difference", "number", aligned(table["rmse_difference"], 3, sign=True)),
            ("95 % interval", "number", spans),
            ("Resampled", "number", [count(v) for v in table["n_units"]]),
            ("Verdict", "text", [VERDICTS.get(v, v) for v in table["verdict"]]),
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
    more = f" {count(hidden)} more in model_comparison.csv." if hidden > 0 else ""
    return Table.of(
        "Scores of every model and predictor set, best RMSE first within each split.",
        [
            ("Split", "short", [labels.split(s) for s in ordered["split"]]),
            ("Model", "short", [labels.model(m) for m in ordered["model"]]),
            ("Predictors", "short", [labels.predictor_set(p) for p in ordered["predictors"]]),
            ("n train", "number", [count(v) for v in ordered["n_train"]]),
            ("n test", "number", [count(v) for v in ordered["n_test"]]),
            ("R²", "number", [fixed(v, 3) for v in ordered["r2"]]),
            ("RMSE, Mg/ha", "number", aligned(ordered["rmse"])),
            ("RRMSE, %", "number", [number(v, 3) for v in ordered["rrmse_percent"]]),
            ("Bias, Mg/ha", "number", aligned(ordered["bias"], 3, sign=True)),
            ("MAE, Mg/ha", "number", aligned(ordered["mae"])),
            ("SD of RMSE", "number", [number(v, 3) for v in ordered["fold_sd_rmse"]]),
        ],
        marked=np.flatnonzero(own).tolist(),
        note=SCORES_NOTE + more,
    )
