"""A map against a reference in every pixel, at the pixel and at means of blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError
from phytomass.validation import bias, mae, r2, rmse

Grid = NDArray[np.floating]


def truth_scores(
    predicted: Grid,
    truth: Grid,
    exclude: NDArray[np.bool_],
    block_m: Sequence[float],
    resolution: float,
) -> pd.DataFrame:
    """Score a map against a reference that was never used for training.

    Pixels that lack either value, and the excluded ones, are left out at every scale. Larger
    scales compare the means of square blocks, over those of their pixels that remain; blocks with
    fewer than half of their pixels are left out.

    Parameters
    ----------
    predicted, truth : array, shape (rows, cols)
        Mg/ha, NaN where there is no value.
    exclude : array of bool, shape (rows, cols)
        True at pixels that trained the model.
    block_m : sequence of float
        Sides of the blocks in metres, multiples of the resolution.
    resolution : float
        Side of a pixel, metres.

    Returns
    -------
    DataFrame
        Columns block_m, n, r2, rmse, bias, mae, map_mean, truth_mean; one row per block size.

    Raises
    ------
    InputError
        If shapes differ, a block is no multiple of the resolution, or nothing is left to compare.

    Examples
    --------
    >>> truth = np.arange(16.0).reshape(4, 4)
    >>> none = np.zeros((4, 4), dtype=bool)
    >>> truth_scores(truth + 1, truth, none, [10, 20], 10)[["block_m", "n", "bias"]].values.tolist()
    [[10.0, 16.0, 1.0], [20.0, 4.0, 1.0]]
    """
    if not predicted.shape == truth.shape == exclude.shape:
        raise InputError(
            f"the map has shape {predicted.shape}, the reference {truth.shape}", where="truth"
        )
    use = np.isfinite(predicted) & np.isfinite(truth) & ~exclude
    rows = []
    for side in block_m:
        _, _, (ours, theirs) = block_means((predicted, truth), use, side, resolution)
        rows.append(_row(float(side), ours, theirs))
    return pd.DataFrame(rows)


def block_means(
    layers: Sequence[Grid], use: NDArray[np.bool_], side: float, resolution: float
) -> tuple[int, NDArray[np.bool_], list[NDArray[np.float64]]]:
    """Average layers over square blocks; blocks with fewer than half of their pixels are left out.

    Returns
    -------
    k : int
        Pixels along a block.
    kept : array of bool, shape (block rows, block cols)
        The blocks that remain.
    means : list of array, shape (n,)
        Of each layer.

    Raises
    ------
    InputError
        If a block is no multiple of the resolution, or none has enough pixels.
    """
    k = round(side / resolution)
    if k < 1 or abs(k * resolution - side) > 1e-6 * resolution:
        raise InputError(
            f"blocks of {side:g} m are no multiple of pixels of {resolution:g} m",
            where="truth.block_m",
            remedy=f"give multiples of {resolution:g}",
        )
    counts = _block_sums(use.astype(np.float64), k)
    kept = (counts >= k * k / 2) & (counts > 0)
    if not kept.any():
        raise InputError(f"no block of {side:g} m has enough pixels to compare", where="truth")
    means = [
        _block_sums(np.where(use, layer, 0).astype(np.float64), k)[kept] / counts[kept]
        for layer in layers
    ]
    return k, kept, means


def _block_sums(values: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Sum k × k pixels; blocks start at the upper left, the last ones may be cut by the edge."""
    by_row = np.add.reduceat(values, np.arange(0, values.shape[0], k), axis=0)
    sums: NDArray[np.float64] = np.add.reduceat(by_row, np.arange(0, values.shape[1], k), axis=1)
    return sums


def _row(
    side: float, predicted: NDArray[np.float64], truth: NDArray[np.float64]
) -> dict[str, float]:
    return {
        "block_m": side,
        "n": len(truth),
        "r2": r2(truth, predicted),
        "rmse": rmse(truth, predicted),
        "bias": bias(truth, predicted),
        "mae": mae(truth, predicted),
        "map_mean": float(predicted.mean()),
        "truth_mean": float(truth.mean()),
    }
