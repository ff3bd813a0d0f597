"""The folds of a named split, fixed once and used by every model and predictor set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import seed_of
from phytomass.errors import InputError
from phytomass.validation.settings import SplitName, ValidationSettings
from phytomass.validation.splits import (
    GroupHoldout,
    Indices,
    RepeatedGroupKFold,
    SpatialBlockKFold,
)


@dataclass(frozen=True, eq=False)
class Fold:
    """One training and one test part.

    Parameters
    ----------
    repeat, fold : int
        Counted from 1.
    train, test : array of int
        Positions of the plots, ascending.
    """

    repeat: int
    fold: int
    train: Indices
    test: Indices


@dataclass(frozen=True, eq=False)
class Folds:
    """All folds of one split.

    Parameters
    ----------
    split : str
        Its name.
    units : array of str, shape (n,)
        What is never divided: the site of each plot, or its block for `spatial_blocks`.
    folds : tuple of Fold
        Ordered by repeat and fold.
    note : str
        The split in words, with its numbers.
    """

    split: SplitName
    units: NDArray[np.str_]
    folds: tuple[Fold, ...]
    note: str


def make_folds(
    split: SplitName,
    coordinates: NDArray[np.float64],
    y: NDArray[np.float64],
    groups: NDArray[np.str_],
    settings: ValidationSettings,
    random_state: int,
) -> Folds:
    """Make the folds of a split.

    - ``holdout_by_site``: once, `test_share` of the plots, whole sites (`GroupHoldout`);
    - ``repeated_kfold``: random folds of whole sites, repeated (`RepeatedGroupKFold`);
    - ``spatial_blocks``: folds of square blocks of land (`SpatialBlockKFold`).

    Parameters
    ----------
    split : str
        One of the three.
    coordinates : array, shape (n, 2)
        Easting and northing, metres.
    y : array, shape (n,)
        Biomass; only used for the size of blocks.
    groups : array of str, shape (n,)
        Site of each plot, its own id where it has none.
    settings : ValidationSettings
        Folds, repeats, shares.
    random_state : int
        Seed.

    Raises
    ------
    InputError
        If there are too few plots, sites or blocks; says how many are needed.
    """
    seed = seed_of(random_state, "split", split)
    if split == "spatial_blocks":
        blocks = SpatialBlockKFold(settings.n_splits, settings.block_size_m, seed)
        units, note = blocks.blocks(coordinates, y, groups)
        splitter: GroupHoldout | RepeatedGroupKFold = RepeatedGroupKFold(settings.n_splits, 1, seed)
        note = f"{settings.n_splits} folds of {note}"
    elif split == "repeated_kfold":
        units, splitter = groups, RepeatedGroupKFold(settings.n_splits, settings.n_repeats, seed)
        note = f"{settings.n_splits} random folds of {_sites(groups)}, {settings.n_repeats} times"
    else:
        units, splitter = groups, GroupHoldout(settings.test_share, seed)
        note = f"{100 * settings.test_share:.0f} % of the plots kept for the test, once, by {_sites(groups)}"
    per_repeat = 1 if split == "holdout_by_site" else settings.n_splits
    pairs = splitter.split(coordinates, y, units)
    folds = tuple(
        Fold(1 + i // per_repeat, 1 + i % per_repeat, train, test)
        for i, (train, test) in enumerate(pairs)
    )
    return Folds(split, units, folds, note)


def _sites(groups: NDArray[np.str_]) -> str:
    sites = len(np.unique(groups))
    return f"{sites} sites" if sites < len(groups) else f"{sites} plots"


def inner_folds(
    units: NDArray[np.str_], n_splits: int, random_state: int
) -> list[tuple[Indices, Indices]]:
    """Make the folds inside a training part, by the units of the outer split.

    Sites stay whole inside too, and blocks for `spatial_blocks`: a model tuned on easier folds
    than it is judged by would be tuned for another task.

    Parameters
    ----------
    units : array of str, shape (n_train,)
        Units of the training part.
    n_splits : int
        Inner folds.
    random_state : int
        Seed.

    Raises
    ------
    InputError
        If the training part holds fewer units than folds.
    """
    found = len(np.unique(units))
    if found < n_splits:
        raise InputError(
            f"tuning with {n_splits} inner folds needs {n_splits} or more sites or blocks in each"
            f" training part; one holds {found}",
            where="validation.inner_splits",
            remedy="use fewer inner folds, smaller blocks, or `grid: {}` in the models",
        )
    return list(RepeatedGroupKFold(n_splits, 1, random_state).split(units, None, units))
