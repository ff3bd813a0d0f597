"""One fit of one model on one fold: the unit of work that is spread over the cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from phytomass.errors import InputError
from phytomass.features.samples import Samples
from phytomass.models import (
    ModelSettings,
    build_model,
    fit_grouped,
    patch_of,
    tuned,
    with_threads,
)
from phytomass.progress import Progress
from phytomass.validation import Fold
from phytomass.validation.splits import Indices
from phytomass.walk.workers import Workers

Key = tuple[int, int, int, int]
"""Where a fit belongs in a comparison: positions of predictor set, model, split and fold."""

Result = tuple[Key, NDArray[np.float64]]
"""A key and the predictions of the test part, Mg/ha."""


@dataclass(frozen=True, eq=False)
class Task:
    """What one fit needs, and where its result belongs.

    Parameters
    ----------
    key : Key
        Where the result belongs.
    model : ModelSettings
        What to fit.
    X : array, shape (n, p) or (n, p, k, k)
        Predictors of all plots, or patches of them.
    y : array, shape (n,)
        Observed biomass of all plots, Mg/ha.
    fold : Fold
        Training and test positions.
    inner : list of (train, test)
        Inner folds, as positions within the training part; empty where nothing is tuned.
    candidates : tuple of int or None
        Columns that `simple_linear` may choose from.
    seed : int
        Seed of the model.
    units : array of str, shape (n,)
        What the split never divides, for models with inner folds of their own.
    weight : array, shape (len(fold.train),), optional
        Weights of the training plots.
    draws : array, shape (n, draws), optional
        Draws of the biomass of all plots, Mg/ha.
    """

    key: Key
    model: ModelSettings
    X: NDArray[np.floating]
    y: NDArray[np.float64]
    fold: Fold
    inner: list[tuple[Indices, Indices]]
    candidates: tuple[int, ...] | None
    seed: int
    units: NDArray[np.str_]
    weight: NDArray[np.float64] | None = None
    draws: NDArray[np.floating] | None = None


@dataclass(frozen=True, eq=False)
class TrainingPart:
    """Predictors (n, p) or patches (n, p, k, k), biomass (n,) in Mg/ha, and site or block (n,).

    And, where they are used, weights (n,) and draws of the biomass (n, draws).
    """

    X: NDArray[np.floating]
    y: NDArray[np.float64]
    units: NDArray[np.str_]
    weight: NDArray[np.float64] | None = None
    draws: NDArray[np.floating] | None = None


def inputs_for(
    samples: Samples, names: Sequence[str], model: ModelSettings
) -> NDArray[np.floating]:
    """Return what a model sees of the plots: predictors (n, p), or patches (n, p, k, k).

    Raises
    ------
    InputError
        If the model needs patches that the samples lack.
    """
    chosen, side = samples.with_predictors(list(names)), patch_of(model)
    if side == 1:
        return chosen.X.to_numpy(np.float64)
    if chosen.patches is None or chosen.patches.side < side:
        found = "none" if chosen.patches is None else f"patches of {chosen.patches.side}"
        raise InputError(
            f"needs patches of {side} pixels around the plots, the samples have {found}",
            where=f"models.{model.key}",
            remedy="extract_samples(..., patch=...)",
        )
    return chosen.patches.crop(side)


def fit(
    model: ModelSettings,
    part: TrainingPart,
    inner: list[tuple[Indices, Indices]],
    candidates: tuple[int, ...] | None,
    seed: int,
    jobs: int = 1,
) -> Any:
    """Tune and fit a model on one thread; the members of a network on `jobs` threads.

    Raises
    ------
    InputError
        If the library refuses the parameters; says which model.
    """
    built = build_model(model, candidates=candidates, random_state=seed)
    estimator = tuned(model, built, inner, random_state=seed)
    with_threads(estimator, jobs)
    try:
        with threadpool_limits(limits=1):
            return fit_grouped(
                estimator,
                part.X,
                part.y,
                part.units,
                sample_weight=part.weight,
                y_draws=part.draws,
            )
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{model.key} cannot be fitted with parameters {model.parameters or 'as default'}"
            f" and grid {'as default' if model.grid is None else model.grid}: {error}",
            where=f"models.{model.key}",
            remedy="correct the parameters of the model",
        ) from error


def run_task(task: Task) -> Result:
    """Fit on the training part and predict the test part."""
    train, test = task.fold.train, task.fold.test
    draws = None if task.draws is None else task.draws[train]
    part = TrainingPart(task.X[train], task.y[train], task.units[train], task.weight, draws)
    fitted = fit(task.model, part, task.inner, task.candidates, task.seed)
    with threadpool_limits(limits=1):
        return task.key, np.ravel(fitted.predict(task.X[test])).astype(np.float64)


def run_all(tasks: list[Task], jobs: int, progress: Progress) -> dict[Key, NDArray[np.float64]]:
    """Run tasks on `jobs` processes; the result does not depend on their number or order.

    Ctrl-C stops the workers at once.
    """
    done: dict[Key, NDArray[np.float64]] = {}
    progress("compare", 0, len(tasks))
    with Workers(min(jobs, len(tasks)), "processes").pool() as pool:
        for key, predicted in pool.run(run_task, ((task,) for task in tasks)):
            done[key] = predicted
            progress("compare", len(done), len(tasks))
    return done
