"""The map of change between two maps on one grid."""

from __future__ import annotations

from pathlib import Path

import rasterio

from phytomass.errors import InputError
from phytomass.features.cogs import cog_writer
from phytomass.grid import blocks_of, grid_of_raster, same_grid


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
        cog_writer(target, grid, "change of aboveground biomass", "Mg/ha", tags or {}) as out,
    ):
        for block in blocks_of(grid.shape):
            difference = later.read(1, window=block.window) - earlier.read(1, window=block.window)
            out.write(difference, 1, window=block.window)
