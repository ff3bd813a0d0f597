"""Which model makes the map, and whether one sensor adds to another: with paired intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from phytomass.errors import InputError
from phytomass.experiments.compare import Comparison
from phytomass.experiments.paired import Difference, paired_difference


@dataclass(frozen=True)
class Choice:
    """The model and predictor set that make the map.

    Parameters
    ----------
    model, predictors : str
        The winner.
    split : str
        The split it was chosen by.
    rmse, r2 : float
        Its scores there; RMSE in Mg/ha.
    n_candidates : int
        Models and predictor sets that were judged.
    runner_up : tuple of str, optional
        Model and set of the second; None where there was one candidate.
    difference : Difference, optional
        Runner-up minus winner.
    """

    model: str
    predictors: str
    split: str
    rmse: float
    r2: float
    n_candidates: int
    runner_up: tuple[str, str] | None = None
    difference: Difference | None = None


def choose(comparison: Comparison, by: str) -> Choice:
    """Choose the model and predictor set with the lowest RMSE on a split.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.
    by : str
        The split that decides.

    Returns
    -------
    Choice
        The winner, and how far behind the runner-up is, with a 95 % interval.

    Raises
    ------
    InputError
        If the split was not run.

    Examples
    --------
    >>> from phytomass.experiments import compare
    >>> import numpy as np
    >>> from phytomass.models import ModelSettings, Training
    >>> from phytomass.validation import ValidationSettings
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(60, 2))
    >>> ids = np.array([f"P{i}" for i in range(60)])
    >>> places = rng.uniform(0, 5000, (60, 2))
    >>> samples = Training(X, 80 + 20 * X[:, 0], ids, ids, places, ("NDVI", "VH"))
    >>> validation = ValidationSettings(splits=["spatial_blocks"], n_splits=3)
    >>> found = compare(samples, {"optical": ["NDVI"], "sar": ["VH"]},
    ...                 [ModelSettings(name="mlr")], validation)
    >>> choice = choose(found, "spatial_blocks")
    >>> choice.predictors, choice.runner_up, choice.difference.distinguishable
    ('optical', ('mlr', 'sar'), True)
    """
    rows = comparison.scores[comparison.scores["split"] == by].sort_values("rmse", kind="stable")
    if rows.empty:
        known = ", ".join(dict.fromkeys(comparison.scores["split"]))
        raise InputError(f"no scores for split {by!r}", remedy=f"choose by one of {known}")
    best = rows.iloc[0]
    winner = (str(best["model"]), str(best["predictors"]))
    alone = Choice(*winner, by, float(best["rmse"]), float(best["r2"]), len(rows))
    if len(rows) == 1:
        return alone
    second = (str(rows.iloc[1]["model"]), str(rows.iloc[1]["predictors"]))
    gap = paired_difference(comparison, by, second, winner)
    return replace(alone, runner_up=second, difference=gap)


def sensor_comparison(
    comparison: Comparison, *, combined: str = "both", singles: Sequence[str] = ("optical", "sar")
) -> pd.DataFrame:
    """Compare the combined predictors with the better single sensor, for each model and split.

    Parameters
    ----------
    comparison : Comparison
        As `compare` returns it.
    combined : str
        Name of the combined set.
    singles : sequence of str
        Names of the single-sensor sets; the one with the lower RMSE is the rival.

    Returns
    -------
    DataFrame
        Columns model, split, best_single, r2_both, r2_single, rmse_both, rmse_single,
        rmse_difference (both minus single, Mg/ha), rmse_low, rmse_high, r2_difference, r2_low,
        r2_high (95 % paired intervals, see `paired_difference`), n_units, verdict
        (both_better, no_difference or single_better). No rows where a set is missing.
    """
    rows = []
    for (model, split), part in comparison.scores.groupby(["model", "split"], sort=False):
        by_set = part.set_index("predictors")
        present = [name for name in singles if name in by_set.index]
        if combined not in by_set.index or not present:
            continue
        single = str(by_set.loc[present, "rmse"].idxmin())
        rows.append(
            {
                "model": model,
                "split": split,
                "best_single": single,
                "r2_both": by_set.loc[combined, "r2"],
                "r2_single": by_set.loc[single, "r2"],
                "rmse_both": by_set.loc[combined, "rmse"],
                "rmse_single": by_set.loc[single, "rmse"],
                **_gap(comparison, str(split), (str(model), combined), (str(model), single)),
            }
        )
    return pd.DataFrame(rows, columns=list(SENSOR_COLUMNS))


SENSOR_COLUMNS = (
    "model",
    "split",
    "best_single",
    "r2_both",
    "r2_single",
    "rmse_both",
    "rmse_single",
    "rmse_difference",
    "rmse_low",
    "rmse_high",
    "r2_difference",
    "r2_low",
    "r2_high",
    "n_units",
    "verdict",
)
"""Columns of the table of `sensor_comparison`."""


def _gap(
    comparison: Comparison, split: str, both: tuple[str, str], single: tuple[str, str]
) -> dict[str, object]:
    gap = paired_difference(comparison, split, both, single)
    verdict = "no_difference"
    if gap.distinguishable:
        verdict = "both_better" if gap.rmse < 0 else "single_better"
    return {
        "rmse_difference": gap.rmse,
        "rmse_low": gap.rmse_low,
        "rmse_high": gap.rmse_high,
        "r2_difference": gap.r2,
        "r2_low": gap.r2_low,
        "r2_high": gap.r2_high,
        "n_units": gap.n_units,
        "verdict": verdict,
    }
