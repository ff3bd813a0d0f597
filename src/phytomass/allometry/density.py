"""Wood density of species: the project's own value, the species' estimate, or that of its genus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
import pandas as pd

from phytomass.allometry.taxa import accepted_name, genus_of, read_table

IMPOSSIBLE_DENSITY = 1.39
"""g/cm³: no wood is denser (upper bound of R BIOMASS's error model, methods of Chave et al.)."""


def wood_density(species: Sequence[str], own: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return the wood density of each name and where it comes from.

    Parameters
    ----------
    species : sequence of str, length n
        Names as written or accepted; they may repeat.
    own : mapping, optional
        The project's own values, species (or genus) → g/cm³; they come first.

    Returns
    -------
    DataFrame, n rows
        species (accepted), wood_density and wood_density_sd (g/cm³, NaN where unknown), level
        (own, species, genus or none), source.

    Examples
    --------
    >>> wood_density(["Acacia modesta", "Pinus nigra", "Oak"])[["wood_density", "level"]]
       wood_density    level
    0         0.798  species
    1         0.451    genus
    2           NaN     none
    """
    mine = {accepted_name(name): value for name, value in (own or {}).items()}
    names = [accepted_name(name) for name in species]
    found = {name: _look_up(name, mine) for name in set(names)}
    columns = ["wood_density", "wood_density_sd", "level", "source"]
    table = pd.DataFrame([found[name] for name in names], columns=columns)
    table.insert(0, "species", names)
    return table


def _look_up(name: str, own: Mapping[str, float]) -> tuple[float, float, str, str]:
    for taxon in (name, genus_of(name)):
        if taxon in own:
            return own[taxon], np.nan, "own", "allometry.wood_density of the project"
    for taxon, level in ((name, "species"), (genus_of(name), "genus")):
        if taxon in _table():
            value, sd, source = _table()[taxon]
            return value, sd, "genus" if taxon == genus_of(name) else level, source
    return np.nan, np.nan, "none", ""


@cache
def _table() -> MappingProxyType[str, tuple[float, float, str]]:
    rows = read_table("wood_density.csv")
    values = {
        row["taxon"]: (float(row["wood_density"]), float(row["sd"] or "nan"), row["source"])
        for row in rows
    }
    return MappingProxyType(values)
