"""Fitting a candidate on all plots, and writing its map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phytomass.errors import InputError, nearest
from phytomass.experiments import FittedModel, fit_final
from phytomass.experiments.tasks import inputs_for
from phytomass.imagery import MaskSettings, open_mask
from phytomass.mapping import MapCounts, MapRules, field_regressor, predict_map
from phytomass.models.patch_cnn import (
    PatchRegressor,
    PrecisionError,
    precision_error,
    save_network,
)
from phytomass.workflow.engine import Context
from phytomass.workflow.inputs import index_names, layers_in, samples_of, sets_of, stack_in


def fit_for(context: Context, model: str, set_name: str) -> FittedModel:
    """Fit a model of the project on all plots, by its name and the name of its predictor set.

    Raises
    ------
    InputError
        For an unknown predictor set.
    """
    opened, done = context.opened, context.done
    sets = sets_of(opened, done)
    if set_name not in sets:
        raise InputError(
            f"no predictor set {set_name!r}",
            where="map.predictors",
            remedy=nearest(set_name, list(sets)) or f"known are {', '.join(sets)}",
        )
    return fit_final(
        samples_of(opened, done).samples,
        set_name,
        sets[set_name],
        next(m for m in opened.project.models if m.key == model),
        opened.project.validation,
        index_names=index_names(done),
        random_state=opened.project.random_state,
        jobs=context.workers,
    )


def write_map(
    context: Context,
    fitted: FittedModel,
    target: Path,
    *,
    stack: str = "predictors",
    mask: MaskSettings | None = None,
    period: str = "",
    label: str = "map",
) -> MapCounts:
    """Write the map of a fitted model over one of the project's stacks."""
    opened = context.opened
    predictors = stack_in(context.done, stack)
    tags = {
        "title": opened.project.name,
        "quantity": "aboveground biomass, dry mass",
        "units": "Mg/ha",
        "period": period,
        "model": fitted.model,
        "predictors": ", ".join(fitted.predictors),
    }
    rules = MapRules(opened.project.map.minimum, (fitted.y_min, fitted.y_max))
    with open_mask(mask, opened.root, predictors.grid, opened.project.study_area) as inside:
        return predict_map(
            fitted.estimator,
            predictors,
            fitted.predictors,
            inside,
            target,
            rules=rules,
            tags=tags,
            workers=context.workers,
            progress=lambda _, done, total: context.progress(label, done, total),
        )


def write_network(
    context: Context, fitted: FittedModel, scores: dict[str, Any]
) -> PrecisionError | None:
    """Save the map's model as safetensors with a card, where it is a network (`map_network.*`).

    Returns
    -------
    PrecisionError or None
        What a precision below fp32 costs on the training patches; it is in the card too.
    """
    network = field_regressor(fitted.estimator)
    if not isinstance(network, PatchRegressor):
        return None
    units = {layer.name: layer.unit for layer in layers_in(context.done)}
    error = None
    if network.precision not in ("fp32", "fp64"):
        samples = samples_of(context.opened, context.done).samples
        model = next(m for m in context.opened.project.models if m.key == fitted.model)
        error = precision_error(network, inputs_for(samples, fitted.predictors, model).X)
    save_network(
        network,
        context.folder / "map_network.safetensors",
        bands=fitted.predictors,
        band_units=[units[name] for name in fitted.predictors],
        scores=scores,
        error=error,
    )
    return error
