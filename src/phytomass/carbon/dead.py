"""Dead wood and litter by the project's own ratios, apart from the pools of the living."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from phytomass.carbon.factors import CarbonSettings, Factor
from phytomass.carbon.pools import KIND_UNITS, Amount
from phytomass.draws import Draws, Lazy

DEAD_POOLS = ("dead_wood", "litter")
"""Pools of dead matter, by the name of their ratio in `CarbonSettings`."""

LITTER_CARBON = 0.37
"""t C per t dry litter (IPCC 2006 Guidelines, Vol. 4, Ch. 2; quoted from memory)."""


def to_dead(agb: Amount, column: str, settings: CarbonSettings) -> Amount:
    """Turn aboveground dry mass into a column of `dead_columns`.

    Parameters
    ----------
    agb : float, array or Draws
        Aboveground dry mass, Mg/ha. Draw k of draws takes draw k of what they share under the
        ratio's name and ``carbon_fraction``.
    column : str
        E.g. ``dead_wood_mg_ha`` (dry mass), ``litter_c_mg_ha`` (C).
    settings : CarbonSettings
        With the ratio.

    Examples
    --------
    >>> to_dead(100.0, "litter_c_mg_ha", CarbonSettings(litter=0.05))
    1.85
    """
    name, as_carbon = dead_columns(settings)[column], column.endswith("_c_mg_ha")
    ratio: Factor = getattr(settings, name)
    fraction = settings.carbon_fraction.value if name == "dead_wood" else LITTER_CARBON
    if not isinstance(agb, Draws):
        found: Amount = _dead(agb, ratio.value, fraction if as_carbon else None)
        return found
    shared = agb.shared
    drawn = shared.get("carbon_fraction", fraction) if name == "dead_wood" else fraction
    ratios = shared.get(name, ratio.value)
    values = Lazy(
        (len(agb), agb.n_draws),
        lambda rows: np.asarray(
            _dead(np.asarray(agb.values[rows], float), ratios, drawn if as_carbon else None)
        ),
    )
    kind = "C" if as_carbon else "dry_mass"
    return replace(
        agb,
        point=_dead(agb.point, ratio.value, fraction if as_carbon else None),
        values=values,
        pool=name,
        kind=kind,
        unit=agb.unit.replace("Mg", KIND_UNITS[kind], 1),
    )


def _dead(agb: Any, ratio: Any, fraction: Any) -> Any:
    return agb * ratio if fraction is None else agb * ratio * fraction


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
    agb = table["agb_mg_ha"].to_numpy(dtype=float)
    columns = {c: to_dead(agb, c, settings) for c in dead_columns(settings)}
    return pd.DataFrame(columns, index=table.index)


def dead_columns(settings: CarbonSettings) -> dict[str, str]:
    """Return the columns of `dead_pools`, each with the name of its ratio.

    Examples
    --------
    >>> dead_columns(CarbonSettings(litter=0.05))
    {'litter_mg_ha': 'litter', 'litter_c_mg_ha': 'litter'}
    """
    given = [name for name in DEAD_POOLS if getattr(settings, name) is not None]
    return {column: n for n in given for column in (f"{n}_mg_ha", f"{n}_c_mg_ha")}
