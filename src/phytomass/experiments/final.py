"""The model for the map, fitted to all plots; and how each predictor goes with biomass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import pearsonr

from phytomass.draws import seed_of
from phytomass.errors import InputError
from phytomass.experiments.plan import candidate_columns, folds_of
from phytomass.experiments.tasks import fit, inputs_for
from phytomass.experiments.weights import plot_weights
from phytomass.models import (
    GridSearch,
    Members,
    ModelSettings,
    Training,
    chosen_parameters,
    fit_members,
    grid_of,
    joined,
    plots_needed,
)
from phytomass.models.records.tables import Scalar
from phytomass.validation import Folds, ValidationSettings, inner_folds


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model ready to predict.

    Parameters
    ----------
    estimator : estimator
        Fitted pipeline; ``estimator.predict(X)`` takes an array of shape (n, p), or (n, p, k, k)
        for a model that sees patches, with the columns of `predictors` in that order and returns
        Mg/ha, shape (n,).
    model : str
        Its name.
    predictors_set : str
        Name of the predictor set.
    predictors : tuple of str
        Names of the columns, in order.
    parameters : mapping
        Default, fixed and tuned parameters.
    n_train : int
        Plots it was trained on.
    y_min, y_max : float
        Range of the biomass of those plots, Mg/ha.
    members : Members, optional
        The ensemble over the draws; of a forest, `estimator` is all their trees.
    """

    estimator: Any
    model: str
    predictors_set: str
    predictors: tuple[str, ...]
    parameters: Mapping[str, Scalar]
    n_train: int
    y_min: float
    y_max: float
    members: Members | None = None


def fit_final(
    samples: Training,
    set_name: str,
    names: Sequence[str],
    model: ModelSettings,
    validation: ValidationSettings,
    *,
    index_names: Sequence[str] = (),
    domain: NDArray[np.float64] | None = None,
    random_state: int = 0,
    jobs: int = 1,
    members: int = 0,
    shared: NDArray[np.float64] | None = None,
) -> FittedModel:
    """Tune a model by inner folds of the split that chose it, and fit it to all plots.

    Parameters
    ----------
    samples : Training
        Plots.
    set_name : str
        Name of the predictor set.
    names : sequence of str
        Its predictors, in the order of the columns.
    model : ModelSettings
        What to fit.
    validation : ValidationSettings
        `select_by` says which kind of fold, `inner_splits` how many.
    index_names : sequence of str
        What `simple_linear` chooses from (as in `compare`).
    domain : array, shape (m, 2), optional
        Easting and northing of pixels of the map, metres, for the split `knndm`.
    random_state : int
        Seed.
    jobs : int
        Threads that train the members of networks; the model does not depend on it.
    members : int
        Members of an ensemble over the draws that is fitted too; none by default.
    shared : array, shape (n, draws), optional
        What they learn (see `fit_members`).

    Raises
    ------
    InputError
        If there are fewer plots than the model needs, or no patches around them.
    """
    needed = plots_needed(model, len(names))
    if len(samples) < needed:
        raise InputError(
            f"needs {needed} or more plots with {len(names)} predictors, there are {len(samples)}",
            where=f"models.{model.key}",
            remedy="add plots, use fewer predictors, or choose another model",
        )
    plots = inputs_for(samples, names, model)
    folds = None
    if _needs_folds(model):
        folds = folds_of(validation.select_by, samples, validation, random_state, domain)
    inner = _all_plots_inner(folds, validation, random_state) if folds and grid_of(model) else []
    weight = plot_weights(plots, seed_of(random_state, "weights", set_name, "final"))
    plots = replace(plots, weight=weight, groups=folds.units if folds else plots.groups)
    seed = seed_of(random_state, "final", model.key, set_name)
    fitted = fit(model, plots, inner, candidate_columns(names, index_names), seed, jobs)
    estimator = fitted.best_estimator_ if isinstance(fitted, GridSearch) else fitted
    ensemble, whole = None, None
    if members:
        ensemble = fit_members(
            estimator,
            plots,
            members,
            sites=samples.groups,
            shared=shared,
            random_state=seed,
            jobs=jobs,
        )
        whole = joined(ensemble.estimators)
    return FittedModel(
        estimator=estimator if whole is None else whole,
        model=model.key,
        predictors_set=set_name,
        predictors=tuple(names),
        parameters=chosen_parameters(model, fitted),
        n_train=len(samples),
        y_min=float(samples.y.min()),
        y_max=float(samples.y.max()),
        members=ensemble,
    )


def _needs_folds(model: ModelSettings) -> bool:
    return bool(grid_of(model) or model.needs_torch or model.members)


def _all_plots_inner(folds: Folds, validation: ValidationSettings, random_state: int) -> Any:
    seed = seed_of(random_state, "inner", validation.select_by, "final")
    return inner_folds(folds.units, validation.inner_splits, seed)


def correlations(samples: Training) -> pd.DataFrame:
    """Return Pearson's r of each predictor with biomass.

    Returns
    -------
    DataFrame
        Columns predictor, r, n, p (two-sided, for independent plots: too small where plots of a
        site resemble each other); r and p are NaN where a predictor is constant.

    Raises
    ------
    InputError
        If there are fewer than three plots.

    Examples
    --------
    >>> X = np.array([[0.1], [0.2], [0.3], [0.4]])
    >>> samples = replace(Training.of(X, [1.0, 2.0, 3.0, 4.0]), names=("NDVI",))
    >>> correlations(samples).round(6).to_dict("records")
    [{'predictor': 'NDVI', 'r': 1.0, 'n': 4, 'p': 0.0}]
    """
    if len(samples) < 3:
        raise InputError(f"a correlation needs 3 or more plots, there are {len(samples)}")
    rows = [
        {"predictor": name, "r": r, "n": len(samples), "p": p}
        for name, column in samples.table.items()
        for r, p in [_pearson(column.to_numpy(), samples)]
    ]
    return pd.DataFrame(rows, columns=["predictor", "r", "n", "p"])


def _pearson(column: Any, samples: Training) -> tuple[float, float]:
    if np.ptp(column) == 0 or np.ptp(samples.y) == 0:
        return float("nan"), float("nan")
    result = pearsonr(column, samples.y)
    return float(result.statistic), float(result.pvalue)
