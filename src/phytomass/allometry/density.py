"""Wood density of species: the project's own value, the species' estimate, or that of its genus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry.settings import AllometrySettings
from phytomass.allometry.taxa import accepted_name, family_of, genus_of, read_table
from phytomass.delimited import read_delimited, table_of
from phytomass.errors import InputError, Problem
from phytomass.units import FACTORS

Entry = tuple[float, float, str]

LIGHTEST = 0.05
"""g/cm³: no wood is lighter."""

IMPOSSIBLE_DENSITY = 1.39
"""g/cm³: no wood is denser (upper bound of R BIOMASS's error model, methods of Chave et al.)."""


@dataclass(frozen=True)
class DensityTable:
    """Wood densities of a user's own table, or of the Global Wood Density Database.

    Parameters
    ----------
    values : mapping
        Species, genus or family → g/cm³, its SD (NaN where unknown), source.
    families : mapping
        Genus → family, as far as the table says.
    """

    values: Mapping[str, Entry]
    families: Mapping[str, str]


def load_wood_density(path: Path) -> DensityTable:
    """Read a table of wood densities.

    Parameters
    ----------
    path : path
        A UTF-8 CSV, either with taxon and wood_density (sd, source if known; unit, g/cm3 where it is
        left out), one row per species, genus or family; or in the layout of the Global Wood Density
        Database estimates: family, genus, species, wsg, sd, level_tax.

    Raises
    ------
    InputError
        With every row that cannot be: no number, outside 0.05 to 1.39 g/cm³, an unknown unit, a
        taxon twice; in one word where most densities seem to be in kg/m³.
    """
    rows = table_of(read_delimited(path, str(path)), path.name)
    if {"wsg", "level_tax", "family", "genus", "species"} <= set(rows.columns):
        taxon = [row.get(row["level_tax"], "") for row in rows.to_dict("records")]
        rows = rows.assign(taxon=taxon, wood_density=rows["wsg"])
    missing = [c for c in ("taxon", "wood_density") if c not in rows]
    if missing:
        remedy = "columns: taxon, wood_density, sd, source; or those of the GWDD estimates"
        raise InputError(f"no column {' and '.join(missing)}", where=path.name, remedy=remedy)
    families = {}
    if {"genus", "family"} <= set(rows.columns):
        pairs = zip(rows["genus"], rows["family"], strict=True)
        families = {g: f for g, f in pairs if g and f}
    return DensityTable(MappingProxyType(_entries(rows, path)), MappingProxyType(families))


def _entries(rows: pd.DataFrame, path: Path) -> dict[str, Entry]:
    problems: list[Problem] = []
    entries: dict[str, Entry] = {}
    factor = _factors(rows, path)
    value = pd.to_numeric(rows["wood_density"], errors="coerce").to_numpy(dtype=float) * factor
    _refuse_another_unit(value, path)
    sd = np.full(len(rows), np.nan)
    if "sd" in rows:
        sd = pd.to_numeric(rows["sd"], errors="coerce").to_numpy(dtype=float) * factor
    source = rows["source"].tolist() if "source" in rows else [path.name] * len(rows)
    for i, taxon in enumerate(rows["taxon"]):
        name, where = accepted_name(taxon), f"{path.name}, row {i + 2}"
        if not name:
            problems.append(Problem(where, "has no taxon", "name a species, genus or family"))
        elif not LIGHTEST <= value[i] <= IMPOSSIBLE_DENSITY:
            what = f"{rows['wood_density'].iloc[i]!r} is not a wood density in g/cm³"
            problems.append(Problem(where, what, f"between {LIGHTEST} and {IMPOSSIBLE_DENSITY}"))
        elif name in entries and entries[name][0] != value[i]:
            problems.append(Problem(where, f"{name!r} stands there with two densities"))
        entries[name] = (float(value[i]), float(sd[i]), source[i])
    if problems:
        raise InputError.of(problems)
    return entries


def _factors(rows: pd.DataFrame, path: Path) -> NDArray[np.float64]:
    """Return what each density is multiplied by to be in g/cm³."""
    units = rows["unit"].tolist() if "unit" in rows else [""] * len(rows)
    problems = []
    for i, unit in enumerate(units):
        if unit and unit not in FACTORS["density_g_cm3"]:
            remedy = f"use one of {', '.join(FACTORS['density_g_cm3'])}"
            problems.append(
                Problem(f"{path.name}, row {i + 2}, column unit", f"unknown unit {unit!r}", remedy)
            )
    if problems:
        raise InputError.of(problems)
    return np.array([FACTORS["density_g_cm3"].get(unit, 1.0) for unit in units], dtype=float)


def _refuse_another_unit(value: NDArray[np.float64], path: Path) -> None:
    """Say once what most rows have in common: no wood is that dense in g/cm³."""
    known = value[np.isfinite(value)]
    dense = int((known > IMPOSSIBLE_DENSITY).sum())
    if 2 * dense <= len(known):
        return
    median = float(np.median(known))
    what = f"{dense} of {len(known)} wood densities are above {IMPOSSIBLE_DENSITY} g/cm³ (median {median:g})"
    remedy = "check the column"
    if LIGHTEST <= median * 1e-3 <= IMPOSSIBLE_DENSITY:
        remedy = "if they are in kg/m³, add a column unit that says kg/m3, or divide them by 1000"
    raise InputError(what, where=f"{path.name}, column wood_density", remedy=remedy)


def density_of_species(
    names: Sequence[str],
    settings: AllometrySettings,
    root: Path,
    families: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return `wood_density` of names with the project's own values and table."""
    path = settings.wood_density_table
    table = None if path is None else load_wood_density(root / path)
    return wood_density(names, settings.wood_density, table, families)


def families_of(trees: pd.DataFrame) -> dict[str, str]:
    """Return the family of each accepted name, as far as the trees bring one and agree in it.

    Examples
    --------
    >>> names = ["Tilia cordata", "Tilia cordata", "Indet", "Indet"]
    >>> families = ["Malvaceae", "", "Fabaceae", "Rosaceae"]
    >>> families_of(pd.DataFrame({"accepted_species": names, "family": families}))
    {'Tilia cordata': 'Malvaceae'}
    """
    if "family" not in trees:
        return {}
    given = trees[trees["family"].fillna("").astype(str).str.strip() != ""]
    found = given["family"].astype(str).str.strip().str.capitalize()
    names = found.groupby(given["accepted_species"]).agg(["nunique", "first"])
    return {str(name): str(row[1]) for name, *row in names.itertuples() if row[0] == 1}


def wood_density(
    species: Sequence[str],
    own: Mapping[str, float] | None = None,
    table: DensityTable | None = None,
    families: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the wood density of each name and where it comes from.

    Parameters
    ----------
    species : sequence of str, length n
        Names as written or accepted; they may repeat.
    own : mapping, optional
        The project's own values, species (or genus) → g/cm³; they come first.
    table : DensityTable, optional
        From `load_wood_density`; at each level it comes before the room's own table.
    families : mapping, optional
        Accepted name → family, for genera whose family neither table says.

    Returns
    -------
    DataFrame, n rows
        species (accepted), wood_density and wood_density_sd (g/cm³, NaN where unknown), level
        (own, species, genus, family or none), source.

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
    theirs = families or {}
    found = {name: _look_up(name, mine, table, theirs.get(name, "")) for name in set(names)}
    columns = ["wood_density", "wood_density_sd", "level", "source"]
    result = pd.DataFrame([found[name] for name in names], columns=columns)
    result.insert(0, "species", names)
    return result


def _look_up(
    name: str, own: Mapping[str, float], table: DensityTable | None, stated: str = ""
) -> tuple[float, float, str, str]:
    for taxon in (name, genus_of(name)):
        if taxon in own:
            return own[taxon], np.nan, "own", "allometry.wood_density of the project"
    genus = genus_of(name)
    tables = [_table()] if table is None else [table.values, _table()]
    known = family_of(genus) if table is None else table.families.get(genus, family_of(genus))
    family = known or stated
    for taxon, level in ((name, "species"), (genus, "genus"), (family, "family")):
        for values in tables:
            if taxon in values:
                value, sd, source = values[taxon]
                return value, sd, "genus" if taxon == genus else level, source
    return np.nan, np.nan, "none", ""


@cache
def _table() -> MappingProxyType[str, Entry]:
    rows = read_table("wood_density.csv")
    values = {
        row["taxon"]: (float(row["wood_density"]), float(row["sd"] or "nan"), row["source"])
        for row in rows
    }
    return MappingProxyType(values)
