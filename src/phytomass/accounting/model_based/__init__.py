"""Means of areas that hold under a model, where no probability sample of plots stands behind them.

A line of code belongs here if its variance is that of a model: of its coefficients, or of what it
leaves unexplained from place to place. Numbers made with it are *conditional on the model*.
"""

from phytomass.accounting.model_based.hybrid import (
    Linear,
    ModelBased,
    hierarchical,
    hybrid,
    linear_model,
    model_mean,
)
from phytomass.accounting.model_based.variogram import (
    Bins,
    Spherical,
    fit_spherical,
    krige,
    mean_variance,
    semivariances,
)

__all__ = [
    "Bins",
    "Linear",
    "ModelBased",
    "Spherical",
    "fit_spherical",
    "hierarchical",
    "hybrid",
    "krige",
    "linear_model",
    "mean_variance",
    "model_mean",
    "semivariances",
]
