"""Fitting a candidate on all plots, and writing its map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phytomass.errors import InputError, nearest
from phytomass.experiments import FittedModel, fit_final
from phytomass.experiments.tasks import inputs_for
from phytomass.imagery import MappedArea, MaskSettings
from phytomass.mapping import MapCounts, MapRules, Walking, field_regressor, predict_map
from phytomass.models.patch_cnn import (
    PatchRegressor,
    PrecisionError,
    precision_error,
    save_network,
)
from phytomass.walk.workers import Workers
from phytomass.workflow.engine import Context
from phytomass.workflow.inputs import TrainingReads, layers_in, stack_in, stack_parts
from phytomass.workflow.project import MapSettings, TruthSettings
from phytomass.workflow.reads import Part, setting

BEFORE = "predictors_before"


@dataclass(frozen=True, kw_only=True)
class MapReads(TrainingReads):
    """What the step `map` reads: what training reads, the scores, and where to map."""

    name: str
    period: str
    map: MapSettings = setting("map", only=("model", "predictors", "minimum"))
    mask: MaskSettings | None = setting("mask", without=("name",))
    study_area: Path | None
    earlier_period: str | None = setting("earlier.period")
    earlier_mask: MaskSettings | None = setting("earlier.mask", without=("name",))
    truth: TruthSettings | None

    def parts(self) -> tuple[Part, ...]:
        """Add the choice of the model, its scores, and the stack of the earlier date."""
        chosen = (Part("model_choice.json"), Part("model_comparison.csv"))
        return (*super().parts(), *chosen, *stack_parts(BEFORE))

    @property
    def two_dates(self) -> bool:
        """Whether there is a stack of the earlier date."""
        return any(self.results.path(part.name).exists() for part in stack_parts(BEFORE))


def fit_for(reads: MapReads, context: Context, model: str, set_name: str) -> FittedModel:
    """Fit a model of the project on all plots, by its name and the name of its predictor set.

    Raises
    ------
    InputError
        For an unknown predictor set.
    """
    sets = reads.sets()
    if set_name not in sets:
        raise InputError(
            f"no predictor set {set_name!r}",
            where="map.predictors",
            remedy=nearest(set_name, list(sets)) or f"known are {', '.join(sets)}",
        )
    return fit_final(
        reads.samples().samples,
        set_name,
        sets[set_name],
        next(m for m in reads.models if m.key == model),
        reads.validation,
        index_names=reads.index_names(),
        domain=reads.domain(),
        random_state=reads.random_state,
        jobs=context.workers,
    )


def write_map(
    reads: MapReads,
    fitted: FittedModel,
    target: Path,
    *,
    stack: str = "predictors",
    mask: MaskSettings | None = None,
    period: str = "",
    walking: Walking,
) -> MapCounts:
    """Write the map of a fitted model over one of the project's stacks."""
    predictors = stack_in(reads.results, stack)
    tags = {
        "title": reads.name,
        "quantity": "aboveground biomass, dry mass",
        "units": "Mg/ha",
        "period": period,
        "model": fitted.model,
        "predictors": ", ".join(fitted.predictors),
    }
    rules = MapRules(reads.map.minimum, (fitted.y_min, fitted.y_max))
    area = None
    if mask is not None or reads.study_area is not None:
        area = MappedArea(mask, reads.root.resolve(), predictors.grid, reads.study_area)
    return predict_map(
        fitted.estimator,
        predictors,
        fitted.predictors,
        area,
        target,
        rules=rules,
        tags=tags,
        walking=walking,
    )


def walking_in(context: Context, name: str, what: str) -> Walking:
    """Return how a map of the step is walked over; finished blocks stay until the step is done."""
    workers = Workers(context.workers, context.scheduler)
    return Walking(workers, context.unfinished / name, context.progress, what)


def write_network(
    reads: MapReads, context: Context, fitted: FittedModel, scores: dict[str, Any]
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
    units = {layer.name: layer.unit for layer in layers_in(reads.results)}
    error = None
    if network.precision not in ("fp32", "fp64"):
        model = next(m for m in reads.models if m.key == fitted.model)
        patches = inputs_for(reads.samples().samples, fitted.predictors, model)
        error = precision_error(network, patches.X)
    save_network(
        network,
        context.folder / "map_network.safetensors",
        bands=fitted.predictors,
        band_units=[units[name] for name in fitted.predictors],
        scores=scores,
        error=error,
    )
    return error
