"""Pixels of an open raster as the file stores them, and where it says that there are none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.vrt import WarpedVRT

from phytomass.grid import Block
from phytomass.imagery.pixels.stored import Stored, same_in

Gaps = NDArray[np.bool_] | None
"""Where a file says that it has no data; None where it has data everywhere."""


@dataclass(frozen=True)
class Raw:
    """An open raster on the project's grid.

    Parameters
    ----------
    dataset : DatasetReader
        From `on_grid`.
    """

    dataset: Any

    def read(self, indexes: list[int], block: Block, out: Stored | None = None) -> Stored:
        """Read bands (from 1) of a block, shape (bands, rows, cols), into `out` where given."""
        values: Stored = self.dataset.read(indexes, window=block.window, out=out)
        return values

    def kind(self, index: int) -> np.dtype[Any]:
        """Return the type of a band."""
        kind: np.dtype[Any] = np.dtype(self.dataset.dtypes[index - 1])
        return kind

    @property
    def nodata(self) -> float | None:
        """The value without data that the file declares for all its bands."""
        declared: float | None = self.dataset.nodata
        return declared

    def gaps(self, indexes: list[int], block: Block, read: Stored) -> Gaps:
        """Return where the file says that it has no data, for what was read of a block."""
        gaps: Gaps = None
        if not self._full:
            gaps = self._compared(indexes, read)
            if gaps is None:
                seen = self.dataset.read_masks(indexes, window=block.window)
                gaps = np.asarray(seen == 0)
        if self._alpha:
            beyond = self.dataset.read(self.dataset.count, window=block.window) == 0
            gaps = beyond | (gaps if gaps is not None else np.zeros(read.shape, dtype=bool))
        return gaps

    def _compared(self, indexes: list[int], read: Stored) -> Gaps:
        """Return where whole numbers are the declared one: GDAL's own masks are read by pixel."""
        if not self._by_value or read.dtype.kind == "f":
            return None
        declared = [self.dataset.nodatavals[index - 1] for index in indexes]
        held = [
            same_in(self.kind(index), (value,))
            for index, value in zip(indexes, declared, strict=True)
        ]
        if any(len(value) == 0 for value in held):
            return None
        return np.asarray(read == np.array(held, dtype=read.dtype)[:, :, None])

    @cached_property
    def _full(self) -> bool:
        return all(MaskFlags.all_valid in flags for flags in self.dataset.mask_flag_enums)

    @cached_property
    def _by_value(self) -> bool:
        return all(flags == [MaskFlags.nodata] for flags in self.dataset.mask_flag_enums)

    @cached_property
    def _alpha(self) -> bool:
        # GDAL makes masks of the alpha of bytes and unsigned 16-bit values only
        return (
            isinstance(self.dataset, WarpedVRT)
            and self.dataset.colorinterp[-1] == ColorInterp.alpha
        )
