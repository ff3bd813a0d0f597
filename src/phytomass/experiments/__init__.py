"""Comparisons of models and sensors on the same folds, with paired intervals.

A line of code belongs here if it repeats fit-and-score under different conditions.
"""

from phytomass.experiments.choice import (
    Choice,
    choose,
    sensor_comparison,
)
from phytomass.experiments.compare import Comparison, compare
from phytomass.experiments.final import FittedModel, correlations, fit_final
from phytomass.experiments.paired import Difference, paired_difference
from phytomass.experiments.settings import TrainingSettings
from phytomass.experiments.tables import model_tables
from phytomass.experiments.weights import plot_weights

__all__ = [
    "Choice",
    "Comparison",
    "Difference",
    "FittedModel",
    "TrainingSettings",
    "choose",
    "compare",
    "correlations",
    "fit_final",
    "model_tables",
    "paired_difference",
    "plot_weights",
    "sensor_comparison",
]
