"""Zones: polygons that totals are given for, laid on the grid by the centres of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from phytomass.errors import InputError, nearest
from phytomass.grid import Block
from phytomass.vectors import read_polygons
from phytomass.walk.lattice import Lattice

ALL = "all"
"""Name of the whole mapped area."""

OUTSIDE = "outside zones"
"""Name of the mapped area that lies in no zone."""


@dataclass(frozen=True, eq=False)
class Zones:
    """Zones on a grid.

    Parameters
    ----------
    names : tuple of str
        In the order of their first appearance in the file.
    shapes : tuple of shapely geometry
        One for each name, in the CRS of the grid.
    grid : GeoBox
        The grid.
    where : str
        The file, for messages.
    """

    names: tuple[str, ...]
    shapes: tuple[Any, ...]
    grid: GeoBox
    where: str

    def labels(self, block: Block) -> NDArray[np.int64]:
        """Return the position of each pixel's zone in `names`, -1 outside: shape (rows, cols).

        Raises
        ------
        InputError
            If two zones hold the same pixel.
        """
        first, last = self._burn(block, reverse=True), self._burn(block, reverse=False)
        for a, b in np.unique(np.column_stack([first[first != last], last[first != last]]), axis=0):
            shared = self.shapes[a].intersection(self.shapes[b]).area
            # Centres that lie exactly on a shared border are no overlap: the first zone has them.
            if shared > 1e-6 * abs(self.grid.transform.a * self.grid.transform.e):
                raise InputError(
                    f"zones {self.names[a]!r} and {self.names[b]!r} overlap",
                    where=self.where,
                    remedy="cut the polygons so that each place is in one zone",
                )
        return first

    def _burn(self, block: Block, *, reverse: bool) -> NDArray[np.int64]:
        """Burn the zones one over the other, so that the last one wins."""
        corner = self.grid.transform @ Affine.translation(block.col, block.row)
        west, north = corner @ (0, 0)
        east, south = corner @ (block.cols, block.rows)
        near = [
            (shape, i + 1)
            for i, (shape, (left, bottom, right, top)) in enumerate(
                zip(self.shapes, self.bounds, strict=True)
            )
            if left <= east and right >= west and bottom <= north and top >= south
        ]
        if not near:
            return np.full((block.rows, block.cols), -1, dtype=np.int64)
        burnt: NDArray[np.int32] = rasterize(
            near[::-1] if reverse else near,
            (block.rows, block.cols),
            transform=corner,
            dtype=np.int32,
        )
        return burnt.astype(np.int64) - 1

    @cached_property
    def bounds(self) -> tuple[tuple[float, float, float, float], ...]:
        """West, south, east and north of each zone."""
        return tuple(tuple(map(float, shape.bounds)) for shape in self.shapes)  # type: ignore[misc]


def read_zones(path: Path, column: str, grid: GeoBox) -> Zones:
    """Read zones; polygons with the same name are one zone.

    Parameters
    ----------
    path : Path
        Polygon file.
    column : str
        Column with the names.
    grid : GeoBox
        Grid they are laid on; they are transformed to its CRS.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a CRS, the column or a name, or no zone is on the grid.
    """
    where = path.name
    table = read_polygons(path, where, str(grid.crs))
    if column not in table.columns or column == table.geometry.name:
        columns = [str(c) for c in table.columns if c != table.geometry.name]
        hint = nearest(column, columns)
        raise InputError(
            f"no column {column!r}",
            where=where,
            remedy=f"set zones.column to one of {', '.join(columns)}"
            + (f"; {hint}" if hint else ""),
        )
    if not table.intersects(grid.extent.geom).any():
        raise InputError(
            "has no polygon on the grid", where=where, remedy="check its CRS and extent"
        )
    _check_names(table[column], where)
    parts = table.geometry.groupby(table[column].astype(str), sort=False)
    named = {str(name): shapes.union_all() for name, shapes in parts}
    return Zones(tuple(named), tuple(named.values()), grid, where)


def _check_names(names: Any, where: str) -> None:
    nameless = names.isna() | (names.astype(str).str.strip() == "")
    if nameless.any():
        rows = ", ".join(str(i + 1) for i in names.index[nameless][:5])
        raise InputError(
            f"a zone has no name (feature {rows})", where=where, remedy="name every zone"
        )
    taken = sorted({ALL, OUTSIDE} & set(names.astype(str)))
    if taken:
        raise InputError(
            f"the name {taken[0]!r} is taken", where=where, remedy="give the zone another name"
        )


def check_zones(path: Path, column: str, grid: GeoBox) -> None:
    """Read zones and lay all of them on the grid, without using them.

    Raises
    ------
    InputError
        As `read_zones`, and if zones overlap.
    """
    zones = read_zones(path, column, grid)
    for block in Lattice(grid):
        zones.labels(block)
