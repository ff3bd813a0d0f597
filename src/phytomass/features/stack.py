"""The predictor stack: every predictor as one named band on one grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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
from phytomass.features.layers import Layer, layers_of
from phytomass.features.raster import new_raster
from phytomass.files import whole_file, write_csv
from phytomass.grid import Block, blocks_of, cells_at, grid_of_raster
from phytomass.imagery import (
    PredictorSettings,
    RasterSource,
    aspect_components,
    evaluate,
    extended,
    find_index,
    gradient,
    open_source,
    slope_deg,
)
from phytomass.progress import Progress, silent

Array = NDArray[np.float64]
_DEM = "elevation"


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


@dataclass
class _Sources:
    """The open sources of a stack and how its layers are computed from them."""

    settings: PredictorSettings
    readers: list[Any]
    dem: Any
    grid: GeoBox
    summaries: dict[str, _Summary] = field(default_factory=dict)

    def block(self, block: Block) -> dict[str, Array]:
        values: dict[str, Array] = {}
        for reader in self.readers:
            values |= reader.read(block)
        if self.dem is not None:
            values |= self._terrain(block)
        for wanted in self.settings.indices:
            index = find_index(wanted)
            values[index.id] = evaluate(index.formula, values)
        return values

    def _terrain(self, block: Block) -> dict[str, Array]:
        top, left = min(block.row, 1), min(block.col, 1)
        bottom = min(self.grid.shape[0] - block.row - block.rows, 1)
        right = min(self.grid.shape[1] - block.col - block.cols, 1)
        around = Block(
            block.row - top, block.col - left, block.rows + top + bottom, block.cols + left + right
        )
        z = self.dem.read(around)[_DEM]
        z = extended(z)[top : top + block.rows + 2, left : left + block.cols + 2]
        east, north = gradient(z, (abs(self.grid.transform.a), abs(self.grid.transform.e)))
        sine, cosine = aspect_components(east, north)
        derived = {
            "elevation": z[1:-1, 1:-1],
            "slope": slope_deg(east, north),
            "aspect_sin": sine,
            "aspect_cos": cosine,
        }
        assert self.settings.terrain is not None  # noqa: S101  # the DEM came from it
        return {name: derived[name] for name in self.settings.terrain.derive}


@contextmanager
def _open_sources(settings: PredictorSettings, root: Path, grid: GeoBox) -> Iterator[_Sources]:
    with ExitStack() as stack:
        readers = [
            stack.enter_context(open_source(key, source, root, grid))
            for key, source in settings.rasters.items()
        ]
        dem = None
        if settings.terrain is not None:
            source = RasterSource(
                files=settings.terrain.dem, bands={_DEM: 1}, resample=settings.terrain.resample
            )
            dem = stack.enter_context(open_source("terrain", source, root, grid))
        yield _Sources(settings, readers, dem, grid)


def check_stack(settings: PredictorSettings, root: Path, grid: GeoBox) -> list[Layer]:
    """Open every source without reading pixels; return the layers the stack will have.

    Raises
    ------
    InputError
        For missing files or bands, other grids, names that collide, or an index without its bands.
    """
    with _open_sources(settings, root, grid) as sources:
        bands = {reader.key: reader.names for reader in sources.readers}
    return layers_of(settings, bands)


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
            _open_sources(settings, root, grid) as sources,
            new_raster(
                beside, grid, [layer.name for layer in layers], [layer.unit for layer in layers]
            ) as out,
        ):
            for done, block in enumerate(blocks, 1):
                values = sources.block(block)
                for band, layer in enumerate(layers, 1):
                    summaries[layer.name].add(values[layer.name])
                    out.write(values[layer.name].astype(np.float32), band, window=block.window)
                _check_reflectance(settings, values)
                progress("predictors", done, len(blocks))
        _check_not_empty(layers, summaries)
    pixels = grid.shape[0] * grid.shape[1]
    table = pd.DataFrame([layer.row() | summaries[layer.name].row(pixels) for layer in layers])
    write_csv(target.with_suffix(".csv"), table)
    return PredictorStack.open(target), table


def _check_reflectance(settings: PredictorSettings, values: dict[str, Array]) -> None:
    for index in map(find_index, settings.indices):
        if not index.needs_reflectance:
            continue
        for band in sorted(index.bands):
            seen = values[band][np.isfinite(values[band])]
            if seen.size and float(np.median(seen)) > 2:
                raise InputError(
                    f"{index.id} needs reflectance between 0 and 1, the median here is "
                    f"{np.median(seen):.0f}",
                    where=f"band {band}",
                    remedy="set `scale` of its raster, e.g. 0.0001 for reflectance × 10 000",
                )


def _check_not_empty(layers: list[Layer], summaries: dict[str, _Summary]) -> None:
    empty = [layer for layer in layers if summaries[layer.name].n == 0]
    if empty:
        raise InputError(
            "no valid pixel on the whole grid",
            where=", ".join(f"{layer.name} ({layer.source})" for layer in empty),
            remedy="check nodata, keep_where, and that the raster covers the study area",
        )
