"""The predictor stack: every predictor as one named band on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import rioxarray
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError, nearest
from phytomass.features.raster import new_raster
from phytomass.features.sources import check_stack, open_sources, refuse_empty, refuse_unscaled
from phytomass.files import whole_file, write_csv
from phytomass.grid import BLOCK, Block, blocks_of, cells_at, grid_of_raster
from phytomass.imagery import PredictorSettings
from phytomass.progress import Progress, silent

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PredictorStack:
    """A stack on disk: one float32 band per predictor, NaN where there are no data.

    Parameters
    ----------
    path : Path
        GeoTIFF whose band descriptions are the predictor names.
    grid : GeoBox
        Its grid.
    names : tuple of str
        Predictor names in band order.
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
            If the file is missing or a band has no name.
        """
        grid = grid_of_raster(path)
        with rasterio.open(path) as source:
            names = source.descriptions
        if not all(names) or len(set(names)) < len(names):
            raise InputError("bands need distinct names (descriptions)", where=str(path))
        return cls(Path(path), grid, tuple(names))

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
        with rasterio.open(self.path) as dataset:
            yield StackReader(dataset, [self.names.index(name) + 1 for name in names])

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
            for block in blocks_of(self.grid.shape):
                here = (
                    inside
                    & (rows >= block.row)
                    & (rows < block.row + block.rows)
                    & (cols >= block.col)
                    & (cols < block.col + block.cols)
                )
                if here.any():
                    data = reader.read(block)
                    values[here] = data[:, rows[here] - block.row, cols[here] - block.col].T
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
            for block in blocks_of(self.grid.shape):
                here = np.flatnonzero(
                    (rows // BLOCK == block.row // BLOCK) & (cols // BLOCK == block.col // BLOCK)
                )
                if not here.size:
                    continue
                r, c = rows[here], cols[here]
                window = Block(r.min(), c.min(), r.max() - r.min() + 1, c.max() - c.min() + 1)
                data = reader.read_around(window, side // 2)
                for i, row, col in zip(here, r - window.row, c - window.col, strict=True):
                    values[i] = data[:, row : row + side, col : col + side]
        return values

    def to_xarray(self) -> xr.Dataset:
        """Open the stack as an xarray dataset with one lazily read variable per predictor."""
        array = rioxarray.open_rasterio(self.path, chunks=None, masked=True)
        assert isinstance(array, xr.DataArray)  # noqa: S101  # one subdataset, one array
        bands = {n: array.sel(band=i, drop=True) for i, n in enumerate(self.names, 1)}
        return xr.Dataset(bands)


@dataclass(frozen=True)
class StackReader:
    """Open bands of a stack."""

    dataset: Any
    indexes: list[int]

    def read(self, block: Block) -> NDArray[np.float32]:
        """Read a block: array of shape (predictors, rows, cols), NaN where there are no data."""
        data: NDArray[np.float32] = self.dataset.read(self.indexes, window=block.window)
        return data

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
        rows = mirrored(block.row - halo, block.row + block.rows + halo, self.dataset.height)
        cols = mirrored(block.col - halo, block.col + block.cols + halo, self.dataset.width)
        top, left = int(rows.min()), int(cols.min())
        seen = self.read(Block(top, left, int(rows.max()) - top + 1, int(cols.max()) - left + 1))
        around: NDArray[np.float32] = seen[:, rows - top][:, :, cols - left]
        return around


def mirrored(start: int, stop: int, size: int) -> NDArray[np.int64]:
    """Return positions from start to stop, those outside 0 … size - 1 mirrored at the edge.

    Examples
    --------
    >>> mirrored(-2, 6, 4).tolist()
    [1, 0, 0, 1, 2, 3, 3, 2]
    """
    places = np.arange(start, stop)
    places = np.where(places < 0, -1 - places, places)
    return np.where(places >= size, 2 * size - 1 - places, places)


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


@dataclass
class _Summary:
    """Running count, sum, sum of squares and range of one predictor."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: Array) -> None:
        good = values[np.isfinite(values)]
        if good.size:
            self.n += good.size
            self.total += float(good.sum())
            self.squares += float((good**2).sum())
            self.low = min(self.low, float(good.min()))
            self.high = max(self.high, float(good.max()))

    def row(self, pixels: int) -> dict[str, float]:
        if not self.n:
            return {"valid_share": 0.0}
        mean = self.total / self.n
        sd = np.sqrt(max(self.squares / self.n - mean**2, 0.0))
        share = self.n / pixels
        return {"mean": mean, "sd": sd, "min": self.low, "max": self.high, "valid_share": share}


def build_stack(
    settings: PredictorSettings,
    grid: GeoBox,
    root: Path,
    target: Path,
    *,
    progress: Progress = silent,
) -> tuple[PredictorStack, pd.DataFrame]:
    """Compute all predictors block by block and write them as one GeoTIFF.

    Parameters
    ----------
    settings : PredictorSettings
        Sources, indices and terrain.
    grid : GeoBox
        The project's grid.
    root : Path
        Folder that relative paths start from.
    target : Path
        The GeoTIFF; a table of the layers (`.csv`, same name) is written beside it.
    progress : callable
        Called with (what, done, total) per block.

    Returns
    -------
    stack : PredictorStack
        The stack, float32.
    table : DataFrame
        One row per predictor: name, sensor, kind, formula, source, unit, mean, sd, min, max,
        valid_share.

    Raises
    ------
    InputError
        As `check_stack`; also if a predictor has no data at all, or reflectance is not in 0-1
        where an index needs it.
    """
    layers = check_stack(settings, root, grid)
    blocks = list(blocks_of(grid.shape))
    summaries = {layer.name: _Summary() for layer in layers}
    with whole_file(target) as beside:
        with (
            open_sources(settings, root, grid) as sources,
            new_raster(
                beside, grid, [layer.name for layer in layers], [layer.unit for layer in layers]
            ) as out,
        ):
            for done, block in enumerate(blocks, 1):
                values = sources.block(block)
                for band, layer in enumerate(layers, 1):
                    summaries[layer.name].add(values[layer.name])
                    out.write(values[layer.name].astype(np.float32), band, window=block.window)
                refuse_unscaled(settings, values)
                progress("predictors", done, len(blocks))
        refuse_empty([layer for layer in layers if summaries[layer.name].n == 0])
    pixels = grid.shape[0] * grid.shape[1]
    table = pd.DataFrame([layer.row() | summaries[layer.name].row(pixels) for layer in layers])
    write_csv(target.with_suffix(".csv"), table)
    return PredictorStack.open(target), table
