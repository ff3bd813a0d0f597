"""The design of a probability sample, and the variance that it gives a linear statistic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import InputError

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of a sample: which units were drawn, in which strata, out of how many.

    Parameters
    ----------
    units : array of int, shape (n,)
        Unit of each plot, counted from 0.
    strata : array of int, shape (n,)
        Stratum of each plot, counted from 0; every unit lies in one.
    population : array, shape (n_strata,)
        Units that could have been drawn from each stratum; infinite where they are many.
    """

    units: Codes
    strata: Codes
    population: Array

    @property
    def stratum_of_unit(self) -> Codes:
        """Return the stratum of each unit."""
        found = np.zeros(int(self.units.max()) + 1, np.intp)
        found[self.units] = self.strata
        return found

    def counts(self) -> NDArray[np.int64]:
        """Return how many units were drawn from each stratum."""
        return np.bincount(self.stratum_of_unit, minlength=len(self.population))

    def rates(self) -> Array:
        """Return which share of the units of each stratum was drawn."""
        return np.asarray(self.counts() / self.population, np.float64)

    def variance(self, values: Array) -> Array:
        """Return the variance that each stratum adds to the sum of the values, shape (n_strata,).

        ``(1 − n/N) n/(n − 1) Σ (t − t̄)²`` over the totals t of the units of a stratum; 0 for one
        that was taken whole.
        """
        totals = np.bincount(self.units, weights=values)
        stratum, n = self.stratum_of_unit, self.counts()
        means = np.bincount(stratum, weights=totals, minlength=len(n)) / np.maximum(n, 1)
        squares = np.bincount(stratum, weights=(totals - means[stratum]) ** 2, minlength=len(n))
        left = np.maximum(1 - self.rates(), 0)
        return np.asarray(left * n / np.maximum(n - 1, 1) * squares, np.float64)


@dataclass(frozen=True, eq=False)
class Design:
    """How the plots were drawn: weights, and one or two stages of units in strata.

    The variance is that of the sums of *ultimate clusters* (Särndal, Swensson and Wretman 1992,
    sections 4.3 and 5.12; Lumley 2010, section 2.2), and of the second stage where its population
    is known.

    Parameters
    ----------
    weights : array, shape (n,)
        What each plot stands for (units, or hectares): the inverse of its inclusion probability.
    first : Stage
        What was drawn first: plots, or clusters of them.
    second : Stage, optional
        Plots within the clusters, whose strata are then the clusters themselves.

    Raises
    ------
    InputError
        For weights that are not above zero, a unit in two strata, a stratum with a single unit
        out of several (it has no variance), and more units than the population holds.

    Examples
    --------
    >>> design = simple_random(4, population=40)
    >>> round(design.variance(np.array([1.0, 2.0, 3.0, 4.0]) * design.weights), 3)
    600.0
    """

    weights: Array
    first: Stage
    second: Stage | None = None

    def __post_init__(self) -> None:
        """Refuse what gives no variance."""
        if not (np.isfinite(self.weights) & (self.weights > 0)).all():
            raise InputError("weights of plots must be numbers above 0")
        _check(self.first, "stratum")
        if self.second is not None:
            _check(self.second, "cluster", alone=True)

    @property
    def n(self) -> int:
        """Number of plots."""
        return len(self.weights)

    @property
    def degrees_of_freedom(self) -> int:
        """Units of the first stage less strata, those that were taken whole left out."""
        counts = self.first.counts()
        partly = self.first.rates() < 1
        return int((counts[partly] - 1).sum())

    def variance(self, weighted: ArrayLike) -> float:
        """Return the variance of a sum of values that already bear their weights, shape (n,)."""
        values = np.asarray(weighted, np.float64)
        found = float(self.first.variance(values).sum())
        if self.second is None:
            return found
        inner = self.second.variance(values)
        cluster_stratum = np.zeros(len(inner), np.intp)
        cluster_stratum[self.second.strata] = self.first.strata
        return found + float((self.first.rates()[cluster_stratum] * inner).sum())


def _check(stage: Stage, what: str, *, alone: bool = False) -> None:
    counts = stage.counts()
    if (stage.stratum_of_unit[stage.units] != stage.strata).any():
        raise InputError("a cluster lies in two strata", remedy="name clusters apart per stratum")
    if (counts > stage.population * (1 + 1e-9)).any():
        worst = int(np.argmax(counts - stage.population))
        raise InputError(
            f"{counts[worst]} units of a {what} that holds {stage.population[worst]:g}",
            remedy="correct the size of the population",
        )
    if not alone and ((counts == 1) & (stage.population > 1)).any():
        raise InputError(
            f"a {what} with a single unit has no variance", remedy="merge it with a similar one"
        )


def codes_of(labels: ArrayLike) -> tuple[Codes, list[str]]:
    """Return labels as numbers counted from 0, and the labels in the order of the numbers."""
    names, codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    return codes.astype(np.intp), [str(name) for name in names]


def simple_random(n: int, population: float = np.inf) -> Design:
    """Return the design of plots that were drawn at random from an area.

    Parameters
    ----------
    n : int
        Number of plots.
    population : float
        Number of plots that the area holds; infinite if left out.

    Examples
    --------
    >>> simple_random(3, 30).weights, simple_random(3).degrees_of_freedom
    (array([10., 10., 10.]), 2)
    """
    weight = population / n if np.isfinite(population) else 1.0
    return stratified(np.full(n, weight), np.zeros(n, np.intp), [population])


def stratified(weights: ArrayLike, strata: Codes, population: ArrayLike) -> Design:
    """Return the design of plots that were drawn at random from each stratum.

    Parameters
    ----------
    weights : array, shape (n,)
        E.g. hectares of the stratum per plot in it.
    strata : array of int, shape (n,)
        Stratum of each plot, counted from 0.
    population : array, shape (n_strata,)
        Number of plots that each stratum holds; infinite where not finite.
    """
    weight = np.asarray(weights, np.float64)
    units = np.arange(len(weight), dtype=np.intp)
    return Design(weight, Stage(units, strata, np.asarray(population, np.float64)))


def clustered(
    weights: ArrayLike, clusters: Codes, strata: Codes | None = None, population: ArrayLike = np.inf
) -> Design:
    """Return the design of clusters of plots, drawn at random (within strata).

    Parameters
    ----------
    weights : array, shape (n,)
    clusters : array of int, shape (n,)
        Cluster of each plot, counted from 0.
    strata : array of int, shape (n,), optional
    population : array, shape (n_strata,), or float
        Number of clusters to draw from.
    """
    weight = np.asarray(weights, np.float64)
    stratum = np.zeros(len(weight), np.intp) if strata is None else strata
    size = np.broadcast_to(np.asarray(population, np.float64), (int(stratum.max()) + 1,))
    return Design(weight, Stage(clusters, stratum, size))


def two_stage(
    weights: ArrayLike, clusters: Codes, population: ArrayLike, within: ArrayLike
) -> Design:
    """Return the design of clusters, drawn at random, with plots drawn at random in each.

    Parameters
    ----------
    weights : array, shape (n,)
    clusters : array of int, shape (n,)
        Cluster of each plot, counted from 0.
    population : float
        Number of clusters to draw from.
    within : array, shape (n_clusters,)
        Number of plots that each drawn cluster holds.
    """
    weight = np.asarray(weights, np.float64)
    one = np.zeros(len(weight), np.intp)
    first = Stage(clusters, one, np.atleast_1d(np.asarray(population, np.float64)))
    units = np.arange(len(weight), dtype=np.intp)
    return Design(weight, first, Stage(units, clusters, np.asarray(within, np.float64)))
