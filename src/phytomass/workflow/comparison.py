"""The step `compare`: every model on every predictor set, on the same folds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from phytomass import tables
from phytomass.experiments import choose, compare, correlations, model_tables, sensor_comparison
from phytomass.files import write_json
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import index_names, layers_in, samples_of, sets_of
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import TITLES, WRITES


def _settings(opened: OpenProject) -> dict[str, Any]:
    project = opened.project
    return {
        "models": [model.model_dump(mode="json") for model in project.models],
        "training": project.training.model_dump(mode="json"),
        "validation": project.validation.model_dump(mode="json"),
        "predictors": project.predictors.model_dump(
            mode="json", include={"sets", "missing_at_plots", "leave_out"}
        ),
        "outliers": project.inventory.outliers,
        "random_state": project.random_state,
        "model_tables": project.model_tables,
    }


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    return {}


def _work(context: Context) -> None:
    opened, done, folder = context.opened, context.done, context.folder
    extraction = samples_of(opened, done)
    samples = extraction.samples
    related = correlations(samples)
    sensors = {layer.name: layer.sensor for layer in layers_in(done)}
    related.insert(1, "sensor", related["predictor"].map(sensors))
    tables.write(folder, "correlations", related)
    comparison = compare(
        samples,
        sets_of(opened, done),
        opened.project.models,
        opened.project.validation,
        index_names=index_names(done),
        random_state=opened.project.random_state,
        jobs=context.workers,
        progress=context.progress,
    )
    tables.write(folder, "model_comparison", comparison.scores)
    tables.write(folder, "predictions", comparison.predictions)
    tables.write(folder, "sensor_comparison", sensor_comparison(comparison))
    tables.write(folder, "plots_left_out", extraction.left_out)
    if opened.project.model_tables is not None:
        rows = model_tables(comparison, opened.project.model_tables)
        tables.write(folder, "model_tables", rows)
    choice = choose(comparison, opened.project.validation.select_by)
    write_json(
        folder / "model_choice.json",
        {**asdict(choice), "splits": dict(comparison.notes)},
    )


STEP = Step(
    name="compare",
    title=TITLES["compare"],
    needs=("plots", "stack"),
    settings=_settings,
    inputs=_inputs,
    work=_work,
    writes=WRITES["compare"],
)
