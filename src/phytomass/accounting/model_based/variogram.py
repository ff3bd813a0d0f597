"""The variogram of residuals, and what it makes of their mean over an area.

Cressie (1985, Math. Geol. 17:563-586; 1993, Statistics for Spatial Data, sections 2.4 to 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.spatial.distance import cdist, pdist

from phytomass.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spherical:
    """``γ(h) = nugget + sill (1.5 h/a − 0.5 (h/a)³)`` up to the range a, then nugget + sill.

    Parameters
    ----------
    nugget, sill : float
        In the unit of the values squared; the sill is the part beside the nugget.
    range_m : float
    """

    nugget: float
    sill: float
    range_m: float

    def covariance(self, distance: ArrayLike) -> Array:
        """Return the covariance at a distance above 0, the nugget left out."""
        return self.sill * (1 - _spherical(np.asarray(distance, np.float64), self.range_m))


@dataclass(frozen=True, eq=False)
class Bins:
    """Half the mean squared difference of pairs, by their distance.

    Parameters
    ----------
    distance, semivariance : array, shape (b,)
        Means of the pairs of each bin.
    pairs : array of int, shape (b,)
    """

    distance: Array
    semivariance: Array
    pairs: NDArray[np.int64]


def semivariances(
    positions: ArrayLike, values: ArrayLike, cutoff: float | None = None, bins: int = 15
) -> Bins:
    """Return the sample variogram in bins of equal width.

    Parameters
    ----------
    positions : array, shape (n, 2)
        Easting and northing, m.
    values : array, shape (n,)
        Residuals, from folds apart in space.
    cutoff : float, optional
        Largest distance, m; a third of the box's diagonal if left out.
    bins : int

    Raises
    ------
    InputError
        For shapes that differ, missing values, and pairs in fewer than three bins.

    Examples
    --------
    >>> found = semivariances([[0, 0], [1, 0], [2, 0], [3, 0]], [1.0, 2.0, 4.0, 3.0], 3.0, 3)
    >>> found.pairs, found.semivariance
    (array([3, 2, 1]), array([1. , 2.5, 2. ]))
    """
    at, y = np.asarray(positions, np.float64), np.asarray(values, np.float64)
    if at.shape != (len(y), 2) or not (np.isfinite(at).all() and np.isfinite(y).all()):
        raise InputError(f"{y.size} values, not all of them known, for positions {at.shape}")
    reach = float(np.hypot(*np.ptp(at, axis=0)) / 3) if cutoff is None else cutoff
    distance = pdist(at)
    near = (distance > 0) & (distance <= reach)
    first, second = np.triu_indices(len(y), 1)
    gamma = (y[first] - y[second])[near] ** 2 / 2
    number = np.minimum(np.ceil(distance[near] / (reach / bins)).astype(np.intp), bins) - 1
    pairs = np.bincount(number, minlength=bins)
    used = pairs > 0
    if used.sum() < 3:
        raise InputError("pairs in fewer than three bins of distance", remedy="raise the cutoff")
    sums = [np.bincount(number, weights=part, minlength=bins) for part in (distance[near], gamma)]
    return Bins(sums[0][used] / pairs[used], sums[1][used] / pairs[used], pairs[used])


def fit_spherical(bins: Bins) -> Spherical:
    """Return the spherical variogram by least squares weighted ``pairs / distance²``.

    Raises
    ------
    InputError
        For values that are all alike.
    """
    top = float(bins.semivariance.max())
    if top <= 0:
        raise InputError("values that are all alike have no variogram")
    reach = float(bins.distance.max())
    scale = np.array([top, top, reach])
    weight = np.sqrt(bins.pairs) / bins.distance

    def left(p: Array) -> Array:
        nugget, sill, span = p * scale
        fitted = nugget + sill * _spherical(bins.distance, span)
        return np.asarray(weight * (bins.semivariance - fitted), np.float64)

    starts = [least_squares(left, [0.2, 0.8, s], bounds=([0, 0, 1e-3], [2, 4, 10]), xtol=1e-14,
                            ftol=1e-14, gtol=1e-14) for s in (0.25, 0.5, 1.0)]  # fmt: skip
    best = min(starts, key=lambda found: float(found.cost))
    nugget, sill, span = (float(value) for value in best.x * scale)
    return Spherical(nugget, sill, span)


def mean_variance(variogram: Spherical, cells: ArrayLike, sd: ArrayLike | None = None) -> float:
    """Return the variance of the mean of residuals over the cells of an area.

    ``(1/N²) Σ Σ σ_i σ_j ρ(h_ij)``, the nugget on the diagonal alone; what a model leaves
    unexplained does not average out within the range.

    Parameters
    ----------
    variogram : Spherical
    cells : array, shape (N, 2)
        Positions, m; of all cells.
    sd : array, shape (N,), optional
        Standard deviation of the residuals of each cell; that of the variogram if left out.

    Examples
    --------
    >>> short = Spherical(1.0, 3.0, 10.0)
    >>> mean_variance(short, [[0, 0], [1000, 0]]), mean_variance(short, [[0, 0], [1000, 0]], [1, 1])
    (2.0, 0.5)
    """
    at = np.asarray(cells, np.float64)
    whole = variogram.nugget + variogram.sill
    sigma = np.full(len(at), np.sqrt(whole)) if sd is None else np.asarray(sd, np.float64)
    if at.shape != (len(sigma), 2) or not (np.isfinite(at).all() and np.isfinite(sigma).all()):
        raise InputError(f"{sigma.size} cells, not all of them known, at positions {at.shape}")
    rho = variogram.covariance(cdist(at, at)) / whole
    np.fill_diagonal(rho, 1.0)
    return float(sigma @ rho @ sigma) / len(at) ** 2


def krige(
    variogram: Spherical, positions: ArrayLike, values: ArrayLike, targets: ArrayLike,
    block_m: float = 0.0,
) -> tuple[Array, Array]:  # fmt: skip
    """Return ordinary kriging of points, or of the means of square blocks, and its variance.

    Blocks are integrated by 4 × 4 points of Gauss and Legendre.

    Parameters
    ----------
    variogram : Spherical
    positions : array, shape (n, 2)
    values : array, shape (n,)
    targets : array, shape (m, 2)
        Points, or centres of blocks.
    block_m : float
        Side of the blocks; 0 for points.

    Returns
    -------
    value, variance : array, shape (m,)

    Examples
    --------
    >>> value, variance = krige(Spherical(0.0, 1.0, 10.0), [[0, 0], [4, 0]], [1.0, 3.0], [[2, 0]])
    >>> value.round(6), variance.round(4)
    (array([2.]), array([0.308]))
    """
    at, y = np.asarray(positions, np.float64), np.asarray(values, np.float64)
    goal = np.asarray(targets, np.float64)
    if at.shape != (len(y), 2) or goal.shape[1:] != (2,) or not np.isfinite(y).all():
        raise InputError(f"{y.size} values at {at.shape}, targets {goal.shape}")
    if len(np.unique(at, axis=0)) < len(at):
        raise InputError("two values at one position", remedy="take their mean")
    offsets, shares = _quadrature(block_m)
    n = len(y)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = variogram.covariance(cdist(at, at)) + variogram.nugget * np.eye(n)
    system[n, n] = 0.0
    right = np.ones((n + 1, len(goal)))
    right[:n] = 0.0
    for offset, share in zip(offsets, shares, strict=True):
        right[:n] += share * variogram.covariance(cdist(at, goal + offset))
    weights = np.linalg.solve(system, right)
    own = variogram.nugget + variogram.sill
    if block_m:
        own = float(shares @ variogram.covariance(cdist(offsets, offsets)) @ shares)
    return weights[:n].T @ y, np.asarray(own - np.einsum("ij,ij->j", weights, right), np.float64)


def _quadrature(side: float) -> tuple[Array, Array]:
    if not side:
        return np.zeros((1, 2)), np.ones(1)
    points, weights = np.polynomial.legendre.leggauss(4)
    x, y = np.meshgrid(points * side / 2, points * side / 2)
    return np.column_stack([x.ravel(), y.ravel()]), np.outer(weights, weights).ravel() / 4


def _spherical(distance: Array, reach: float) -> Array:
    h = np.minimum(distance / reach, 1.0)
    return np.asarray(1.5 * h - 0.5 * h**3, np.float64)
