"""The grid of a project: an immutable `odc.geo` GeoBox, and the few things we ask of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo import Shape2d
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError
from rasterio.windows import Window

from phytomass.errors import InputError
from phytomass.rasters import open_raster, refuse_ungeoreferenced

BLOCK = 256
"""Side of the square blocks that every walk over a grid uses, in pixels.

Every computation is done block by block on this fixed lattice, so a result cannot depend on how
blocks are grouped into tiles or spread over workers.
"""


@dataclass(frozen=True)
class Block:
    """One block of the lattice: row and column of its first pixel, and its shape.

    `whole` is the grid that it is cut from, where whoever made the block knew it.
    """

    row: int
    col: int
    rows: int
    cols: int
    whole: GeoBox | None = field(default=None, compare=False, repr=False)

    @property
    def window(self) -> Window:
        """The block as a rasterio window."""
        return Window(self.col, self.row, self.cols, self.rows)

    @property
    def slices(self) -> tuple[slice, slice]:
        """The block as (row, column) slices of an array of the whole grid."""
        return slice(self.row, self.row + self.rows), slice(self.col, self.col + self.cols)

    @property
    def grid(self) -> GeoBox:
        """The block's own grid.

        Raises
        ------
        ValueError
            For a block that was made of numbers alone.
        """
        if self.whole is None:
            raise ValueError(f"{self} does not know the grid it is cut from")
        return self.whole[self.slices]


def blocks_of(shape: tuple[int, int] | Shape2d, size: int = BLOCK) -> Iterator[Block]:
    """Walk over the blocks of an array, row by row; the last ones may be smaller.

    Where there is a grid, `phytomass.walk.lattice.Lattice` gives blocks that know it.

    Examples
    --------
    >>> [(b.row, b.col, b.rows, b.cols) for b in blocks_of((300, 256))]
    [(0, 0, 256, 256), (256, 0, 44, 256)]
    """
    for row in range(0, shape[0], size):
        for col in range(0, shape[1], size):
            yield Block(row, col, min(size, shape[0] - row), min(size, shape[1] - col))


def grid_from_bounds(
    crs: str, resolution: float, bounds: tuple[float, float, float, float]
) -> GeoBox:
    """Make a north-up grid that covers `bounds`, its edges on multiples of `resolution`.

    Parameters
    ----------
    crs : str
        A projected CRS, e.g. ``"EPSG:32643"``.
    resolution : float
        Pixel side in units of the CRS.
    bounds : tuple of float
        (west, south, east, north) in the CRS.

    Returns
    -------
    GeoBox
        Of `odc.geo`: shape, transform and CRS.

    Raises
    ------
    InputError
        If the bounds are not in that order.

    Examples
    --------
    >>> grid = grid_from_bounds("EPSG:32643", 10, (1000, 2000, 1100, 2205))
    >>> grid.shape, tuple(grid.boundingbox)
    (Shape2d(x=10, y=21), (1000.0, 2000.0, 1100.0, 2210.0))
    """
    west, south, east, north = bounds
    if not (west < east and south < north):
        raise InputError(f"bounds {bounds} are not (west, south, east, north)", where="grid.bounds")
    return GeoBox.from_bbox(bounds, crs=crs, resolution=resolution, tight=False)


def grid_of_raster(path: str | Path) -> GeoBox:
    """Return the grid of a raster file.

    Raises
    ------
    InputError
        If the file is missing, is no raster, or does not say where it lies.
    """
    with open_raster(path) as source:
        return grid_of(source, str(path))


def grid_of(dataset: Any, where: str) -> GeoBox:
    """Return the grid of an open raster.

    Raises
    ------
    InputError
        If nothing says where it lies, or its CRS is none that PROJ knows.
    """
    refuse_ungeoreferenced(dataset, where)
    try:
        return GeoBox(dataset.shape, dataset.transform, dataset.crs)
    except (CRSError, ValueError) as error:
        raise InputError(
            f"has a coordinate reference system that cannot be used ({error})",
            where=where,
            remedy="assign the right one, e.g. with gdal_edit.py -a_srs EPSG:32643",
        ) from error


def refuse_turned(grid: GeoBox, where: str) -> None:
    """Raise when the rows of a grid do not run eastward, from north to south.

    Raises
    ------
    InputError
        For a rotated, mirrored or upside-down grid: it cannot be the grid of a project.
    """
    affine = grid.transform
    if affine.b or affine.d or affine.a <= 0 or affine.e >= 0:
        raise InputError(
            "is rotated or upside down: its rows do not run eastward, from north to south",
            where=where,
            remedy="warp it north-up, e.g. with gdalwarp",
        )


def same_grid(a: GeoBox, b: GeoBox, tolerance: float = 1e-3) -> bool:
    """Tell whether two grids are the same: CRS, shape, and corners within a part of a pixel."""
    if a.crs != b.crs or a.shape != b.shape:
        return False
    corners = np.array([[0, 0, 1], [a.shape[1], a.shape[0], 1]], dtype=float).T
    affine_a = np.array(a.transform).reshape(3, 3)
    affine_b = np.array(b.transform).reshape(3, 3)
    shift = np.abs((affine_a - affine_b) @ corners)[:2].max()
    return bool(shift <= tolerance * abs(a.transform.a))


def describe_grid(grid: GeoBox) -> str:
    """Say CRS, size and corner of a grid in one line, for messages."""
    crs = grid.crs.to_epsg() if grid.crs is not None else None
    name = f"EPSG:{crs}" if crs else str(grid.crs)[:40]
    origin = f"{grid.transform.c:.10g}, {grid.transform.f:.10g}"
    rows, cols = grid.shape
    return f"{name}, {rows} × {cols} pixels of {grid.transform.a:.6g}, corner at {origin}"


def pixel_area_ha(grid: GeoBox) -> float:
    """Return the area of one pixel in hectares.

    Raises
    ------
    InputError
        If the grid is not in a projected CRS: hectares need metres.

    Examples
    --------
    >>> pixel_area_ha(grid_from_bounds("EPSG:32643", 10, (0, 0, 100, 100)))
    0.01
    """
    if grid.crs is None or not grid.crs.projected:
        raise InputError(
            f"areas need a projected CRS, and this grid is in {grid.crs}",
            where="grid.crs",
            remedy="choose the UTM zone or an equal-area CRS of the study area",
        )
    metres = float(grid.crs.proj.axis_info[0].unit_conversion_factor)
    affine = grid.transform
    return abs(affine.a * affine.e - affine.b * affine.d) * metres**2 * 1e-4


FARTHEST = 2.0**53
"""Pixels from the corner beyond which a place has no number of its own."""


def cells_at(
    grid: GeoBox, easting: NDArray[np.float64], northing: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Find the pixel that holds each point.

    Parameters
    ----------
    grid : GeoBox
        The grid.
    easting, northing : array, shape (n,)
        Points in the CRS of the grid.

    Returns
    -------
    rows, cols : array of int, shape (n,)
        0 where the point is outside.
    inside : array of bool, shape (n,)
        False where the point is outside the grid or not a number.
    """
    inverse = ~grid.transform
    col_f = inverse.a * easting + inverse.b * northing + inverse.c
    row_f = inverse.d * easting + inverse.e * northing + inverse.f
    finite = (np.abs(col_f) < FARTHEST) & (np.abs(row_f) < FARTHEST)
    rows = np.floor(np.where(finite, row_f, -1)).astype(np.int64)
    cols = np.floor(np.where(finite, col_f, -1)).astype(np.int64)
    inside = (rows >= 0) & (cols >= 0) & (rows < grid.shape[0]) & (cols < grid.shape[1])
    return np.where(inside, rows, 0), np.where(inside, cols, 0), inside
