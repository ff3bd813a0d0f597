"""Area of classes (forest, loss, gain …) from reference points drawn in the strata of a map.

Olofsson et al. (2014, Remote Sens. Environ. 148:42-57), equations 1 to 13; the strata are the
classes that were mapped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from phytomass.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassAreas:
    """Areas of the classes and the accuracy of the map.

    Parameters
    ----------
    area, area_se : array, shape (c,)
        Of the true classes, in the unit of the mapped areas.
    users, users_se : array, shape (c,)
        Share of what was mapped as a class that belongs to it.
    producers, producers_se : array, shape (c,)
        Share of a class that was mapped as it.
    overall, overall_se : float
        Share of the area that is mapped right.
    """

    area: Array
    area_se: Array
    users: Array
    users_se: Array
    producers: Array
    producers_se: Array
    overall: float
    overall_se: float

    def half_width(self, level: float = 0.95) -> Array:
        """Return the half-width of the areas' normal intervals, shape (c,)."""
        return np.asarray(stats.norm.ppf((1 + level) / 2) * self.area_se, np.float64)


def class_areas(counts: ArrayLike, mapped: ArrayLike) -> ClassAreas:
    """Return areas and accuracies from a stratified error matrix.

    ``p_ij = W_i n_ij / n_i``, ``A_j = A Σ_i p_ij``, ``V(A_j) = A² Σ_i W_i² u (1 − u) / (n_i − 1)``
    with ``u = n_ij / n_i``.

    Parameters
    ----------
    counts : array of int, shape (c, c)
        Reference points: rows are the mapped class (the stratum), columns the true one.
    mapped : array, shape (c,)
        Mapped area of each class, in ha, say.

    Raises
    ------
    InputError
        For a matrix that is not square, counts below zero, strata with fewer than two points,
        and areas that are none.

    Examples
    --------
    >>> found = class_areas([[45, 5], [10, 90]], [1000.0, 9000.0])
    >>> found.area, found.half_width().round(0)
    (array([1800., 8200.]), array([538., 538.]))
    """
    n, area = np.asarray(counts, np.float64), np.asarray(mapped, np.float64)
    _check(n, area)
    rows, share = n.sum(axis=1), area / area.sum()
    u = n / rows[:, None]
    spread = u * (1 - u) / (rows - 1)[:, None]
    p = share[:, None] * u
    found = p.sum(axis=0) * area.sum()
    users, of_users = np.diag(u), np.diag(spread)
    with np.errstate(invalid="ignore", divide="ignore"):
        producers = np.diag(p) / p.sum(axis=0)
        own = area**2 * (1 - producers) ** 2 * of_users
        others = (area**2)[:, None] * (spread - np.diag(of_users))
        of_producers = (own + producers**2 * others.sum(axis=0)) / found**2
    return ClassAreas(
        found, np.sqrt((share**2) @ spread) * area.sum(),
        users, np.sqrt(of_users), producers, np.sqrt(of_producers),
        float(np.trace(p)), float(np.sqrt(share**2 @ of_users)),
    )  # fmt: skip


def _check(n: Array, area: Array) -> None:
    if n.ndim != 2 or n.shape[0] != n.shape[1] or area.shape != n.shape[:1]:
        raise InputError(f"an error matrix {n.shape} for {area.size} mapped classes")
    if not (np.isfinite(n) & (n >= 0)).all():
        raise InputError("counts of reference points are numbers from 0")
    if not (np.isfinite(area) & (area > 0)).all():
        raise InputError("mapped areas are numbers above 0")
    if (n.sum(axis=1) < 2).any():
        worst = int(np.argmin(n.sum(axis=1)))
        raise InputError(
            f"{n[worst].sum():g} reference points in the mapped class {worst + 1}",
            remedy="draw at least 2, better 50, in each",
        )
