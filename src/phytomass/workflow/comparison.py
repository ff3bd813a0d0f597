"""The step `compare`: every model on every predictor set, on the same folds."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from phytomass import tables
from phytomass.experiments import choose, compare, correlations, model_tables, sensor_comparison
from phytomass.files import write_json
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import TrainingReads, layers_in
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.reads import setting


@dataclass(frozen=True, kw_only=True)
class CompareReads(TrainingReads):
    """What the step reads: what training reads, and whose tables to repeat, and the lower bound of the map."""

    model_tables: str | None
    minimum: float | None = setting("map.minimum")


def _work(reads: CompareReads, context: Context) -> None:
    folder = context.folder
    extraction = reads.samples()
    samples = extraction.samples
    related = correlations(samples)
    sensors = {layer.name: layer.sensor for layer in layers_in(reads.results)}
    related.insert(1, "sensor", related["predictor"].map(sensors))
    tables.write(folder, "correlations", related)
    comparison = compare(
        samples,
        reads.sets(),
        reads.models,
        reads.validation,
        index_names=reads.index_names(),
        domain=reads.domain(),
        minimum=reads.minimum,
        random_state=reads.random_state,
        jobs=context.workers,
        progress=context.progress,
    )
    tables.write(folder, "model_comparison", comparison.scores)
    tables.write(folder, "predictions", comparison.predictions)
    tables.write(folder, "sensor_comparison", sensor_comparison(comparison))
    tables.write(folder, "plots_left_out", extraction.left_out)
    if reads.model_tables is not None:
        rows = model_tables(comparison, reads.model_tables)
        tables.write(folder, "model_tables", rows)
    choice = choose(comparison, reads.validation.select_by)
    write_json(
        folder / "model_choice.json",
        {**asdict(choice), "splits": dict(comparison.notes)},
    )


STEP = Step(
    name="compare",
    title=TITLES["compare"],
    reads=CompareReads,
    work=_work,
    writes=WRITES["compare"],
)
