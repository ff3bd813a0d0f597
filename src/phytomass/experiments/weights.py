"""Weights of training plots from the standard errors of their biomass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from phytomass.draws import seed_of
from phytomass.models import Training
from phytomass.models.patch_cnn import weights_from_se
from phytomass.models.search.groups import inner_parts

Array = NDArray[np.float64]

FOLDS = 5
"""Parts of the training plots that a forest of the others predicts."""

TREES = 100
"""Trees of that forest: it measures a variance, it makes no map."""

LEAST_SHARE = 0.01
"""The model variance is at least this share of the variance of biomass."""


def plot_weights(plots: Training, seed: int) -> Array | None:
    """Return the weights of the training plots: 1 / (se² + s²), s² what a model cannot explain.

    The standard error of a plot mostly grows with the biomass that was measured there, so a plot
    measured too low would weigh more than one measured too high, and the model would learn too
    little biomass. se is therefore freed of the plot's own error: see `freed`.

    s² is measured on the training plots alone, once for all models: the mean squared error of a
    forest on whole groups of plots that it did not see, minus the mean se² (which that error
    contains), and at least 1 % of the variance of biomass. Without it, plots of small biomass,
    whose errors are small, would take all the weight.

    Parameters
    ----------
    plots : Training
        The training plots; without `y_se` there are no weights.
    seed : int
        Of the forest and the groups.

    Returns
    -------
    array, shape (n,), or None
        Weights of mean 1; None where the plots have no standard errors, or all the same.
    """
    se, y = plots.y_se, plots.y
    if se is None or np.ptp(se) == 0:
        return None
    predicted = _held_out(plots, seed)
    unexplained = model_variance(y - predicted, se, float(y.var()))
    return weights_from_se(freed(se, y, predicted), float(np.sqrt(unexplained)))


def _held_out(plots: Training, seed: int) -> Array:
    X, y = plots.seen(1).X, plots.y
    predicted = np.empty(len(y))
    for part in inner_parts(plots.groups, FOLDS, seed):
        forest = RandomForestRegressor(
            n_estimators=TREES, min_samples_leaf=2, random_state=seed_of(seed, "weights"), n_jobs=1
        )
        predicted[part] = forest.fit(X[~part], y[~part]).predict(X[part])
    return predicted


def freed(se: Array, y: Array, predicted: Array) -> Array:
    """Return standard errors as they would be at the predicted biomass: se + b (predicted − y).

    b is the slope of the standard errors on the measured biomass: 0 where they have nothing to do
    with it, the relative error where they are proportional to it. None falls below the smallest.

    Parameters
    ----------
    se, y, predicted : array, shape (n,)
        Standard errors, measured biomass, and its prediction by models that did not see the plot.

    Examples
    --------
    >>> y = np.array([50.0, 100.0, 150.0])
    >>> freed(0.2 * y, y, np.array([100.0, 100.0, 100.0]))
    array([20., 20., 20.])
    """
    away = y - y.mean()
    spread = float(away @ away)
    slope = float(away @ se) / spread if spread > 0 else 0.0
    result: Array = np.maximum(se + slope * (predicted - y), se.min())
    return result


def model_variance(error: Array, se: Array, variance: float) -> float:
    """Return what of the held-out errors the standard errors do not explain, (Mg/ha)².

    Examples
    --------
    >>> model_variance(np.array([30.0, -40.0]), np.array([10.0, 20.0]), 900.0)
    1000.0
    >>> model_variance(np.array([3.0, -4.0]), np.array([10.0, 20.0]), 900.0)
    9.0
    """
    return max(float((error**2).mean() - (se**2).mean()), LEAST_SHARE * variance)
