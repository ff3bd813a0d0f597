"""Why a model makes the map, in words, from the finding that chose it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phytomass.report.messages import labels
from phytomass.report.messages.formatting import count, fixed, number, signed


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
        return "named in the project file under map.model"
    score = (
        f"{_named(choice['model'], choice['predictors'])}, RMSE {number(choice['rmse'], 3)} Mg/ha and "
        f"R² {fixed(choice['r2'], 2)} in {labels.split(choice['split'])}"
    )
    gap = choice["difference"]
    if gap is None:
        return f"{score}; the only candidate"
    apart = not gap["rmse_low"] <= 0 <= gap["rmse_high"]
    verdict = (
        "the two differ beyond chance" if apart else "the two cannot be told apart on these plots"
    )
    units = "blocks" if choice["split"] == "spatial_blocks" else "sites"
    return (
        f"{score}, the lowest RMSE of {count(choice['n_candidates'])} candidates; runner-up "
        f"{_named(*choice['runner_up'])}, RMSE {signed(gap['rmse'])} Mg/ha (95 % interval "
        f"{signed(gap['rmse_low'])} to {signed(gap['rmse_high'])}, paired, {count(gap['n_units'])} "
        f"{units} resampled): {verdict}"
    )


def _named(model: str, predictors: str) -> str:
    return f"{labels.model_in_sentence(model)} with {labels.predictor_set(predictors)}"
