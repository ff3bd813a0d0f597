"""What the mask holds: pixels with and without a prediction, by zone, and where the plots lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass import tables
from phytomass.accounting.estimate import Estimate
from phytomass.accounting.sums import Layer, walk
from phytomass.accounting.zones import ALL, OUTSIDE, Zones
from phytomass.errors import InputError
from phytomass.grid import Block, grid_of_raster, pixel_area_ha

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Inside = Callable[[Block], NDArray[np.bool_]]

CELLS = 700
"""Pixels, about, of a zone, and of the whole, that stand for all where pairs of them count."""


AT_MISSING = 5
"""Plots on pixels without prediction, from which on they stand for these pixels."""


@dataclass(frozen=True, eq=False)
class Cover:
    """The pixels of a mask by zone, and the plots on them.

    Parameters
    ----------
    zones : tuple of str
        ``all``, or the zones and ``outside zones``.
    mask, missing : array of int, shape (z,)
        Pixels of the mask, and those of them without a prediction.
    pixel_ha : float
        Area of a pixel.
    cells : tuple of array, shape (m, 2)
        Positions of some mapped pixels of each zone, evenly spread, m.
    spread : array, shape (m, 2)
        The same of the whole.
    plot_zone : array of int, shape (n,)
        Zone of each plot's pixel; -1 outside the mask.
    plot_mapped : array of bool, shape (n,)
        Whether that pixel has a prediction.
    """

    zones: tuple[str, ...]
    mask: Counts
    missing: Counts
    pixel_ha: float
    cells: tuple[Array, ...]
    spread: Array
    plot_zone: NDArray[np.intp]
    plot_mapped: NDArray[np.bool_]

    @property
    def plots_at_missing(self) -> NDArray[np.bool_]:
        """Whether each plot lies on a pixel of the mask without a prediction."""
        return np.asarray((self.plot_zone >= 0) & ~self.plot_mapped, np.bool_)

    @property
    def filled_by(self) -> str:
        """What stands for pixels without a prediction: the plots on them, or the mean of the zone."""
        some = self.plots_at_missing.sum() >= AT_MISSING
        return "filled_by_plots" if some else "filled_by_zone"

    @property
    def mapped(self) -> Counts:
        """Pixels with a prediction, shape (z,)."""
        return self.mask - self.missing


def cover_of(
    agb: Path, inside: Inside | None = None, zones: Zones | None = None,
    positions: Sequence[tuple[float, float]] | Array = (),
) -> Cover:  # fmt: skip
    """Count the pixels of a mask by zone in one walk.

    Parameters
    ----------
    agb : Path
        The map; NaN where there is no prediction.
    inside : callable, optional
        Block → the mask (`phytomass.imagery.open_mask`); the whole grid if left out.
    zones : Zones, optional
        On the grid of the map.
    positions : array, shape (n, 2)
        Easting and northing of plots.

    Raises
    ------
    InputError
        If no pixel of the mask has a prediction, or zones overlap.
    """
    grid = grid_of_raster(agb)
    names = (*zones.names, OUTSIDE) if zones is not None else (ALL,)
    rows, cols = _places(grid, np.asarray(positions, np.float64).reshape(-1, 2))
    plot_zone, plot_mapped = np.full(len(rows), -1, np.intp), np.zeros(len(rows), bool)
    mask, mapped = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    thin = [_Thinned(grid) for _ in range(len(names) + 1)]
    for block, (values,) in walk([Layer(agb)]):
        own = np.ones(values.shape, bool) if inside is None else np.asarray(inside(block), bool)
        held = np.isfinite(values)
        own |= held  # what is mapped counts, whatever the mask says of it
        labels = np.zeros(values.shape, np.int64)
        if zones is not None and own.any():
            labels = zones.labels(block) % len(names)
        mask += np.bincount(labels[own], minlength=len(names))
        mapped += np.bincount(labels[held], minlength=len(names))
        for one in np.unique(labels[held]) if held.any() else []:
            thin[one].add(block, held & (labels == one))
        thin[-1].add(block, held)
        here = _in_block(block, rows, cols)
        at = rows[here] - block.row, cols[here] - block.col
        plot_zone[here] = np.where(own[at], labels[at], -1)
        plot_mapped[here] = held[at]
    if not mapped.any():
        raise InputError("has no pixel with a value", where=agb.name, remedy="check the mask")
    some = tuple(one.positions() for one in thin)
    return Cover(
        names, mask, mask - mapped, pixel_area_ha(grid), some[:-1], some[-1], plot_zone, plot_mapped
    )


class _Thinned:
    """Every s-th pixel of those that are added; s doubles whenever there are too many."""

    def __init__(self, grid: GeoBox) -> None:
        self.grid, self.step, self.seen = grid, 1, 0
        self.kept: list[NDArray[np.int64]] = []

    def add(self, block: Block, which: NDArray[np.bool_]) -> None:
        rows, cols = np.nonzero(which)
        number = self.seen + np.arange(len(rows))
        wanted = number % self.step == 0
        found = np.column_stack([number, rows + block.row, cols + block.col])[wanted]
        self.seen += len(rows)
        self.kept.append(found)
        while sum(map(len, self.kept)) > 2 * CELLS:
            self.step *= 2
            self.kept = [part[part[:, 0] % self.step == 0] for part in self.kept]

    def positions(self) -> Array:
        if not self.kept:
            return np.zeros((0, 2))
        _, rows, cols = np.concatenate(self.kept).T
        east, north = self.grid.transform * (cols + 0.5, rows + 0.5)
        return np.column_stack([east, north]).astype(np.float64)


def _places(grid: GeoBox, at: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of positions."""
    col, row = ~grid.transform * (at[:, 0], at[:, 1])
    return np.floor(row).astype(np.int64), np.floor(col).astype(np.int64)


def _in_block(block: Block, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
    down, across = rows - block.row, cols - block.col
    inside = (down >= 0) & (down < block.rows) & (across >= 0) & (across < block.cols)
    return np.asarray(inside, np.bool_)


def cover_estimates(cover: Cover, period: str, *, assisted: bool) -> Iterator[Estimate]:
    """Give the area of the mask, and that of its pixels without a prediction.

    Parameters
    ----------
    cover : Cover
    period : str
        Date.
    assisted : bool
        Whether plots on such pixels may stand for them (see `assisted_estimates`).

    Yields
    ------
    Estimate
        Quantities mask_area and missing_area, of the whole and of each zone that lacks some; the
        method says what stands for the missing ones in the totals of the mask.
    """
    filled = cover.filled_by if assisted else "filled_by_zone"
    whole = [(ALL, int(cover.mask.sum()), int(cover.missing.sum()))]
    zones = [
        (name, int(n), int(missing))
        for name, n, missing in zip(cover.zones, cover.mask, cover.missing, strict=True)
        if missing and cover.zones != (ALL,)
    ]
    for zone, n, missing in [*whole, *zones]:
        for quantity, pixels, codes in (
            ("mask_area", n, ("mask_pixels",)), ("missing_area", missing, ("missing_pixels", filled)),
        ):  # fmt: skip
            area = pixels * cover.pixel_ha
            yield Estimate(
                quantity,
                zone,
                "",
                "",
                area,
                "ha",
                area,
                "total",
                pixels,
                period,
                tables.method(*codes),
            )
