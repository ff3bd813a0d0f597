"""Opening a source of the project file, whatever it is: a raster, a product, a VOD series."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.imagery.readers.corrections import Prepared
from phytomass.imagery.readers.product import bands_of, open_product
from phytomass.imagery.readers.reader import open_rasters
from phytomass.imagery.readers.vod import open_vod
from phytomass.imagery.scenes.kept import fetched_files
from phytomass.imagery.settings import RasterSource


class BlockReader(Protocol):
    """What every open source can do."""

    @property
    def key(self) -> str:
        """Its name in the project file."""

    @property
    def names(self) -> list[str]:
        """Names of its predictors."""

    @property
    def held_bytes(self) -> int:
        """Bytes that are held of each pixel while a block is read."""

    def read(self, block: Block) -> dict[str, NDArray[np.float64]]:
        """Read a block: predictor name → array (rows, cols), NaN where there are no data."""


@dataclass(frozen=True)
class AnnouncedReader:
    """A catalogue source whose scenes have not been fetched: it knows its names, not its values."""

    key: str
    settings: RasterSource

    @property
    def names(self) -> list[str]:
        """Names of its predictors, as far as the product tells."""
        record = self.settings.record
        assert record is not None  # noqa: S101  # a catalogue source has a product
        bands = list(bands_of(self.settings, record, set()) or record.predictors)
        apart = self.settings.orbits == "apart"
        suffixes = ["_ascending", "_descending"] if apart else [""]
        extras = [f"{self.key}_{extra}" for extra in self.settings.extras]
        return [name + suffix for suffix in suffixes for name in [*bands, *extras]]

    @property
    def held_bytes(self) -> int:
        """None."""
        return 0

    def read(self, block: Block) -> dict[str, NDArray[np.float64]]:
        """Refuse: there is nothing to read yet."""
        raise InputError(
            "its scenes have not been fetched yet",
            where=f"predictors.rasters.{self.key}",
            remedy="run: phytomass stack",
        )


@contextmanager
def open_source(
    key: str, settings: RasterSource, root: Path, grid: GeoBox, prepared: Prepared | None = None
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
    prepared : Prepared, optional
        What is known of a product's whole scenes already; found by reading them if absent.

    Raises
    ------
    InputError
        For missing files or bands, several files without `composite`, or another grid.
    """
    record = settings.record
    if settings.catalog is not None and not settings.files and not fetched_files(settings, root):
        yield AnnouncedReader(key, settings)
    elif record is None:
        with open_rasters(key, settings, root, grid) as plain:
            yield plain
    elif record.grid_crs:
        with open_vod(key, settings, root, grid) as vod:
            yield vod
    else:
        with open_product(key, settings, root, grid, prepared) as product:
            yield product
