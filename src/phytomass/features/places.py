"""Where the pixels lie that a map will have: a random sample of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import stream
from phytomass.errors import InputError
from phytomass.features.stack import PredictorStack
from phytomass.grid import Block

WANTED = 1000
"""Pixels of a sample."""

ROUNDS = 20
"""Draws of that many pixels of the whole grid, until as many as wanted are of the map."""


def mapped_places(
    stack: PredictorStack, inside: Callable[[Block], NDArray[np.bool_]], random_state: int
) -> NDArray[np.float64]:
    """Draw pixels of the map at random, with replacement, and say where they lie.

    Parameters
    ----------
    stack : PredictorStack
        A pixel is of the map where the first predictor has data.
    inside : callable
        From a block of the grid to booleans, shape (rows, cols): where there is to be a map.
    random_state : int
        Seed.

    Returns
    -------
    array, shape (m, 2)
        Easting and northing of the centres, metres: 1 000, or fewer where the map holds less
        than a twentieth of the grid.

    Raises
    ------
    InputError
        If none of the pixels drawn is of the map.
    """
    rng = stream(random_state, "mapped places")
    found: list[NDArray[np.float64]] = []
    with stack.reader(stack.names[:1]) as reader:
        for _ in range(ROUNDS):
            rows, cols = (rng.integers(size, size=WANTED) for size in stack.grid.shape)
            kept = np.zeros(WANTED, dtype=bool)
            for window, here in reader.lattice.holding(rows, cols):
                valid = np.isfinite(reader.read(window)[0]) & inside(window)
                kept[here] = valid[rows[here] - window.row, cols[here] - window.col]
            col, row = cols[kept] + 0.5, rows[kept] + 0.5
            a, b, c, d, e, f = tuple(stack.grid.affine)[:6]
            centres = (a * col + b * row + c, d * col + e * row + f)
            found.append(np.column_stack(centres))
            if sum(map(len, found)) >= WANTED:
                break
    places: NDArray[np.float64] = np.concatenate(found)[:WANTED]
    if not len(places):
        raise InputError(
            f"none of {ROUNDS * WANTED} random pixels has data inside mask and study area",
            where="validation.splits, knndm",
            remedy="check mask and study area, or leave knndm out",
        )
    return places
