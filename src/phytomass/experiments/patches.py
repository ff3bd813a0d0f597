"""Keeping the patches of training and test plots apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from phytomass.features.samples import Samples
from phytomass.validation import Folds


def apart(folds: Folds, samples: Samples, side: int) -> Folds:
    """Leave out training plots whose patch shares a pixel with the patch of a test plot.

    Only `spatial_blocks` promises that training and test are apart, so only its folds change;
    random folds of sites estimate how well plots among the measured ones are predicted, and keep
    theirs. The folds are the same for every model, those on one pixel too, so that comparisons
    stay paired.

    Parameters
    ----------
    folds : Folds
        Of one split.
    samples : Samples
        With patches where `side` is above 1.
    side : int
        Side of the largest patch that a model sees, pixels.
    """
    if side == 1 or folds.split != "spatial_blocks" or samples.patches is None:
        return folds
    kept = []
    for fold in folds.folds:
        near = samples.patches.overlapping(fold.train, fold.test, side)
        kept.append(replace(fold, train=fold.train[~near]))
    before = np.mean([len(fold.train) for fold in folds.folds])
    after = np.mean([len(fold.train) for fold in kept])
    note = (
        f"{folds.note}; {before - after:.1f} of {before:.1f} training plots left out on average, "
        f"whose patch of {side} pixels overlaps that of a test plot"
    )
    return replace(folds, folds=tuple(kept), note=note)
