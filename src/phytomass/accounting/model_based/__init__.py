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

__all__ = ["Linear", "ModelBased", "hierarchical", "hybrid", "linear_model", "model_mean"]
