"""Estimators with the scikit-learn interface, their default parameters and grids as data.

A line of code belongs here if it is an estimator on arrays, with no files and no maps. What an
estimator is fitted to is a `Training`; the estimator itself sees arrays only.
"""

from phytomass.models.build import (
    build_model,
    chosen_parameters,
    grid_of,
    members_of,
    patch_of,
    plots_needed,
    tuned,
)
from phytomass.models.limits import parameter_names
from phytomass.models.lists import (
    PublishedScore,
    PublishedTable,
    list_names,
    model_list,
    publication_of,
    publications,
    published_tables,
)
from phytomass.models.members import Members, fit_members, joined
from phytomass.models.pixel.estimators import (
    BestPredictorRegression,
    BoundedPLSRegression,
    MinimumNormRegression,
)
from phytomass.models.pixel.neighbourhood import NeighbourhoodRegressor, with_means
from phytomass.models.records.tables import (
    STACK,
    ModelRecord,
    all_model_names,
    minimum_plots,
    model_names,
    record_of,
    records,
)
from phytomass.models.saved import SavedModel, load_model, save_model
from phytomass.models.search.grid_search import GridSearch
from phytomass.models.search.halving import HalvingSearch
from phytomass.models.settings import ModelSettings, SearchSettings
from phytomass.models.stack.regressor import Member, StackedRegressor
from phytomass.models.training import Training, weighable

__all__ = [
    "STACK",
    "BestPredictorRegression",
    "BoundedPLSRegression",
    "GridSearch",
    "HalvingSearch",
    "Member",
    "Members",
    "MinimumNormRegression",
    "ModelRecord",
    "ModelSettings",
    "NeighbourhoodRegressor",
    "PublishedScore",
    "PublishedTable",
    "SavedModel",
    "SearchSettings",
    "StackedRegressor",
    "Training",
    "all_model_names",
    "build_model",
    "chosen_parameters",
    "fit_members",
    "grid_of",
    "joined",
    "list_names",
    "load_model",
    "members_of",
    "minimum_plots",
    "model_list",
    "model_names",
    "parameter_names",
    "patch_of",
    "plots_needed",
    "publication_of",
    "publications",
    "published_tables",
    "record_of",
    "records",
    "save_model",
    "tuned",
    "weighable",
    "with_means",
]
