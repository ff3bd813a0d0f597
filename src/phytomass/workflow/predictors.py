"""The step `stack`: rasters, composites, indices and terrain to one stack on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from odc.geo.geobox import GeoBox

from phytomass import tables
from phytomass.features import Workers, compute_blocks, illumination_table, write_quicklooks
from phytomass.imagery import PredictorSettings, scenes_of
from phytomass.progress import Progress
from phytomass.walk.kinds import SUFFIXES
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import make_grid
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.project import GridSettings, Project
from phytomass.workflow.reads import Reads, setting

OF_TRAINING = ("sets", "missing_at_plots", "leave_out")
"""Settings of `predictors` that change nothing in the stack."""


def _grid_by_area(project: Project) -> bool:
    return project.grid is not None and project.grid.by_area


@dataclass(frozen=True, kw_only=True)
class StackReads(Reads):
    """What the step reads: the sources of both dates, and what the grid is made of."""

    predictors: PredictorSettings = setting("predictors", without=OF_TRAINING)
    earlier_files: dict[str, Any] | None = setting("earlier.files")
    grid: GridSettings
    study_area: Path | None = setting("study_area", when=_grid_by_area)


def _work(reads: StackReads, context: Context) -> None:
    grid = make_grid(reads.grid, reads.study_area, reads.root)
    settings = reads.predictors
    scenes = _scenes(settings, reads.root, grid, context.progress)
    if scenes is not None:
        tables.write(context.folder, "scenes", scenes)
    wanted = {"predictors": settings}
    if reads.earlier_files:
        wanted["predictors_before"] = settings.with_files(reads.earlier_files)
    workers = Workers(context.workers, context.scheduler)
    computed = {  # all before any is finished: what is broken off goes on where it was
        name: compute_blocks(
            one,
            grid,
            reads.root,
            context.unfinished / name,
            workers=workers,
            progress=context.progress,
        )
        for name, one in wanted.items()
    }
    lit = [illumination_table(one, grid, reads.root) for one in wanted.values()]
    rows = pd.concat([table for table in lit if len(table)] or lit[:1])
    if len(rows):
        tables.write(context.folder, "illumination", rows.drop_duplicates())
    suffix = SUFFIXES[settings.store]
    for name, blocks in computed.items():
        stack, _ = blocks.finish(context.folder / f"{name}{suffix}")
        if name == "predictors":
            write_quicklooks(stack, context.folder / "quicklooks")


def _scenes(
    settings: PredictorSettings, root: Path, grid: GeoBox, progress: Progress
) -> pd.DataFrame | None:
    """Fetch the scenes of catalogues; list those of every product: used, kept or left out."""
    tables = []
    for key, source in settings.rasters.items():
        if source.catalog is not None and not source.files:
            from phytomass.imagery import fetch_scenes  # asks for the extra `catalogs`

            tables.append(fetch_scenes(key, source, root, grid, progress=progress))
        elif source.record is not None and not source.record.grid_crs:
            rows = [
                {"source": key, "scene": scene.name, "date": scene.date, "status": "used"}
                for scene in scenes_of(key, source, root)
            ]
            tables.append(pd.DataFrame(rows))
    return pd.concat(tables, ignore_index=True) if tables else None


STEP = Step(
    name="stack",
    title=TITLES["stack"],
    reads=StackReads,
    work=_work,
    writes=WRITES["stack"],
)
