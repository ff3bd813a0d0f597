"""Estimators with the scikit-learn interface, their default parameters and grids as data.

A line of code belongs here if it is an estimator on arrays, with no files and no maps. Models
see arrays only: no names, no coordinates, no plots.
"""

from phytomass.models.build import build_model, chosen_parameters, grid_of, tuned
from phytomass.models.estimators import (
    BestPredictorRegression,
    BoundedPLSRegression,
    MinimumNormRegression,
)
from phytomass.models.factories import parameter_names
from phytomass.models.records import ModelRecord, minimum_plots, model_names, record_of, records
from phytomass.models.search import GridSearch
from phytomass.models.settings import ModelSettings

__all__ = [
    "BestPredictorRegression",
    "BoundedPLSRegression",
    "GridSearch",
    "MinimumNormRegression",
    "ModelRecord",
    "ModelSettings",
    "build_model",
    "chosen_parameters",
    "grid_of",
    "minimum_plots",
    "model_names",
    "parameter_names",
    "record_of",
    "records",
    "tuned",
]
