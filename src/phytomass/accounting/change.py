"""Change between two maps: on one common mask, and with change of area apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass import tables
from phytomass.accounting.estimate import Estimate, in_all_pools, summed_pools, table_of
from phytomass.accounting.sums import Layer, walk
from phytomass.accounting.zones import ALL, OUTSIDE, Zones, read_zones
from phytomass.carbon import CarbonSettings, Pool, to_pool
from phytomass.errors import InputError
from phytomass.grid import grid_of_raster, pixel_area_ha
from phytomass.walk.moments import Moments

ON_BOTH = ("change_mean", "change_common_total", "change_rate")
"""Quantities on the pixels that both dates have."""


def years_between(before: str, after: str) -> float | None:
    """Return the years between the middles of two periods; None where one is not a date.

    Parameters
    ----------
    before, after : str
        ``2020``, ``2020-07`` or a range ``2016/2021``.

    Examples
    --------
    >>> years_between("1991", "2002"), years_between("2014/2016", "2020"), years_between("", "2020")
    (11.0, 5.0, None)
    """
    middles = [_middle(period) for period in (before, after)]
    if middles[0] is None or middles[1] is None:
        return None
    return round(middles[1] - middles[0], 6)


def _middle(period: str) -> float | None:
    points = []
    for part in period.split("/"):
        match = re.fullmatch(r"(\d{4})(?:-(\d{2}))?", part.strip())
        if match is None:
            return None
        points.append(int(match[1]) + ((int(match[2]) - 0.5) / 12 if match[2] else 0.5))
    return float(np.mean(points))


@dataclass(frozen=True)
class Pair:
    """Sums over two dates: each on its own mask, and the difference on the common mask."""

    before: Moments
    after: Moments
    change: Moments

    @property
    def anywhere(self) -> bool:
        """Whether one of the dates has a pixel here."""
        return bool(self.before.n + self.after.n)

    def __add__(self, other: Pair) -> Pair:
        return Pair(
            self.before + other.before, self.after + other.after, self.change + other.change
        )


def change_estimates(
    agb_after: Path,
    agb_before: Path,
    *,
    period_before: str = "",
    period: str = "",
    zones: Path | None = None,
    zone_column: str = "name",
    carbon: CarbonSettings | None = None,
) -> pd.DataFrame:
    """Return the change between two maps of aboveground biomass.

    With area A and mean m of each date's own mask, ``A2 m2 - A1 m1 = A1 (m2 - m1) + (A2 - A1) m2``:
    the change of the stock is a density term and an area term. `change_mean` and
    `change_common_total` are on the pixels that both dates have; where the masks are the same,
    `change_common_total`, the density term and the change of the stock are one number. A zone that
    lost or gained all its forest has a term of area alone, so that zones add up to the whole.

    Parameters
    ----------
    agb_after, agb_before : Path
        Maps on one grid, Mg/ha.
    period_before, period : str
        Their dates; rates per year are given where both are dates.
    zones : Path, optional
        Polygons, as in `map_summary`.
    zone_column : str
        Column with the zones' names.
    carbon : CarbonSettings, optional
        Factors, the same at both dates.

    Returns
    -------
    DataFrame
        Rows of `estimates.csv`: quantities change_mean (mean, spatial_SD), change_common_total,
        change_total, change_density_term, change_area_term, change_rate (mean), change_total_rate.

    Raises
    ------
    InputError
        If the grids differ, the maps share no pixel, or the dates do not ascend.
    """
    years = years_between(period_before, period)
    if years is not None and years <= 0:
        raise InputError(
            f"the earlier date {period_before} is not before {period}", where="earlier"
        )
    grid = grid_of_raster(agb_after)
    laid = read_zones(zones, zone_column, grid) if zones is not None else None
    settings = carbon or CarbonSettings()
    found = _sums(agb_after, agb_before, laid, settings)
    if not found[ALL]["AGB"].change.n:
        raise InputError("the maps of the two dates share no pixel", where=agb_before.name)
    between = f"{period_before} to {period}" if period_before and period else period
    return table_of(
        estimate
        for zone, pairs in found.items()
        for row in _rows(zone, pairs["AGB"], pixel_area_ha(grid), between, years)
        for estimate in in_all_pools(pairs, row, settings)
    )


def _sums(
    after: Path, before: Path, zones: Zones | None, carbon: CarbonSettings
) -> dict[str, dict[Pool, Pair]]:
    pools = summed_pools(carbon)
    names = [*zones.names, OUTSIDE] if zones is not None else []
    empty = Pair(Moments(), Moments(), Moments())
    found = {name: dict.fromkeys(pools, empty) for name in (ALL, *names)}
    for block, layers in walk([Layer(after), Layer(before)]):
        labels = None if zones is None else zones.labels(block)
        for pool in pools:
            later, earlier = (to_pool(agb, pool, "dry_mass", carbon) for agb in layers)
            found[ALL][pool] += _pair(later, earlier)
            for label in [] if labels is None else np.unique(labels):
                here = labels == label
                found[names[label]][pool] += _pair(later[here], earlier[here])
    return {name: pairs for name, pairs in found.items() if name == ALL or pairs["AGB"].anywhere}


def _pair(later: np.ndarray, earlier: np.ndarray) -> Pair:
    has_later, has_earlier = np.isfinite(later), np.isfinite(earlier)
    both = has_later & has_earlier
    return Pair(
        Moments.of(earlier[has_earlier]),
        Moments.of(later[has_later]),
        Moments.of(later[both] - earlier[both]),
    )


def _rows(
    zone: str, pair: Pair, pixel_ha: float, period: str, years: float | None
) -> Iterator[Callable[[Pair], Estimate]]:
    """Give what makes a row of the sums of a pool; `pair` has the counts, which all pools share."""
    one, two, both = (m.n * pixel_ha for m in (pair.before, pair.after, pair.change))
    n1, n2, n = pair.before.n, pair.after.n, pair.change.n

    def density(p: Pair) -> float:
        return one * (p.after.mean - p.before.mean) if n1 and n2 else 0.0

    def area(p: Pair) -> float:
        return (two - one) * (p.after.mean if n2 else p.before.mean)

    def stock(p: Pair) -> float:
        return density(p) + area(p)

    on_both, own = tables.method("both_dates"), tables.method("own_masks")
    spread, times = tables.method("change_spread"), tables.method("change_times_area")
    of_density, of_area = tables.method("density_term"), tables.method("area_term")
    rows: list[tuple[str, Callable[[Pair], float], str, str, float, int, str]] = [
        ("change_mean", lambda p: p.change.mean, "mean", "Mg/ha", both, n, on_both),
        ("change_mean", lambda p: p.change.sd, "spatial_SD", "Mg/ha", both, n, spread),
        ("change_common_total", lambda p: p.change.mean * both, "total", "Mg", both, n, times),
        ("change_total", stock, "total", "Mg", two, n2, own),
        ("change_density_term", density, "total", "Mg", one, n1, of_density),
        ("change_area_term", area, "total", "Mg", two - one, abs(n2 - n1), of_area),
    ]
    if years:
        per, how = years, f"{years:g}"
        change, total = "change_rate", "change_total_rate"
        yearly = tables.method("both_dates", over_years=how)
        rows += [
            (change, lambda p: p.change.mean / per, "mean", "Mg/ha/yr", both, n, yearly),
            (
                total,
                lambda p: stock(p) / per,
                "total",
                "Mg/yr",
                two,
                n2,
                tables.method("own_masks", over_years=how),
            ),
        ]
    for quantity, value, statistic, unit, area_ha, number, method in rows:
        if not n and quantity in ON_BOTH:
            continue
        about = (unit, area_ha, statistic, number, period, method)
        yield _with(value, Estimate(quantity, zone, "AGB", "dry_mass", nan, *about))


def _with(value: Callable[[Pair], float], row: Estimate) -> Callable[[Pair], Estimate]:
    return lambda pair: replace(row, value=value(pair))
