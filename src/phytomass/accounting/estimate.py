"""An estimate: a number about an area that says what it is a number of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from typing import Literal

import pandas as pd

from phytomass.carbon import CarbonSettings, Kind, Pool, pool_factor

Statistic = Literal["mean", "total", "SE", "SD", "spatial_SD", "min", "max"]
"""`SE` is the standard error of the mean or total; `SD` the spread of plots, `spatial_SD` that of
pixels: neither of the two is an error of anything."""

KIND_UNITS: dict[str, str] = {"dry_mass": "Mg", "C": "Mg C", "CO2e": "Mg CO₂"}
"""Unit of a total by kind; per hectare it is followed by ``/ha``."""

POOLS: tuple[Pool, ...] = ("AGB", "BGB", "total")
KINDS: tuple[Kind, ...] = ("dry_mass", "C", "CO2e")


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
        See `Statistic`.
    n : int
        Plots or pixels behind it.
    period : str
        Date or dates.
    method : str
        How it was made, in words.
    """

    quantity: str
    zone: str
    pool: str
    kind: str
    value: float
    unit: str
    area_ha: float
    statistic: Statistic
    n: int
    period: str
    method: str


COLUMNS = tuple(field.name for field in fields(Estimate))
"""Columns of `estimates.csv`, in order."""


def table_of(estimates: Iterable[Estimate]) -> pd.DataFrame:
    """Return estimates as a table with the columns of `estimates.csv`.

    Examples
    --------
    >>> row = Estimate("area", "all", "", "", 3.0, "ha", 3.0, "total", 300, "2020", "pixels")
    >>> table_of([row]).shape
    (1, 11)
    """
    return pd.DataFrame([astuple(estimate) for estimate in estimates], columns=list(COLUMNS))


def in_all_pools(estimate: Estimate, carbon: CarbonSettings) -> Iterator[Estimate]:
    """Give an estimate of aboveground dry mass in every pool and kind.

    The factors are taken as exact: what is uncertain in them is not in a standard error.

    Parameters
    ----------
    estimate : Estimate
        Of AGB dry mass, its unit beginning with ``Mg``.
    carbon : CarbonSettings
        The factors.

    Examples
    --------
    >>> row = Estimate("map_mean", "all", "AGB", "dry_mass", 100.0, "Mg/ha", 1, "mean", 9, "", "")
    >>> [(e.pool, e.kind, round(e.value, 2), e.unit) for e in in_all_pools(row, CarbonSettings())][-2:]
    [('total', 'C', 59.22, 'Mg C/ha'), ('total', 'CO2e', 217.14, 'Mg CO₂/ha')]
    """
    for pool in POOLS:
        for kind in KINDS:
            yield replace(
                estimate,
                pool=pool,
                kind=kind,
                value=estimate.value * pool_factor(pool, kind, carbon),
                unit=estimate.unit.replace("Mg", KIND_UNITS[kind], 1),
            )
