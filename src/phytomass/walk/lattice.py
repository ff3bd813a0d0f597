"""The blocks of a grid: the same ones for every walk, each knowing its own grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox, GeoboxTiles

from phytomass.grid import BLOCK, Block

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Lattice:
    """A grid cut into blocks, walked over row by row; the last ones may be smaller.

    Parameters
    ----------
    grid : GeoBox
        The whole grid.
    size : int
        Side of the blocks, pixels.

    Examples
    --------
    >>> from phytomass.grid import grid_from_bounds
    >>> lattice = Lattice(grid_from_bounds("EPSG:32643", 10, (0, 0, 3000, 2000)))
    >>> [(block.row, block.col, block.rows, block.cols) for block in lattice]
    [(0, 0, 200, 256), (0, 256, 200, 44)]
    >>> list(lattice)[1].grid.boundingbox.left
    2560.0
    """

    grid: GeoBox
    size: int = BLOCK

    @cached_property
    def tiles(self) -> GeoboxTiles:
        """The same blocks as odc-geo's tiles."""
        return GeoboxTiles(self.grid, (self.size, self.size))

    def __len__(self) -> int:
        """Return the number of blocks."""
        rows, cols = self.tiles.shape
        return int(rows * cols)

    def __iter__(self) -> Iterator[Block]:
        """Walk over the blocks, row by row."""
        for index in np.ndindex(*self.tiles.shape):
            rows, cols = self.tiles.roi[index]
            yield self.cut(rows.start, cols.start, rows.stop, cols.stop)

    def cut(self, top: int, left: int, bottom: int, right: int) -> Block:
        """Return any window of the grid as a block; bottom and right are the first ones outside."""
        return Block(int(top), int(left), int(bottom - top), int(right - left), self.grid)

    def squares(self, blocks: Iterable[Block], side: int) -> list[list[Block]]:
        """Return blocks by the squares of `side` × `side` blocks that they lie in.

        Examples
        --------
        >>> from phytomass.grid import grid_from_bounds
        >>> lattice = Lattice(grid_from_bounds("EPSG:32643", 10, (0, 0, 9000, 6000)))
        >>> [len(part) for part in lattice.squares(lattice, 2)]
        [4, 4, 2, 2]
        """
        found: dict[tuple[int, int], list[Block]] = {}
        step = self.size * side
        for block in blocks:
            found.setdefault((block.row // step, block.col // step), []).append(block)
        return list(found.values())

    def windows(self, blocks: Iterable[Block], side: int) -> Iterator[tuple[Block, list[Block]]]:
        """Give windows of up to `side` × `side` blocks, with the blocks that each is made of.

        Yields
        ------
        window : Block
            A square that is there whole, or a block of one that is not.
        blocks : list of Block
            What it is made of.
        """
        for part in self.squares(blocks, side):
            top, left = min(b.row for b in part), min(b.col for b in part)
            bottom, right = max(b.row + b.rows for b in part), max(b.col + b.cols for b in part)
            window = self.cut(top, left, bottom, right)
            if window.rows * window.cols == sum(b.rows * b.cols for b in part):
                yield window, part
            else:
                yield from ((block, [block]) for block in part)

    def around(self, block: Block, halo: int) -> tuple[Block, tuple[slice, slice]]:
        """Return a block with pixels around it, as far as the grid reaches, and its place in that.

        Examples
        --------
        >>> from phytomass.grid import grid_from_bounds
        >>> lattice = Lattice(grid_from_bounds("EPSG:32643", 10, (0, 0, 100, 100)))
        >>> lattice.around(Block(0, 4, 5, 6), 2)
        (Block(row=0, col=2, rows=7, cols=8), (slice(0, 5, None), slice(2, 8, None)))
        """
        top, left = max(block.row - halo, 0), max(block.col - halo, 0)
        bottom = min(block.row + block.rows + halo, self.grid.shape[0])
        right = min(block.col + block.cols + halo, self.grid.shape[1])
        rows = slice(block.row - top, block.row - top + block.rows)
        cols = slice(block.col - left, block.col - left + block.cols)
        return self.cut(top, left, bottom, right), (rows, cols)

    def mirrored(self, block: Block, halo: int) -> tuple[Block, Places, Places]:
        """Return what to read for a block and exactly `halo` pixels on each side, and how to lay it.

        Beyond the grid stands its mirror image, the edge pixels repeated.

        Returns
        -------
        window : Block
            What to read.
        rows, cols : array of int, length rows + 2 halo and cols + 2 halo
            The rows and columns of the window that stand side by side around the block.

        Examples
        --------
        >>> from phytomass.grid import grid_from_bounds
        >>> grid = grid_from_bounds("EPSG:32643", 10, (0, 0, 40, 10))
        >>> window, rows, cols = Lattice(grid).mirrored(Block(0, 0, 1, 4), 1)
        >>> np.array([[1, 2, 3, 4]])[rows][:, cols].tolist()
        [[1, 1, 2, 3, 4, 4], [1, 1, 2, 3, 4, 4], [1, 1, 2, 3, 4, 4]]
        """
        height, width = self.grid.shape
        rows = _mirrored(block.row - halo, block.row + block.rows + halo, height)
        cols = _mirrored(block.col - halo, block.col + block.cols + halo, width)
        top, left = rows.min(), cols.min()
        return self.cut(top, left, rows.max() + 1, cols.max() + 1), rows - top, cols - left

    def holding(
        self, rows: Places, cols: Places, among: NDArray[np.bool_] | None = None
    ) -> Iterator[tuple[Block, Places]]:
        """Give the smallest window that holds the pixels of each block, and which pixels they are.

        Parameters
        ----------
        rows, cols : array of int, shape (n,)
            Pixels of the grid.
        among : array of bool, shape (n,), optional
            Those that are asked for; all if absent.

        Yields
        ------
        window : Block
            Lies in one block; its first pixel is what rows and cols are to be counted from.
        here : array of int
            Positions in rows and cols.

        Examples
        --------
        >>> from phytomass.grid import grid_from_bounds
        >>> lattice = Lattice(grid_from_bounds("EPSG:32643", 10, (0, 0, 3000, 2000)))
        >>> rows, cols = np.array([7, 0, 9]), np.array([299, 0, 290])
        >>> [(window, here.tolist()) for window, here in lattice.holding(rows, cols)]
        [(Block(row=0, col=0, rows=1, cols=1), [1]), (Block(row=7, col=290, rows=3, cols=10), [0, 2])]
        """
        wanted = np.arange(len(rows)) if among is None else np.flatnonzero(among)
        number = rows[wanted] // self.size * self.tiles.shape[1] + cols[wanted] // self.size
        for block in np.unique(number):
            here = wanted[number == block]
            r, c = rows[here], cols[here]
            yield self.cut(r.min(), c.min(), r.max() + 1, c.max() + 1), here


def _mirrored(start: int, stop: int, size: int) -> Places:
    """Return positions from start to stop, those outside 0 … size - 1 mirrored at the edge.

    Examples
    --------
    >>> _mirrored(-2, 6, 4).tolist()
    [1, 0, 0, 1, 2, 3, 3, 2]
    """
    places = np.arange(start, stop)
    places = np.where(places < 0, -1 - places, places)
    return np.where(places >= size, 2 * size - 1 - places, places)
