"""The folds of a named split, fixed once and used by every model and predictor set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import seed_of
from phytomass.errors import InputError
from phytomass.validation.kinds import SPLITS, Plots, SplitName
from phytomass.validation.settings import ValidationSettings
from phytomass.validation.splits import Indices, RepeatedGroupKFold


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
    *,
    domain: NDArray[np.float64] | None = None,
) -> Folds:
    """Make the folds of a split.

    Parameters
    ----------
    split : str
        One of `SPLITS`.
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
    domain : array, shape (m, 2), optional
        Easting and northing of pixels of the map, metres: for splits that ask for them.

    Raises
    ------
    InputError
        If there are too few plots, sites or blocks (says how many are needed), or a split needs
        a domain and there is none.
    """
    kind = SPLITS[split]
    plots = Plots(coordinates, y, groups, domain)
    deal = kind.deal(plots, settings, seed_of(random_state, "split", split))
    per_repeat = kind.folds(settings)
    folds = tuple(
        Fold(1 + i // per_repeat, 1 + i % per_repeat, train, test)
        for i, (train, test) in enumerate(deal.splitter.split(coordinates, y, deal.units))
    )
    return Folds(split, deal.units, folds, deal.note)


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
