"""An estimate: a number about an area that says what it is a number of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields, replace
from typing import TypeVar

import pandas as pd

from phytomass.accounting.zones import ALL
from phytomass.carbon import KIND_UNITS, CarbonSettings, Kind, Pool, is_proportional, pool_factor
from phytomass.draws import Draws
from phytomass.errors import InputError

POOLS: tuple[Pool, ...] = ("AGB", "BGB", "total")
KINDS: tuple[Kind, ...] = ("dry_mass", "C", "CO2e")
Of = TypeVar("Of")


@dataclass(frozen=True)
class Estimate:
    """One row of `estimates.csv`.

    Parameters
    ----------
    quantity : str
        E.g. ``map_mean``, ``stock``, ``change_total``.
    zone : str
        Name of the zone; ``all`` for the whole mapped area.
    pool, kind : str
        AGB, BGB or total; dry_mass, C or CO2e; empty for areas.
    value : float
        In `unit`.
    unit : str
        E.g. ``Mg/ha``, ``Mg C``.
    area_ha : float
        Area the number is about; NaN where it is about plots.
    statistic : str
        E.g. ``mean`` and ``total``. ``SE`` is the standard error of one of them; ``SD`` the spread
        of plots, ``spatial_SD`` that of pixels: neither of the two is an error of anything.
    n : int
        Plots or pixels behind it.
    period : str
        Date or dates.
    method : str
        How it was made, in words.
    se : float
        Standard error of the mean or total; NaN where none is known.
    low, high : float
        Bounds of its interval; NaN where none is known.
    level : float
        Share of the interval, e.g. 0.95; NaN without one.
    n_draws : int
        Draws behind the error; 0 where it comes from none.
    headline : bool
        Whether page one of the report quotes it.
    """

    quantity: str
    zone: str
    pool: str
    kind: str
    value: float
    unit: str
    area_ha: float
    statistic: str
    n: int
    period: str
    method: str
    se: float = math.nan
    low: float = math.nan
    high: float = math.nan
    level: float = math.nan
    n_draws: int = 0
    headline: bool = False

    def __add__(self, other: Estimate) -> Estimate:
        """Return the total of two zones, or of aboveground and belowground biomass of one.

        Its error is unknown: that of a sum hangs on the correlation, which only draws keep
        (`Draws.__add__`, `drawn`).

        Raises
        ------
        InputError
            For quantities per area, without pool, kind, area or date, of different kinds, dates,
            units or pools, and for one zone twice.

        Examples
        --------
        >>> a = Estimate("stock", "a", "AGB", "C", 2.0, "Mg C", 3.0, "total", 9, "2020", "map")
        >>> whole = a + replace(a, zone="b", value=5.0)
        >>> whole.value, whole.area_ha, whole.zone
        (7.0, 6.0, 'a + b')
        >>> a + replace(a, zone="b", kind="dry_mass", unit="Mg")
        Traceback (most recent call last):
        ...
        phytomass.errors.InputError: stock of b: kind 'dry_mass' cannot be added to kind 'C' → ...
        """
        for one in (self, other):
            _check_total(one)
        for name in ("quantity", "kind", "unit", "period"):
            if getattr(self, name) != getattr(other, name):
                _refuse(
                    other, f"{name} {getattr(other, name)!r}", f"{name} {getattr(self, name)!r}"
                )
        pool, zone, area = _whole(self, other)
        return replace(
            self, pool=pool, zone=zone, area_ha=area, value=self.value + other.value,
            n=self.n + other.n if zone != self.zone else self.n, method="sum", se=math.nan,
            low=math.nan, high=math.nan, level=math.nan, n_draws=0, headline=False,
        )  # fmt: skip

    def __radd__(self, other: int) -> Estimate:
        """Let the built-in `sum` begin at 0."""
        if other != 0:
            raise InputError("a number without unit cannot be added to an estimate")
        return self

    def drawn(self, draws: Draws, level: float = 0.95) -> Estimate:
        """Return the estimate with point, standard error and interval of draws.

        Parameters
        ----------
        draws : Draws
            Of one item, e.g. of `Draws.mean` or `Draws.total`; value, pool, kind and unit are its.
        level : float
            Share of the draws between the bounds.

        Raises
        ------
        InputError
            If there are several items.

        Examples
        --------
        >>> import numpy as np
        >>> agb = Draws(np.array([5.0]), np.array([[4.0, 5.0, 6.0]]), ("a",), "AGB", "dry_mass", "Mg")
        >>> row = Estimate("stock", "all", "", "", 0, "", 3.0, "total", 9, "2020", "draws")
        >>> one = row.drawn(agb.total(), level=0.5)
        >>> one.value, one.unit, one.se, one.low, one.high, one.level, one.n_draws
        (5.0, 'Mg', 1.0, 4.5, 5.5, 0.5, 3)
        """
        if len(draws) != 1:
            what = f"an estimate is one number, and these are draws of {len(draws)}"
            raise InputError(what, remedy="take their mean or total")
        low, high = draws.interval(level)
        return replace(
            self, value=float(draws.point[0]), pool=draws.pool, kind=draws.kind, unit=draws.unit,
            se=float(draws.se()[0]), low=float(low[0]), high=float(high[0]), level=level,
            n_draws=draws.n_draws,
        )  # fmt: skip


def _check_total(one: Estimate) -> None:
    where = f"{one.quantity} of {one.zone or 'no zone'}"
    absent = [name for name in ("pool", "kind", "period") if not getattr(one, name)]
    absent += [] if math.isfinite(one.area_ha) else ["area_ha"]
    if absent:
        raise InputError(f"has no {', '.join(absent)} and cannot be added", where=where)
    if one.statistic != "total" or "/ha" in one.unit:
        remedy = "multiply means by their areas first; errors do not add"
        raise InputError(f"is no total ({one.statistic}, {one.unit})", where=where, remedy=remedy)


def _refuse(other: Estimate, this: str, that: str) -> None:
    where = f"{other.quantity} of {other.zone}"
    remedy = "convert, or choose rows of one kind, unit and date"
    raise InputError(f"{this} cannot be added to {that}", where=where, remedy=remedy)


def _whole(a: Estimate, b: Estimate) -> tuple[str, str, float]:
    """Return pool, zone and area of a sum."""
    if a.pool == b.pool:
        if set(a.zone.split(" + ")) & set(b.zone.split(" + ")) or ALL in (a.zone, b.zone):
            _refuse(b, f"the zone {b.zone!r}", f"{a.zone!r}, which holds it")
        return a.pool, f"{a.zone} + {b.zone}", a.area_ha + b.area_ha
    if {a.pool, b.pool} != {"AGB", "BGB"} or a.zone != b.zone or a.area_ha != b.area_ha:
        _refuse(b, f"pool {b.pool!r}", f"pool {a.pool!r}, but AGB and BGB of one zone")
    return "total", a.zone, a.area_ha


COLUMNS = tuple(field.name for field in fields(Estimate))
"""Columns of `estimates.csv`, in order."""


def table_of(estimates: Iterable[Estimate]) -> pd.DataFrame:
    """Return estimates as a table with the columns of `estimates.csv`.

    Examples
    --------
    >>> row = Estimate("area", "all", "", "", 3.0, "ha", 3.0, "total", 300, "2020", "pixels")
    >>> table_of([row]).shape
    (1, 17)
    """
    return pd.DataFrame([astuple(estimate) for estimate in estimates], columns=list(COLUMNS))


def summed_pools(carbon: CarbonSettings) -> tuple[Pool, ...]:
    """Return the pools whose dry mass must be summed on its own: all that are no multiple of AGB.

    Examples
    --------
    >>> summed_pools(CarbonSettings()), summed_pools(CarbonSettings(root_rule="mokany"))
    (('AGB',), ('AGB', 'BGB', 'total'))
    """
    return ("AGB",) if is_proportional(carbon) else POOLS


def in_all_pools(
    sums: Mapping[Pool, Of], row: Callable[[Of], Estimate], carbon: CarbonSettings
) -> Iterator[Estimate]:
    """Give an estimate in every pool and kind.

    The factors are taken as exact: what is uncertain in them is not in a standard error.

    Parameters
    ----------
    sums : mapping of pool to anything
        What `row` reads, for each of `summed_pools`; a pool that is not there is a multiple of AGB.
    row : callable
        Makes an estimate, as of AGB dry mass, its unit beginning with ``Mg``.
    carbon : CarbonSettings
        The factors.

    Examples
    --------
    >>> def row(x): return Estimate("m", "all", "AGB", "dry_mass", x, "Mg/ha", 1, "mean", 9, "", "")
    >>> rows = list(in_all_pools({"AGB": 100.0}, row, CarbonSettings()))
    >>> [(e.pool, e.kind, round(e.value, 2), e.unit) for e in rows][-2:]
    [('total', 'C', 59.22, 'Mg C/ha'), ('total', 'CO2e', 217.14, 'Mg CO₂/ha')]
    """
    for pool in POOLS:
        own = pool in sums
        estimate = row(sums[pool if own else "AGB"])
        for kind in KINDS:
            factor = pool_factor("AGB" if own else pool, kind, carbon)
            yield replace(
                estimate,
                pool=pool,
                kind=kind,
                value=estimate.value * factor,
                se=estimate.se * factor,
                low=estimate.low * factor,
                high=estimate.high * factor,
                unit=estimate.unit.replace("Mg", KIND_UNITS[kind], 1),
            )
