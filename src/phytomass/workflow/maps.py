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
from phytomass.workflow.fitting import (
    BEFORE,
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
    folder, before = context.folder, reads.earlier_period or ""
    choice = reads.results.document("model_choice.json")
    model = reads.map.model or choice["model"]
    set_name = reads.map.predictors or choice["predictors"]
    chosen = (model, set_name) == (choice["model"], choice["predictors"])
    fitted = fit_for(reads, context, model, set_name)
    counts = {
        "agb.tif": write_map(
            reads,
            fitted,
            folder / "agb.tif",
            mask=reads.mask,
            period=reads.period,
            walking=walking_in(context, "agb", "map"),
        )
    }
    if reads.two_dates:
        counts["agb_before.tif"] = write_map(
            reads,
            fitted,
            folder / "agb_before.tif",
            stack=BEFORE,
            mask=reads.earlier_mask or reads.mask,
            period=before,
            walking=walking_in(context, "agb_before", "map, earlier date"),
        )
        change_map(
            folder / "agb.tif",
            folder / "agb_before.tif",
            folder / "agb_change.tif",
            {"period": f"{before} to {reads.period}", "units": "Mg/ha"},
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


def _item(reads: MapReads, context: Context, fitted: FittedModel) -> dict[str, Any]:
    return stac_item(
        context.folder / "agb.tif",
        item_id=f"{reads.name.lower().replace(' ', '-')}-agb",
        title=f"{reads.name}: aboveground biomass",
        period=reads.period,
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
