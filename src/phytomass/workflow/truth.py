"""Comparing maps with a wall-to-wall reference that was never used for training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.accounting import truth_difference, truth_scores
from phytomass.errors import InputError
from phytomass.experiments import FittedModel
from phytomass.grid import cells_at, grid_of_raster, same_grid
from phytomass.rasters import open_raster, pixels_of
from phytomass.workflow.engine import Context
from phytomass.workflow.fitting import MapReads, fit_for, walking_in, write_map
from phytomass.workflow.inputs import stack_in
from phytomass.workflow.project import TruthSettings

DIFFERENCE_COLUMNS = (
    "model",
    "predictors",
    "other_model",
    "other_predictors",
    "block_m",
    "n",
    "squares",
    "r2_difference",
    "r2_low",
    "r2_high",
    "rmse_difference",
    "rmse_low",
    "rmse_high",
)
"""Columns of `truth_differences.csv`."""

LARGEST = 4_000_000
"""Grids with more pixels are compared for the map's own model only."""


@dataclass(frozen=True, eq=False)
class TruthComparison:
    """Scores of all maps, and the differences of the map's own to each of the others.

    Parameters
    ----------
    scores : DataFrame
        The columns of `truth_comparison.csv`.
    differences : DataFrame
        The columns of `truth_differences.csv`: the map's model minus the other candidate, on the
        same pixels, with 95 % intervals (see `truth_difference`); no rows without candidates.
    """

    scores: pd.DataFrame
    differences: pd.DataFrame


def compare_with_truth(
    reads: MapReads, context: Context, fitted: FittedModel, settings: TruthSettings
) -> TruthComparison:
    """Compare the map, and the map every other candidate would make, with the reference.

    Pixels that held a training plot are left out.

    Raises
    ------
    InputError
        If the reference is on another grid.
    """
    grid = stack_in(reads.results).grid
    samples = reads.samples().samples
    rows, cols, _ = cells_at(grid, *samples.positions.T)
    trained = np.zeros(grid.shape, dtype=bool)
    trained[rows, cols] = True
    own = (fitted.model, fitted.predictors_set)
    side = abs(float(grid.transform.a))
    block_m = settings.block_m or [side, 2 * side, 4 * side]
    parts, differences = [], []
    reference, ours = _reference(reads, settings.path), _band(context.folder / "agb.tif")
    for model, predictors, predicted in _maps(reads, context, fitted, settings):
        table = truth_scores(predicted, reference, trained, block_m, side)
        parts.append(_labelled(table, reads.period, model, predictors, own))
        if (model, predictors) != own:
            seed = reads.random_state
            pair = truth_difference((ours, predicted), reference, trained, block_m, side, seed)
            differences.append(_against(pair, own, (model, predictors)))
    if settings.earlier is not None and reads.two_dates:
        before = _band(context.folder / "agb_before.tif")
        nowhere = np.zeros_like(trained)  # the plots were measured at the other date
        table = truth_scores(before, _reference(reads, settings.earlier), nowhere, block_m, side)
        parts.append(_labelled(table, reads.earlier_period or "", *own, own))
    return TruthComparison(
        pd.concat(parts, ignore_index=True),
        pd.concat(differences, ignore_index=True)
        if differences
        else pd.DataFrame(columns=list(DIFFERENCE_COLUMNS)),
    )


def _against(table: pd.DataFrame, own: tuple[str, str], other: tuple[str, str]) -> pd.DataFrame:
    labels = dict(zip(DIFFERENCE_COLUMNS[:4], (*own, *other), strict=True))
    return pd.concat([pd.DataFrame(labels, table.index), table], axis=1)


def _labelled(
    table: pd.DataFrame, period: str, model: str, predictors: str, own: tuple[str, str]
) -> pd.DataFrame:
    labels = pd.DataFrame({"period": period, "model": model, "predictors": predictors}, table.index)
    used = pd.Series((model, predictors) == own, table.index, name="used_for_map")
    return pd.concat([labels, table, used], axis=1)


def _reference(reads: MapReads, path: Path) -> NDArray[np.float32]:
    full = reads.root / path
    if not same_grid(grid_of_raster(full), stack_in(reads.results).grid):
        raise InputError(
            "is on another grid than the project",
            where=f"{path} (truth)",
            remedy="resample the reference to the project's grid",
        )
    return _band(full)


def _band(path: Path) -> NDArray[np.float32]:
    with open_raster(path) as source, pixels_of(path.name):
        values: NDArray[np.float32] = source.read(1, masked=True).astype(np.float32).filled(np.nan)
    return values


def _maps(
    reads: MapReads, context: Context, fitted: FittedModel, settings: TruthSettings
) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    """Give the map's own model first, then the maps of the other candidates."""
    yield fitted.model, fitted.predictors_set, _band(context.folder / "agb.tif")
    grid = stack_in(reads.results).grid
    if settings.models == "map" or grid.shape[0] * grid.shape[1] > LARGEST:
        return
    others = [
        (model.key, set_name)
        for set_name in reads.sets()
        for model in reads.models
        if (model.key, set_name) != (fitted.model, fitted.predictors_set)
    ]
    scratch = context.folder / "candidate.tif"
    for done, (model_name, set_name) in enumerate(others, 1):
        candidate = fit_for(reads, context, model_name, set_name)
        walking = walking_in(context, "candidate", "candidate")
        write_map(reads, candidate, scratch, walking)
        yield model_name, set_name, _band(scratch)
        scratch.unlink()
        context.progress("candidates against the truth", done, len(others))
