"""Small areas from plots: the nested-error regression of Battese, Harter and Fuller (1988).

J. Am. Stat. Assoc. 83:28-36; variances by restricted maximum likelihood (REML); mean squared
errors of Prasad and Rao (1990, J. Am. Stat. Assoc. 85:163-171; Rao and Molina 2015, section 7.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from phytomass.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnitLevel:
    """Means of small areas from a model of plots.

    Parameters
    ----------
    value, mse : array, shape (m,)
        Empirical best linear unbiased predictor (EBLUP) and its mean squared error; for areas
        without plots (n = 0) the synthetic estimate.
    n : array of int, shape (m,)
        Plots in each area.
    beta : array, shape (p,)
    between, within : float
        Variance between areas and of plots within them.
    """

    value: Array
    mse: Array
    n: NDArray[np.int64]
    beta: Array
    between: float
    within: float

    @property
    def method(self) -> list[str]:
        """How the value of each area came about, shape (m,)."""
        return ["unit-level EBLUP" if n else "synthetic" for n in self.n]


@dataclass(frozen=True, eq=False)
class _Sample:
    y: Array
    x: Array
    areas: NDArray[np.intp]
    m: int

    @property
    def n(self) -> NDArray[np.int64]:
        return np.bincount(self.areas, minlength=self.m)

    def means(self, values: Array) -> Array:
        """Return means by area, shape (m, p); 0 without plots."""
        sums = [np.bincount(self.areas, weights=column, minlength=self.m) for column in values.T]
        return np.asarray(np.stack(sums, axis=1) / np.maximum(self.n, 1)[:, None], np.float64)

    def shrinkage(self, ratio: float) -> Array:
        """Return γ = n λ / (1 + n λ) of each area, with λ = between / within."""
        return np.asarray(self.n * ratio / (1 + self.n * ratio), np.float64)

    def fit(self, ratio: float) -> tuple[Array, Array, float]:
        """Return the coefficients, (XᵀV⁻¹X) within, and the residual sum of squares."""
        weight = (self.shrinkage(ratio) * self.n)[:, None]
        means, y = self.means(self.x), self.means(self.y[:, None])
        gram = self.x.T @ self.x - (means * weight).T @ means
        beta = np.linalg.solve(gram, self.x.T @ self.y - (means * weight).T @ y[:, 0])
        left = self.y - self.x @ beta
        of_areas = self.means(left[:, None])[:, 0]
        return np.asarray(beta, np.float64), gram, float(left @ left - weight[:, 0] @ of_areas**2)

    def score(self, ratio: float) -> float:
        """Return the derivative of −2 log of the restricted likelihood by λ."""
        beta, gram, squares = self.fit(ratio)
        slope = self.n**2 / (1 + self.n * ratio) ** 2
        left = self.means((self.y - self.x @ beta)[:, None])[:, 0]
        means = self.means(self.x)
        leverage = np.einsum("ij,ji->i", means, np.linalg.solve(gram, means.T))
        free = len(self.y) - self.x.shape[1]
        whole = (self.n / (1 + self.n * ratio)).sum() - slope @ leverage
        return float(whole - free * (slope @ left**2) / squares)


def eblup(
    y: ArrayLike,
    x: ArrayLike,
    areas: ArrayLike,
    means: ArrayLike,
    population: ArrayLike | None = None,
) -> UnitLevel:
    """Return the mean of each small area by the unit-level EBLUP.

    ``y = xᵀβ + u_area + e``; ``f ȳ + (X̄ − f x̄)ᵀβ + (1 − f) γ (ȳ − x̄ᵀβ)`` with
    ``γ = σ_u² / (σ_u² + σ_e²/n)`` and f the share of the area that was sampled.

    Parameters
    ----------
    y : array, shape (n,)
        Of each plot, e.g. Mg/ha.
    x : array, shape (n, p)
        Predictors of each plot, with a column of ones.
    areas : array of int, shape (n,)
        Area of each plot: row of `means`.
    means : array, shape (m, p)
        Mean predictors over each area, with the ones.
    population : array, shape (m,), optional
        Number of plots that each area holds; many if left out.

    Raises
    ------
    InputError
        For shapes that differ, values that are missing, areas of plots that are not in `means`,
        and samples with a plot in each area or with all in one.

    Examples
    --------
    >>> x = np.column_stack([np.ones(6), [1.0, 2, 3, 4, 5, 6]])
    >>> found = eblup([1.2, 2.0, 4.3, 5.1, 4.8, 5.9], x, [0, 0, 1, 1, 2, 2], [[1, 1.5], [1, 3.5],
    ...               [1, 5.5], [1, 4.0]])
    >>> found.value.round(3), found.method[-1]
    (array([1.606, 4.689, 5.355, 4.336]), 'synthetic')
    """
    known = np.asarray(means, np.float64)
    sample = _sample(y, x, areas, known)
    held = np.full(sample.m, np.inf) if population is None else np.asarray(population, np.float64)
    if held.shape != (sample.m,) or (held < np.maximum(sample.n, 1)).any():
        raise InputError("an area that holds fewer plots than were drawn from it")
    ratio = _ratio(sample)
    beta, gram, squares = sample.fit(ratio)
    within = squares / (len(sample.y) - sample.x.shape[1])
    taken = sample.n / held
    of_y, of_x = sample.means(sample.y[:, None])[:, 0], sample.means(sample.x)
    u = sample.shrinkage(ratio) * (of_y - of_x @ beta)
    value = taken * of_y + (known - taken[:, None] * of_x) @ beta + (1 - taken) * u
    left = 1 - np.minimum(taken, 1 - 1e-12)
    rest = (known - taken[:, None] * of_x) / left[:, None]
    mse = left**2 * _mse(sample, rest, gram, ratio * within, within) + left / held * within
    return UnitLevel(value, mse, sample.n, beta, ratio * within, within)


def _ratio(sample: _Sample) -> float:
    """Return λ = between / within where the restricted likelihood is largest."""
    if sample.score(0.0) >= 0:
        return 0.0
    high = 1.0
    while sample.score(high) < 0:
        high *= 4
        if high > 1e12:
            raise InputError("plots of an area are all alike", remedy="use the area level")
    return float(brentq(sample.score, 0.0, high, xtol=1e-14, rtol=1e-14))


def _mse(sample: _Sample, rest: Array, gram: Array, between: float, within: float) -> Array:
    """``g₁ + g₂ + 2 g₃`` of Prasad and Rao for REML."""
    n = sample.n
    whole = within + n * between
    gamma = n * between / whole
    gap = rest - gamma[:, None] * sample.means(sample.x)
    g2 = np.einsum("ij,ji->i", gap, np.linalg.solve(gram, gap.T)) * within
    cross = (n / whole**2).sum() / 2
    inner = np.where(n > 0, (n - 1) / within**2 + 1 / whole**2, 0.0).sum() / 2
    information = np.array([[(n**2 / whole**2).sum() / 2, cross], [cross, inner]])
    slope = np.array([within, -between])
    spread = float(slope @ np.linalg.inv(information) @ slope)
    return np.asarray((1 - gamma) * between + g2 + 2 * n / whole**3 * spread, np.float64)


def _sample(y: ArrayLike, x: ArrayLike, areas: ArrayLike, means: Array) -> _Sample:
    values, known = np.asarray(y, np.float64), np.asarray(x, np.float64)
    codes = np.asarray(areas, np.intp)
    if known.shape != (len(values), means.shape[-1]) or codes.shape != values.shape:
        raise InputError(f"{values.size} plots, predictors {known.shape}, means {means.shape}")
    if not all(np.isfinite(part).all() for part in (values, known, means)):
        raise InputError("plots or areas without a value", remedy="leave them out, and say so")
    if codes.min() < 0 or codes.max() >= len(means):
        raise InputError(f"a plot in area {codes.max()}", remedy="give the means of all areas")
    sample = _Sample(values, known, codes, len(means))
    if (sample.n > 0).sum() < 2 or len(values) - (sample.n > 0).sum() < 1:
        raise InputError(
            "no variance within and between areas: it takes several areas, and several plots in some"
        )
    return sample
