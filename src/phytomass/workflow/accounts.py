"""The step `account`: maps and plots to numbers about areas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from phytomass import tables
from phytomass.accounting import (
    ALL,
    change_estimates,
    class_shares,
    elevation_profile,
    map_summary,
    plot_estimates,
    potential_estimates,
    truth_summary,
)
from phytomass.inventory import plots_in_use
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import existing, stack_in
from phytomass.workflow.load import OpenProject
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.project import Project


def _settings(opened: OpenProject) -> dict[str, Any]:
    project = opened.project
    keys = {"carbon", "zones", "potential", "period", "earlier", "truth"}
    own = project.model_dump(mode="json", include=keys)
    own["map"] = project.map.model_dump(mode="json", include={"classes", "elevation_band_m"})
    own["outliers"] = project.inventory.outliers
    return own


def _inputs(opened: OpenProject) -> dict[str, list[Path]]:
    project = opened.project
    return existing(
        opened.root,
        zones=project.zones.path if project.zones else None,
        truth=project.truth.path if project.truth else None,
    )


def _work(context: Context) -> None:
    project, done, folder = context.opened.project, context.done, context.folder
    before = done / "agb_before.tif"
    earlier = before if project.earlier is not None and project.earlier.files else None
    tables.write(folder, "class_shares", class_shares(done / "agb.tif", project.map.classes))
    stack = stack_in(done)
    if "elevation" in stack.names:
        profile = elevation_profile(
            done / "agb.tif",
            stack.path,
            project.map.elevation_band_m,
            before=earlier,
            dem_band=stack.names.index("elevation") + 1,
        )
        tables.write(folder, "elevation_profile", profile)
    context.progress("accounts", 1, 2)
    tables.write(folder, "estimates", pd.concat(_tables(context, project, earlier)))
    context.progress("accounts", 2, 2)


def _tables(context: Context, project: Project, earlier: Path | None) -> list[pd.DataFrame]:
    agb = context.done / "agb.tif"
    zones = context.opened.root / project.zones.path if project.zones else None
    column = project.zones.column if project.zones else "name"
    period_before = project.earlier.period if project.earlier else ""
    mapped = map_summary(
        agb, zones=zones, zone_column=column, carbon=project.carbon, period=project.period
    )
    found = [
        plot_estimates(
            plots_in_use(tables.read(context.done, "plots"), project.inventory),
            carbon=project.carbon,
            period=project.period,
            period_before=period_before,
        ),
        mapped,
    ]
    if earlier is not None:
        found.append(
            change_estimates(
                agb,
                earlier,
                period_before=period_before,
                period=project.period,
                zones=zones,
                zone_column=column,
                carbon=project.carbon,
            )
        )
    if project.potential is not None:
        found.append(_potential(mapped, project))
    if project.truth is not None:
        truth = context.opened.root / project.truth.path
        found.append(truth_summary(truth, agb, period=project.period))
    return found


def _potential(mapped: pd.DataFrame, project: Project) -> pd.DataFrame:
    """Take the density from the map: the potential is about the same pixels as the stock."""
    assert project.potential is not None  # noqa: S101  # asked for
    wanted = {
        "quantity": "map_mean",
        "zone": ALL,
        "statistic": "mean",
        "pool": project.potential.pool,
        "kind": project.potential.kind,
    }
    density = mapped
    for key, value in wanted.items():
        density = density[density[key] == value]
    row = density.iloc[0]
    return potential_estimates(
        float(row["value"]),
        None,
        float(row["area_ha"]),
        project.potential,
        period=project.period,
        n=int(row["n"]),
    )


STEP = Step(
    name="account",
    title=TITLES["account"],
    needs=("plots", "stack", "map"),
    settings=_settings,
    inputs=_inputs,
    work=_work,
    writes=WRITES["account"],
)
