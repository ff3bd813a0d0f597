"""Sums over the pixels of rasters, zone by zone, in one walk and in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.features import PredictorStack
from phytomass.grid import Block, describe_grid, grid_of_raster, same_grid
from phytomass.walk.lattice import Lattice


@dataclass(frozen=True)
class Layer:
    """One band of a raster file, or of a stack of predictors."""

    path: Path
    band: int = 1


def walk(layers: Sequence[Layer]) -> Iterator[tuple[Block, list[NDArray[np.float64]]]]:
    """Walk over rasters on one grid, block by block; NaN where there are no data.

    Raises
    ------
    InputError
        If the rasters are on different grids, or a band is missing.
    """
    grid = _grid_of(layers[0].path)
    for layer in layers[1:]:
        own = _grid_of(layer.path)
        if not same_grid(grid, own):
            raise InputError(
                f"is on another grid: {describe_grid(own)}; {layers[0].path.name} is on"
                f" {describe_grid(grid)}",
                where=layer.path.name,
                remedy="bring it to the grid of the map",
            )
    with ExitStack() as stack:
        readers = [stack.enter_context(_opened(layer)) for layer in layers]
        for block in Lattice(grid):
            yield block, [read(block) for read in readers]


def _grid_of(path: Path) -> GeoBox:
    return PredictorStack.open(path).grid if path.is_dir() else grid_of_raster(path)


@contextmanager
def _opened(layer: Layer) -> Iterator[Callable[[Block], NDArray[np.float64]]]:
    """Open a band; what comes reads its blocks."""
    if layer.path.is_dir():
        stack = PredictorStack.open(layer.path)
        with stack.reader([stack.names[layer.band - 1]]) as reader:
            yield lambda block: reader.read(block)[0].astype(np.float64)
        return
    with rasterio.open(layer.path) as source:
        if not 1 <= layer.band <= source.count:
            raise InputError(f"no band {layer.band}", where=layer.path.name)
        yield (
            lambda block: (
                source.read(layer.band, window=block.window, masked=True)
                .astype(np.float64)
                .filled(np.nan)
            )
        )
