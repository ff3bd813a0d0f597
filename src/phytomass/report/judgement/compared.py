"""What the comparison of models says: why one makes the map, do splits agree, do sensors add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from phytomass.experiments.paired import LEVEL
from phytomass.report.judgement.facts import Facts
from phytomass.report.judgement.rules import SPLIT_GAP, optimism
from phytomass.report.messages import labels
from phytomass.report.messages.saying import say


def why_chosen(choice: Mapping[str, Any] | None) -> str:
    """Return why a model makes the map: its score, the runner-up, and whether the two differ.

    Parameters
    ----------
    choice : mapping or None
        As `phytomass.experiments.Choice` is written; None where the project names the model.

    Examples
    --------
    >>> why_chosen(None)
    'named in the project file under map.model'
    >>> why_chosen({"model": "svr", "predictors": "both", "split": "spatial_blocks", "rmse": 31.24,
    ...             "r2": 0.514, "n_candidates": 1, "runner_up": None, "difference": None})
    'SVR with optical + SAR, RMSE 31.2 Mg/ha and R² 0.51 in spatial blocks; the only candidate'
    """
    if choice is None:
        return say("chosen.named")
    score = say(
        "chosen.score", name=_named(choice["model"], choice["predictors"]), rmse=choice["rmse"],
        r2=choice["r2"], split=labels.split(choice["split"]),
    )  # fmt: skip
    gap = choice["difference"]
    if gap is None:
        return say("chosen.alone", score=score)
    apart = not gap["rmse_low"] <= 0 <= gap["rmse_high"]
    blocks = choice["split"] == "spatial_blocks"
    return say(
        "chosen.first", score=score, candidates=choice["n_candidates"],
        second=_named(*choice["runner_up"]), gap=gap["rmse"], low=gap["rmse_low"],
        high=gap["rmse_high"], n=gap["n_units"],
        level=100 * gap.get("level", LEVEL),
        units=say("chosen.blocks") if blocks else say("chosen.sites"),
        verdict=say("chosen.apart") if apart else say("chosen.together"),
    )  # fmt: skip


def _named(model: str, predictors: str) -> str:
    words = {
        "model": labels.model_in_sentence(model),
        "predictors": labels.predictor_set(predictors),
    }
    return say("chosen.model", **words)


def sensors_in_words(facts: Facts, paired: pd.DataFrame | None = None) -> list[str]:
    """Say, split by split, whether combined predictors beat either sensor alone.

    Parameters
    ----------
    facts : Facts
        `model` and `combined`.
    paired : DataFrame, optional
        `sensor_comparison.csv`: differences with their intervals.

    Examples
    --------
    >>> facts = Facts(model="svr", combined={"spatial_blocks": (0.40, 0.30, 0.45)})
    >>> sensors_in_words(facts)
    ['In spatial blocks, combined predictors (R² 0.45) beat either sensor alone (optical 0.40,
      SAR 0.30) with SVR.']
    """
    said = []
    for split, (optical, sar, both) in facts.combined.items():
        row = _paired_row(paired, facts.model, split)
        chance = row is not None and row["verdict"] == "no_difference"
        if both > max(optical, sar):
            verdict = say("sensors.higher" if chance else "sensors.beat", optical=optical, sar=sar)
        else:
            order = ("optical", "sar") if optical >= sar else ("sar", "optical")
            best, other = map(labels.predictor_set, order)
            verdict = say(
                "sensors.not", best=best, high=max(optical, sar), other=other, low=min(optical, sar)
            )
        model = labels.model_in_sentence(facts.model)
        words = {"split": labels.split(split), "verdict": verdict, "model": model}
        said.append(say("sensors.said", both=both, chance=_chance_words(row), **words))
    return said


def _paired_row(paired: pd.DataFrame | None, model: str, split: str) -> pd.Series[Any] | None:
    if paired is None:
        return None
    rows = paired[(paired["model"] == model) & (paired["split"] == split)]
    return None if rows.empty else rows.iloc[0]


def _chance_words(row: pd.Series[Any] | None) -> str:
    """Add the difference to the better single sensor, and whether it may be chance."""
    if row is None:
        return ""
    chance = row["verdict"] == "no_difference"
    return say(
        "sensors.difference", change=row["rmse_difference"], low=row["rmse_low"],
        high=row["rmse_high"],
        verdict=say("sensors.chance") if chance else say("sensors.sure"),
    )  # fmt: skip


def splits_in_words(facts: Facts) -> str:
    """Say whether the splits agree on the map's model."""
    if len(facts.r2) < 2:
        return ""
    gap = max(facts.r2.values()) - min(facts.r2.values())
    scores = [say("splits.score", r2=v, split=labels.split(s)) for s, v in facts.r2.items()]
    model = labels.model_in_sentence(facts.model)
    if gap <= SPLIT_GAP:
        return say("splits.agree", model=model, scores=scores)
    text = say("splits.disagree", model=model, scores=scores, gap=gap)
    return f"{text} {say('splits.optimism')}" if optimism(facts) > SPLIT_GAP else text
