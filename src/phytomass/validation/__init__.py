"""Metrics, splits of the plots that respect sites and space, and where models apply.

A line of code belongs here if it says how good predictions are or which plots are kept aside,
on arrays, with no files, no maps and no models.
"""

from phytomass.validation.applicability import AreaOfApplicability
from phytomass.validation.blocks import block_labels, choose_block_size, variogram_range
from phytomass.validation.conformal import LocalBand, reliability
from phytomass.validation.folds import Fold, Folds, inner_folds, make_folds
from phytomass.validation.kinds import SPLIT_NAMES, SPLITS, SplitKind, SplitName
from phytomass.validation.knndm import DistanceMatchedFolds, distance_matched_folds
from phytomass.validation.metrics import bias, mae, r2, r2_literal_p2, rmse, rrmse_percent, scores
from phytomass.validation.settings import ValidationSettings
from phytomass.validation.splits import GroupHoldout, RepeatedGroupKFold, SpatialBlockKFold

__all__ = [
    "SPLITS",
    "SPLIT_NAMES",
    "AreaOfApplicability",
    "DistanceMatchedFolds",
    "Fold",
    "Folds",
    "GroupHoldout",
    "LocalBand",
    "RepeatedGroupKFold",
    "SpatialBlockKFold",
    "SplitKind",
    "SplitName",
    "ValidationSettings",
    "bias",
    "block_labels",
    "choose_block_size",
    "distance_matched_folds",
    "inner_folds",
    "mae",
    "make_folds",
    "r2",
    "r2_literal_p2",
    "reliability",
    "rmse",
    "rrmse_percent",
    "scores",
    "variogram_range",
]
