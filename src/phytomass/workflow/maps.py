"""The step `map`: the best model over the whole grid, at one or two dates."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from phytomass import tables
from phytomass.experiments import FittedModel
from phytomass.files import write_json
from phytomass.mapping import MapCounts, change_map, stac_item
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.ensembles import (
    Array,
    dates_of,
    errors_of,
    held_out_of,
    members_for,
    reliability_of,
    shared_draws,
    write_ensemble_maps,
)
from phytomass.workflow.fitting import (
    MapReads,
    fit_for,
    walking_in,
    write_map,
    write_network,
)
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.travel import write_model
from phytomass.workflow.truth import compare_with_truth


def _work(reads: MapReads, context: Context) -> None:
    folder = context.folder
    choice = reads.results.document("model_choice.json")
    model = reads.map.model or choice["model"]
    set_name = reads.map.predictors or choice["predictors"]
    chosen = (model, set_name) == (choice["model"], choice["predictors"])
    shared = shared_draws(reads)
    settings = next((one for one in reads.models if one.key == model), None)
    members = members_for(reads, settings, shared) if settings else 0
    fitted = fit_for(reads, context, model, set_name, members, shared)
    counts = _written(reads, context, fitted, choice["split"], shared)
    if reads.two_dates:
        change_map(
            folder / "agb.tif",
            folder / "agb_before.tif",
            folder / "agb_change.tif",
            {"period": f"{reads.earlier_period or ''} to {reads.period}", "units": "Mg/ha"},
            walking_in(context, "agb_change", "change"),
        )
    card = _card(reads, fitted, counts, choice if chosen else {"split": choice["split"]})
    error = write_network(reads, context, fitted, card["scores"])
    if error is not None:
        card["precision_error"] = asdict(error)
    write_model(reads, context, fitted)
    write_json(folder / "map_model.json", card)
    write_json(folder / "stac_item.json", _item(reads, context, fitted))
    if reads.truth is not None:
        compared = compare_with_truth(reads, context, fitted, reads.truth)
        tables.write(folder, "truth_comparison", compared.scores)
        tables.write(folder, "truth_differences", compared.differences)


def _written(
    reads: MapReads, context: Context, fitted: FittedModel, split: str, shared: Array | None
) -> dict[str, MapCounts]:
    """Write the map of each date, with its uncertainty where the model is an ensemble."""
    if fitted.members is not None:
        held_out = held_out_of(reads, fitted, split)
        tables.write(context.folder, "reliability", reliability_of(held_out))
        errors = errors_of(held_out, shared)
        found = write_ensemble_maps(reads, context, fitted, errors)
        return {name: one.counts for name, one in found.items()}
    return {
        f"{name}.tif": write_map(
            reads, fitted, context.folder / f"{name}.tif", walking_in(context, name, what), stack
        )
        for name, (stack, what) in dates_of(reads).items()
    }


def _item(reads: MapReads, context: Context, fitted: FittedModel) -> dict[str, Any]:
    return stac_item(
        context.folder / "agb.tif",
        item_id=f"{reads.name.lower().replace(' ', '-')}-agb",
        title=f"{reads.name}: aboveground biomass",
        period=reads.period,
        more=sorted(context.folder.glob("agb_*.tif")),
        properties={"phytomass:model": fitted.model, "phytomass:predictors": fitted.predictors},
    )


def _card(
    reads: MapReads, fitted: FittedModel, counts: dict[str, MapCounts], choice: dict[str, Any]
) -> dict[str, Any]:
    scores = reads.results.table("model_comparison")
    own = scores[
        (scores["model"] == fitted.model) & (scores["predictors"] == fitted.predictors_set)
    ]
    kept = own.drop(columns=["model", "predictors"]).set_index("split")
    return {
        "model": fitted.model,
        "predictors_set": fitted.predictors_set,
        "predictors": list(fitted.predictors),
        "parameters": dict(fitted.parameters),
        "training": reads.training.model_dump(mode="json"),
        "selected_by": choice["split"],
        "choice": choice if "model" in choice else None,
        "n_train": fitted.n_train,
        "members": 0 if fitted.members is None else len(fitted.members),
        "agb_mg_ha_of_plots": [fitted.y_min, fitted.y_max],
        "scores": json.loads(kept.to_json(orient="index")),
        "pixels": {name: vars(count) for name, count in counts.items()},
    }


STEP = Step(
    name="map",
    title=TITLES["map"],
    reads=MapReads,
    work=_work,
    writes=WRITES["map"],
)
