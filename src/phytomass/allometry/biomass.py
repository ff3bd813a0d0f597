"""Trees to kilograms of aboveground dry mass, with the choice and its reason beside each tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry.choice import Choice, Chooser
from phytomass.allometry.density import (
    IMPOSSIBLE_DENSITY,
    LIGHTEST,
    density_of_species,
    families_of,
)
from phytomass.allometry.equations import AllometricEquation
from phytomass.allometry.heights import STRESS, fill_heights
from phytomass.allometry.settings import AllometrySettings
from phytomass.allometry.spelling import names_of, suggestion
from phytomass.allometry.table import load_equations
from phytomass.errors import InputError, Problem, require_columns

FORM_FACTOR_MOIST = 0.0509
"""AGB/(ρD²H) of Chave et al. (2005) for moist forest; turns a mass into the density it implies."""

SHOWN = 10

DENSITY = "wood_density_g_cm3"
"""Column of the tree list with a density of each tree."""


def tree_biomass(
    trees: pd.DataFrame, settings: AllometrySettings, root: Path = Path()
) -> pd.DataFrame:
    """Return the trees with their equation, the reason for it, and their biomass.

    Parameters
    ----------
    trees : DataFrame
        tree_id, plot_id, species, dbh_cm, height_m where an equation needs it,
        wood_density_g_cm3 of trees that bring their own, family if known, and
        environmental_stress (E of the plot) where the settings name no number.
    settings : AllometrySettings
        The section `allometry` of the project file.
    root : Path
        The folder that its paths start from.

    Returns
    -------
    DataFrame
        The same rows and columns, each row by its own tree only, and: accepted_species;
        equation_id; choice (project, species, genus, group, general); reason; doubtful;
        range_known; extrapolated (outside the known range); wood_density and wood_density_sd
        (g/cm³, NaN where not used or not known), wood_density_level (own, species, genus, family
        or plot); implied_density_impossible (AGB/(0.0509 D²H) > 1.39 g/cm³: no wood is so dense;
        False without a height); agb_kg (dry mass,
        with exp(RSE²/2) where the equation's constant lacks it). With `settings.heights`, missing heights are
        filled in and the columns of `fill_heights` are there.

    Raises
    ------
    InputError
        Listing every species without an equation or wood density, and equations that need a
        height or an environmental stress that is not there, or that give a negative mass; for
        trees that have a mass already, which would be lost.

    Examples
    --------
    >>> trees = pd.DataFrame({"tree_id": ["1"], "plot_id": ["A"], "species": ["Chir"],
    ...                       "dbh_cm": [30.0], "height_m": [20.0]})
    >>> tree_biomass(trees, AllometrySettings())[["equation_id", "choice", "agb_kg"]].round(1)
                    equation_id   choice  agb_kg
    0  pinus_roxburghii_ali2020  species   320.9
    """
    require_columns(trees, ("species", "dbh_cm"), "trees")
    if "agb_kg" in trees:
        raise InputError(
            "the trees have a mass already",
            where="trees",
            remedy="use it as it is, or leave inventory.trees.columns.agb_kg out",
        )
    trees = _with_heights(trees, settings)
    if "accepted_species" not in trees:
        trees = trees.assign(accepted_species=_accepted(trees, settings, root))
    chosen = _chosen(trees, settings, root)
    equations = {e.id: e for e in map(_equation, chosen.values())}
    return _with_mass(_with_choices(trees, chosen, settings, root), equations, settings)


def _accepted(trees: pd.DataFrame, settings: AllometrySettings, root: Path) -> pd.Series[str]:
    """Return the accepted name of each tree."""
    written = trees["species"].astype(str)
    found = names_of(written.tolist(), settings, root).set_index("species")["accepted_species"]
    return written.map(found)


def _with_heights(trees: pd.DataFrame, settings: AllometrySettings) -> pd.DataFrame:
    if "height_m" not in trees and settings.heights is not None:
        trees = trees.assign(height_m=np.nan)
    if settings.heights is None or trees["height_m"].notna().all():
        return trees
    return fill_heights(trees, settings.heights, stress_number(settings))


def stress_number(settings: AllometrySettings) -> float | None:
    """Return the E that all trees share, or None where each has that of its plot, if any."""
    given = settings.environmental_stress
    return given if isinstance(given, float) else None


def stress_of(trees: pd.DataFrame, settings: AllometrySettings) -> NDArray[np.float64] | None:
    """Return the E of each tree: the number of the settings, else the column of the trees."""
    given = stress_number(settings)
    if given is not None:
        return np.full(len(trees), given)
    return trees[STRESS].to_numpy(dtype=float) if STRESS in trees else None


def _with_choices(
    trees: pd.DataFrame, chosen: Mapping[str, Choice], settings: AllometrySettings, root: Path
) -> pd.DataFrame:
    density = _densities(trees, chosen, settings, root)
    names = trees["accepted_species"]
    equations = {name: _equation(choice) for name, choice in chosen.items()}
    table = trees.assign(
        equation_id=names.map({name: e.id for name, e in equations.items()}),
        choice=names.map({name: c.level for name, c in chosen.items()}),
        reason=names.map({name: c.reason for name, c in chosen.items()}),
        doubtful=names.map({n: e.doubtful for n, e in equations.items()}).astype(bool),
        range_known=names.map({n: e.range_known for n, e in equations.items()}).astype(bool),
        wood_density=names.map(density["wood_density"]).astype(float),
        wood_density_sd=names.map(density["wood_density_sd"]).astype(float),
        wood_density_level=names.map(density["level"]),
    )
    return _with_plot_means(_with_own_density(table, equations), equations)


def _measured_densities(trees: pd.DataFrame) -> set[str]:
    """Return the species all of whose trees bring their wood density; refuse impossible ones."""
    if DENSITY not in trees:
        return set()
    given = trees[DENSITY]
    bad = given.notna() & ~given.between(LIGHTEST, IMPOSSIBLE_DENSITY)
    if bad.any():
        first = trees[bad].iloc[0]
        what = f"tree {first['tree_id']!r} of plot {first['plot_id']!r} has {first[DENSITY]:g}"
        raise InputError(
            f"{what}, and wood has {LIGHTEST} to {IMPOSSIBLE_DENSITY} g/cm³",
            where=f"trees, column {DENSITY}",
            remedy="give the unit in inventory.trees.units (kg/m3), or correct the rows",
        )
    whole = given.notna().groupby(trees["accepted_species"]).all()
    return set(whole.index[whole])


def _with_own_density(
    table: pd.DataFrame, equations: Mapping[str, AllometricEquation]
) -> pd.DataFrame:
    """Put the wood density that trees bring before that of their species."""
    if DENSITY not in table:
        return table
    reads = table["accepted_species"].map({n: e.needs_density for n, e in equations.items()})
    own = (reads.astype(bool) & table[DENSITY].notna()).to_numpy()
    return table.assign(
        wood_density=np.where(own, table[DENSITY], table["wood_density"]),
        wood_density_sd=np.where(own, np.nan, table["wood_density_sd"]),
        wood_density_level=np.where(own, "own", table["wood_density_level"]),
    ).drop(columns=DENSITY)


def check_species(
    trees: pd.DataFrame, settings: AllometrySettings, root: Path = Path()
) -> list[Problem]:
    """Return what would stop `tree_biomass`, without computing any biomass.

    Parameters
    ----------
    trees, settings, root
        As in `tree_biomass`.
    """
    try:
        trees = trees.assign(accepted_species=_accepted(trees, settings, root))
        _densities(trees, _chosen(trees, settings, root), settings, root)
    except InputError as error:
        return list(error.problems)
    return []


def choose_equations(
    species: Sequence[str], settings: AllometrySettings, root: Path = Path()
) -> pd.DataFrame:
    """Return one row per distinct species: what would be used for it, and why.

    Returns
    -------
    DataFrame
        species (accepted), equation_id (empty where nothing fits), choice (``none`` there),
        reason.

    Examples
    --------
    >>> choose_equations(["Phulai", "Melia azedarach"], AllometrySettings(fallback="chave2014"))[
    ...     ["species", "equation_id", "choice"]]
                species             equation_id   choice
    0   Melia azedarach               chave2014  general
    1  Senegalia modesta  acacia_modesta_ali2015  species
    """
    chooser = _chooser(settings, root)
    names = sorted(set(names_of(species, settings, root)["accepted_species"]))
    rows = [(name, choice := chooser.choose(name), choice.equation) for name in names]
    return pd.DataFrame(
        [(name, e.id if e else "", choice.level, choice.reason) for name, choice, e in rows],
        columns=["species", "equation_id", "choice", "reason"],
    )


def _chooser(settings: AllometrySettings, root: Path) -> Chooser:
    extra = None if settings.equations is None else root / settings.equations
    return Chooser(settings, load_equations(extra))


def _equation(choice: Choice) -> AllometricEquation:
    if choice.equation is None:
        raise InputError(choice.reason, where="allometry")
    return choice.equation


def _chosen(trees: pd.DataFrame, settings: AllometrySettings, root: Path) -> dict[str, Choice]:
    """Choose for every species, and complain about all that cannot be computed at once."""
    chooser = _chooser(settings, root)
    found = trees["accepted_species"].value_counts()
    count = {str(name): int(found[name]) for name in sorted(found.index)}
    chosen = {name: chooser.choose(name) for name in count}
    problems = [
        Problem(f"species {name!r} ({count[name]} trees)", choice.reason, _remedy(name, settings))
        for name, choice in chosen.items()
        if choice.equation is None
    ]
    problems += _check_measured(trees, chosen, settings)
    if problems:
        raise InputError.of(problems)
    return chosen


def _remedy(name: str, settings: AllometrySettings) -> str:
    hint = suggestion(name, settings.species)
    advice = "name an equation in allometry.species, or an allometry.fallback"
    return f"{hint} Otherwise {advice}" if hint else advice


def _check_measured(
    trees: pd.DataFrame, chosen: Mapping[str, Choice], settings: AllometrySettings
) -> list[Problem]:
    """Complain about equations whose input the whole table lacks."""
    problems = []
    equations = {c.equation.id: c.equation for c in chosen.values() if c.equation is not None}
    by_plot = isinstance(settings.environmental_stress, Path)
    no_height = "height_m" not in trees or bool(trees["height_m"].isna().all())
    for equation in equations.values():
        unfilled = no_height and settings.heights is None
        if equation.needs_height and unfilled and len(trees):
            problems.append(
                Problem(
                    f"equation {equation.id}",
                    "needs the height of the trees, and the table of trees has none",
                    "map height_m in inventory.trees.columns, or choose an equation without height",
                )
            )
        if equation.needs_stress and stress_of(trees, settings) is None and not by_plot:
            problems.append(
                Problem(
                    f"equation {equation.id}",
                    "needs the environmental stress E of the site",
                    "give allometry.environmental_stress, a number or a raster",
                )
            )
    return problems


def _densities(
    trees: pd.DataFrame, chosen: Mapping[str, Choice], settings: AllometrySettings, root: Path
) -> pd.DataFrame:
    """Return wood_density, its SD and level by species: NaN where the equation does not read it."""
    measured = _measured_densities(trees)
    reading = [n for n, c in chosen.items() if c.equation is not None and c.equation.needs_density]
    found = density_of_species(reading, settings, root, families_of(trees)).set_index("species")
    absent = found.index[found["wood_density"].isna() & ~found.index.isin(measured)]
    if len(absent) and not settings.wood_density_plot_mean:
        raise InputError.of(
            [
                Problem(
                    f"species {name!r}",
                    f"no wood density for it or its genus, and {_equation(chosen[name]).id} needs one",
                    suggestion(name) or _density_remedy(name),
                )
                for name in absent
            ]
        )
    table = found[["wood_density", "wood_density_sd", "level"]].reindex(list(chosen))
    table["level"] = table["level"].fillna("")
    return table


def _density_remedy(name: str) -> str:
    return (
        "name a table of wood densities in allometry.wood_density_table (that of the Global Wood "
        f"Density Database is read as it is), or give allometry.wood_density.{name}"
    )


def _with_plot_means(
    table: pd.DataFrame, equations: Mapping[str, AllometricEquation]
) -> pd.DataFrame:
    """Give trees of unknown wood density the mean of the known ones of their plot, else of all."""
    reads = table["accepted_species"].map({n: e.needs_density for n, e in equations.items()})
    lacking = reads.to_numpy(dtype=bool) & table["wood_density"].isna().to_numpy()
    if not lacking.any():
        return table
    mean = table.groupby("plot_id")["wood_density"].transform("mean")
    mean = mean.fillna(table["wood_density"].mean())
    if mean[lacking].isna().any():
        raise InputError("no tree of the inventory has a wood density", where="allometry")
    return table.assign(
        wood_density=np.where(lacking, mean, table["wood_density"]),
        wood_density_level=np.where(lacking, "plot", table["wood_density_level"]),
    )


def _with_mass(
    table: pd.DataFrame, equations: Mapping[str, AllometricEquation], settings: AllometrySettings
) -> pd.DataFrame:
    dbh = table["dbh_cm"].to_numpy(dtype=float)
    height = _heights(table)
    density = table["wood_density"].to_numpy(dtype=float)
    mass, inside = np.full(len(table), np.nan), np.zeros(len(table), dtype=bool)
    ids, stress = table["equation_id"].to_numpy(), stress_of(table, settings)
    for one in equations.values():
        rows = np.flatnonzero(ids == one.id)
        here = None if stress is None else stress[rows]
        printed = one.agb_kg(dbh[rows], height[rows], density[rows], here)
        mass[rows] = printed * one.correction_factor
        inside[rows] = one.in_range(dbh[rows], height[rows])
    densest = IMPOSSIBLE_DENSITY * FORM_FACTOR_MOIST * dbh**2 * height
    impossible = mass > densest
    table = table.assign(extrapolated=~inside, implied_density_impossible=impossible, agb_kg=mass)
    _refuse_negative(table)
    return table


def _heights(table: pd.DataFrame) -> NDArray[np.float64]:
    if "height_m" not in table:
        return np.full(len(table), np.nan)
    return table["height_m"].to_numpy(dtype=float)


def _refuse_negative(table: pd.DataFrame) -> None:
    negative = table[table["agb_kg"] < 0]
    if negative.empty:
        return
    trees = [f"{r.tree_id} (plot {r.plot_id}, {r.equation_id})" for r in negative.itertuples()]
    more = f" and {len(trees) - SHOWN} more" if len(trees) > SHOWN else ""
    raise InputError(
        f"negative biomass for the trees {', '.join(trees[:SHOWN])}{more}",
        where="trees",
        remedy="these trees are too small for the equation: name another in allometry.species",
    )
