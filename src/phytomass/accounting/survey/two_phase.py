"""Two-phase regression estimates: predictors at many places, the ground at some of them.

Mandallaz (2013, Can. J. For. Res. 43:441-449; 2014, 44:383-388) and Mandallaz, Breschan and Hill
(2013, 43:1023-1031), under the infinite population of points. A cluster is a place with several
plots; a single plot is a cluster of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.accounting.survey.design import codes_of
from phytomass.errors import InputError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TwoPhase:
    """An estimate of a mean from two phases.

    Parameters
    ----------
    value : float
        In the unit of y, e.g. m³/ha.
    external : float
        Variance that takes the regression as given; NaN where it is not defined.
    g_weight : float
        Variance that holds the error of the coefficients too; the one to use.
    n1, n2 : int
        Places (clusters) of the first phase in the area, and of the second among them.
    """

    value: float
    external: float
    g_weight: float
    n1: int
    n2: int


@dataclass(frozen=True, eq=False)
class Phases:
    """Plots of both phases.

    Parameters
    ----------
    x : array, shape (n, p)
        Predictors of every plot, with a column of ones.
    y : array, shape (n,)
        What was measured; NaN where the plot is of the first phase alone.
    clusters : array of labels, shape (n,), optional
        Place of each plot; each plot by itself if left out.
    boundary : array, shape (n,), optional
        Share of each plot's window of predictors that lies inside the forest.

    Raises
    ------
    InputError
        For predictors that are missing, clusters measured in part, and too few of them.

    Examples
    --------
    >>> x = np.stack([np.ones(6), [1.0, 2, 3, 4, 5, 6]], axis=1)
    >>> phases = Phases(x, np.array([2.1, np.nan, 6.0, np.nan, 10.2, 11.9]))
    >>> found = two_phase(phases)
    >>> round(found.value, 4), found.n1, found.n2
    (7.0542, 6, 4)
    """

    x: Array
    y: Array
    clusters: ArrayLike | None = None
    boundary: Array | None = None

    def __post_init__(self) -> None:
        """Refuse what has no regression."""
        if self.x.ndim != 2 or len(self.x) != len(self.y):
            raise InputError(f"predictors {self.x.shape} for {len(self.y)} plots")
        if not np.isfinite(self.x).all():
            raise InputError("plots of the first phase without predictors")
        if self.boundary is not None and not ((self.boundary > 0) & (self.boundary <= 1)).all():
            raise InputError("boundary weights are shares above 0 and up to 1")
        measured = np.bincount(self.codes, weights=np.isfinite(self.y))
        if ((measured > 0) & (measured < self.plots)).any():
            raise InputError("a cluster is measured in part", remedy="leave it to the first phase")
        if self.second.sum() <= self.x.shape[1]:
            what = f"{self.second.sum()} measured places for {self.x.shape[1]} coefficients"
            raise InputError(what, remedy="use fewer predictors")

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """Cluster of each plot, counted from 0."""
        if self.clusters is None:
            return np.arange(len(self.y), dtype=np.intp)
        return codes_of(self.clusters)[0]

    @cached_property
    def plots(self) -> Array:
        """Plots of each cluster, M, shape (n_clusters,)."""
        return np.asarray(np.bincount(self.codes), np.float64)

    @cached_property
    def second(self) -> Mask:
        """Whether each cluster was measured."""
        return np.isfinite(self.means(self.y[:, None])[:, 0])

    def means(self, values: Array) -> Array:
        """Return the means of the clusters, shape (n_clusters, p)."""
        sums = [np.bincount(self.codes, weights=column) for column in values.T]
        return np.stack(sums, axis=1) / self.plots[:, None]

    @cached_property
    def weights(self) -> Array:
        """Weight of each cluster in a mean of predictors: its plots, or the forest in them."""
        if self.boundary is None:
            return self.plots
        return np.asarray(np.bincount(self.codes, weights=self.boundary), np.float64)

    @cached_property
    def predictors(self) -> Array:
        """Mean predictors of each cluster, the part outside the forest left out."""
        if self.boundary is None:
            return self.means(self.x)
        weighted = self.means(self.x * self.boundary[:, None])
        return np.asarray(weighted * (self.plots / self.weights)[:, None], np.float64)

    def inside(self, plots: ArrayLike) -> Mask:
        """Return which clusters lie in a part of the area; a cluster is not cut."""
        share = self.means(np.asarray(plots, np.float64)[:, None])[:, 0]
        return np.asarray(share >= 0.5)


def one_phase(phases: Phases) -> TwoPhase:
    """Return the mean and its variance from the measured places alone.

    ``ŷ = Σ M y / Σ M``, ``V = Σ (M/M̄)² (y − ŷ)² / (n (n − 1))``.
    """
    chosen = phases.second
    y, m = phases.means(phases.y[:, None])[chosen, 0], phases.plots[chosen]
    value = float(m @ y / m.sum())
    variance = _variance(y, m)
    n = int(chosen.sum())
    return TwoPhase(value, variance, variance, n, n)


def two_phase(
    phases: Phases, area: ArrayLike | None = None, exhaustive: ArrayLike | None = None
) -> TwoPhase:
    """Return the two-phase regression estimate of a mean, of the whole or of a small area.

    ``ŷ = Z̄ᵀβ`` with ``β = A⁻¹ Σ M y Z``, ``V_g = Z̄ᵀ Σ_β Z̄ + βᵀ Σ_Z̄ β``, where Σ_β is the
    robust covariance of the coefficients and Σ_Z̄ that of the mean predictors of the first phase
    (zero where they are known everywhere). The external variance is that of the predictions over
    the first phase plus that of the residuals. For a small area the predictors are extended by its
    indicator, so that its residuals vanish on average (the extended synthetic estimator).

    Parameters
    ----------
    phases : Phases
    area : array of bool, shape (n,), optional
        Whether each plot lies in the small area.
    exhaustive : array, shape (p,), optional
        True means of the predictors over the whole (or the small) area.

    Raises
    ------
    InputError
        For a small area without measured places, or with a single place of the first phase, and
        for predictors that are copies of each other.
    """
    x, part = phases.predictors, np.ones(len(phases.plots), bool)
    if area is not None:
        part = phases.inside(area)
        _check_area(part, phases)
        x = np.column_stack([x, part])
    beta, covariance, residuals = _fitted(x, phases)
    if exhaustive is None:
        z = phases.weights[part] @ x[part] / phases.weights[part].sum()
        drawn = _covariance(x[part] - z, phases.plots[part])
    else:
        known = np.asarray(exhaustive, np.float64)
        z, drawn = (known if area is None else np.append(known, 1.0)), None
    if z.shape != beta.shape:
        raise InputError(f"{z.size} mean predictors for {beta.size} coefficients")
    variance = float(z @ covariance @ z) + (0.0 if drawn is None else float(beta @ drawn @ beta))
    of_map = _variance(x[part] @ beta, phases.plots[part]) if exhaustive is None else 0.0
    inside = part[phases.second]
    external = of_map + _variance(residuals[inside], phases.plots[phases.second][inside])
    n2 = int((phases.second & part).sum())
    return TwoPhase(float(z @ beta), external, variance, int(part.sum()), n2)


def _check_area(part: Mask, phases: Phases) -> None:
    if not (part & phases.second).any():
        raise InputError("a small area without measured plots", remedy="give a synthetic estimate")
    if part.sum() < 2:
        raise InputError("a small area with a single place of the first phase")


def _fitted(x: Array, phases: Phases) -> tuple[Array, Array, Array]:
    """Return the coefficients, their robust covariance and the residuals of the measured."""
    chosen = phases.second
    z, m = x[chosen], phases.plots[chosen]
    y = phases.means(phases.y[:, None])[chosen, 0]
    gram = (z * m[:, None]).T @ z
    if np.linalg.matrix_rank(z) < z.shape[1]:
        raise InputError("predictors that are copies of each other in the measured plots")
    beta = np.linalg.solve(gram, (z * m[:, None]).T @ y)
    residuals = y - z @ beta
    inverse = np.linalg.inv(gram)
    return beta, inverse @ _outer(z, m * residuals) @ inverse, residuals


def _outer(z: Array, weights: Array) -> Array:
    scaled = z * weights[:, None]
    return np.asarray(scaled.T @ scaled, np.float64)


def _covariance(deviations: Array, m: Array) -> Array:
    n = len(deviations)
    return _outer(deviations, m / m.mean()) / (n * (n - 1))


def _variance(values: Array, m: Array) -> float:
    """Return the variance of the mean of clusters of m plots; NaN of a single one."""
    if len(values) < 2:
        return float("nan")
    return float(_covariance((values - m @ values / m.sum())[:, None], m)[0, 0])
