"""Whether one map is closer to a reference than another: paired differences with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.accounting.truth import Grid, block_means
from phytomass.draws import stream
from phytomass.errors import InputError

SQUARES = 8
"""Squares along the longer side of the grid: what the bootstrap draws with replacement."""

RESAMPLES = 2000
LEVEL = 0.95


def truth_difference(
    maps: tuple[Grid, Grid],
    truth: Grid,
    exclude: NDArray[np.bool_],
    block_m: Sequence[float],
    resolution: float,
    random_state: int,
) -> pd.DataFrame:
    """Compare two maps with a reference on the same pixels; first minus second.

    Errors of neighbouring pixels resemble each other, so whole squares (an eighth of the longer
    side of the grid) are drawn with replacement, and both maps are scored on the same draw.

    Parameters
    ----------
    maps : pair of arrays, shape (rows, cols)
        Mg/ha, NaN where there is no value.
    truth : array, shape (rows, cols)
        The reference, Mg/ha.
    exclude : array of bool, shape (rows, cols)
        True at pixels that trained the models.
    block_m : sequence of float
        Sides of the blocks whose means are compared, metres, as in `truth_scores`.
    resolution : float
        Side of a pixel, metres.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        Columns block_m, n, squares, r2_difference, r2_low, r2_high, rmse_difference, rmse_low,
        rmse_high (95 % intervals); one row per block size.

    Raises
    ------
    InputError
        As `truth_scores`; also if fewer than two squares hold blocks.

    Examples
    --------
    >>> truth = np.random.default_rng(0).normal(size=(64, 64))
    >>> nowhere = np.zeros(truth.shape, dtype=bool)
    >>> table = truth_difference((truth, truth + 1), truth, nowhere, [10], 10, random_state=1)
    >>> table[["squares", "rmse_difference", "rmse_low", "rmse_high"]].values.tolist()
    [[64.0, -1.0, -1.0, -1.0]]
    """
    use = np.isfinite(maps[0]) & np.isfinite(maps[1]) & np.isfinite(truth) & ~exclude
    rows = []
    for side in block_m:
        k, kept, (first, second, observed) = block_means((*maps, truth), use, side, resolution)
        cells = max(1, int(np.ceil(max(truth.shape) / SQUARES / k)))
        squares = [places // cells for places in np.nonzero(kept)]
        _, unit = np.unique(squares[0] * SQUARES * 2 + squares[1], return_inverse=True)
        if unit.max() < 1:
            raise InputError("an interval needs blocks in 2 or more squares", where="truth")
        sums = _sums(first, second, observed, unit)
        draws = stream(random_state, "truth").multinomial(
            len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES
        )
        rmse, r2 = _differences(np.vstack([np.ones((1, len(sums))), draws]) @ sums)
        rows.append(
            {"block_m": float(side), "n": len(observed), "squares": len(sums)}
            | _interval("r2", r2)
            | _interval("rmse", rmse)
        )
    return pd.DataFrame(rows)


def _sums(first: Grid, second: Grid, observed: Grid, unit: NDArray[np.intp]) -> Grid:
    """Sum per square: blocks, both squared errors, observed (centred), its square."""
    centred = observed - observed.mean()
    columns = (
        np.ones(len(observed)),
        (first - observed) ** 2,
        (second - observed) ** 2,
        centred,
        centred**2,
    )
    return np.column_stack([np.bincount(unit, column) for column in columns])


def _differences(sums: Grid) -> tuple[Grid, Grid]:
    n, one, two, centred, square = sums.T
    spread = square - centred**2 / n
    return np.sqrt(one / n) - np.sqrt(two / n), (two - one) / spread


def _interval(name: str, values: Grid) -> dict[str, float]:
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {
        f"{name}_difference": float(values[0]),
        f"{name}_low": float(low),
        f"{name}_high": float(high),
    }
