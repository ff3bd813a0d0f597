"""Prediction over the whole grid: any regressor, block by block, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from phytomass.errors import InputError
from phytomass.features import PredictorStack, check_patch
from phytomass.grid import Block
from phytomass.imagery import Mask
from phytomass.mapping.dense import field_regressor, halo_of
from phytomass.progress import Progress, silent
from phytomass.walk.raster_stores import new_cog
from phytomass.walk.store import Band
from phytomass.walk.workers import Workers


class Regressor(Protocol):
    """Anything with scikit-learn's `predict`."""

    def predict(self, X: Any) -> Any:
        """Predict one value per row."""


@dataclass(frozen=True)
class MapCounts:
    """What became of the pixels of a map.

    Parameters
    ----------
    mapped : int
        Pixels with a value.
    masked : int
        Pixels outside the mask.
    without_predictors : int
        Pixels inside the mask where a predictor has no data.
    raised_to_minimum : int
        Mapped pixels whose prediction was below the minimum and was set to it.
    below_training, above_training : int
        Mapped pixels outside the range of the plots' biomass.
    """

    mapped: int = 0
    masked: int = 0
    without_predictors: int = 0
    raised_to_minimum: int = 0
    below_training: int = 0
    above_training: int = 0

    def __add__(self, other: MapCounts) -> MapCounts:
        sums = {k: getattr(self, k) + getattr(other, k) for k in self.__dataclass_fields__}
        return MapCounts(**sums)


@dataclass(frozen=True)
class MapRules:
    """How predictions become map values: Mg/ha below `minimum` are set to it."""

    minimum: float | None = 0.0
    training_range: tuple[float, float] = (-np.inf, np.inf)


def predict_block(
    model: Regressor,
    values: NDArray[np.float32],
    names: Sequence[str],
    inside: NDArray[np.bool_],
    rules: MapRules,
) -> tuple[NDArray[np.float32], MapCounts]:
    """Predict one block.

    Parameters
    ----------
    model : Regressor
        Fitted on the columns `names`.
    values : array, shape (predictors, rows + 2 halo, cols + 2 halo)
        Predictors, NaN where there are no data; with the `halo_of` the model, which is 0 for a
        pixel model.
    names : sequence of str
        Their names, in order.
    inside : array of bool, shape (rows, cols)
        The mask.
    rules : MapRules
        Lower limit, and the training range that is counted against.

    Returns
    -------
    agb_mg_ha : array, shape (rows, cols)
        NaN outside the mask and where a predictor is missing.
    counts : MapCounts
        What became of the pixels.
    """
    halo = halo_of(model)
    own = values[:, halo : halo + inside.shape[0], halo : halo + inside.shape[1]]
    complete = np.isfinite(own).all(axis=0)
    use = complete & inside
    result = np.full(inside.shape, np.nan, dtype=np.float32)
    counts = {"masked": int((~inside).sum()), "without_predictors": int((inside & ~complete).sum())}
    if use.any():
        field = field_regressor(model)
        if field is None:
            predicted = _predict(model, own[:, use].T.astype(np.float64), names)
        else:
            predicted = field.predict_field(values)[use]
        low, high = rules.training_range
        counts["mapped"] = len(predicted)
        counts["below_training"] = int((predicted < low).sum())
        counts["above_training"] = int((predicted > high).sum())
        if rules.minimum is not None:
            counts["raised_to_minimum"] = int((predicted < rules.minimum).sum())
            predicted = np.maximum(predicted, rules.minimum)
        result[use] = predicted
    return result, MapCounts(**counts)


def predict_map(
    model: Regressor,
    stack: PredictorStack,
    names: Sequence[str],
    mask: Mask | None,
    target: str | Path,
    *,
    rules: MapRules | None = None,
    tags: dict[str, str] | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> MapCounts:
    """Write the map of a model as a Cloud-Optimised GeoTIFF (float32, Mg/ha, NaN is nodata).

    Blocks of the fixed lattice are predicted one by one, in threads: the file has the same bytes
    for any number of workers, and only a few blocks are in memory.

    Parameters
    ----------
    model : Regressor
        Any fitted regressor; its `predict` gets the columns `names` in this order (as a DataFrame
        when it was fitted on one). A model that sees a neighbourhood (`FieldRegressor`) gets each
        block with its neighbours, and beyond the raster its mirror image.
    stack : PredictorStack
        The predictors.
    names : sequence of str
        Those the model was fitted on, in order.
    mask : callable, optional
        Block → booleans (see `phytomass.imagery.open_mask`); the whole grid if None.
    target : str or Path
        The map.
    rules : MapRules, optional
        Lower limit and training range.
    tags : dict of str, optional
        Written into the file.
    workers : int
        Threads.
    progress : callable
        Called with (what, done, total) per block.

    Returns
    -------
    MapCounts
        What became of the pixels.

    Raises
    ------
    InputError
        If no pixel could be mapped, or a patch is larger than the raster.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LinearRegression
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_030, 3_800_020))
    >>> model = LinearRegression().fit([[0.2], [0.6]], [20.0, 100.0])
    >>> with TemporaryDirectory() as folder:
    ...     bands = {"NDVI": [[0.05, 0.2, 0.3], [0.4, 0.5, np.nan]]}
    ...     stack = PredictorStack.write(f"{folder}/stack.tif", bands, grid)
    ...     counts = predict_map(model, stack, ["NDVI"], None, f"{folder}/agb.tif")
    ...     agb = PredictorStack.open(f"{folder}/agb.tif").thinned((2, 3))[0]
    >>> counts.mapped, counts.without_predictors, counts.raised_to_minimum
    (5, 1, 1)
    >>> agb.round(1)
    array([[ 0., 20., 40.],
           [60., 80., nan]], dtype=float32)
    """
    mask = _everywhere if mask is None else mask
    rules, halo = rules or MapRules(), halo_of(model)
    check_patch(2 * halo + 1, stack.grid)
    total = MapCounts()
    band = Band("aboveground biomass", "Mg/ha")
    with (
        new_cog(Path(target), stack.grid, band, tags) as store,
        stack.reader(names) as reader,
        threadpool_limits(1),
        Workers(workers).pool() as pool,
    ):

        def work(block: Block, values: NDArray[np.float32], inside: NDArray[np.bool_]) -> MapCounts:
            agb, counts = predict_block(model, values, names, inside, rules)
            store.write(block, agb[None])
            return counts

        # read by the walking thread alone: GDAL datasets are not for many threads
        loaded = ((b, reader.read_around(b, halo), mask(b)) for b in store.lattice)
        for done, counts in enumerate(pool.run(work, loaded), 1):
            total += counts
            progress("map", done, len(store.lattice))
        if total.mapped == 0:
            raise InputError(
                f"no pixel to map: {total.masked} are outside the mask, "
                f"{total.without_predictors} inside it lack a predictor",
                where="map",
                remedy="check the mask and the nodata of the predictors",
            )
    return total


def _everywhere(block: Block) -> NDArray[np.bool_]:
    return np.ones((block.rows, block.cols), dtype=bool)


def _predict(model: Regressor, X: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Predict with names for a model that was fitted with names, else without."""
    named = hasattr(model, "feature_names_in_")
    table = pd.DataFrame(X, columns=list(names)) if named else X
    return np.asarray(model.predict(table), dtype=np.float64)
