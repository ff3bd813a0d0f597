"""One fit of one model on one fold: the unit of work that is spread over the cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from phytomass.errors import InputError
from phytomass.models import ModelSettings, Training, build_model, patch_of, tuned
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
    plots : Training
        All plots as the model sees them; their groups are what the split never divides.
    fold : Fold
        Training and test positions.
    inner : list of (train, test)
        Inner folds, as positions within the training part; empty where nothing is tuned.
    candidates : tuple of int or None
        Columns that `simple_linear` may choose from.
    seed : int
        Seed of the model.
    weight : array, shape (len(fold.train),), optional
        Weights of the training plots.
    """

    key: Key
    model: ModelSettings
    plots: Training
    fold: Fold
    inner: list[tuple[Indices, Indices]]
    candidates: tuple[int, ...] | None
    seed: int
    weight: NDArray[np.float64] | None = None


def inputs_for(plots: Training, names: Sequence[str], model: ModelSettings) -> Training:
    """Return the plots as a model sees them: some predictors of pixels, or of patches.

    Raises
    ------
    InputError
        If the model needs patches that the plots lack.
    """
    return plots.with_predictors(names).seen(patch_of(model), f"models.{model.key}")


def fit(
    model: ModelSettings,
    plots: Training,
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
    built = build_model(model, candidates=candidates, random_state=seed, threads=jobs)
    estimator = tuned(model, built, inner, random_state=seed)
    try:
        with threadpool_limits(limits=1):
            return plots.fit(estimator)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{model.key} cannot be fitted with parameters {model.parameters or 'as default'}"
            f" and grid {'as default' if model.grid is None else model.grid}: {error}",
            where=f"models.{model.key}",
            remedy="correct the parameters of the model",
        ) from error


def run_task(task: Task) -> Result:
    """Fit on the training part and predict the test part."""
    plots = replace(task.plots.take(task.fold.train), weight=task.weight)
    fitted = fit(task.model, plots, task.inner, task.candidates, task.seed)
    with threadpool_limits(limits=1):
        predicted = fitted.predict(task.plots.X[task.fold.test])
    return task.key, np.ravel(predicted).astype(np.float64)


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
