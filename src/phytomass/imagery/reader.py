"""Reading raster sources window by window onto the project's grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from phytomass.errors import InputError, nearest
from phytomass.grid import Block, describe_grid, grid_of_raster, same_grid
from phytomass.imagery.composite import composite
from phytomass.imagery.places import files_of
from phytomass.imagery.settings import RasterSource

Array = NDArray[np.float64]
MOST_DECIBEL = 200.0
"""Backscatter lies between -60 and 40 dB; beyond this the power of one pixel hides all others."""


@dataclass(frozen=True)
class BandMap:
    """Which band of a file each predictor comes from, and those that only decide validity."""

    bands: dict[str, int]
    keep: dict[str, int]


def band_map(path: Path, source: RasterSource, key: str) -> BandMap:
    """Find the bands of a source in one of its files.

    Raises
    ------
    InputError
        For a band that the file does not have; names those it has.
    """
    grid_of_raster(path)  # says in words why it cannot be opened
    with rasterio.open(path) as dataset:
        names = {d: i for i, d in enumerate(dataset.descriptions, 1) if d}
        count = dataset.count

    def index_of(band: str | int) -> int:
        if isinstance(band, int) and 1 <= band <= count:
            return band
        if isinstance(band, str) and band in names:
            return names[band]
        has = ", ".join(names) if names else f"{count} bands without names: use numbers from 1"
        raise InputError(
            f"no band {band!r}",
            where=f"{path.name} (predictors.rasters.{key})",
            remedy=nearest(str(band), list(names)) or f"the file has {has}",
        )

    keep = {band: index_of(band) for band in source.keep_where}
    if source.bands is None:
        fallback = [f"{key}_{i}" if count > 1 else key for i in range(1, count + 1)]
        by_number = {i: d for d, i in names.items()}
        wanted: dict[str, str | int] = {
            by_number.get(i, fallback[i - 1]): i
            for i in range(1, count + 1)
            if i not in keep.values()
        }
    elif isinstance(source.bands, list):
        wanted = {
            str(band) if isinstance(band, str) else f"{key}_{band}": band for band in source.bands
        }
    else:
        wanted = source.bands
    return BandMap({name: index_of(band) for name, band in wanted.items()}, keep)


@dataclass(frozen=True)
class SourceReader:
    """An open raster source: gives blocks of its predictors on the project's grid."""

    key: str
    settings: RasterSource
    datasets: tuple[Any, ...]
    flags: tuple[Any, ...]
    maps: tuple[BandMap, ...]

    @property
    def names(self) -> list[str]:
        """Names of the predictors, in order."""
        return list(self.maps[0].bands)

    def read(self, block: Block) -> dict[str, Array]:
        """Read one block: predictor name → array (rows, cols), NaN where there are no data."""
        files = zip(self.datasets, self.flags, self.maps, strict=True)
        dates = np.stack([self._date(*file, block) for file in files])
        if len(dates) == 1:
            merged = dates[0]
        else:
            merged = composite(
                dates,
                self.settings.composite or "median",
                decibel=self.settings.decibel,
                min_observations=self.settings.min_observations,
            )
        return dict(zip(self.names, merged, strict=True))

    def _raw(self, dataset: Any, indexes: Any, block: Block) -> Any:
        try:
            return dataset.read(indexes, window=block.window, masked=True)
        except rasterio.RasterioIOError as error:
            raise InputError(
                f"cannot be read to its end ({error.__cause__ or error})",
                where=self._place(dataset),
                remedy="the file is damaged: get it again",
            ) from error

    def _place(self, dataset: Any) -> str:
        names = [Path(name).name for name in dataset.files if not name.startswith("<")]
        return f"{', '.join(names) or self.settings.place} (predictors.rasters.{self.key})"

    def _date(self, dataset: Any, flags: Any, bands: BandMap, block: Block) -> Array:
        settings = self.settings
        indexes = list(bands.bands.values())
        raw = self._raw(dataset, indexes, block)
        values: Array = raw.filled(0).astype(np.float64)
        invalid: NDArray[np.bool_] = np.ma.getmaskarray(raw) | ~np.isfinite(values)
        if settings.nodata is not None:
            invalid |= values == settings.nodata
        for band, (low, high) in settings.keep_where.items():
            check = self._raw(flags, bands.keep[band], block)
            seen = check.filled(0).astype(np.float64)
            invalid |= np.ma.getmaskarray(check) | ~((seen >= low) & (seen <= high))
        values = values * settings.scale + settings.offset
        values[invalid] = np.nan
        if settings.decibel and bool((np.abs(values) > MOST_DECIBEL).any()):
            raise InputError(
                f"a value of {np.nanmax(np.abs(values)):g} is no backscatter in decibels",
                where=self._place(dataset),
                remedy="set decibel: false, or nodata where that value means no data",
            )
        return values


@contextmanager
def open_rasters(
    key: str, settings: RasterSource, root: Path, grid: GeoBox
) -> Iterator[SourceReader]:
    """Open a plain raster source on a grid.

    Parameters
    ----------
    key, settings, root, grid
        As in `open_source`.

    Raises
    ------
    InputError
        For missing files or bands, several files without `composite`, or another grid.
    """
    where = f"predictors.rasters.{key}"
    paths = files_of(settings.files, root, where)
    need_rule(f"{len(paths)} files", len(paths), settings, where)
    maps = tuple(band_map(path, settings, key) for path in paths)
    with ExitStack() as stack:

        def opened(kernel: str | None, nodata: float | None) -> tuple[Any, ...]:
            views = (on_grid(path, grid, kernel, where, nodata) for path in paths)
            return tuple(map(stack.enter_context, views))

        datasets = opened(settings.resample, settings.undeclared)
        flags = opened(settings.resample and "nearest", None) if settings.keep_where else datasets
        yield SourceReader(key, settings, datasets, flags, maps)


def need_rule(what: str, number: int, settings: RasterSource, where: str) -> None:
    """Refuse several images that the source does not say how to make one of."""
    if number > 1 and settings.composite is None:
        more = ", p25, medoid, best" if settings.product else ""
        raise InputError(
            f"{what} and no rule to make one image of them",
            where=where,
            remedy=f"add composite: median (or mean{more})",
        )


@contextmanager
def on_grid(
    path: Path, grid: GeoBox, resample: str | None, where: str, nodata: float | None = None
) -> Iterator[Any]:
    """Open a raster on the project's grid: itself, or warped where a kernel is named.

    Parameters
    ----------
    path : Path
        The raster.
    grid : GeoBox
        The project's grid.
    resample : str, optional
        Kernel for another grid.
    where : str
        For messages.
    nodata : float, optional
        Value without data, where the file does not declare one: it must not enter a kernel.

    Raises
    ------
    InputError
        If the file is on another grid and no kernel is named.
    """
    own = grid_of_raster(path)
    with rasterio.open(path) as dataset:
        if same_grid(own, grid):
            yield dataset
            return
        if resample is None:
            raise InputError(
                f"is on another grid: {describe_grid(own)}; the project's is {describe_grid(grid)}",
                where=f"{path.name} ({where})",
                remedy="name a kernel, e.g. resample: bilinear, or prepare the file on the grid",
            )
        with warped(dataset, grid, resample, nodata) as moved:
            yield moved


def warped(dataset: Any, grid: GeoBox, kernel: str, nodata: float | None) -> WarpedVRT:
    """Return a view of an open raster on another grid.

    Parameters
    ----------
    dataset : DatasetReader
        The raster.
    grid : GeoBox
        The grid.
    kernel : str
        nearest, bilinear, cubic or average.
    nodata : float, optional
        Value without data where the raster does not declare one: it must not enter a kernel.
    """
    rows, cols = grid.shape
    empty = dataset.nodata if dataset.nodata is not None else nodata
    across, down = _source_pixels(dataset, grid)
    return WarpedVRT(
        dataset,
        src_nodata=empty,
        nodata=empty,
        crs=str(grid.crs),
        transform=grid.transform,
        width=cols,
        height=rows,
        resampling=Resampling[kernel],
        tolerance=1e-6,  # exact per pixel: an approximation would depend on the window read
        UNIFIED_SRC_NODATA="NO",  # else a gap counts only where all bands of the file have it
        XSCALE=repr(1 / across),  # else the width of a kernel would depend on the window read
        YSCALE=repr(1 / down),
    )


def _source_pixels(dataset: Any, grid: GeoBox) -> tuple[float, float]:
    """Return how many columns and rows of a raster one pixel of the grid spans, at its centre."""
    rows, cols = grid.shape
    corners = [(cols / 2, rows / 2), (cols / 2 + 1, rows / 2), (cols / 2, rows / 2 + 1)]
    points = np.array([grid.transform * corner for corner in corners]).T
    moved = transform(str(grid.crs), dataset.crs, *points)
    place = np.array([~dataset.transform * point for point in zip(*moved, strict=True)])
    across, down = np.hypot(*(place[1:] - place[0]))
    return float(across), float(down)
