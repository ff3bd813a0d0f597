"""The step `account`: maps and plots to numbers about areas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phytomass import tables
from phytomass.accounting import (
    ALL,
    PotentialSettings,
    change_estimates,
    class_shares,
    elevation_profile,
    map_summary,
    plot_estimates,
    potential_estimates,
    truth_summary,
)
from phytomass.carbon import CarbonSettings
from phytomass.inventory import InventorySettings, plots_in_use
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import stack_in, stack_parts
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.project import MapSettings, ZoneSettings
from phytomass.workflow.reads import Part, Reads, setting


@dataclass(frozen=True, kw_only=True)
class AccountReads(Reads):
    """What the step reads: maps and plots, and what makes numbers about areas of them."""

    period: str
    earlier_period: str | None = setting("earlier.period")
    carbon: CarbonSettings
    inventory: InventorySettings = setting("inventory", only=("outliers",))
    map: MapSettings = setting("map", only=("classes", "elevation_band_m"))
    zones: ZoneSettings | None
    potential: PotentialSettings | None
    truth: Path | None = setting("truth.path")

    def parts(self) -> tuple[Part, ...]:
        """Return plots, maps and the stack, for its elevation."""
        return (Part("plots.csv"), Part("agb.tif"), Part("agb_before.tif"), *stack_parts())


def _work(reads: AccountReads, context: Context) -> None:
    folder, agb = context.folder, reads.results.path("agb.tif")
    before = reads.results.path("agb_before.tif")
    earlier = before if before.is_file() else None
    tables.write(folder, "class_shares", class_shares(agb, reads.map.classes))
    stack = stack_in(reads.results)
    if "elevation" in stack.names:
        profile = elevation_profile(
            agb,
            stack.path,
            reads.map.elevation_band_m,
            before=earlier,
            dem_band=stack.names.index("elevation") + 1,
        )
        tables.write(folder, "elevation_profile", profile)
    context.progress("accounts", 1, 2)
    tables.write(folder, "estimates", pd.concat(_tables(reads, earlier)))
    context.progress("accounts", 2, 2)


def _tables(reads: AccountReads, earlier: Path | None) -> list[pd.DataFrame]:
    agb = reads.results.path("agb.tif")
    zones = reads.root / reads.zones.path if reads.zones else None
    column = reads.zones.column if reads.zones else "name"
    period_before = reads.earlier_period or ""
    mapped = map_summary(
        agb, zones=zones, zone_column=column, carbon=reads.carbon, period=reads.period
    )
    found = [
        plot_estimates(
            plots_in_use(reads.results.table("plots"), reads.inventory),
            carbon=reads.carbon,
            period=reads.period,
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
                period=reads.period,
                zones=zones,
                zone_column=column,
                carbon=reads.carbon,
            )
        )
    if reads.potential is not None:
        found.append(_potential(mapped, reads.potential, reads.period))
    if reads.truth is not None:
        found.append(truth_summary(reads.root / reads.truth, agb, period=reads.period))
    return found


def _potential(mapped: pd.DataFrame, settings: PotentialSettings, period: str) -> pd.DataFrame:
    """Take the density from the map: the potential is about the same pixels as the stock."""
    wanted = {
        "quantity": "map_mean",
        "zone": ALL,
        "statistic": "mean",
        "pool": settings.pool,
        "kind": settings.kind,
    }
    density = mapped
    for key, value in wanted.items():
        density = density[density[key] == value]
    row = density.iloc[0]
    return potential_estimates(
        float(row["value"]),
        None,
        float(row["area_ha"]),
        settings,
        period=period,
        n=int(row["n"]),
    )


STEP = Step(
    name="account",
    title=TITLES["account"],
    reads=AccountReads,
    work=_work,
    writes=WRITES["account"],
)
