"""Totals, means, ratios and regression estimates of a probability sample.

Every one is linear in the plots up to a small term, and its variance that of the sum of its
linear values (Särndal, Swensson and Wretman 1992, sections 5.5 to 6.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from phytomass.accounting.survey.design import Design
from phytomass.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """An estimate from a sample.

    Parameters
    ----------
    value, se : float
        Estimate and standard error of the sampling.
    df : int
        Degrees of freedom: units of the first stage less strata.
    linear : array, shape (n,)
        What each plot adds to the error, with its weight: their variance under the design is
        that of the estimate, and two estimates of one sample have a covariance through them.
    """

    value: float
    se: float
    df: int
    linear: Array

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the t interval.

        Examples
        --------
        >>> from phytomass.accounting.survey import mean, simple_random
        >>> low, high = mean(simple_random(4), [1.0, 2.0, 3.0, 4.0]).interval()
        >>> round(low, 4), round(high, 4)
        (0.4457, 4.5543)
        """
        half = float(stats.t.ppf((1 + level) / 2, self.df)) * self.se if self.df else np.inf
        return self.value - half, self.value + half


def total(design: Design, y: ArrayLike) -> Found:
    """Return the total ``Σ w y`` (Horvitz and Thompson 1952)."""
    return _found(design, float(design.weights @ _values(design, y)), _values(design, y))


def mean(design: Design, y: ArrayLike, size: ArrayLike | None = None) -> Found:
    """Return the mean ``Σ w a y / Σ w a`` over plots of size a (Hájek 1971).

    Parameters
    ----------
    design : Design
    y : array, shape (n,)
        A quantity per area.
    size : array, shape (n,), optional
        Area of each plot; all alike if left out.

    Examples
    --------
    >>> from phytomass.accounting.survey import simple_random
    >>> found = mean(simple_random(4, 40), [1.0, 2.0, 3.0, 4.0])
    >>> found.value, round(found.se, 4), found.df
    (2.5, 0.6124, 3)
    """
    a = np.ones(design.n) if size is None else _values(design, size)
    return ratio(design, _values(design, y) * a, a)


def ratio(design: Design, y: ArrayLike, x: ArrayLike) -> Found:
    """Return the ratio of two totals; its linear values are ``(y − R x) / X``.

    Raises
    ------
    InputError
        If the total of x is zero.
    """
    above, below = _values(design, y), _values(design, x)
    whole = float(design.weights @ below)
    if whole == 0:
        raise InputError("a ratio to a total of zero")
    value = float(design.weights @ above) / whole
    return _found(design, value, (above - value * below) / whole)


def domain_mean(design: Design, y: ArrayLike, inside: ArrayLike) -> Found:
    """Return the mean over the plots of a part of the area whose size is estimated too."""
    part = np.asarray(inside, bool)
    if not part.any():
        raise InputError("a zone without plots")
    return ratio(design, np.where(part, _values(design, y), 0.0), part)


def regression(
    design: Design,
    y: ArrayLike,
    x: ArrayLike,
    totals: ArrayLike,
    residuals: Literal["calibrated", "design"] = "calibrated",
) -> Found:
    """Return the generalised regression estimate (GREG) of a total.

    ``T̂ = Σ w g y`` with ``g = 1 + (T_x − T̂_x)ᵀ (Σ w x xᵀ)⁻¹ x``; its linear values are g times
    the residuals (or the residuals alone), Särndal, Swensson and Wretman (1992), 6.5 and 6.6.
    Indicators of classes with their sizes as totals give post-stratification.

    Parameters
    ----------
    design : Design
    y : array, shape (n,)
    x : array, shape (n, p)
        Known for each plot; with a column of ones.
    totals : array, shape (p,)
        Their totals over the population, in the unit of the weights.
    residuals : str
        Whether residuals bear the calibration's factors g.
    """
    values, known = _values(design, y), np.asarray(x, np.float64)
    weights = design.weights
    gram = (known * weights[:, None]).T @ known
    gap = np.asarray(totals, np.float64) - weights @ known
    g = 1 + known @ np.linalg.solve(gram, gap)
    beta = np.linalg.solve(gram, (known * weights[:, None]).T @ values)
    error = values - known @ beta
    linear = error * g if residuals == "calibrated" else error
    return _found(design, float((weights * g) @ values), linear)


def _values(design: Design, y: ArrayLike) -> Array:
    values = np.asarray(y, np.float64)
    if values.shape != (design.n,):
        raise InputError(f"{values.size} values for {design.n} plots")
    if not np.isfinite(values).all():
        raise InputError("plots without a value", remedy="leave them out of the design, and say so")
    return values


def _found(design: Design, value: float, linear: Array) -> Found:
    weighted = design.weights * linear
    se = float(np.sqrt(design.variance(weighted)))
    return Found(value, se, design.degrees_of_freedom, weighted)
