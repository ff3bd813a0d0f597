"""Opening a source of the project file, whatever it is: a raster, a product, a VOD series."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.grid import Block
from phytomass.imagery.product import open_product
from phytomass.imagery.reader import open_rasters
from phytomass.imagery.settings import RasterSource
from phytomass.imagery.vod import open_vod


class BlockReader(Protocol):
    """What every open source can do."""

    @property
    def key(self) -> str:
        """Its name in the project file."""

    @property
    def names(self) -> list[str]:
        """Names of its predictors."""

    def read(self, block: Block) -> dict[str, NDArray[np.float64]]:
        """Read a block: predictor name → array (rows, cols), NaN where there are no data."""


@contextmanager
def open_source(
    key: str, settings: RasterSource, root: Path, grid: GeoBox
) -> Iterator[BlockReader]:
    """Open a raster source on a grid.

    Parameters
    ----------
    key : str
        Its name in the project file, for messages.
    settings : RasterSource
        The source.
    root : Path
        Folder that relative paths start from.
    grid : GeoBox
        The project's grid. A file on another grid is an error unless `settings.resample` names
        a kernel.

    Raises
    ------
    InputError
        For missing files or bands, several files without `composite`, or another grid.
    """
    record = settings.record
    if record is None:
        with open_rasters(key, settings, root, grid) as plain:
            yield plain
    elif record.grid_crs:
        with open_vod(key, settings, root, grid) as vod:
            yield vod
    else:
        with open_product(key, settings, root, grid) as product:
            yield product
