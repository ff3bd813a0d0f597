"""Models and predictor sets, judged on the same folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError, Problem
from phytomass.experiments.plan import plan_splits, plan_tasks
from phytomass.experiments.tasks import Key, run_all
from phytomass.models import ModelSettings, Training, plots_needed
from phytomass.progress import Progress, silent
from phytomass.validation import Folds, ValidationSettings, scores

PREDICTION_COLUMNS = (
    "plot_id",
    "model",
    "predictors",
    "split",
    "repeat",
    "fold",
    "observed",
    "predicted",
)
"""Columns of `predictions.csv`."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How all models did with all predictor sets on all splits.

    Parameters
    ----------
    scores : DataFrame
        One row per model, predictor set and split, with the columns of `model_comparison.csv`.
        Scores pool all held-out predictions of a repeat, then average over repeats; `n_train` is
        the mean size of a training part, `n_test` the number of predictions in a repeat;
        `fold_sd_rmse` is the SD of the RMSE over folds (NaN for a single hold-out).
    predictions : DataFrame
        One row per held-out prediction, with the columns of `predictions.csv`, Mg/ha.
    units : DataFrame
        Columns split, plot_id, unit: what each split never divides (site or block). Intervals
        resample these.
    notes : mapping of str to str
        Each split in words.
    random_state : int
        Seed.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    units: pd.DataFrame
    notes: Mapping[str, str]
    random_state: int


def compare(
    samples: Training,
    sets: Mapping[str, Sequence[str]],
    models: Sequence[ModelSettings],
    validation: ValidationSettings,
    *,
    index_names: Sequence[str] = (),
    domain: NDArray[np.float64] | None = None,
    minimum: float | None = 0.0,
    random_state: int = 0,
    jobs: int = 1,
    progress: Progress = silent,
) -> Comparison:
    """Judge every model with every predictor set on the same folds.

    Each model is tuned by a grid search on inner folds of the training part alone, and so is the
    predictor of `simple_linear` chosen. The result is the same for any number of jobs. Where a
    model sees patches, training plots of `spatial_blocks` whose patch overlaps one of a test plot
    are left out, for every model alike (see `apart`). Where the samples have standard errors or
    draws, models that take weights are weighted by them (see `plot_weights`) and networks learn
    the draws, inside each training part; scores are never weighted.

    Parameters
    ----------
    samples : Training
        Plots with predictors and biomass (Mg/ha).
    sets : mapping of str to sequence of str
        Predictor names by set name, e.g. ``{"optical": [...], "sar": [...], "both": [...]}``.
    models : sequence of ModelSettings
        Models; each name once.
    validation : ValidationSettings
        Splits, folds, repeats.
    index_names : sequence of str
        Vegetation indices: what `simple_linear` chooses from in sets that hold one; in other
        sets it chooses from all predictors.
    domain : array, shape (m, 2), optional
        Easting and northing of pixels of the map, metres, for the split `knndm`.
    minimum : float, optional
        Held-out predictions below are set to it, as in the map (Mg/ha); None sets none.
    random_state : int
        Seed.
    jobs : int
        Processes.
    progress : Progress
        Called as fits finish.

    Returns
    -------
    Comparison
        Scores, every held-out prediction, and what the splits never divide.

    Raises
    ------
    InputError
        If a model or split needs more plots, sites or blocks than there are (says how many), a
        set is empty or names an unknown predictor, or a model is listed twice.

    Examples
    --------
    >>> from phytomass.models import Training
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(60, 2))
    >>> ids = np.array([f"P{i}" for i in range(60)])
    >>> places = rng.uniform(0, 5000, (60, 2))
    >>> samples = Training(X, 80 + 20 * X[:, 0], ids, ids, places, ("NDVI", "VH"))
    >>> validation = ValidationSettings(splits=["spatial_blocks"], n_splits=3)
    >>> found = compare(samples, {"optical": ["NDVI"], "sar": ["VH"]},
    ...                 [ModelSettings(name="mlr")], validation)
    >>> found.scores[["model", "predictors", "split"]]
      model predictors           split
    0   mlr    optical  spatial_blocks
    1   mlr        sar  spatial_blocks
    >>> bool(found.scores["rmse"][0] < 0.1 < found.scores["rmse"][1])
    True
    """
    _check_request(samples, sets, models)
    splits = plan_splits(samples, models, validation, random_state, domain)
    _check_sizes(splits, sets, models)
    tasks = plan_tasks(samples, sets, models, splits, validation, index_names, random_state)
    predicted = run_all(tasks, jobs, progress)
    least = -np.inf if minimum is None else minimum
    mapped = {key: np.maximum(values, least) for key, values in predicted.items()}
    table = _predictions(samples, list(sets), models, splits, mapped)
    return Comparison(
        scores=_scores(table, splits),
        predictions=table,
        units=_units(samples, splits),
        notes={split.split: split.note for split in splits},
        random_state=random_state,
    )


def _check_request(
    samples: Training, sets: Mapping[str, Sequence[str]], models: Sequence[ModelSettings]
) -> None:
    problems = [
        Problem(f"predictors.sets.{name}", f"no predictor named {absent}")
        for name, names in sets.items()
        for absent in names
        if absent not in samples.names
    ]
    problems += [Problem(f"predictors.sets.{name}", "is empty") for name in sets if not sets[name]]
    listed = [model.key for model in models]
    problems += [
        Problem("models", f"{name} is listed {listed.count(name)} times", "list it once")
        for name in dict.fromkeys(listed)
        if listed.count(name) > 1
    ]
    if len(set(samples.plot_id.tolist())) < len(samples):
        problems.append(Problem("plot_id", "plot ids repeat", "give each plot its own id"))
    if np.ptp(samples.y) == 0:
        problems.append(Problem("plots, column agb_mg_ha", "all plots have the same biomass"))
    if not sets or not models:
        problems.append(Problem("models, predictors", "nothing to compare"))
    if problems:
        raise InputError.of(problems)


def _check_sizes(
    splits: list[Folds], sets: Mapping[str, Sequence[str]], models: Sequence[ModelSettings]
) -> None:
    problems = []
    for split in splits:
        smallest = min(len(fold.train) for fold in split.folds)
        for name, names in sets.items():
            for model in models:
                needed = plots_needed(model, len(names))
                if smallest < needed:
                    problems.append(
                        Problem(
                            f"models.{model.key}",
                            f"needs {needed} or more plots to train on with the {len(names)}"
                            f" predictors of set {name}; {split.split} leaves {smallest}",
                            "add plots, use fewer predictors, or leave the model out",
                        )
                    )
        if min(len(fold.test) for fold in split.folds) < 2 and len(split.folds) == 1:
            problems.append(
                Problem("validation", f"{split.split} keeps fewer than 2 plots to test")
            )
    if problems:
        raise InputError.of(problems)


def _predictions(
    samples: Training,
    set_names: list[str],
    models: Sequence[ModelSettings],
    splits: list[Folds],
    predicted: Mapping[Key, NDArray[np.float64]],
) -> pd.DataFrame:
    parts = []
    for p, m, s, f in sorted(predicted):
        split, fold = splits[s], splits[s].folds[f]
        parts.append(
            pd.DataFrame(
                {
                    "plot_id": samples.plot_id[fold.test],
                    "model": models[m].key,
                    "predictors": set_names[p],
                    "split": split.split,
                    "repeat": fold.repeat,
                    "fold": fold.fold,
                    "observed": samples.y[fold.test],
                    "predicted": predicted[p, m, s, f],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[list(PREDICTION_COLUMNS)]


def _scores(table: pd.DataFrame, splits: list[Folds]) -> pd.DataFrame:
    folds = {str(split.split): split.folds for split in splits}
    rows = []
    for (model, predictors, split), part in table.groupby(
        ["model", "predictors", "split"], sort=False
    ):
        repeats = pd.DataFrame(
            [scores(one["observed"], one["predicted"]) for _, one in part.groupby("repeat")]
        )
        by_fold = [
            scores(one["observed"], one["predicted"])["rmse"]
            for _, one in part.groupby(["repeat", "fold"])
        ]
        rows.append(
            {
                "model": model,
                "predictors": predictors,
                "split": split,
                "n_train": round(float(np.mean([len(fold.train) for fold in folds[str(split)]]))),
                "n_test": len(part) // len(repeats),
                **repeats.mean(skipna=False).to_dict(),
                "fold_sd_rmse": np.std(by_fold, ddof=1) if len(by_fold) > 1 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def _units(samples: Training, splits: list[Folds]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"split": split.split, "plot_id": samples.plot_id, "unit": split.units})
            for split in splits
        ],
        ignore_index=True,
    )
