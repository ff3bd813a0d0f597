"""The pools and kinds, and the way from aboveground dry mass to each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass import tables
from phytomass.carbon.below import below_ground, drawn_roots, point_roots
from phytomass.carbon.factors import CarbonSettings
from phytomass.draws import Draws, Lazy
from phytomass.errors import InputError, nearest

Pool = Literal["AGB", "BGB", "total"]
Kind = Literal["dry_mass", "C", "CO2e"]
Array = NDArray[np.float64]
Amount = TypeVar("Amount", float, Array, Draws)

KIND_UNITS: dict[str, str] = {"dry_mass": "Mg", "C": "Mg C", "CO2e": "Mg CO₂"}
"""Unit of a total by kind; per hectare it is followed by ``/ha``."""


@dataclass(frozen=True)
class PoolColumn:
    """What a column of a table of plots or estimates holds, as `tables/pools.csv` says it.

    Parameters
    ----------
    name : str
        Short name, as in `plot_statistics.csv`.
    pool : str
        ``AGB``, ``BGB`` or ``total`` (the sum of both).
    kind : str
        ``dry_mass``, ``C`` or ``CO2e``.
    unit : str
        Per hectare.
    """

    name: str
    pool: Pool
    kind: Kind
    unit: str


POOLS: dict[str, PoolColumn] = {
    f"{name}_mg_ha": PoolColumn(name, cast(Pool, pool.pool), cast(Kind, pool.kind), pool.unit)
    for name, pool in tables.pools().items()
    if pool.pool in get_args(Pool)
}
"""Column → what it holds, in the order of the afforestation paper's Table 3."""


def to_pool(
    agb: Amount,
    pool: Pool,
    kind: Kind,
    settings: CarbonSettings | None = None,
    fraction: Amount | None = None,
) -> Amount:
    """Turn aboveground dry mass into a pool and kind: a number, an array or draws.

    BGB = AGB · R, C = biomass · CF, CO₂e = C · 44/12, total = AGB + BGB. Where R depends on AGB
    the answer is that of each plot or pixel: convert first, average afterwards.

    Parameters
    ----------
    agb : float, array or Draws
        Aboveground dry mass, total or per area; NaN stays NaN. Mg/ha where the root:shoot ratio
        depends on it (the root rules ``ipcc2019`` and ``mokany``).
    pool, kind : str
        What to return.
    settings : CarbonSettings, optional
        The factors; the defaults of `factors.csv` if left out.
    fraction : float, array or Draws, optional
        Carbon fraction of each value, instead of the settings' `carbon_fraction`.

    Returns
    -------
    float, array or Draws
        As `agb`. Draw k of draws takes draw k of what they share under the names
        ``carbon_fraction`` and ``root_shoot`` (see `root_draws`); what they do not share is
        taken from the settings as exact. Rows are converted when they are asked for.

    Raises
    ------
    InputError
        For an unknown pool or kind, and for draws that are not of aboveground dry mass, or whose
        root:shoot ratio was drawn by another rule.

    References
    ----------
    IPCC 2006 Guidelines, Vol. 4, Ch. 2, eq. 2.8 and Ch. 4; Khan et al. (2025), eqs. 1 and 2.

    Examples
    --------
    >>> round(to_pool(4.77, "total", "CO2e"), 2)
    10.36
    """
    settings = settings or CarbonSettings()
    _check(pool, ("AGB", "BGB", "total"), "pool")
    _check(kind, ("dry_mass", "C", "CO2e"), "kind")
    if isinstance(agb, Draws):
        return _drawn(agb, pool, kind, settings, fraction)
    # A total of numbers is the sum of its parts to the last bit, as tables of plots show both.
    parts: tuple[Pool, ...] = ("AGB", "BGB") if pool == "total" else (pool,)
    share = settings.carbon_fraction.value if fraction is None else fraction
    roots = point_roots(settings)
    amounts = [_in_kind(_mass(agb, p, settings, roots), kind, share, settings) for p in parts]
    found: Amount = amounts[0] if len(parts) == 1 else amounts[0] + amounts[1]
    return found


def _mass(agb: Any, pool: Pool, settings: CarbonSettings, roots: tuple[Any, ...]) -> Any:
    if pool == "AGB":
        return agb
    below = below_ground(agb, settings, roots)
    return below if pool == "BGB" else agb + below


def _in_kind(mass: Any, kind: Kind, fraction: Any, settings: CarbonSettings) -> Any:
    if kind == "dry_mass":
        return mass
    carbon = mass * fraction
    return carbon if kind == "C" else carbon * settings.co2_per_c.value


def _drawn(
    agb: Draws, pool: Pool, kind: Kind, settings: CarbonSettings, fraction: Draws | None
) -> Draws:
    _check_draws(agb, pool, settings)
    roots = drawn_roots(agb.shared, settings) if pool != "AGB" else ()
    shared = agb.shared.get("carbon_fraction", settings.carbon_fraction.value)

    def values(rows: Any) -> Array:
        mass = _mass(np.asarray(agb.values[rows], dtype=float), pool, settings, roots)
        share = shared if fraction is None else fraction.values[rows]
        return np.asarray(_in_kind(mass, kind, share, settings))

    own = None if fraction is None else fraction.point
    return replace(
        agb,
        point=to_pool(agb.point, pool, kind, settings, own),
        values=Lazy((len(agb), agb.n_draws), values),
        pool=pool,
        kind=kind,
        unit=agb.unit.replace("Mg", KIND_UNITS[kind], 1),
    )


def _check_draws(agb: Draws, pool: Pool, settings: CarbonSettings) -> None:
    if (agb.pool, agb.kind) != ("AGB", "dry_mass") or not agb.unit.startswith("Mg"):
        raise InputError(
            f"draws of {agb.pool} {agb.kind} in {agb.unit}",
            remedy="pools are made of draws of aboveground dry mass in Mg or Mg/ha",
        )
    if pool != "AGB" and not is_proportional(settings) and agb.unit != "Mg/ha":
        raise InputError(
            f"{pool} of {agb.unit} with root_rule: {settings.root_rule}",
            remedy="convert each plot or pixel in Mg/ha, and sum afterwards",
        )


def is_proportional(settings: CarbonSettings) -> bool:
    """Tell whether belowground is a fixed multiple of aboveground biomass.

    Then, and only then, the pool of a sum is the sum of the pools.

    Examples
    --------
    >>> is_proportional(CarbonSettings()), is_proportional(CarbonSettings(root_rule="mokany"))
    (True, False)
    """
    return settings.root_rule == "constant"


def pool_factor(pool: Pool, kind: Kind, settings: CarbonSettings | None = None) -> float:
    """Return what aboveground dry mass is multiplied by to give a pool and kind.

    Raises
    ------
    InputError
        If belowground biomass is not proportional to it (the root rules ipcc2019 and mokany).

    Examples
    --------
    >>> round(pool_factor("total", "C"), 4)
    0.5922
    """
    settings = settings or CarbonSettings()
    if pool != "AGB" and not is_proportional(settings):
        raise InputError(
            f"there is no one factor to {pool} with root_rule: {settings.root_rule}",
            where="carbon",
            remedy="use to_pool on Mg/ha, or root_rule: constant",
        )
    return to_pool(1.0, pool, kind, settings)


def add_pools(table: pd.DataFrame, settings: CarbonSettings | None = None) -> pd.DataFrame:
    """Return the table with all pools that follow from its column ``agb_mg_ha``.

    Parameters
    ----------
    table : DataFrame
        With ``agb_mg_ha``, Mg/ha dry mass, and where plots differ in it ``carbon_fraction``.
    settings : CarbonSettings, optional
        The factors.

    Returns
    -------
    DataFrame
        A copy with bgb_mg_ha, total_mg_ha (dry mass), agc_mg_ha, bgc_mg_ha, carbon_mg_ha (C) and
        co2e_mg_ha (CO₂e of the total), all per hectare.

    Raises
    ------
    InputError
        If there is no ``agb_mg_ha``.

    Examples
    --------
    >>> add_pools(pd.DataFrame({"agb_mg_ha": [100.0]})).round(2).iloc[0].to_dict()
    {'agb_mg_ha': 100.0, 'bgb_mg_ha': 26.0, 'total_mg_ha': 126.0, 'agc_mg_ha': 47.0,
     'bgc_mg_ha': 12.22, 'carbon_mg_ha': 59.22, 'co2e_mg_ha': 217.14}
    """
    if "agb_mg_ha" not in table:
        raise InputError("no column 'agb_mg_ha'", where="table of plots")
    agb = table["agb_mg_ha"].to_numpy(dtype=float)
    own = table["carbon_fraction"].to_numpy(dtype=float) if "carbon_fraction" in table else None
    pools = {c: to_pool(agb, m.pool, m.kind, settings, own) for c, m in POOLS.items()}
    return table.assign(**{c: v for c, v in pools.items() if c != "agb_mg_ha"})


def _check(value: str, allowed: tuple[str, ...], what: str) -> None:
    if value not in allowed:
        hint = nearest(value, allowed)
        raise InputError(f"unknown {what} {value!r}", remedy=hint or f"one of {', '.join(allowed)}")
