"""The interval of a change: the difference of two maps of the same members, draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass import tables
from phytomass.accounting.estimate import Estimate, table_of
from phytomass.accounting.totals.model_based import AGB_MAP, Modelled, with_error
from phytomass.accounting.zones import ALL
from phytomass.carbon import Kind, Pool
from phytomass.mapping.map_draws import COMMON

Array = NDArray[np.float64]
BEFORE_MAP = "agb_before.tif"


@dataclass(frozen=True, eq=False)
class Dates:
    """Sums of the members of one zone, or of the whole, at two dates.

    Parameters
    ----------
    one, two : array, shape (k,)
        Sums over the pixels of each date, Mg/ha.
    common_one, common_two : array, shape (k,)
        Sums over the pixels that both have.
    n1, n2, n : int
        Pixels of each date, and of both.
    pixel_ha : float
    block : callable
        Pixels → variance of their mean residual at one date (see `Modelled.block`).
    """

    one: Array
    two: Array
    common_one: Array
    common_two: Array
    n1: int
    n2: int
    n: int
    pixel_ha: float
    block: Callable[[int], float]

    @classmethod
    def of(cls, given: Modelled, zone: str) -> Dates:
        """Return the sums of a zone, or of all."""
        draws, cover = given.draws, given.cover
        inside = np.array([zone in (ALL, name) for name in draws.zones], float)
        names = (BEFORE_MAP, AGB_MAP, COMMON + BEFORE_MAP, COMMON + AGB_MAP)
        one, two, common_one, common_two = (draws.sums[name] @ inside for name in names)
        n1, n2, n = (int(draws.pixels[name] @ inside) for name in (*names[:2], names[3]))
        block = partial(given.block, zone)
        return cls(one, two, common_one, common_two, n1, n2, n, cover.pixel_ha, block)

    def members(self, quantity: str) -> tuple[Array, float] | None:
        """Return a quantity of `change_estimates` of each member, and the variance of its residual.

        The residuals of the two dates are taken as independent: where they resemble each other, as
        those of one place do, the interval is too wide.
        """
        m1 = self.one / self.n1 if self.n1 else self.two / max(self.n2, 1)
        m2 = self.two / self.n2 if self.n2 else m1
        a1, a2, both = (n * self.pixel_ha for n in (self.n1, self.n2, self.n))
        v1, v2 = self.block(self.n1), self.block(self.n2)
        common = (self.common_two - self.common_one) / max(self.n, 1)
        on_both = 2 * self.block(self.n)
        known: dict[str, tuple[Array, float]] = {
            "change_mean": (common, on_both),
            "change_common_total": (common * both, on_both * both**2),
            "change_total": (a2 * m2 - a1 * m1, a1**2 * v1 + a2**2 * v2),
            "change_density_term": (a1 * (m2 - m1), a1**2 * (v1 + v2)),
            "change_area_term": ((a2 - a1) * m2, (a2 - a1) ** 2 * v2),
        }
        return known.get({"change_rate": "change_mean", "change_total_rate": "change_total"}.get(
            quantity, quantity
        ))  # fmt: skip

    @property
    def correlation(self) -> float:
        """Return the correlation of the means of both dates over the members, on the common pixels."""
        if self.common_one.std() * self.common_two.std() == 0:
            return float("nan")
        return float(np.corrcoef(self.common_one, self.common_two)[0, 1])


def with_change_errors(table: pd.DataFrame, given: Modelled, years: float | None) -> pd.DataFrame:
    """Return the rows of `change_estimates` with their standard errors and intervals.

    Both dates are maps of the same members, so what the members do not know of the model and of
    the field cancels in the difference as far as it is common. Values stay as they are.

    Parameters
    ----------
    table : DataFrame
        From `change_estimates`, of the same maps and zones.
    given : Modelled
        Its draws with the sums of the earlier map, and of both on their common pixels.
    years : float or None
        Between the dates.

    Returns
    -------
    DataFrame
        With a row change_correlation of each zone: that of the two dates over the members.
    """
    found: list[Estimate] = []
    for zone, rows in table.groupby("zone", sort=False):
        dates = Dates.of(given, str(zone))
        found += [_row(Estimate(**row), dates, given, years) for row in _records(rows)]
        first = Estimate(**next(_records(rows)))
        found += _correlation(first, dates)
    return table_of(found)


def _records(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in rows.to_dict("records"):
        yield {str(name): value for name, value in row.items()}


def _row(row: Estimate, dates: Dates, given: Modelled, years: float | None) -> Estimate:
    made = dates.members(row.quantity) if row.statistic in ("mean", "total") else None
    if made is None:
        return row
    members, block = made
    per = (years or 1.0) if row.unit.endswith("/yr") else 1.0
    pool, kind = cast(Pool, row.pool), cast(Kind, row.kind)
    size = max(dates.n2, 1)
    now = dates.two / size if dates.n2 else dates.one / max(dates.n1, 1)
    whole = given.factors.of_zones(pool, kind)
    zones = given.draws.zones
    weights = given.draws.pixels[AGB_MAP] * np.array([row.zone in (ALL, z) for z in zones])
    factor = float(whole @ weights / weights.sum()) if weights.any() else float(whole.mean())
    drawn = members * given.factor(now, pool, kind) * factor / per
    left = () if given.residuals is None else ("residuals_of_both_dates",)
    method = "+".join([row.method, tables.method("members", *left)])
    return with_error(replace(row, method=method), drawn, block * (factor / per) ** 2)


def _correlation(like: Estimate, dates: Dates) -> list[Estimate]:
    if not dates.n or not np.isfinite(dates.correlation):
        return []
    return [Estimate(
        "change_correlation", like.zone, "AGB", "dry_mass", dates.correlation, "",
        dates.n * dates.pixel_ha, "correlation", dates.n, like.period, tables.method("members_of_both_dates"),
        n_draws=len(dates.one),
    )]  # fmt: skip
