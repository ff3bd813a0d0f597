"""The pools and kinds, and the way from aboveground dry mass to each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.carbon.factors import CarbonSettings, Factor
from phytomass.carbon.roots import class_ratio, mokany, root_classes
from phytomass.errors import InputError, nearest

Pool = Literal["AGB", "BGB", "total"]
Kind = Literal["dry_mass", "C", "CO2e"]
Amount = TypeVar("Amount", float, NDArray[np.float64])


@dataclass(frozen=True)
class PoolColumn:
    """What a column of a table of plots or estimates holds.

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
    title : str
        For tables and axes.
    """

    name: str
    pool: Pool
    kind: Kind
    unit: str
    title: str


POOLS: dict[str, PoolColumn] = {
    "agb_mg_ha": PoolColumn("agb", "AGB", "dry_mass", "Mg/ha", "Aboveground biomass"),
    "bgb_mg_ha": PoolColumn("bgb", "BGB", "dry_mass", "Mg/ha", "Belowground biomass"),
    "total_mg_ha": PoolColumn("total", "total", "dry_mass", "Mg/ha", "Total biomass"),
    "agc_mg_ha": PoolColumn("agc", "AGB", "C", "Mg C/ha", "Aboveground carbon"),
    "bgc_mg_ha": PoolColumn("bgc", "BGB", "C", "Mg C/ha", "Belowground carbon"),
    "carbon_mg_ha": PoolColumn("carbon", "total", "C", "Mg C/ha", "Total carbon"),
    "co2e_mg_ha": PoolColumn("co2e", "total", "CO2e", "Mg CO₂/ha", "Total CO₂ equivalent"),
}
"""Column → what it holds, in the order of the afforestation paper's Table 3."""


def to_pool(
    agb: Amount,
    pool: Pool,
    kind: Kind,
    settings: CarbonSettings | None = None,
    fraction: Amount | None = None,
) -> Amount:
    """Turn aboveground dry mass into a pool and kind, in the same unit of mass.

    BGB = AGB · R, C = biomass · CF, CO₂e = C · 44/12, total = AGB + BGB.

    Parameters
    ----------
    agb : float or array
        Aboveground dry mass, total or per area; NaN stays NaN. Mg/ha where the root:shoot ratio
        depends on it (the root rules ``ipcc2019`` and ``mokany``).
    pool, kind : str
        What to return.
    settings : CarbonSettings, optional
        The factors; the defaults of `factors.csv` if left out.
    fraction : float or array, optional
        Carbon fraction of each value, instead of the settings' `carbon_fraction`.

    Raises
    ------
    InputError
        For an unknown pool or kind.

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
    if pool == "total":
        above = to_pool(agb, "AGB", kind, settings, fraction)
        return above + to_pool(agb, "BGB", kind, settings, fraction)
    mass = _below(agb, settings) if pool == "BGB" else agb
    if kind == "dry_mass":
        return mass
    carbon = mass * (settings.carbon_fraction.value if fraction is None else fraction)
    return carbon if kind == "C" else carbon * settings.co2_per_c.value


def _below(agb: Amount, settings: CarbonSettings) -> Amount:
    if settings.root_rule == "constant":
        return agb * settings.root_shoot.value
    if settings.root_rule == "mokany":
        below = mokany(agb)
    else:
        below = agb * class_ratio(agb, root_classes()[str(settings.root_class)])
    return below if isinstance(agb, np.ndarray) else float(below)


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
    if settings.root_rule != "constant" and pool != "AGB":
        raise InputError(
            f"there is no one factor to {pool} with root_rule: {settings.root_rule}",
            where="carbon",
            remedy="use to_pool on Mg/ha, or root_rule: constant",
        )
    return to_pool(1.0, pool, kind, settings)


DEAD_POOLS = ("dead_wood", "litter")
"""Pools of dead matter, by the name of their ratio in `CarbonSettings`."""

LITTER_CARBON = 0.37
"""t C per t dry litter (IPCC 2006 Guidelines, Vol. 4, Ch. 2; quoted from memory)."""


def dead_pools(table: pd.DataFrame, settings: CarbonSettings) -> pd.DataFrame:
    """Return dead wood and litter of each plot by the project's own ratios, apart from `POOLS`.

    Parameters
    ----------
    table : DataFrame
        With ``agb_mg_ha``.
    settings : CarbonSettings
        With `dead_wood`, `litter` or both; what is not given makes no column.

    Returns
    -------
    DataFrame
        dead_wood_mg_ha, dead_wood_c_mg_ha, litter_mg_ha, litter_c_mg_ha; index as given.

    Examples
    --------
    >>> plots = pd.DataFrame({"agb_mg_ha": [100.0]})
    >>> dead_pools(plots, CarbonSettings(litter=0.05)).round(2).iloc[0].to_dict()
    {'litter_mg_ha': 5.0, 'litter_c_mg_ha': 1.85}
    """
    out = pd.DataFrame(index=table.index)
    agb = table["agb_mg_ha"].to_numpy(dtype=float)
    fractions = {"dead_wood": settings.carbon_fraction.value, "litter": LITTER_CARBON}
    for name in DEAD_POOLS:
        factor: Factor | None = getattr(settings, name)
        if factor is not None:
            out[f"{name}_mg_ha"] = agb * factor.value
            out[f"{name}_c_mg_ha"] = agb * factor.value * fractions[name]
    return out


def dead_columns(settings: CarbonSettings) -> dict[str, str]:
    """Return the columns of `dead_pools`, each with the name of its ratio.

    Examples
    --------
    >>> dead_columns(CarbonSettings(litter=0.05))
    {'litter_mg_ha': 'litter', 'litter_c_mg_ha': 'litter'}
    """
    given = [name for name in DEAD_POOLS if getattr(settings, name) is not None]
    return {column: n for n in given for column in (f"{n}_mg_ha", f"{n}_c_mg_ha")}


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
