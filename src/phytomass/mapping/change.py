"""The map of change between two maps on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rasterio

from phytomass.errors import InputError
from phytomass.grid import Block, grid_of_raster, same_grid
from phytomass.mapping.identity import prints_of
from phytomass.mapping.made import Walking, at_work, made_map
from phytomass.walk.journal import Journal
from phytomass.walk.store import Band


def change_map(
    after: Path,
    before: Path,
    target: Path,
    tags: dict[str, str] | None = None,
    walking: Walking | None = None,
) -> None:
    """Write `after` minus `before` (Mg/ha) where both have a value: the common mask.

    Parameters
    ----------
    after, before : Path
        The maps of the two dates.
    target : Path
        The Cloud-Optimised GeoTIFF.
    tags : dict of str, optional
        Written into the file.
    walking : Walking, optional
        Who computes; one thread if absent.

    Raises
    ------
    InputError
        If the two maps are on different grids.
    """
    grid = grid_of_raster(after)
    if not same_grid(grid, grid_of_raster(before)):
        raise InputError("the maps of the two dates are on different grids", where=before.name)
    maps = (after.resolve(), before.resolve())
    bands = (Band("change of aboveground biomass", "Mg/ha"),)
    request = {"maps": prints_of(maps)}
    with made_map(
        target, grid, bands, tags or {}, request, _change, maps, walking or Walking(what="change")
    ):
        pass


def _change(journal: Journal, after: Path, before: Path, part: Sequence[Block]) -> int:
    with at_work(journal), rasterio.open(after) as later, rasterio.open(before) as earlier:
        for block in part:
            difference = later.read(window=block.window) - earlier.read(window=block.window)
            journal.keep(block, difference)
    return len(part)
