"""Limits of layers over the whole study, so that no tile has its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.imagery import bright_level
from phytomass.walk.lattice import Lattice

Array = NDArray[np.float64]
CLASSES = 10_000


def study_limits(
    read: Callable[[Block], Mapping[str, Array]],
    names: Sequence[str],
    grid: GeoBox,
    shares: tuple[float, float] = (0.02, 0.98),
) -> dict[str, tuple[float, float]]:
    """Return two quantiles of layers over a grid, block by block.

    Parameters
    ----------
    read : callable
        Block → layers by name.
    names : sequence of str
        The layers.
    grid : GeoBox
        The grid.
    shares : (float, float)
        The quantiles, to a ten-thousandth of the layer's range.

    Raises
    ------
    InputError
        If a layer has no data, or one value only.
    """
    low = dict.fromkeys(names, np.inf)
    high = dict.fromkeys(names, -np.inf)
    for block in Lattice(grid):
        values = read(block)
        for name in names:
            good = values[name][np.isfinite(values[name])]
            if good.size:
                low[name] = min(low[name], float(good.min()))
                high[name] = max(high[name], float(good.max()))
    for name in names:
        if not low[name] < high[name]:
            raise InputError("has no texture: it is empty or has one value", where=name)
    edges = {name: np.linspace(low[name], high[name], CLASSES + 1) for name in names}
    counts = {name: np.zeros(CLASSES, dtype=np.int64) for name in names}
    for block in Lattice(grid):
        values = read(block)
        for name in names:
            good = values[name][np.isfinite(values[name])]
            counts[name] += np.histogram(good, edges[name])[0]
    return {
        name: (
            bright_level(counts[name], edges[name], shares[0]),
            bright_level(counts[name], edges[name], shares[1]),
        )
        for name in names
    }
