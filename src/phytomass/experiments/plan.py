"""What a comparison consists of: the folds, and every fit that is to be made on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import seed_of
from phytomass.experiments.patches import apart
from phytomass.experiments.tasks import Task, inputs_for
from phytomass.experiments.weights import plot_weights
from phytomass.models import ModelSettings, Training, grid_of, patch_of
from phytomass.validation import Folds, SplitName, ValidationSettings, inner_folds, make_folds


def plan_splits(
    samples: Training,
    models: Sequence[ModelSettings],
    validation: ValidationSettings,
    random_state: int,
    domain: NDArray[np.float64] | None = None,
) -> list[Folds]:
    """Make the folds of every split, patches of training and test plots apart where promised."""
    side = max(patch_of(model) for model in models)
    return [
        apart(folds_of(split, samples, validation, random_state, domain), samples, side)
        for split in validation.splits
    ]


def folds_of(
    split: SplitName,
    samples: Training,
    validation: ValidationSettings,
    random_state: int,
    domain: NDArray[np.float64] | None = None,
) -> Folds:
    """Make the folds of one split; see `make_folds`."""
    places, target, groups = samples.positions, samples.y, samples.groups
    return make_folds(split, places, target, groups, validation, random_state, domain=domain)


def plan_tasks(
    samples: Training,
    sets: Mapping[str, Sequence[str]],
    models: Sequence[ModelSettings],
    splits: Sequence[Folds],
    validation: ValidationSettings,
    index_names: Sequence[str],
    random_state: int,
) -> list[Task]:
    """List every fit: each model with each predictor set on each fold of each split.

    Parameters
    ----------
    samples, sets, models, validation, index_names, random_state
        As in `compare`.
    splits : sequence of Folds
        As `plan_splits` makes them.
    """
    inner = {
        (s, f): _inner(split, f, validation.inner_splits, random_state)
        for s, split in enumerate(splits)
        for f in range(len(split.folds))
        if any(grid_of(model) for model in models)
    }
    inputs = {
        (p, m): inputs_for(samples, names, model)
        for p, names in enumerate(sets.values())
        for m, model in enumerate(models)
    }
    weights = _weights(samples, sets, splits, random_state)
    return [
        Task(
            key=(p, m, s, f),
            model=model,
            plots=replace(inputs[p, m], groups=split.units),
            fold=fold,
            inner=inner[s, f] if grid_of(model) else [],
            candidates=candidate_columns(names, index_names),
            seed=seed_of(random_state, model.key, name, split.split, fold.repeat, fold.fold),
            weight=weights.get((p, s, f)),
        )
        for p, (name, names) in enumerate(sets.items())
        for m, model in enumerate(models)
        for s, split in enumerate(splits)
        for f, fold in enumerate(split.folds)
    ]


def _weights(
    samples: Training, sets: Mapping[str, Sequence[str]], splits: Sequence[Folds], random_state: int
) -> dict[tuple[int, int, int], NDArray[np.float64] | None]:
    """Weigh the training plots of each predictor set, split and fold, alike for every model."""
    if samples.y_se is None:
        return {}
    return {
        (p, s, f): plot_weights(
            replace(samples.with_predictors(names), groups=split.units).take(fold.train),
            seed_of(random_state, "weights", name, split.split, fold.repeat, fold.fold),
        )
        for p, (name, names) in enumerate(sets.items())
        for s, split in enumerate(splits)
        for f, fold in enumerate(split.folds)
    }


def candidate_columns(names: Sequence[str], index_names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the columns of a set that are vegetation indices; None where there are none.

    Examples
    --------
    >>> candidate_columns(["B4", "NDVI"], ["NDVI", "SAVI"]), candidate_columns(["VV"], ["NDVI"])
    ((1,), None)
    """
    return tuple(i for i, name in enumerate(names) if name in index_names) or None


def _inner(
    split: Folds, position: int, n_splits: int, random_state: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    fold = split.folds[position]
    seed = seed_of(random_state, "inner", split.split, fold.repeat, fold.fold)
    return inner_folds(split.units[fold.train], n_splits, seed)
