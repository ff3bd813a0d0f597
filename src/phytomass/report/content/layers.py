"""Rasters as a report needs them: a small picture of them, and their statistics block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling

from phytomass.features import PredictorStack
from phytomass.grid import blocks_of
from phytomass.report.messages.saying import say
from phytomass.walk.moments import Moments

METRES_PER_DEGREE = 111_320.0
"""Length of one degree of latitude, rounded: for scale bars of maps in degrees."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A raster band made small enough to draw.

    Parameters
    ----------
    values : array, shape (rows, cols)
        NaN where there is no data.
    bounds : tuple of float
        (west, south, east, north) in the CRS.
    crs : str
        Name of the CRS, e.g. ``EPSG:32643``.
    projected : bool
        Whether coordinates are lengths, not degrees.
    metres_per_unit : float
        Metres along the easting axis per unit of the CRS.
    reduced : int
        How many pixels of the file, along a side, one drawn pixel stands for.
    """

    values: NDArray[np.float64]
    bounds: tuple[float, float, float, float]
    crs: str
    projected: bool
    metres_per_unit: float
    reduced: int

    @property
    def finite(self) -> NDArray[np.float64]:
        """The values where there are data."""
        return self.values[np.isfinite(self.values)]

    @property
    def aspect(self) -> float:
        """Height over width on the ground."""
        west, south, east, north = self.bounds
        return (north - south) / (east - west)


def read_layer(path: Path, band: int = 1, most: int = 900) -> Layer:
    """Read one band, averaged down to at most `most` pixels along a side.

    Averages are over the pixels with data; a drawn pixel without any is NaN.
    """
    if path.is_dir():
        return _layer_of_store(PredictorStack.open(path), band, most)
    with rasterio.open(path) as source:
        reduced = max(1, -(-max(source.shape) // most))
        shape = tuple(max(1, -(-side // reduced)) for side in source.shape)
        values = source.read(band, out_shape=shape, masked=True, resampling=Resampling.average)
        name, projected, metres = _crs_of(source)
        bounds = tuple(float(b) for b in source.bounds)
    filled = np.ma.filled(values.astype(np.float64), np.nan)
    filled[~np.isfinite(filled)] = np.nan
    west, south, east, north = bounds
    return Layer(filled, (west, south, east, north), name, projected, metres, reduced)


def _layer_of_store(stack: PredictorStack, band: int, most: int) -> Layer:
    grid = stack.grid
    reduced = max(1, -(-max(grid.shape) // most))
    box = grid.boundingbox
    known = SimpleNamespace(crs=CRS.from_wkt(str(grid.crs.wkt if grid.crs else "")), bounds=box)
    name, projected, metres = _crs_of(known)
    values = stack.averaged(stack.names[band - 1], reduced)
    bounds = (box.left, box.bottom, box.right, box.top)
    return Layer(values, bounds, name, projected, metres, reduced)


def _crs_of(source: Any) -> tuple[str, bool, float]:
    crs = source.crs
    if crs is None:
        return say("layer.no_crs"), True, 1.0
    code = crs.to_epsg()
    if code:
        name = f"EPSG:{code}"
    else:
        wkt = crs.to_wkt()
        name = wkt.split('"')[1] if '"' in wkt else say("layer.unnamed_crs")
    if crs.is_projected:
        return name, True, float(crs.linear_units_factor[1])
    if crs.is_geographic:
        middle = np.radians((source.bounds.bottom + source.bounds.top) / 2)
        return name, False, METRES_PER_DEGREE * float(np.cos(middle))
    return name, True, 1.0


def band_names(path: Path) -> list[str]:
    """Return the descriptions of the bands, or `band 1`, `band 2`, … where there are none."""
    if path.is_dir():
        return list(PredictorStack.open(path).names)
    with rasterio.open(path) as source:
        return [
            text or say("layer.band", n=i) for i, text in enumerate(source.descriptions, start=1)
        ]


@dataclass(frozen=True, eq=False)
class Summary:
    """Statistics of a whole raster.

    Parameters
    ----------
    n : int
        Pixels with data.
    mean, sd, low, high : float
        Of those pixels; NaN when there are none.
    edges : array, shape (bins + 1,)
        Of the histogram.
    counts : array, shape (bins,)
        Pixels per bin; the first and last bins take what lies beyond the edges.
    pixel_ha : float
        Area of a pixel, hectares; NaN when the CRS has no lengths.
    below, above : float
        Share of the pixels strictly below and above the limits asked for; NaN without limits.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    pixel_ha: float
    below: float
    above: float


def summarise(
    path: Path,
    limits: tuple[float, float] | None = None,
    edges_for: Callable[[float, float], NDArray[np.float64]] | None = None,
) -> Summary:
    """Return the statistics of the first band, read block by block.

    Parameters
    ----------
    path : Path
        A raster.
    limits : tuple of float, optional
        (low, high) to count pixels beyond, e.g. the range of the plots.
    edges_for : callable, optional
        (low, high) of the raster → edges of the histogram; forty equal bins by default.
    """
    sums = sum((Moments.of(values) for values in _blocks(path)), Moments())
    n = sums.n
    low, high = (sums.low, sums.high) if n else (0.0, 1.0)
    top = high if high > low else low + 1.0
    edges = edges_for(low, high) if edges_for is not None else np.linspace(low, top, 41)
    counts, below, above = np.zeros(len(edges) - 1, dtype=np.int64), 0, 0
    for values in _blocks(path):
        counts += np.histogram(values.clip(edges[0], edges[-1]), bins=edges)[0]
        if limits is not None:
            below += int((values < limits[0]).sum())
            above += int((values > limits[1]).sum())
    shares = (below / n, above / n) if limits is not None and n else (np.nan, np.nan)
    ends = (low, high) if n else (np.nan, np.nan)
    return Summary(n, sums.mean, sums.sd, *ends, edges, counts, _pixel_ha(path), *shares)


def _pixel_ha(path: Path) -> float:
    with rasterio.open(path) as source:
        if source.crs is None or not source.crs.is_projected:
            return float("nan")
        metres = float(source.crs.linear_units_factor[1])
        return abs(float(source.transform.determinant)) * metres**2 * 1e-4


def _blocks(path: Path) -> Iterator[NDArray[np.float64]]:
    """Walk over the finite values of the first band; blocks without any are left out."""
    with rasterio.open(path) as source:
        for block in blocks_of(source.shape, size=1024):
            read = source.read(1, window=block.window, masked=True)
            values = np.asarray(read.compressed(), dtype=np.float64)
            values = values[np.isfinite(values)]
            if len(values):
                yield values


def values_at(
    path: Path, easting: NDArray[np.float64], northing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Read all bands at points; NaN outside the raster and where there is no data.

    Returns
    -------
    array, shape (n, bands)
    """
    if path.is_dir():
        return PredictorStack.open(path).at(easting, northing)[0].to_numpy()
    with rasterio.open(path) as source:
        points = list(zip(easting.tolist(), northing.tolist(), strict=True))
        sampled = list(source.sample(points, masked=True))
        bands = source.count
    if not sampled:
        return np.empty((0, bands))
    return np.array([np.ma.filled(row.astype(np.float64), np.nan) for row in sampled])
