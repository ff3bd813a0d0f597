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
from phytomass.walk.lattice import Lattice

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
        around, inner = Lattice(self.grid).around(block, 1)
        z = extended(self.reader.read(around)[_DEM])
        rows, cols = inner
        z = z[rows.start : rows.stop + 2, cols.start : cols.stop + 2]
        east, north = gradient(z, (abs(self.grid.transform.a), abs(self.grid.transform.e)))
        return z[1:-1, 1:-1], east, north


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
