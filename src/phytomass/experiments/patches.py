"""Keeping the patches of training and test plots apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phytomass.models import Training
from phytomass.validation import SPLITS, Fold, Folds


def apart(folds: Folds, samples: Training, side: int) -> Folds:
    """Leave out training plots whose patch shares a pixel with the patch of a test plot.

    Only some splits (`SplitKind.apart`) promise that training and test are apart, so only their
    folds change; random folds of sites estimate how well plots among the measured ones are predicted, and keep
    theirs. The folds are the same for every model, those on one pixel too, so that comparisons
    stay paired.

    Parameters
    ----------
    folds : Folds
        Of one split.
    samples : Training
        With patches where `side` is above 1.
    side : int
        Side of the largest patch that a model sees, pixels.
    """
    if side == 1 or not SPLITS[folds.split].apart or samples.cells is None:
        return folds
    kept = []
    for fold in folds.folds:
        near = overlapping(samples.cells, fold, side)
        kept.append(replace(fold, train=fold.train[~near]))
    before = np.mean([len(fold.train) for fold in folds.folds])
    after = np.mean([len(fold.train) for fold in kept])
    note = (
        f"{folds.note}; {before - after:.1f} of {before:.1f} training plots left out on average, "
        f"whose patch of {side} pixels overlaps that of a test plot"
    )
    return replace(folds, folds=tuple(kept), note=note)


def overlapping(cells: NDArray[np.int64], fold: Fold, side: int) -> NDArray[np.bool_]:
    """Tell which training plots have a patch that shares a pixel with that of a test plot.

    Parameters
    ----------
    cells : array of int, shape (n, 2)
        Row and column of every plot.
    fold : Fold
        Training and test plots.
    side : int
        Side of the patches, pixels.

    Returns
    -------
    array of bool, shape (training plots,)
    """
    gaps = np.abs(cells[fold.train][:, None] - cells[fold.test][None])
    near: NDArray[np.bool_] = (gaps < side).all(axis=2).any(axis=1)
    return near
