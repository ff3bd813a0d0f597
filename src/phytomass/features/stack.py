"""The predictor stack: every predictor as one named band on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError, nearest
from phytomass.files import whole_file
from phytomass.grid import Block, cells_at
from phytomass.walk.geotiff import new_raster
from phytomass.walk.kinds import store_at
from phytomass.walk.lattice import Lattice
from phytomass.walk.store import Band, Bands

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PredictorStack:
    """A stack on disk: one float32 band per predictor, NaN where there are no data.

    Parameters
    ----------
    path : Path
        GeoTIFF whose band descriptions are the predictor names, a Zarr store, or a folder of COGs.
    grid : GeoBox
        Its grid.
    names : tuple of str
        Predictor names in band order.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_030, 3_800_020))
    >>> bands = {"NDVI": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], "VH": np.full((2, 3), -14.0)}
    >>> with TemporaryDirectory() as folder:
    ...     stack = PredictorStack.write(Path(folder, "stack.tif"), bands, grid)
    ...     values, inside = stack.at(np.array([500_015.0]), np.array([3_800_005.0]))
    >>> stack.names, values.round(2).to_dict("records")
    (('NDVI', 'VH'), [{'NDVI': 0.5, 'VH': -14.0}])
    """

    path: Path
    grid: GeoBox
    names: tuple[str, ...]

    @classmethod
    def open(cls, path: str | Path) -> PredictorStack:
        """Open a stack written by `build_stack`, or any raster with named bands.

        Raises
        ------
        InputError
            If the file is missing, a band has no name, or a folder is no stack.
        """
        return cls(Path(path), *store_at(Path(path)).describe(Path(path)))

    @classmethod
    def write(
        cls, path: str | Path, bands: Mapping[str, ArrayLike], grid: GeoBox
    ) -> PredictorStack:
        """Write arrays as a stack, e.g. composites and indices that a notebook made, and open it.

        Parameters
        ----------
        path : str or Path
            The GeoTIFF, written whole or not at all.
        bands : mapping of str to array, shape (rows, cols)
            Predictors by name; what is not finite has no data.
        grid : GeoBox
            Where they lie, e.g. from `grid_from_bounds`.

        Raises
        ------
        InputError
            If there is no band, or one has another shape than the grid.
        """
        arrays = {name: np.asarray(band, dtype=np.float32) for name, band in bands.items()}
        for name, array in arrays.items():
            if array.shape != tuple(grid.shape):
                what = f"has shape {array.shape}, the grid {tuple(grid.shape)}"
                raise InputError(what, where=f"band {name}")
        if not arrays:
            raise InputError("a stack without a band", where=str(path))
        with (
            whole_file(Path(path)) as beside,
            new_raster(beside, grid, [Band(name) for name in arrays]) as out,
        ):
            for number, array in enumerate(arrays.values(), 1):
                out.write(np.where(np.isfinite(array), array, np.float32(np.nan)), number)
        return cls.open(path)

    @contextmanager
    def reader(self, names: Sequence[str]) -> Iterator[StackReader]:
        """Open the named bands for reading block by block.

        Raises
        ------
        InputError
            If a predictor is not in the stack; bands are found by name, never by position.
        """
        for name in names:
            if name not in self.names:
                raise InputError(
                    f"no predictor {name!r}",
                    where=self.path.name,
                    remedy=nearest(name, self.names) or f"the stack has {', '.join(self.names)}",
                )
        with store_at(self.path).open(self.path, names) as bands:
            yield StackReader(bands, Lattice(self.grid))

    def at(self, easting: Array, northing: Array) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """Read every predictor at points.

        Parameters
        ----------
        easting, northing : array, shape (n,)
            In the CRS of the grid.

        Returns
        -------
        values : DataFrame, shape (n, predictors)
            Values of the pixel that holds each point; NaN outside and at nodata.
        inside : array of bool, shape (n,)
            Whether the point lies on the grid.
        """
        rows, cols, inside = cells_at(self.grid, easting, northing)
        values = np.full((len(rows), len(self.names)), np.nan)
        with self.reader(self.names) as reader:
            for window, here in reader.lattice.holding(rows, cols, inside):
                data = reader.read(window)
                values[here] = data[:, rows[here] - window.row, cols[here] - window.col].T
        return pd.DataFrame(values, columns=list(self.names)), inside

    def patches_at(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], side: int
    ) -> NDArray[np.float32]:
        """Read the patch around each pixel.

        Parameters
        ----------
        rows, cols : array of int, shape (n,)
            Centres, pixels of the grid.
        side : int
            Side of the patches, pixels, odd.

        Returns
        -------
        array, shape (n, predictors, side, side)
            NaN where there are no data; beyond the raster its mirror image (see
            `StackReader.read_around`).

        Raises
        ------
        InputError
            If the side is even, or longer than a side of the raster.
        """
        check_patch(side, self.grid)
        values = np.empty((len(rows), len(self.names), side, side), dtype=np.float32)
        with self.reader(self.names) as reader:
            for window, here in reader.lattice.holding(rows, cols):
                data = reader.read_around(window, side // 2)
                places = zip(here, rows[here] - window.row, cols[here] - window.col, strict=True)
                for i, row, col in places:
                    values[i] = data[:, row : row + side, col : col + side]
        return values

    def thinned(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Read every predictor at fewer pixels, for pictures: the nearest ones, not averages.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns wanted, at most those of the grid.

        Returns
        -------
        array, shape (predictors, rows, cols)
            NaN where there are no data.
        """
        rows, cols = (
            ((np.arange(n) + 0.5) * (size / n)).astype(np.int64)
            for n, size in zip(shape, self.grid.shape, strict=True)
        )
        values = np.full((len(self.names), *shape), np.nan, dtype=np.float32)
        with self.reader(self.names) as reader:
            for block in reader.lattice:
                i = np.flatnonzero((rows >= block.row) & (rows < block.row + block.rows))
                j = np.flatnonzero((cols >= block.col) & (cols < block.col + block.cols))
                if i.size and j.size:
                    seen = reader.read(block)[:, rows[i] - block.row][:, :, cols[j] - block.col]
                    values[:, i[:, None], j] = seen
        return values

    def averaged(self, name: str, side: int) -> NDArray[np.float64]:
        """Read one predictor averaged over squares of side × side pixels, for pictures.

        Returns
        -------
        array, shape (⌈rows / side⌉, ⌈cols / side⌉)
            Means of the pixels with data; NaN where a square has none.
        """
        shape = tuple(-(-size // side) for size in self.grid.shape)
        total, count = np.zeros(shape), np.zeros(shape)
        with self.reader([name]) as reader:
            for block in reader.lattice:
                values = reader.read(block)[0].astype(np.float64)
                good = np.isfinite(values)
                rows, cols = np.nonzero(good)
                place = ((rows + block.row) // side, (cols + block.col) // side)
                np.add.at(total, place, values[good])
                np.add.at(count, place, 1.0)
        with np.errstate(invalid="ignore"):
            return total / count

    def to_xarray(self) -> xr.Dataset:
        """Open the stack as an xarray dataset with one lazily read variable per predictor."""
        return store_at(self.path).to_xarray(self.path)


@dataclass(frozen=True)
class StackReader:
    """Open bands of a stack."""

    bands: Bands
    lattice: Lattice

    def read(self, block: Block) -> NDArray[np.float32]:
        """Read a block: array of shape (predictors, rows, cols), NaN where there are no data."""
        return self.bands.read(block)

    def read_around(self, block: Block, halo: int) -> NDArray[np.float32]:
        """Read a block and `halo` more pixels on each side.

        Beyond the raster stands its mirror image, the edge pixels repeated: so patches at the
        edge hold plausible values, and every pixel of the raster has a patch.

        Parameters
        ----------
        block : Block
            A block of the grid.
        halo : int
            Pixels; less than a side of the raster.

        Returns
        -------
        array, shape (predictors, rows + 2 halo, cols + 2 halo)
            NaN where there are no data.
        """
        window, rows, cols = self.lattice.mirrored(block, halo)
        around: NDArray[np.float32] = self.read(window)[:, rows][:, :, cols]
        return around


def check_patch(side: int, grid: GeoBox) -> None:
    """Raise when patches of this side cannot be cut from the grid.

    Raises
    ------
    InputError
        If the side is even, not positive, or longer than a side of the raster.
    """
    if side < 1 or side % 2 == 0:
        raise InputError(f"a patch of {side} pixels", where="patch", remedy="use an odd side")
    rows, cols = grid.shape
    if side > min(rows, cols):
        raise InputError(
            f"a patch of {side} × {side} pixels is larger than the raster ({rows} × {cols})",
            where="patch",
            remedy="use a smaller patch or a larger raster",
        )
