"""An elevation model on the project's grid, with the gradient of its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.grid import Block
from phytomass.imagery.pixels.terrain import extended, gradient
from phytomass.imagery.readers.reader import SourceReader, open_rasters
from phytomass.imagery.settings import RasterSource

Array = NDArray[np.float64]
_DEM = "elevation"


@dataclass(frozen=True)
class Elevation:
    """An open elevation model."""

    reader: SourceReader
    grid: GeoBox

    def block(self, block: Block) -> tuple[Array, Array, Array]:
        """Read elevation, and its gradient toward east and north, of a block.

        Returns
        -------
        elevation_m, east, north : array, shape (rows, cols)
            Metres; rise per run. NaN where there are no data.
        """
        around, inner = with_halo(block, 1, self.grid)
        z = extended(self.reader.read(around)[_DEM])
        rows, cols = inner
        z = z[rows.start : rows.stop + 2, cols.start : cols.stop + 2]
        east, north = gradient(z, (abs(self.grid.transform.a), abs(self.grid.transform.e)))
        return z[1:-1, 1:-1], east, north


def with_halo(block: Block, halo: int, grid: GeoBox) -> tuple[Block, tuple[slice, slice]]:
    """Return a block with pixels around it, as far as the grid reaches, and where it lies in that.

    Examples
    --------
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32643", 10, (0, 0, 100, 100))
    >>> with_halo(Block(0, 4, 5, 6), 2, grid)
    (Block(row=0, col=2, rows=7, cols=8), (slice(0, 5, None), slice(2, 8, None)))
    """
    top, left = min(block.row, halo), min(block.col, halo)
    bottom = min(grid.shape[0] - block.row - block.rows, halo)
    right = min(grid.shape[1] - block.col - block.cols, halo)
    around = Block(
        block.row - top, block.col - left, block.rows + top + bottom, block.cols + left + right
    )
    return around, (slice(top, top + block.rows), slice(left, left + block.cols))


@contextmanager
def open_elevation(dem: str, resample: str | None, root: Path, grid: GeoBox) -> Iterator[Elevation]:
    """Open an elevation model on a grid.

    Parameters
    ----------
    dem : str
        Path of the raster, elevation in metres.
    resample : str, optional
        Kernel for a DEM on another grid.
    root : Path
        Folder that relative paths start from.
    grid : GeoBox
        The project's grid.
    """
    source = RasterSource.model_validate({"files": dem, "bands": {_DEM: 1}, "resample": resample})
    with open_rasters("terrain", source, root, grid) as reader:
        yield Elevation(reader, grid)
