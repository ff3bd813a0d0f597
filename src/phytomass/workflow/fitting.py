"""Fitting a candidate on all plots, and writing its map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from phytomass.workflow.names import SHARED_DRAWS
from phytomass.workflow.project import MapSettings, TruthSettings, ZoneSettings
from phytomass.workflow.reads import Part, setting

BEFORE = "predictors_before"


@dataclass(frozen=True, kw_only=True)
class MapReads(TrainingReads):
    """What the step `map` reads: what training reads, the scores, and where to map."""

    name: str
    period: str
    map: MapSettings = setting("map", only=("model", "predictors", "minimum", "members"))
    mask: MaskSettings | None = setting("mask", without=("name",))
    study_area: Path | None
    earlier_period: str | None = setting("earlier.period")
    earlier_mask: MaskSettings | None = setting("earlier.mask", without=("name",))
    truth: TruthSettings | None
    zones: ZoneSettings | None

    def parts(self) -> tuple[Part, ...]:
        """Add the choice of the model, its scores, what plots share, and the earlier date's stack."""
        names = ("model_choice.json", "model_comparison.csv", "predictions.csv")
        chosen = (*(Part(name) for name in names), Part(SHARED_DRAWS, array="agb_mg_ha"))
        return (*super().parts(), *chosen, *stack_parts(BEFORE))

    @property
    def two_dates(self) -> bool:
        """Whether there is a stack of the earlier date."""
        return any(self.results.path(part.name).exists() for part in stack_parts(BEFORE))


def fit_for(
    reads: MapReads,
    context: Context,
    model: str,
    set_name: str,
    members: int = 0,
    shared: NDArray[np.float64] | None = None,
) -> FittedModel:
    """Fit a model of the project on all plots, by its name and the name of its predictor set.

    With `members`, an ensemble over draws of what the plots share too (see `fit_members`).

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
        members=members,
        shared=shared,
    )


def write_map(
    reads: MapReads,
    fitted: FittedModel,
    target: Path,
    walking: Walking,
    stack: str = "predictors",
) -> MapCounts:
    """Write the map of a fitted model over a stack of the project, without its uncertainty."""
    return predict_map(
        fitted.estimator,
        stack_in(reads.results, stack),
        fitted.predictors,
        map_area(reads, stack),
        target,
        rules=map_rules(reads, fitted),
        tags=map_tags(reads, fitted, stack),
        walking=walking,
    )


def map_tags(reads: MapReads, fitted: FittedModel, stack: str) -> dict[str, str]:
    """Return what the map over a stack says of itself."""
    return {
        "title": reads.name,
        "quantity": "aboveground biomass, dry mass",
        "units": "Mg/ha",
        "period": reads.period if stack != BEFORE else reads.earlier_period or "",
        "model": fitted.model,
        "predictors": ", ".join(fitted.predictors),
    }


def map_rules(reads: MapReads, fitted: FittedModel) -> MapRules:
    """Return how predictions become values of the map."""
    return MapRules(reads.map.minimum, (fitted.y_min, fitted.y_max))


def map_area(reads: MapReads, stack: str) -> MappedArea | None:
    """Return the pixels of a stack that are mapped; None for all."""
    mask = (reads.earlier_mask or reads.mask) if stack == BEFORE else reads.mask
    if mask is None and reads.study_area is None:
        return None
    return MappedArea(
        mask, reads.root.resolve(), stack_in(reads.results, stack).grid, reads.study_area
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
