"""Where plots would lie if their coordinates were read another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from phytomass.grid import cells_at

Array = NDArray[np.float64]

MOST = 0.9
"""Share of the plots in question that another reading must bring onto the grid to be named."""


@dataclass(frozen=True)
class Guess:
    """Another reading of coordinates.

    Parameters
    ----------
    crs : str
        The CRS they are taken to be in.
    swapped : bool
        Whether easting and northing (or longitude and latitude) change places.
    stated : bool
        Whether this is the CRS that project or file state.
    n, total : int
        Plots that would then lie on the grid, and plots in question.
    """

    crs: str
    swapped: bool
    stated: bool
    n: int
    total: int

    def words(self) -> str:
        """Say what was found."""
        names = "longitude and latitude" if CRS(self.crs).is_geographic else "easting and northing"
        how = [f"with {names} swapped"] if self.swapped else []
        how += [] if self.stated else [f"read as {self.crs}"]
        return f"{self.n} of them lie on the grid {' and '.join(how)}"

    def remedy(self) -> str:
        """Say what to do."""
        swap = "swap the columns that inventory.plots.columns.easting and northing name"
        reread = f"set inventory.plots.crs: {self.crs}"
        return " and ".join(([swap] if self.swapped else []) + ([] if self.stated else [reread]))


def other_reading(places: pd.DataFrame, crs: str | None, grid: GeoBox) -> Guess | None:
    """Find a reading of coordinates that brings plots onto the grid, if there is one.

    Tried are the stated CRS with the coordinates swapped, the grid's own, degrees, the UTM zones
    around the grid on both hemispheres, and each of them swapped; the first that brings nearly all
    plots in question onto the grid is returned.

    Parameters
    ----------
    places : DataFrame
        easting and northing of the plots in question, as they stand in the file.
    crs : str or None
        The CRS stated for them.
    grid : GeoBox
        The project's grid.

    Examples
    --------
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 501_000, 3_801_000))
    >>> places = pd.DataFrame({"easting": [3_800_500.0], "northing": [500_500.0]})
    >>> other_reading(places, "EPSG:32643", grid).words()
    '1 of them lie on the grid with easting and northing swapped'
    """
    if places.empty:
        return None
    east, north = (places[name].to_numpy(dtype=float) for name in ("easting", "northing"))
    for name, swapped in _readings(crs, grid):
        pair = (north, east) if swapped else (east, north)
        n = int(_on_grid(*pair, name, grid).sum())
        if n >= MOST * len(places):
            return Guess(name, swapped, name == crs, n, len(places))
    return None


def _readings(crs: str | None, grid: GeoBox) -> Iterator[tuple[str, bool]]:
    if crs is not None:
        yield crs, True
    others = [f"EPSG:{code}" for code in (_epsg(grid), 4326, *_utm_around(grid)) if code]
    for swapped in (False, True):
        yield from ((name, swapped) for name in others if name != crs)


def _epsg(grid: GeoBox) -> int | None:
    return None if grid.crs is None else grid.crs.to_epsg()


def _utm_around(grid: GeoBox) -> list[int]:
    """Return the UTM zones of the grid's middle and its neighbours, north and south."""
    box = grid.boundingbox
    middle = ((box.left + box.right) / 2, (box.bottom + box.top) / 2)
    longitude = _turned(str(grid.crs), "EPSG:4326", *map(np.atleast_1d, middle))[0][0]
    if not np.isfinite(longitude):
        return []
    zone = int((longitude + 180) // 6) % 60
    zones = [(zone + shift) % 60 + 1 for shift in (0, -1, 1)]
    return [base + number for base in (32600, 32700) for number in zones]


def _on_grid(east: Array, north: Array, crs: str, grid: GeoBox) -> NDArray[np.bool_]:
    inside = cells_at(grid, *_turned(crs, str(grid.crs), east, north))[2]
    return np.asarray(inside, dtype=np.bool_)


def _turned(source: str, target: str, east: Array, north: Array) -> tuple[Array, Array]:
    """Convert points; NaN where they have no place in the target."""
    try:
        moved = Transformer.from_crs(CRS(source), CRS(target), always_xy=True).transform(
            east, north
        )
    except (CRSError, ProjError):
        return np.full(len(east), np.nan), np.full(len(east), np.nan)
    new_east, new_north = (np.asarray(values, dtype=float) for values in moved)
    good = np.isfinite(new_east) & np.isfinite(new_north)
    return np.where(good, new_east, np.nan), np.where(good, new_north, np.nan)
