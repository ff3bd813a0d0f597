"""Square blocks for spatial cross-validation, and a rule for their size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError

_LAGS = 15
_MOST_PAIRED = 1500


def variogram_range(coordinates: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """Estimate the distance within which values resemble each other.

    The empirical semivariances in 15 distance classes up to half of the longest distance are
    fitted by ``c0 + c (1 - exp(-3 h / a))``, weighted by the number of pairs; ``a`` is the
    practical range, where 95 % of the structured part is reached.

    Parameters
    ----------
    coordinates : array, shape (n, 2)
        Easting and northing, metres.
    values : array, shape (n,)
        Values at the points; of more than 1 500 points, evenly spaced ones are used.

    Returns
    -------
    float or None
        Metres; None where fewer than 30 points or no spatial structure (c below 5 % of c0 + c).

    References
    ----------
    Cressie 1993, Statistics for Spatial Data, sections 2.4 and 2.6 (from memory).

    Examples
    --------
    >>> import numpy as np
    >>> line = np.column_stack([np.arange(200) * 10.0, np.zeros(200)])
    >>> 300 < variogram_range(line, np.sin(line[:, 0] / 200)) <= 1000
    True
    """
    if len(values) < 30:
        return None
    kept = np.unique(np.linspace(0, len(values) - 1, _MOST_PAIRED).astype(int))
    lags, gamma, pairs = _semivariances(coordinates[kept], values[kept])
    if len(lags) < 3 or not gamma.any():
        return None
    fits = [_structured_fit(lags, gamma, pairs, a) for a in np.geomspace(lags[0], lags[-1], 40)]
    _, share, best = min(fits)
    return best if share >= 0.05 else None


def _semivariances(
    coordinates: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.triu_indices(len(values), k=1)
    distance = np.hypot(*(coordinates[first] - coordinates[second]).T)
    half_squares = 0.5 * (values[first] - values[second]) ** 2
    edges = np.linspace(0, distance.max() / 2, _LAGS + 1)
    lag = np.digitize(distance, edges[1:], right=True)
    near = lag < _LAGS
    pairs = np.bincount(lag[near], minlength=_LAGS).astype(float)
    sums = np.bincount(lag[near], half_squares[near], minlength=_LAGS)
    reach = np.bincount(lag[near], distance[near], minlength=_LAGS)
    held = (pairs > 0) & (reach > 0)
    return reach[held] / pairs[held], sums[held] / pairs[held], pairs[held]


def _structured_fit(
    lags: NDArray[np.float64], gamma: NDArray[np.float64], pairs: NDArray[np.float64], a: float
) -> tuple[float, float, float]:
    """Fit nugget and sill for one range: (squared error, structured share, range)."""
    shape = 1 - np.exp(-3 * lags / a)
    weight = pairs / pairs.sum()
    mean_shape, mean_gamma = weight @ shape, weight @ gamma
    spread = weight @ (shape - mean_shape) ** 2
    sill = weight @ ((shape - mean_shape) * (gamma - mean_gamma)) / spread if spread > 0 else 0.0
    nugget = mean_gamma - sill * mean_shape
    if nugget < 0:
        nugget, sill = 0.0, (weight @ (shape * gamma)) / (weight @ shape**2)
    if sill < 0:
        nugget, sill = mean_gamma, 0.0
    error = weight @ (gamma - nugget - sill * shape) ** 2
    return float(error), float(sill / (nugget + sill)), float(a)


def block_labels(
    coordinates: NDArray[np.float64], groups: NDArray[np.str_], side_m: float
) -> NDArray[np.str_]:
    """Name the square block of each plot; all plots of a site get the block of its centre.

    Parameters
    ----------
    coordinates : array, shape (n, 2)
        Easting and northing, metres.
    groups : array of str, shape (n,)
        Site of each plot.
    side_m : float
        Side of the squares, metres. The lattice is centred on the plots.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.array([[0.0, 0.0], [90.0, 0.0], [150.0, 0.0]])
    >>> block_labels(places, np.array(["a", "b", "b"]), side_m=100).tolist()
    ['0_0', '0_1', '0_1']
    """
    _, site = np.unique(groups, return_inverse=True)
    plots = np.bincount(site)
    centres = np.column_stack([np.bincount(site, axis) / plots for axis in coordinates.T])
    low, high = centres.min(axis=0), centres.max(axis=0)
    count = np.maximum(1, np.ceil((high - low) / side_m - 1e-9))
    origin = (low + high - count * side_m) / 2
    cell = np.clip(np.floor((centres - origin) / side_m), 0, count - 1).astype(np.int64)
    labels = np.array([f"{row}_{col}" for col, row in cell])
    by_plot: NDArray[np.str_] = labels[site]
    return by_plot


def _side_for(
    coordinates: NDArray[np.float64], groups: NDArray[np.str_], n_blocks: int
) -> float | None:
    """Return the largest side that leaves at least `n_blocks` blocks with plots."""
    extent = float(np.ptp(coordinates, axis=0).max())
    for parts in range(1, 201):
        if not extent:
            break
        if len(np.unique(block_labels(coordinates, groups, extent / parts))) >= n_blocks:
            return extent / parts
    return None


def choose_block_size(
    coordinates: NDArray[np.float64],
    values: NDArray[np.float64],
    groups: NDArray[np.str_],
    n_splits: int,
) -> tuple[float, str]:
    """Choose the side of the blocks: the variogram range, as far as the extent allows.

    Blocks should be no smaller than the distance within which biomass resembles itself (see
    `variogram_range`). They may not be so large that fewer than three per fold hold plots, nor
    need they be so small that more than ten per fold do. Without spatial structure in the
    values, the largest allowed side is taken.

    Returns
    -------
    side_m : float
        Metres.
    why : str
        The reason in words.

    Raises
    ------
    InputError
        If the plots lie in too few places for `n_splits` folds.
    """
    largest = _side_for(coordinates, groups, 3 * n_splits)
    if largest is None:
        side = _side_for(coordinates, groups, n_splits)
        if side is None:
            raise InputError(
                f"spatial_blocks with {n_splits} folds needs plots or sites at {n_splits} or more"
                f" places; these lie at {len(np.unique(groups))} sites",
                where="validation.n_splits",
                remedy="use fewer folds, or leave spatial_blocks out of validation.splits",
            )
        return side, "the largest that give every fold a block"
    smallest = min(_side_for(coordinates, groups, 10 * n_splits) or largest, largest)
    reach = variogram_range(coordinates, values)
    if reach is None:
        return largest, "no spatial structure found in the biomass of the plots"
    if reach > largest:
        return (
            largest,
            f"smaller than the variogram range of {reach:.0f} m: the extent allows no more",
        )
    return max(reach, smallest), f"variogram range of {reach:.0f} m"
