"""Mean, area and stock of a map: for the whole and for each zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass import tables
from phytomass.accounting.estimate import Estimate, in_all_pools, summed_pools, table_of
from phytomass.accounting.statistics import MAP_STATISTICS, ZoneStatistic
from phytomass.accounting.sums import Layer, walk
from phytomass.accounting.zones import ALL, OUTSIDE, Zones, read_zones
from phytomass.carbon import CarbonSettings, Pool, to_pool
from phytomass.errors import InputError
from phytomass.grid import grid_of_raster, pixel_area_ha
from phytomass.walk.moments import Moments

STOCK = tables.method("mean_times_area")
AREA = tables.method("mapped_pixels")


def zone_moments(
    values: Path, *, within: Path | None = None, zones: Zones | None = None
) -> dict[str, Moments]:
    """Sum a raster over the whole and over each zone.

    Parameters
    ----------
    values : Path
        Raster, one band.
    within : Path, optional
        Another raster on the same grid: only pixels with a value in both count.
    zones : Zones, optional
        On the same grid.

    Returns
    -------
    dict of str to Moments
        ``all``, then the zones, then ``outside zones`` where zones were given.
    """
    found = pool_moments(values, ("AGB",), CarbonSettings(), within=within, zones=zones)
    return {zone: moments["AGB"] for zone, moments in found.items()}


def pool_moments(
    agb: Path,
    pools: tuple[Pool, ...],
    carbon: CarbonSettings,
    *,
    within: Path | None = None,
    zones: Zones | None = None,
) -> dict[str, dict[Pool, Moments]]:
    """Sum the dry mass of pools, each converted in every pixel, over the whole and each zone.

    Parameters
    ----------
    agb : Path
        Map of aboveground dry mass, Mg/ha.
    pools : tuple of str
        Which ones.
    carbon : CarbonSettings
        With the root rule.
    within, zones
        As in `zone_moments`.
    """
    layers = [Layer(agb)] + ([Layer(within)] if within is not None else [])
    names = [*zones.names, OUTSIDE] if zones is not None else []
    found = {name: dict.fromkeys(pools, Moments()) for name in (ALL, *names)}
    for block, arrays in walk(layers):
        held = np.isfinite(arrays).all(axis=0)
        labels = zones.labels(block) if zones is not None and held.any() else None
        for pool in pools:
            mass = to_pool(arrays[0], pool, "dry_mass", carbon)
            found[ALL][pool] += Moments.of(mass[held])
            for label in [] if labels is None else np.unique(labels[held]):
                found[names[label]][pool] += Moments.of(mass[held & (labels == label)])
    if zones is not None and not any(moments.n for moments in found[OUTSIDE].values()):
        del found[OUTSIDE]
    return found


def map_summary(
    agb: str | Path,
    *,
    zones: str | Path | None = None,
    zone_column: str = "name",
    carbon: CarbonSettings | None = None,
    period: str = "",
) -> pd.DataFrame:
    """Return area, mean and stock of a biomass map in every pool and kind.

    A stock is the mean times the area of the same mask. Where the root:shoot ratio depends on
    biomass, each pixel is converted on its own and then summed. The spatial SD is the spread of the
    pixels; it is no standard error, and none is given.

    Parameters
    ----------
    agb : str or Path
        Map of aboveground dry mass, Mg/ha; nodata outside the mask.
    zones : str or Path, optional
        Polygons; pixels belong to the zone that holds their centre.
    zone_column : str
        Column with the zones' names.
    carbon : CarbonSettings, optional
        Factors.
    period : str
        Date of the map.

    Returns
    -------
    DataFrame
        Rows of `estimates.csv`: quantities area, map_mean (mean, spatial_SD; min and max of AGB)
        and stock, for ``all``, each zone, and ``outside zones``.

    Raises
    ------
    InputError
        If the map is empty, its grid is not projected, or zones overlap.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from phytomass.features import PredictorStack
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32643", 100, (500_000, 3_800_000, 500_300, 3_800_200))
    >>> with TemporaryDirectory() as folder:
    ...     agb = {"agb_mg_ha": [[10.0, 20.0, 30.0], [40.0, float("nan"), float("nan")]]}
    ...     table = map_summary(PredictorStack.write(f"{folder}/agb.tif", agb, grid).path)
    >>> stock = table[(table["quantity"] == "stock") & (table["pool"] == "AGB")]
    >>> stock[["kind", "value", "unit", "area_ha"]].round(1)
            kind  value    unit  area_ha
    21  dry_mass  100.0      Mg      4.0
    22         C   47.0    Mg C      4.0
    23      CO2e  172.3  Mg CO₂      4.0
    """
    agb = Path(agb)
    grid = grid_of_raster(agb)
    laid = read_zones(Path(zones), zone_column, grid) if zones is not None else None
    settings = carbon or CarbonSettings()
    found = pool_moments(agb, summed_pools(settings), settings, zones=laid)
    if not found[ALL]["AGB"].n:
        raise InputError("has no pixel with a value", where=agb.name, remedy="check the mask")
    rows = [
        row
        for zone, moments in found.items()
        for row in _rows(zone, moments, pixel_area_ha(grid), settings, period)
    ]
    return table_of(rows)


def _rows(
    zone: str, sums: Mapping[Pool, Moments], pixel_ha: float, carbon: CarbonSettings, period: str
) -> Iterator[Estimate]:
    moments = sums["AGB"]
    area = moments.n * pixel_ha
    yield Estimate("area", zone, "", "", area, "ha", area, "total", moments.n, period, AREA)
    row = partial(
        Estimate, zone=zone, pool="AGB", kind="dry_mass", area_ha=area, n=moments.n, period=period
    )
    if moments.n:
        mean = partial(row, "map_mean", unit="Mg/ha")
        for one in MAP_STATISTICS:
            made = partial(_said, one, partial(mean, statistic=one.name, method=one.method))
            yield from in_all_pools(sums, made, carbon) if one.in_all_pools else [made(moments)]
    total = partial(row, "stock", unit="Mg", statistic="total", method=STOCK)
    yield from in_all_pools(sums, lambda m: total(value=m.mean * area if m.n else 0.0), carbon)


def _said(statistic: ZoneStatistic, row: Callable[..., Estimate], moments: Moments) -> Estimate:
    return row(value=statistic.of(moments))


def truth_summary(truth: Path, agb: Path, *, period: str = "") -> pd.DataFrame:
    """Return mean and stock of a reference map over the pixels where both maps have a value.

    In aboveground dry mass only: that is what the map is compared in.

    Parameters
    ----------
    truth : Path
        Reference, aboveground dry mass, Mg/ha.
    agb : Path
        The map, on the same grid; says which pixels count.
    period : str
        Date.

    Returns
    -------
    DataFrame
        Rows of `estimates.csv`: quantities truth_mean (mean, spatial_SD) and truth_stock.

    Raises
    ------
    InputError
        If the grids differ, or no pixel has a value in both.
    """
    moments = zone_moments(truth, within=agb)[ALL]
    if not moments.n:
        raise InputError("shares no pixel with the map", where=truth.name)
    area = moments.n * pixel_area_ha(grid_of_raster(agb))
    row = partial(
        Estimate, zone=ALL, pool="AGB", kind="dry_mass", area_ha=area, n=moments.n, period=period
    )
    mean = partial(row, "truth_mean", unit="Mg/ha")
    where = tables.method("truth_pixels")
    rows = (
        mean(value=moments.mean, statistic="mean", method=where),
        mean(value=moments.sd, statistic="spatial_SD", method=where),
        row("truth_stock", value=moments.mean * area, unit="Mg", statistic="total", method=STOCK),
    )
    return table_of(rows)
