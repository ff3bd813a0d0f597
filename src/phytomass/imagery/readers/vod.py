"""Vegetation optical depth: NetCDF on the global EASE-Grid 2.0, interpolated to the project's grid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from phytomass.errors import InputError, nearest
from phytomass.extras import require
from phytomass.files import require_file
from phytomass.grid import Block
from phytomass.imagery.pixels.composite import composite
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.readers.reader import need_rule
from phytomass.imagery.scenes.listing import Scene, day_in, in_season
from phytomass.imagery.scenes.places import files_of
from phytomass.imagery.settings import RasterSource
from phytomass.limits import refuse_above
from phytomass.rasters import GDAL_ERRORS

Array = NDArray[np.float64]
EDGE_X, EDGE_Y = -17_367_530.445, 7_314_540.830
"""Upper left corner of the EASE-Grid 2.0 in metres (Brodzik et al. 2012, doi:10.3390/ijgi1010032)."""
CELL = 25_025.26
"""Side of its 25 km cells in metres: 1 388 columns, 584 rows."""
COLUMNS = 1388


@dataclass(frozen=True)
class Nodes:
    """A seasonal statistic on the nodes of a regular grid; rows run southward.

    Parameters
    ----------
    values : array, shape (rows, cols)
        NaN where there are no data.
    west, north : float
        Centre of the first node, in metres of the EASE-Grid.
    step : (float, float)
        Distance between nodes toward east and south.
    """

    values: Array
    west: float
    north: float
    step: tuple[float, float]

    def at(self, east_m: Array, north_m: Array) -> Array:
        """Interpolate linearly between the four nodes around each point.

        Nodes without data do not count; a point whose nearest node has none is NaN.
        """
        col = (east_m - self.west) / self.step[0]
        row = (self.north - north_m) / self.step[1]
        rows, cols = self.values.shape
        total, weights = np.zeros(col.shape), np.zeros(col.shape)
        best, nearest_valid = np.full(col.shape, -1.0), np.zeros(col.shape, dtype=bool)
        for down in (0, 1):
            for right in (0, 1):
                r, c = np.floor(row).astype(int) + down, np.floor(col).astype(int) + right
                weight = (1 - np.abs(row - r)) * (1 - np.abs(col - c))
                inside = (r >= 0) & (r < rows) & (c >= 0) & (c < cols)
                value = np.where(
                    inside, self.values[np.clip(r, 0, rows - 1), np.clip(c, 0, cols - 1)], np.nan
                )
                valid = np.isfinite(value)
                nearest_valid = np.where(weight > best, valid, nearest_valid)
                best = np.maximum(best, weight)
                total += np.where(valid, weight * value, 0.0)
                weights += np.where(valid, weight, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(nearest_valid, total / weights, np.nan)


@dataclass(frozen=True)
class VodReader:
    """An open series of vegetation optical depth."""

    key: str
    name: str
    nodes: Nodes
    grid: GeoBox
    to_nodes: Transformer

    @property
    def names(self) -> list[str]:
        """The predictor, and the id of the cell each pixel lies in."""
        return [self.name, f"{self.key}_cell"]

    @property
    def held_bytes(self) -> int:
        """Those of coordinates and weights."""
        return 64

    def read(self, block: Block) -> dict[str, Array]:
        """Read one block: name → array (rows, cols), NaN where there are no data."""
        east, north = self.to_nodes.transform(*_centres(self.grid, block))
        cell = np.floor((EDGE_Y - north) / CELL) * COLUMNS + np.floor((east - EDGE_X) / CELL)
        return {self.names[0]: self.nodes.at(east, north), self.names[1]: cell}


def _centres(grid: GeoBox, block: Block) -> tuple[Array, Array]:
    rows, cols = np.indices((block.rows, block.cols)) + 0.5
    affine = grid.transform
    rows, cols = rows + block.row, cols + block.col
    return (
        affine.c + affine.a * cols + affine.b * rows,
        affine.f + affine.d * cols + affine.e * rows,
    )


@contextmanager
def open_vod(key: str, settings: RasterSource, root: Path, grid: GeoBox) -> Iterator[VodReader]:
    """Open a series of NetCDF files of vegetation optical depth.

    Parameters
    ----------
    key, settings, root, grid
        As in `open_source`; `<key>_cell` is the layer of cell ids. `bands` says which variable is
        which where a file has other names (`{vod: TAU, RMSE: TB_RMS, Scene_Flags: FLAGS}`; any
        other key than a flag's names the predictor); `keep_where` gives other limits or further
        flags (`{RMSE: [0, 6]}`); `mask: none` says that flags were applied already.

    Raises
    ------
    InputError
        For a file without the variable, its flags, or regular coordinates.
    """
    where, record = f"predictors.rasters.{key}", settings.record
    assert record is not None  # noqa: S101  # only products come here
    to_nodes = Transformer.from_crs(str(grid.crs), record.grid_crs, always_xy=True)
    window = _window(grid, to_nodes)
    images: list[tuple[Scene, Nodes]] = []
    for path in files_of(settings.files, root, where):
        images += _images(path, settings, record, window, where)
    kept = {
        id(s) for s in in_season([s for s, _ in images], settings.dates, settings.months, where)
    }
    used = [nodes for scene, nodes in images if id(scene) in kept]
    need_rule(f"{len(used)} dates", len(used), settings, where)
    first = used[0]
    if any(n.values.shape != first.values.shape or n.west != first.west for n in used):
        raise InputError("its files are on different grids", where=where)
    merged = composite(
        np.stack([nodes.values for nodes in used]),
        settings.composite or "median",
        min_observations=settings.min_observations,
    )
    nodes = Nodes(merged, first.west, first.north, first.step)
    named = [name for name in _names(settings) if name not in _limits(settings, record)]
    yield VodReader(key, named[0] if named else key, nodes, grid, to_nodes)


def _window(grid: GeoBox, to_nodes: Transformer) -> tuple[float, float, float, float]:
    """Return west, south, east, north of the grid on the EASE-Grid, two cells wider."""
    rows, cols = grid.shape
    edge = [Block(0, 0, 1, cols), Block(rows - 1, 0, 1, cols)]
    edge += [Block(0, 0, rows, 1), Block(0, cols - 1, rows, 1)]
    points = [to_nodes.transform(*_centres(grid, block)) for block in edge]
    east = np.concatenate([p[0].ravel() for p in points])
    north = np.concatenate([p[1].ravel() for p in points])
    if not np.isfinite(east).all() or east.max() - east.min() > -EDGE_X:
        raise InputError(
            "the study area crosses the antimeridian or lies at a pole",
            where="grid",
            remedy="split the project at the antimeridian, or leave this source out",
        )
    west, south = float(east.min()) - 2 * CELL, float(north.min()) - 2 * CELL
    return west, south, float(east.max()) + 2 * CELL, float(north.max()) + 2 * CELL


def _images(
    path: Path,
    settings: RasterSource,
    record: SensorRecord,
    window: tuple[float, float, float, float],
    where: str,
) -> list[tuple[Scene, Nodes]]:
    """Read the part of every date of a file that the study area needs, without flagged nodes."""
    with _opened(path) as dataset:
        given, limits = _names(settings), _limits(settings, record)
        own = [(name, place) for name, place in given.items() if name not in limits]
        role, usual = (own[0][0], [own[0][1]]) if own else ("vod", record.bands["vod"])
        values = _variable(dataset, usual, role, path, where)
        cut, nodes = _cut(values, record.grid_crs, window, path)
        used = np.ones(cut.shape, dtype=bool)
        for name, (low, high) in limits.items():
            usual = [given[name]] if name in given else [name, *record.limit_names.get(name, [])]
            variable = _variable(dataset, usual, name, path, where)
            flag, _ = _cut(variable, record.grid_crs, window, path)
            used &= (flag >= low) & (flag <= high)
        data = np.where(used & np.isfinite(cut), cut, np.nan)
        data = data.reshape(-1, *data.shape[-2:])
        days = _days(values, path, len(data))
    return [
        (Scene(f"{path.stem} {day}", day, {}), Nodes(layer, nodes.west, nodes.north, nodes.step))
        for day, layer in zip(days, data, strict=True)
    ]


@contextmanager
def _opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a NetCDF file; what goes wrong in it, or while it is read, is the file's fault."""
    require_file(path, path.name)
    require("netcdf", "NetCDF files", where=path.name)
    import netCDF4  # comes with an extra

    try:
        with netCDF4.Dataset(path) as looked_at:  # xarray reads coordinates when it opens a file
            longest = max((len(side) for side in looked_at.dimensions.values()), default=0)
        refuse_above("netcdf_values", longest, path.name)
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            yield dataset
    except InputError:
        raise
    except (*GDAL_ERRORS, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise InputError(
            f"cannot be read as NetCDF ({' '.join(str(error).split())[:300]})",
            where=path.name,
            remedy="get the file again",
        ) from error


def _names(settings: RasterSource) -> dict[str, str]:
    """Return what the project file says: predictor or flag → variable."""
    given = settings.bands if isinstance(settings.bands, dict) else {}
    return {name: str(variable) for name, variable in given.items()}


def _limits(settings: RasterSource, record: SensorRecord) -> dict[str, tuple[float, float]]:
    """Return flag → lowest and highest value to use: the product's, then the project's own."""
    usual = {} if settings.mask == "none" else record.limits
    return {**usual, **settings.keep_where}


def _days(values: xr.DataArray, path: Path, n: int) -> list[dt.date | None]:
    if "time" in values.coords and values["time"].size == n:
        return [pd.Timestamp(t).date() for t in np.atleast_1d(values["time"].values)]
    return [day_in(path.stem)] * n


def _variable(
    dataset: xr.Dataset, names: Sequence[str], role: str, path: Path, where: str
) -> xr.DataArray:
    known = [str(name) for name in dataset.data_vars]
    for name in names:
        if name in known:
            return dataset[name]
    spared = "" if role == "vod" else ", or set mask: none if flags were applied already"
    raise InputError(
        f"has no variable {' or '.join(map(repr, names))}; it has {', '.join(known) or 'none'}",
        where=f"{path.name} ({where})",
        remedy=f"{nearest(names[0], known) or 'look which it is'}; "
        f"name it: bands: {{{role}: NAME}}{spared}",
    )


def _cut(
    values: xr.DataArray, crs: str, window: tuple[float, float, float, float], path: Path
) -> tuple[Array, Nodes]:
    """Return the nodes within a window, rows southward, columns eastward."""
    (row_dim, rows), (col_dim, cols) = (_axis(values, crs, axis, path) for axis in ("y", "x"))
    west, south, east, north = window
    keep_rows = np.flatnonzero((rows >= south) & (rows <= north))
    keep_cols = np.flatnonzero((cols >= west) & (cols <= east))
    if not keep_rows.size or not keep_cols.size:
        raise InputError("does not cover the study area", where=path.name)
    keep_rows = keep_rows[np.argsort(-rows[keep_rows])]
    part = values.transpose(..., row_dim, col_dim).isel({row_dim: keep_rows, col_dim: keep_cols})
    refuse_above("netcdf_values", part.size, path.name, "cut the file to the study area")
    step = (float(np.abs(np.diff(cols)).mean()), float(np.abs(np.diff(rows)).mean()))
    first = Nodes(np.empty((0, 0)), float(cols[keep_cols[0]]), float(rows[keep_rows[0]]), step)
    return part.to_numpy().astype(np.float64), first


def _axis(values: xr.DataArray, crs: str, axis: str, path: Path) -> tuple[str, Array]:
    """Return the dimension along an axis, and its nodes in metres of the EASE-Grid."""
    metres = [axis, f"{axis}dim", "northing" if axis == "y" else "easting"]
    degrees = ["lat", "latitude", "Latitude"] if axis == "y" else ["lon", "longitude", "Longitude"]
    for name in (str(d) for d in values.dims):
        if name in metres and name in values.coords:
            return name, values[name].to_numpy().astype(np.float64)
        if name in degrees and name in values.coords:
            angle = values[name].to_numpy().astype(np.float64)
            zero = np.zeros_like(angle)
            to_metres = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
            pair = (zero, angle) if axis == "y" else (angle, zero)
            along = to_metres.transform(*pair)[1 if axis == "y" else 0]
            steps = np.abs(np.diff(along))
            if steps.size and np.ptp(steps) > 0.02 * steps.mean():
                raise InputError(
                    f"its {name} are not those of the EASE-Grid 2.0",
                    where=path.name,
                    remedy="convert it to a GeoTIFF and read it without `product`",
                )
            return name, np.asarray(along, dtype=np.float64)
    raise InputError(
        f"has no coordinates along {axis}; its dimensions are {', '.join(map(str, values.dims))}",
        where=path.name,
    )
