"""The step `account`: maps and plots to numbers about areas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phytomass import tables
from phytomass.accounting import (
    ALL,
    PotentialSettings,
    Shared,
    area_change,
    area_estimates,
    by_size,
    by_species,
    change_estimates,
    class_shares,
    elevation_profile,
    headlined,
    map_summary,
    planned_plots,
    plot_estimates,
    potential_estimates,
    read_zones,
    table_of,
    truth_summary,
)
from phytomass.carbon import CarbonSettings
from phytomass.grid import grid_of_raster
from phytomass.imagery import MappedArea, MaskSettings
from phytomass.inventory import InventorySettings, design_of, plots_in_use
from phytomass.inventory.field_error import PlotDraws
from phytomass.workflow.area_totals import AreaTotals, cover_for
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.inputs import stack_in, stack_parts
from phytomass.workflow.names import SHARED_BEFORE, SHARED_DRAWS, TITLES, WRITES, ZONE_DRAWS
from phytomass.workflow.project import MapSettings, Project, ZoneSettings
from phytomass.workflow.reads import Part, Reads, derived, setting

OF_TREES = ("tree_id", "plot_id", "species", "accepted_species", "dbh_cm", "per_ha", "agb_kg")
"""What the accounts read of the list of trees."""


def _resampled(project: Project) -> bool:
    """Tell whether anything here is random."""
    return project.inventory.design.is_sample and project.inventory.design.interval != "t"


@dataclass(frozen=True, kw_only=True)
class AccountReads(Reads):
    """What the step reads: maps and plots, and what makes numbers about areas of them."""

    period: str
    earlier_period: str | None = setting("earlier.period")
    carbon: CarbonSettings
    inventory: InventorySettings = setting("inventory", only=("outliers", "design", "strata"))
    random_state: int | None = setting("random_state", when=_resampled)
    has_plots: bool = derived("inventory.has_plots", lambda opened: opened.project.has_plots)
    is_mapped: bool = derived("predictors", lambda opened: opened.project.is_mapped)
    map: MapSettings = setting("map", only=("classes", "elevation_band_m"))
    zones: ZoneSettings | None
    mask: MaskSettings | None = setting("mask", without=("name",))
    study_area: Path | None
    potential: PotentialSettings | None
    truth: Path | None = setting("truth.path")

    def parts(self) -> tuple[Part, ...]:
        """Return plots, maps and the stack, for its elevation."""
        drawn = Part(SHARED_DRAWS), Part(SHARED_BEFORE)
        field = (Part("plots.csv"), Part("trees.csv", OF_TREES), *drawn) if self.has_plots else ()
        if not self.is_mapped:
            return field
        maps = (Part("agb.tif"), Part("agb_before.tif"), Part(ZONE_DRAWS), Part("map_model.json"))
        return (*field, *maps, Part("predictions.csv"), *stack_parts())


def _work(reads: AccountReads, context: Context) -> None:
    folder = context.folder
    if reads.has_plots:
        _classes(reads, folder)
        _plan_plots(reads, folder)
    if not reads.is_mapped:
        tables.write(folder, "estimates", headlined(pd.concat(_of_plots(reads))))
        return
    agb = reads.results.path("agb.tif")
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
    tables.write(folder, "estimates", headlined(pd.concat(_tables(reads, earlier))))
    context.progress("accounts", 2, 2)


def _plots(reads: AccountReads) -> pd.DataFrame:
    return plots_in_use(reads.results.table("plots"), reads.inventory)


def _classes(reads: AccountReads, folder: Path) -> None:
    """Write what the plots are made of, where there is a list of trees."""
    if (reads.results.folder / "trees.csv").is_file():
        trees, plots = reads.results.table("trees"), _plots(reads)
        tables.write(folder, "species_classes", by_species(trees, plots))
        tables.write(folder, "size_classes", by_size(trees, plots))


def _plan_plots(reads: AccountReads, folder: Path) -> None:
    """Write how many plots the wanted precision takes, where the area and the plots' are known."""
    plots, design = _plots(reads), design_of(reads.inventory, reads.root)
    if design.is_sample and design.area is not None and "area_ha" in plots:
        tables.write(folder, "plots_needed", planned_plots(plots, design))


def _area(reads: AccountReads, plots: pd.DataFrame) -> pd.DataFrame:
    """Return what follows from the plots for the area that they were drawn from, if they were."""
    design, seed = design_of(reads.inventory, reads.root), reads.random_state or 0
    if not design.is_sample:
        return table_of(())
    drawn = _shared(reads, plots, SHARED_DRAWS)
    rows = area_estimates(
        plots,
        design,
        carbon=reads.carbon,
        shared=None if drawn is None else drawn.in_pool,
        period=reads.period,
        random_state=seed,
    )
    before, after = _periods(reads, plots)
    rows += area_change(
        plots,
        design,
        carbon=reads.carbon,
        shared=_shared_change(reads, plots),
        periods=(before, after),
        random_state=seed,
    )
    return table_of(rows)


def _shared(reads: AccountReads, plots: pd.DataFrame, name: str) -> PlotDraws | None:
    """Return the draws of what plots share, of these plots."""
    path = reads.results.path(name)
    if not path.exists():
        return None
    return PlotDraws.open(path, reads.carbon).take(plots["plot_id"].astype(str).tolist())


def _shared_change(reads: AccountReads, plots: pd.DataFrame) -> Shared | None:
    """Return the same of the change of the plots that were measured twice, draw by draw."""
    if "agb_before_mg_ha" not in plots:
        return None
    twice = plots[plots["agb_before_mg_ha"].notna()]
    after, before = (_shared(reads, twice, name) for name in (SHARED_DRAWS, SHARED_BEFORE))
    if after is None or before is None:
        return None
    return lambda pool, kind: after.in_pool(pool, kind) - before.in_pool(pool, kind)


def _periods(reads: AccountReads, plots: pd.DataFrame) -> tuple[str, str]:
    """Return the earlier and the later date: the project's, or those that the trees have."""
    if "date_before" not in plots:
        return reads.earlier_period or "", reads.period
    found = []
    for column in ("date_before", "date"):
        dates = sorted(set(plots[column].dropna().astype(str)) - {""})
        found.append("/".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "")
    return reads.earlier_period or found[0], found[1] or reads.period


def _of_plots(reads: AccountReads) -> list[pd.DataFrame]:
    """Return the numbers that rest on plots alone."""
    plots = _plots(reads)
    estimates = plot_estimates(
        plots,
        carbon=reads.carbon,
        period=reads.period,
        period_before=_periods(reads, plots)[0],
        shared=_shared_change(reads, plots),
    )
    return [estimates, _area(reads, plots)]


def _tables(reads: AccountReads, earlier: Path | None) -> list[pd.DataFrame]:
    agb = reads.results.path("agb.tif")
    zones = reads.root / reads.zones.path if reads.zones else None
    column = reads.zones.column if reads.zones else "name"
    period_before = reads.earlier_period or ""
    mapped = map_summary(
        agb, zones=zones, zone_column=column, carbon=reads.carbon, period=reads.period
    )
    totals = _totals(reads, mapped) if reads.has_plots else None
    found = [mapped] if totals is None else [*_of_plots(reads), mapped, totals.rows()]
    if earlier is not None:
        change = change_estimates(
            agb,
            earlier,
            period_before=period_before,
            period=reads.period,
            zones=zones,
            zone_column=column,
            carbon=reads.carbon,
        )
        found.append(change if totals is None else totals.with_errors(change, period_before))
    if reads.potential is not None:
        found.append(_potential(mapped, reads.potential, reads.period))
    if reads.truth is not None:
        found.append(truth_summary(reads.root / reads.truth, agb, period=reads.period))
    return found


def _totals(reads: AccountReads, mapped: pd.DataFrame) -> AreaTotals:
    """Return what the intervals of the map are made of."""
    plots, agb = _plots(reads), reads.results.path("agb.tif")
    grid, mask, zones = grid_of_raster(agb), None, None
    if reads.mask is not None or reads.study_area is not None:
        mask = MappedArea(reads.mask, reads.root.resolve(), grid, reads.study_area)
    if reads.zones is not None:
        zones = read_zones(reads.root / reads.zones.path, reads.zones.column, grid)
    cover = cover_for(reads.results, mask, zones, plots)
    design = design_of(reads.inventory, reads.root)
    field = _shared(reads, plots, SHARED_DRAWS)
    return AreaTotals(
        reads.results, plots, mapped, cover, design, reads.carbon, reads.period, field
    )


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
