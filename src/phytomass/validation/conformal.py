"""Intervals of single values from held-out predictions, as wide as residuals are near each one.

Split conformal prediction with scores that are weighed by nearness on the rank of the prediction
(Lei et al. 2018, J. Am. Stat. Assoc. 113:1094-1111; localised: Guan 2023, Biometrika 110:33-50), so
that the interval holds at its level for low and for high predictions, not only on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import InputError

Array = NDArray[np.float64]
NODES = 41
"""Predictions at which residuals are looked at; between them lines."""
NEAR = 0.07
"""Standard deviation of the weights on the rank (0 to 1) of the prediction."""
FEWEST = 5


@dataclass(frozen=True, eq=False)
class LocalBand:
    """Where observations lie about a prediction.

    Parameters
    ----------
    predicted : array, shape (nodes,)
        Predictions, rising.
    low, middle, high : array, shape (nodes,)
        Residuals (observed - predicted): bounds of the interval, and their median.
    sd : array, shape (nodes,)
        Root mean square of the residuals.
    level : float
        Of the interval.
    n : int
        Held-out predictions that it rests on.
    """

    predicted: Array
    low: Array
    middle: Array
    high: Array
    sd: Array
    level: float
    n: int

    @classmethod
    def fit(
        cls, predicted: ArrayLike, observed: ArrayLike, level: float = 0.9, *, near: float = NEAR
    ) -> LocalBand:
        """Learn from plots that the models which predicted them had not seen.

        Where the lower bound is below zero the interval begins at zero, and what it leaves out is
        all above it: biomass is not negative.

        Parameters
        ----------
        predicted, observed : array, shape (n,)
            Mg/ha.
        level : float
            Share of observations that the interval is to hold.
        near : float
            How far on the rank of the prediction residuals count.

        Raises
        ------
        InputError
            For fewer than 5 predictions. With fewer than about 40 the bounds are the extreme residuals.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> true = rng.uniform(50, 150, 4000)
        >>> band = LocalBand.fit(true, true + rng.normal(0, 0.1 * true))
        >>> low, high = band.interval([80.0, 120.0])
        >>> (high - low).round().tolist()  # about 2 · 1.645 · 8 and 12
        [27.0, 40.0]
        """
        p, y = np.asarray(predicted, np.float64), np.asarray(observed, np.float64)
        if len(p) < FEWEST:
            raise InputError(
                f"{len(p)} held-out predictions are too few for intervals of pixels",
                remedy=f"{FEWEST} or more plots are needed",
            )
        order = np.argsort(p, kind="stable")
        p, residual = p[order], (y - p)[order]
        rank = (np.arange(len(p)) + 0.5) / len(p)
        places = np.linspace(0, 1, NODES)
        nodes = np.quantile(p, places)
        weights = np.exp(-0.5 * ((rank - places[:, None]) / near) ** 2)
        found = [
            _at(node, residual, weight, (1 - level) / 2)
            for node, weight in zip(nodes, weights, strict=True)
        ]
        low, middle, high = np.array(found).T
        sd = np.sqrt(weights @ residual**2 / weights.sum(axis=1))
        return cls(nodes, low, middle, high, sd, level, len(p))

    def interval(self, predicted: ArrayLike, shared: ArrayLike = 0.0) -> tuple[Array, Array]:
        """Return the bounds of single values.

        Parameters
        ----------
        predicted : array
            Predictions, Mg/ha.
        shared : array or float
            Half width, at the same level, of errors that all observations share and residuals
            therefore do not show; added in quadrature.
        """
        p = np.asarray(predicted, np.float64)
        middle = np.interp(p, self.predicted, self.middle)
        below = middle - np.interp(p, self.predicted, self.low)
        above = np.interp(p, self.predicted, self.high) - middle
        return p + middle - np.hypot(below, shared), p + middle + np.hypot(above, shared)

    def scatter(self, predicted: ArrayLike) -> Array:
        """Return the standard deviation of observations about predictions, Mg/ha."""
        return np.interp(np.asarray(predicted, np.float64), self.predicted, self.sd)


def _at(node: float, residual: Array, weight: Array, tail: float) -> tuple[float, float, float]:
    """Return bounds and median of the residuals near a prediction."""
    order = np.argsort(residual, kind="stable")
    sorted_, w = residual[order], weight[order]
    reached = (np.cumsum(w) - w / 2) / w.sum()
    few = w.sum() ** 2 / (w**2).sum()

    def quantile(q: float) -> float:
        outward = (q - 0.5) / few  # the place of one more observation among them
        return float(np.interp(q + outward, reached, sorted_))

    low = quantile(tail)
    one_sided = node + low <= 0
    return low, quantile(0.5), quantile(1 - (2 * tail if one_sided else tail))


CLASSES = 10
PARTS = 10


def reliability(
    predicted: ArrayLike, observed: ArrayLike, plots: ArrayLike, level: float = 0.9
) -> list[dict[str, float | str]]:
    """Return coverage and bias by class of prediction and by class of observation.

    Each plot's interval is learned from the other nine tenths of the plots.

    Parameters
    ----------
    predicted, observed : array, shape (n,)
        Held-out predictions and observations, Mg/ha.
    plots : array, shape (n,)
        Whose they are: all predictions of a plot stay together.
    level : float
        Nominal coverage.

    Returns
    -------
    list of dict
        by (``predicted`` or ``observed``), low_mg_ha, high_mg_ha, n, predicted_mg_ha,
        observed_mg_ha, bias_mg_ha (predicted - observed), coverage, width_mg_ha; classes of equal
        number, at most ten. Empty for fewer than 20 plots.
    """
    p, y = np.asarray(predicted, np.float64), np.asarray(observed, np.float64)
    own = np.unique(np.asarray(plots), return_inverse=True)[1]
    if own.max(initial=0) < 2 * PARTS - 1:
        return []
    low, high = np.empty(len(p)), np.empty(len(p))
    for part in range(PARTS):
        test = own % PARTS == part
        band = LocalBand.fit(p[~test], y[~test], level)
        low[test], high[test] = band.interval(p[test])
    held = (y >= np.maximum(low, 0)) & (y <= high)
    found: list[dict[str, float | str]] = []
    for by, values in (("predicted", p), ("observed", y)):
        order = np.argsort(values, kind="stable")
        for rows in np.array_split(order, min(CLASSES, len(p) // PARTS)):
            found.append(
                {
                    "by": by,
                    "low_mg_ha": float(values[rows].min()),
                    "high_mg_ha": float(values[rows].max()),
                    "n": len(rows),
                    "predicted_mg_ha": float(p[rows].mean()),
                    "observed_mg_ha": float(y[rows].mean()),
                    "bias_mg_ha": float((p[rows] - y[rows]).mean()),
                    "coverage": float(held[rows].mean()),
                    "width_mg_ha": float((high[rows] - low[rows]).mean()),
                }
            )
    return found
