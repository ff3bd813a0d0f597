"""Reading raster sources window by window onto the project's grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.enums import MaskFlags, Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from phytomass.errors import InputError, nearest
from phytomass.grid import Block, describe_grid, grid_of, same_grid
from phytomass.imagery.pixels.composite import composite
from phytomass.imagery.pixels.masking import outside_limits, pads_with_zeros
from phytomass.imagery.pixels.stored import (
    Array,
    Scaling,
    Stored,
    drop_missing,
    kind_for,
    mask,
    scratch,
)
from phytomass.imagery.readers.raw import Raw
from phytomass.imagery.scenes.places import files_of
from phytomass.imagery.settings import RasterSource
from phytomass.rasters import GDAL_ERRORS, open_raster, pixels_of

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
    with open_raster(path, f"{path.name} (predictors.rasters.{key})") as dataset:
        described = [d for d in dataset.descriptions if d]
        names = {d: i for i, d in enumerate(dataset.descriptions, 1) if d}
        count = dataset.count
    twice = sorted({name for name in described if described.count(name) > 1})
    asked = source.bands.values() if isinstance(source.bands, dict) else source.bands
    confused = twice if asked is None else [name for name in twice if name in asked]
    if confused:
        raise InputError(
            f"several bands are called {', '.join(confused)}",
            where=f"{path.name} (predictors.rasters.{key})",
            remedy="name its bands by number, e.g. bands: {B4: 1, B8: 2}",
        )

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
    datasets: tuple[Raw, ...]
    flags: tuple[Raw, ...]
    maps: tuple[BandMap, ...]

    @property
    def names(self) -> list[str]:
        """Names of the predictors, in order."""
        return list(self.maps[0].bands)

    @cached_property
    def scaling(self) -> Scaling:
        """What the stored values mean."""
        scale, offset = self.settings.scaling
        return Scaling(0.0, scale, offset)

    @cached_property
    def kind(self) -> np.dtype[Any]:
        """The type that values are held in until they are in order."""
        files = zip(self.datasets, self.maps, strict=True)
        kinds = [raw.kind(i) for raw, bands in files for i in bands.bands.values()]
        declared = {raw.nodata for raw in self.datasets}
        return kind_for(kinds, [self.settings.nodata, *(declared if len(declared) == 1 else [])])

    @property
    def held_bytes(self) -> int:
        """Bytes that are held of each pixel while a block is read."""
        return len(self.datasets) * len(self.names) * self.kind.itemsize

    def read(self, block: Block) -> dict[str, Array]:
        """Read one block: predictor name → array (rows, cols), NaN where there are no data."""
        shape = (len(self.datasets), len(self.names), block.rows, block.cols)
        dates = scratch(shape, self.kind)
        for date, raw, flags, bands in zip(
            dates, self.datasets, self.flags, self.maps, strict=True
        ):
            self._read_date(raw, flags, bands, block, date)
        if len(dates) == 1:
            merged = self.scaling(dates[0])
        else:
            merged = composite(
                dates,
                self.settings.composite or "median",
                scaling=self.scaling,
                decibel=self.settings.decibel,
                min_observations=self.settings.min_observations,
            )
        return dict(zip(self.names, merged, strict=True))

    def _place(self, raw: Raw) -> str:
        names = [Path(name).name for name in raw.dataset.files if not name.startswith("<")]
        return f"{', '.join(names) or self.settings.place} (predictors.rasters.{self.key})"

    def _read_date(self, raw: Raw, flags: Raw, bands: BandMap, block: Block, out: Stored) -> None:
        """Read one date, the lowest value where there are no data."""
        settings, indexes = self.settings, list(bands.bands.values())
        with pixels_of(self._place(raw)):
            raw.read(indexes, block, out)
            gaps = raw.gaps(indexes, block, out)
        drop_missing(
            out,
            [self.scaling] * len(out),
            gaps=gaps,
            absent=[settings.nodata],
            fill=pads_with_zeros(settings.group, len(out)),
            hidden_zero=False,
        )
        for band, limits in settings.keep_where.items():
            with pixels_of(self._place(flags)):
                check = flags.read([bands.keep[band]], block)
                gaps = flags.gaps([bands.keep[band]], block, check)
            mask(out, outside_limits(check, gaps, limits, flags.nodata)[0])
        if settings.decibel:
            self._refuse_no_decibel(self.scaling(out), raw)

    def _refuse_no_decibel(self, values: Array, raw: Raw) -> None:
        if bool((np.abs(values) > MOST_DECIBEL).any()):
            raise InputError(
                f"a value of {np.nanmax(np.abs(values)):g} is no backscatter in decibels",
                where=self._place(raw),
                remedy="set decibel: false, or nodata where that value means no data",
            )


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

        def opened(kernel: str | None, nodata: float | None) -> tuple[Raw, ...]:
            padded = pads_with_zeros(settings.group, len(maps[0].bands))
            views = (on_grid(path, grid, kernel, where, nodata, padded) for path in paths)
            return tuple(Raw(stack.enter_context(view)) for view in views)

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
    path: Path,
    grid: GeoBox,
    resample: str | None,
    where: str,
    nodata: float | None = None,
    padded: bool = False,
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
    padded : bool
        Whether pixels with zero in every band are fill, where no value without data is known.

    Raises
    ------
    InputError
        If the file is on another grid and no kernel is named.
    """
    with open_raster(path, f"{path.name} ({where})") as dataset:
        own = grid_of(dataset, f"{path.name} ({where})")
        if same_grid(own, grid):
            yield dataset
            return
        if resample is None:
            raise InputError(
                f"is on another grid: {describe_grid(own)}; the project's is {describe_grid(grid)}",
                where=f"{path.name} ({where})",
                remedy="name a kernel, e.g. resample: bilinear, or prepare the file on the grid",
            )
        with warped(dataset, grid, resample, nodata, padded, f"{path.name} ({where})") as moved:
            yield moved


def warped(
    dataset: Any,
    grid: GeoBox,
    kernel: str,
    nodata: float | None,
    padded: bool = False,
    where: str = "",
) -> WarpedVRT:
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
    padded : bool
        Whether pixels with zero in every band are fill, where no value without data is known.
    where : str
        For messages.

    Raises
    ------
    InputError
        If the raster has no place on the grid.
    """
    rows, cols = grid.shape
    empty = dataset.nodata if dataset.nodata is not None else nodata
    try:
        across, down = _source_pixels(dataset, grid)
    except (*GDAL_ERRORS, ArithmeticError) as error:
        raise InputError(
            f"cannot be laid on the project's grid ({error})", where=where, remedy="check its CRS"
        ) from error
    if not (0 < across < np.inf and 0 < down < np.inf):
        raise InputError(
            "has no place on the project's grid", where=where, remedy="check its CRS and extent"
        )
    masked = any(MaskFlags.alpha in flags for flags in dataset.mask_flag_enums)
    if empty is not None:
        # "NO": else a gap counts only where all bands of the file have it
        gaps = {"src_nodata": empty, "nodata": empty, "UNIFIED_SRC_NODATA": "NO"}
    elif padded and not masked:
        gaps = {"src_nodata": 0, "add_alpha": True, "UNIFIED_SRC_NODATA": "YES"}
    else:  # without alpha, what lies beyond the raster would be 0 and valid
        gaps = {"add_alpha": not masked}
    return WarpedVRT(
        dataset,
        crs=str(grid.crs),
        transform=grid.transform,
        width=cols,
        height=rows,
        resampling=Resampling[kernel],
        tolerance=1e-6,  # exact per pixel: an approximation would depend on the window read
        XSCALE=repr(1 / across),  # else the width of a kernel would depend on the window read
        YSCALE=repr(1 / down),
        **gaps,
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
