"""The step `stack`: rasters, composites, indices and terrain to one stack on one grid."""

from __future__ import annotations

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
from phytomass.workflow.inputs import existing, grid_of, raster_files
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import TITLES, WRITES


def _settings(opened: OpenProject) -> dict[str, Any]:
    predictors = opened.project.predictors
    earlier = opened.project.earlier_predictors()
    ours = {"sets", "missing_at_plots", "leave_out"}
    return {
        "predictors": predictors.model_dump(mode="json", exclude=ours),
        "earlier": earlier.model_dump(mode="json", exclude=ours) if earlier else None,
        "grid": opened.project.grid.model_dump(mode="json"),
    }


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    project = opened.project
    files = raster_files(opened, project.predictors)
    earlier = project.earlier_predictors()
    if earlier is not None:
        files |= {f"{k}, earlier": v for k, v in raster_files(opened, earlier).items()}
    area = project.study_area if project.grid.bounds is None and not project.grid.like else None
    return files | existing(opened.root, study_area=area, grid=project.grid.like)


def _work(context: Context) -> None:
    opened, grid = context.opened, grid_of(context.opened)
    settings = opened.project.predictors
    scenes = _scenes(settings, opened, grid, context.progress)
    if scenes is not None:
        tables.write(context.folder, "scenes", scenes)
    wanted = {"predictors": settings}
    earlier = opened.project.earlier_predictors()
    if earlier is not None:
        wanted["predictors_before"] = earlier
    workers = Workers(context.workers, context.scheduler)
    computed = {  # all before any is finished: what is broken off goes on where it was
        name: compute_blocks(
            one,
            grid,
            opened.root,
            context.unfinished / name,
            workers=workers,
            progress=context.progress,
        )
        for name, one in wanted.items()
    }
    lit = [illumination_table(one, grid, opened.root) for one in wanted.values()]
    rows = pd.concat([table for table in lit if len(table)] or lit[:1])
    if len(rows):
        tables.write(context.folder, "illumination", rows.drop_duplicates())
    suffix = SUFFIXES[settings.store]
    for name, blocks in computed.items():
        stack, _ = blocks.finish(context.folder / f"{name}{suffix}")
        if name == "predictors":
            write_quicklooks(stack, context.folder / "quicklooks")


def _scenes(
    settings: PredictorSettings, opened: OpenProject, grid: GeoBox, progress: Progress
) -> pd.DataFrame | None:
    """Fetch the scenes of catalogues; list those of every product: used, kept or left out."""
    tables = []
    for key, source in settings.rasters.items():
        if source.catalog is not None and not source.files:
            from phytomass.imagery import fetch_scenes  # asks for the extra `catalogs`

            tables.append(fetch_scenes(key, source, opened.root, grid, progress=progress))
        elif source.record is not None and not source.record.grid_crs:
            rows = [
                {"source": key, "scene": scene.name, "date": scene.date, "status": "used"}
                for scene in scenes_of(key, source, opened.root)
            ]
            tables.append(pd.DataFrame(rows))
    return pd.concat(tables, ignore_index=True) if tables else None


STEP = Step(
    name="stack",
    title=TITLES["stack"],
    needs=(),
    settings=_settings,
    inputs=_inputs,
    work=_work,
    writes=WRITES["stack"],
)
