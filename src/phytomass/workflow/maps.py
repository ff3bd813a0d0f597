"""The step `map`: the best model over the whole grid, at one or two dates."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from phytomass import tables
from phytomass.experiments import FittedModel
from phytomass.files import write_json
from phytomass.mapping import MapCounts, change_map, stac_item
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.fitting import fit_for, write_map, write_network
from phytomass.workflow.inputs import existing
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.truth import compare_with_truth


def _settings(opened: OpenProject) -> dict[str, Any]:
    project = opened.project
    return {
        "map": project.map.model_dump(mode="json", include={"model", "predictors", "minimum"}),
        "mask": project.mask.model_dump(mode="json") if project.mask else None,
        "earlier": project.earlier.model_dump(mode="json") if project.earlier else None,
        "truth": project.truth.model_dump(mode="json") if project.truth else None,
        "models": [model.model_dump(mode="json") for model in project.models],
        "training": project.training.model_dump(mode="json"),
        "name": project.name,
        "period": project.period,
    }


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    project = opened.project
    earlier_mask = project.earlier.mask if project.earlier else None
    return existing(
        opened.root,
        mask=project.mask.path if project.mask else None,
        earlier_mask=earlier_mask.path if earlier_mask else None,
        study_area=project.study_area,
        truth=project.truth.path if project.truth else None,
        earlier_truth=project.truth.earlier if project.truth else None,
    )


def _work(context: Context) -> None:
    project, folder = context.opened.project, context.folder
    choice = json.loads((context.done / "model_choice.json").read_text(encoding="utf-8"))
    model = project.map.model or choice["model"]
    set_name = project.map.predictors or choice["predictors"]
    chosen = (model, set_name) == (choice["model"], choice["predictors"])
    fitted = fit_for(context, model, set_name)
    counts = {
        "agb.tif": write_map(
            context, fitted, folder / "agb.tif", mask=project.mask, period=project.period
        )
    }
    if project.earlier is not None and project.earlier.files:
        counts["agb_before.tif"] = write_map(
            context,
            fitted,
            folder / "agb_before.tif",
            stack="predictors_before",
            mask=project.earlier.mask or project.mask,
            period=project.earlier.period,
            label="map, earlier date",
        )
        change_map(
            folder / "agb.tif",
            folder / "agb_before.tif",
            folder / "agb_change.tif",
            {"period": f"{project.earlier.period} to {project.period}", "units": "Mg/ha"},
        )
    card = _card(context, fitted, counts, choice if chosen else {"split": choice["split"]})
    error = write_network(context, fitted, card["scores"])
    if error is not None:
        card["precision_error"] = asdict(error)
    write_json(folder / "map_model.json", card)
    write_json(folder / "stac_item.json", _item(context, fitted))
    if project.truth is not None:
        compared = compare_with_truth(context, fitted, project.truth)
        tables.write(folder, "truth_comparison", compared.scores)
        tables.write(folder, "truth_differences", compared.differences)


def _item(context: Context, fitted: FittedModel) -> dict[str, Any]:
    project = context.opened.project
    return stac_item(
        context.folder / "agb.tif",
        item_id=f"{project.name.lower().replace(' ', '-')}-agb",
        title=f"{project.name}: aboveground biomass",
        period=project.period,
        properties={"phytomass:model": fitted.model, "phytomass:predictors": fitted.predictors},
    )


def _card(
    context: Context, fitted: FittedModel, counts: dict[str, MapCounts], choice: dict[str, Any]
) -> dict[str, Any]:
    scores = tables.read(context.done, "model_comparison")
    own = scores[
        (scores["model"] == fitted.model) & (scores["predictors"] == fitted.predictors_set)
    ]
    kept = own.drop(columns=["model", "predictors"]).set_index("split")
    return {
        "model": fitted.model,
        "predictors_set": fitted.predictors_set,
        "predictors": list(fitted.predictors),
        "parameters": dict(fitted.parameters),
        "training": context.opened.project.training.model_dump(mode="json"),
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
    needs=("plots", "stack", "compare"),
    settings=_settings,
    inputs=_inputs,
    work=_work,
    writes=WRITES["map"],
)
