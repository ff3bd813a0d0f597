"""Model-assisted estimates: a map of any model, put right by the plots of a probability sample.

Särndal, Swensson and Wretman (1992), chapter 6; Breidt and Opsomer (2017, Stat. Sci. 32:190-205);
McRoberts et al. (2013, Remote Sens. Environ. 128:268-275).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from phytomass.accounting.survey.design import Design
from phytomass.accounting.survey.estimators import Found, mean, regression
from phytomass.errors import InputError

Array = NDArray[np.float64]
Rule = Literal["difference", "greg"]


@dataclass(frozen=True, eq=False)
class Assisted:
    """A mean from a map and plots, with what the draws of shared errors add.

    Parameters
    ----------
    found : Found
        At the point: value, and standard error of the sampling.
    draws : array, shape (k,)
        The mean under each draw of the shared errors; empty without draws.
    """

    found: Found
    draws: Array

    @property
    def value(self) -> float:
        """Mean, in the unit of y."""
        return self.found.value

    @property
    def sampling(self) -> float:
        """Variance of the sampling: that of the residuals at the point under the design."""
        return self.found.se**2

    @property
    def shared(self) -> float:
        """Variance of what all plots share, over the draws."""
        return float(self.draws.var(ddof=1)) if len(self.draws) else 0.0

    @property
    def se(self) -> float:
        """Standard error, ``√(V_design + Var_k)``."""
        return float(np.sqrt(self.sampling + self.shared))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the t interval, with the degrees of freedom of Satterthwaite (1946)."""
        below = self.sampling**2 / self.found.df if self.found.df else np.inf
        below += self.shared**2 / (len(self.draws) - 1) if self.shared else 0.0
        df = (self.sampling + self.shared) ** 2 / below if below else np.inf
        half = float(stats.t.ppf((1 + level) / 2, df)) * self.se if df else np.inf
        return self.value - half, self.value + half


def model_assisted(
    design: Design,
    y: ArrayLike,
    held_out: ArrayLike,
    map_mean: ArrayLike,
    rule: Rule = "difference",
) -> Assisted:
    """Return the mean of an area from a map and the residuals of plots that it did not see.

    ``μ_k = f̄_k + Σ w (y_k − f_k) / Σ w`` (difference), or the same with ``a + b f`` fitted to the
    plots (greg). f is the prediction of each plot by the fold that left out its whole site, and
    f̄ the mean over the area of the *mean of the fold models*, so that both terms are of the same
    models. ``V = V_design(residuals at the point) + Var_k(μ_k)``, the draws being of the shared
    sources alone: the plots' own errors are in the residuals already (Ståhl et al. 2016).

    Parameters
    ----------
    design : Design
    y : array, shape (n,) or (n, 1 + k)
        Plots at the point, and under each draw; in Mg/ha, say.
    held_out : array, of the same shape
        Predictions of the folds.
    map_mean : float or array, shape (1 + k,)
        Mean over the area of the mean of the fold models, at the point and per draw.
    rule : str
        ``difference`` or ``greg``.

    Raises
    ------
    InputError
        For shapes that differ, values that are missing, and draws of one kind only.

    Examples
    --------
    >>> from phytomass.accounting.survey import simple_random
    >>> found = model_assisted(simple_random(4), [9.0, 12, 14, 21], [8.0, 12, 15, 20], 13.0)
    >>> found.value, round(found.se, 4)
    (13.25, 0.4787)
    """
    seen, predicted = _columns(y), _columns(held_out)
    means = np.atleast_1d(np.asarray(map_mean, np.float64))
    if seen.shape != predicted.shape or means.shape != seen.shape[1:]:
        raise InputError(
            f"plots {seen.shape}, predictions {predicted.shape} and means {means.shape} of the map",
            remedy="give the point and the same draws of all three",
        )
    found = [_one(design, *three, rule) for three in zip(seen.T, predicted.T, means, strict=True)]
    return Assisted(found[0], np.array([one.value for one in found[1:]]))


def _one(design: Design, y: Array, f: Array, map_mean: float, rule: Rule) -> Found:
    if not np.isfinite(map_mean):
        raise InputError("the mean of the map is missing")
    if rule == "difference":
        left = mean(design, y - f)
        return Found(float(left.value + map_mean), left.se, left.df, left.linear)
    if np.ptp(f) == 0:
        raise InputError("the map is the same at all plots", remedy="use the rule difference")
    size = float(design.weights.sum())
    x = np.column_stack([np.ones(design.n), f])
    whole = regression(design, y, x, np.array([size, size * map_mean]))
    return Found(whole.value / size, whole.se / size, whole.df, whole.linear / size)


def _columns(values: ArrayLike) -> Array:
    given = np.asarray(values, np.float64)
    return given[:, None] if given.ndim == 1 else given
