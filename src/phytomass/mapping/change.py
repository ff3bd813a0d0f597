"""The map of change between two maps on one grid."""

from __future__ import annotations

from pathlib import Path

import rasterio

from phytomass.errors import InputError
from phytomass.grid import grid_of_raster, same_grid
from phytomass.walk.raster_stores import new_cog
from phytomass.walk.store import Band


def change_map(after: Path, before: Path, target: Path, tags: dict[str, str] | None = None) -> None:
    """Write `after` minus `before` (Mg/ha) where both have a value: the common mask.

    Raises
    ------
    InputError
        If the two maps are on different grids.
    """
    grid = grid_of_raster(after)
    if not same_grid(grid, grid_of_raster(before)):
        raise InputError("the maps of the two dates are on different grids", where=before.name)
    with (
        rasterio.open(after) as later,
        rasterio.open(before) as earlier,
        new_cog(target, grid, Band("change of aboveground biomass", "Mg/ha"), tags) as store,
    ):
        for block in store.lattice:
            difference = later.read(window=block.window) - earlier.read(window=block.window)
            store.write(block, difference)
