"""Prediction over the whole grid: any regressor, block by block, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError
from phytomass.features import PredictorStack, StackReader, check_patch
from phytomass.grid import Block
from phytomass.imagery import MappedArea, Mask
from phytomass.mapping.dense import halo_of
from phytomass.mapping.engines import Engine, Regressor, Window, engine_for
from phytomass.mapping.identity import print_of, prints_of
from phytomass.mapping.made import Walking, at_work, made_map
from phytomass.walk.journal import Journal
from phytomass.walk.store import Band

Array = NDArray[np.float64]
AGB = Band("aboveground biomass", "Mg/ha")
PLACES, SEEN = 8, 16
"""Where an engine is compared with its model: so many windows of so many pixels a side."""


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

    def counted(self, predicted: Array) -> MapCounts:
        """Count predictions that are raised, or beyond the plots."""
        low, high = self.training_range
        raised = 0 if self.minimum is None else int((predicted < self.minimum).sum())
        below, above = int((predicted < low).sum()), int((predicted > high).sum())
        return MapCounts(
            len(predicted), raised_to_minimum=raised, below_training=below, above_training=above
        )

    def limited(self, predicted: Array) -> Array:
        """Return predictions as the map holds them."""
        return predicted if self.minimum is None else np.maximum(predicted, self.minimum)


def predict_block(
    engine: Engine,
    values: NDArray[np.float32],
    inside: NDArray[np.bool_],
    rules: MapRules,
) -> tuple[NDArray[np.float32], MapCounts]:
    """Predict one block.

    Parameters
    ----------
    engine : Engine
        Predicts (see `engine_for`).
    values : array, shape (predictors, rows + 2 halo, cols + 2 halo)
        Predictors, NaN where there are no data; with the halo of the engine.
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
    use, counts = usable(values, engine.halo, inside)
    result = np.full(inside.shape, np.nan, dtype=np.float32)
    if use.any():
        predicted = engine.predict(values, use)
        counts += rules.counted(predicted)
        result[use] = rules.limited(predicted)
    return result, counts


def usable(
    values: NDArray[np.floating], halo: int, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], MapCounts]:
    """Return the pixels of a block that can be predicted, and how many cannot."""
    own = values[:, halo : halo + inside.shape[0], halo : halo + inside.shape[1]]
    complete = np.isfinite(own).all(axis=0)
    without = int((inside & ~complete).sum())
    return complete & inside, MapCounts(masked=int((~inside).sum()), without_predictors=without)


def predict_map(
    model: Regressor,
    stack: PredictorStack,
    names: Sequence[str],
    mask: MappedArea | Mask | None,
    target: str | Path,
    *,
    rules: MapRules | None = None,
    tags: dict[str, str] | None = None,
    walking: Walking | None = None,
) -> MapCounts:
    """Write the map of a model as a Cloud-Optimised GeoTIFF (float32, Mg/ha, NaN is nodata).

    Blocks of the fixed lattice are read, predicted and written one by one, in threads, processes
    or on a Dask cluster: the file has the same bytes for any workers, and each holds one block in
    memory. What was finished before a call was broken off is used again, if the model, the stack
    and the mask (sizes and times of their files), and all else that the map depends on are the
    same.

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
    mask : MappedArea or callable, optional
        The pixels to map; the whole grid if None. A function from block to booleans is called by
        several workers at a time.
    target : str or Path
        The map.
    rules : MapRules, optional
        Lower limit and training range.
    tags : dict of str, optional
        Written into the file.
    walking : Walking, optional
        Who computes, where finished blocks are kept, whom to tell; one thread if absent.

    Returns
    -------
    MapCounts
        What became of the pixels.

    Raises
    ------
    InputError
        If no pixel could be mapped, or a patch is larger than the raster.
    WorkersError, DiskFullError
        If workers are lost, or the disk is full; finished blocks are kept.

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
    halo = halo_of(model)
    check_patch(2 * halo + 1, stack.grid)
    with stack.reader(names) as reader:  # what is missing is said before workers are asked
        engine = engine_for(model, names, seen_windows(reader, halo))
    sources = Sources.of(stack, names, mask)
    rules = rules or MapRules()
    request = {"model": print_of(engine), "sources": sources.prints(), "rules": print_of(rules)}
    sent = (engine, sources, rules)
    with made_map(
        Path(target), stack.grid, [AGB], tags or {}, request, _part, sent, walking or Walking()
    ) as notes:
        return counted_in(notes)


def counted_in(notes: Iterable[Mapping[str, int]]) -> MapCounts:
    """Add up what became of the pixels of all blocks.

    Raises
    ------
    InputError
        If none of them was mapped.
    """
    total = sum((MapCounts(**note) for note in notes), MapCounts())
    if total.mapped == 0:
        raise InputError(
            f"no pixel to map: {total.masked} are outside the mask, "
            f"{total.without_predictors} inside it lack a predictor",
            where="map",
            remedy="check the mask and the nodata of the predictors",
        )
    return total


@dataclass(frozen=True)
class Sources:
    """What the blocks of a map are read from, by any worker for itself.

    Parameters
    ----------
    stack : PredictorStack
        The predictors.
    names : tuple of str
        Those that are read, in order.
    mask : MappedArea or callable, optional
        The pixels to map.
    """

    stack: PredictorStack
    names: tuple[str, ...]
    mask: MappedArea | Mask | None

    @classmethod
    def of(
        cls, stack: PredictorStack, names: Sequence[str], mask: MappedArea | Mask | None
    ) -> Sources:
        """Make them of what is to be mapped."""
        return cls(replace(stack, path=stack.path.resolve()), tuple(names), mask)

    @contextmanager
    def open(self) -> Iterator[tuple[StackReader, Mask]]:
        """Open predictors and mask."""
        if isinstance(self.mask, MappedArea):
            opened = self.mask.open()
        else:
            opened = nullcontext(self.mask or _everywhere)
        with self.stack.reader(self.names) as reader, opened as inside:
            yield reader, inside

    def prints(self) -> list[Any]:
        """Return what tells these sources from others (JSON-able)."""
        files, rule = [self.stack.path], print_of(self.mask)
        if isinstance(self.mask, MappedArea):
            files, rule = [*files, *self.mask.files], print_of(self.mask.rule)
        return [list(self.names), rule, *prints_of(files)]


def _part(
    journal: Journal, engine: Engine, sources: Sources, rules: MapRules, part: Sequence[Block]
) -> int:
    with at_work(journal), sources.open() as (reader, inside):
        for block in part:
            around = reader.read_around(block, engine.halo)
            agb, counts = predict_block(engine, around, inside(block), rules)
            journal.keep(block, agb[None], asdict(counts))
    return len(part)


def seen_windows(reader: StackReader, halo: int) -> Iterator[Window]:
    """Give some pixels from all over the map, on which an engine is compared with its model."""
    blocks = list(reader.lattice)
    rows, cols = reader.lattice.grid.shape
    side = min(SEEN, rows, cols)
    for block in blocks[:: -(-len(blocks) // PLACES)]:
        top = min(block.row + block.rows // 2, rows - side)
        left = min(block.col + block.cols // 2, cols - side)
        window = reader.lattice.cut(top, left, top + side, left + side)
        values = reader.read_around(window, halo)
        own = values[:, halo : halo + side, halo : halo + side]
        yield values, np.asarray(np.isfinite(own).all(axis=0))


def _everywhere(block: Block) -> NDArray[np.bool_]:
    return np.ones((block.rows, block.cols), dtype=bool)
