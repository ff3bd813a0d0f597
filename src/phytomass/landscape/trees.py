"""Tree lists whose biomass, by the catalogue's equations, is the true biomass of their plot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry import (
    AllometricEquation,
    AllometrySettings,
    choose_equations,
    load_equations,
    wood_density,
)
from phytomass.draws import stream
from phytomass.landscape.forest import Forest
from phytomass.landscape.settings import LandscapeSettings
from phytomass.landscape.tables import Species, forest_types, species_of

Array = NDArray[np.float64]

ALLOMETRY = AllometrySettings(groups={"conifer": "general_conifer_ali"}, fallback="chave2014")
"""The equations the landscape is made with: a project that uses others measures other plots."""

SMALLEST_CM = 5.0
"""Trees thinner than this are not measured, and not part of the truth."""

FEWEST_PER_HA, MOST_PER_HA = 100, 1500

HEIGHT_LOG_SD = 0.08
"""Spread of ln(height) around the height curve of a species."""

LOST_DIAMETERS, LOST_HEIGHTS = 3, 2
"""Rows of the field sheet with a value missing, beyond the trees that make up the truth."""


@dataclass(frozen=True)
class Candidates:
    """Trees of one plot before they are fitted to its biomass, in the order they are taken.

    Parameters
    ----------
    species : tuple of Species
        One per tree.
    size : array
        Relative size beyond the smallest diameter; mean 1.
    tallness : array
        Height over the height curve.
    """

    species: tuple[Species, ...]
    size: Array
    tallness: Array

    def first(self, count: int) -> Candidates:
        """Return the first `count` trees."""
        return Candidates(self.species[:count], self.size[:count], self.tallness[:count])

    def measured(self, spread_cm: float) -> tuple[Array, Array]:
        """Return diameters (cm) and heights (m) when the mean tree is `spread_cm` above 5 cm."""
        dbh = SMALLEST_CM + spread_cm * self.size
        height = np.empty_like(dbh)
        for one in dict.fromkeys(self.species):
            rows = [i for i, other in enumerate(self.species) if other == one]
            height[rows] = one.height_m(dbh[rows])
        return dbh, np.maximum(height * self.tallness, 2.0)


class Scales:
    """Weighs trees by the equation that `ALLOMETRY` chooses for their species.

    Examples
    --------
    >>> pine = species_of("chir pine")[0]
    >>> Scales().agb_kg((pine,), np.array([30.0]), np.array([20.0])).round(1)
    array([320.9])
    """

    def __init__(self) -> None:
        names = sorted({s.name for kind in forest_types() for s in species_of(kind.name)})
        chosen = choose_equations(names, ALLOMETRY).set_index("species")["equation_id"]
        density = wood_density(names).set_index("species")["wood_density"]
        equations = load_equations()
        self._of: dict[str, tuple[AllometricEquation, float]] = {
            name: (equations[str(chosen[name])], float(density[name])) for name in names
        }

    def agb_kg(self, species: tuple[Species, ...], dbh_cm: Array, height_m: Array) -> Array:
        """Return the dry mass of each tree in kg."""
        mass = np.empty_like(dbh_cm)
        for name in dict.fromkeys(one.name for one in species):
            rows = [i for i, other in enumerate(species) if other.name == name]
            equation, density = self._of[name]
            mass[rows] = equation.agb_kg(dbh_cm[rows], height_m[rows], np.full(len(rows), density))
        return mass


def tree_table(settings: LandscapeSettings, plots: pd.DataFrame, forest: Forest) -> pd.DataFrame:
    """Grow the trees of every plot.

    The masses of the trees sum to the plot's true AGB up to the rounding of diameters and
    heights to 0.1 cm and 0.1 m. Five further rows lack a diameter or a height.

    Parameters
    ----------
    settings : LandscapeSettings
        Seed and plot radius.
    plots : DataFrame
        From `phytomass.landscape.sampling.plot_table`.
    forest : Forest
        For the forest type and the site quality at the plots.

    Returns
    -------
    DataFrame
        tree_id, plot_id, species, dbh_cm, height_m.
    """
    scales = Scales()
    area_ha = np.pi * settings.plot_radius_m**2 * 1e-4
    sheets = []
    for plot in plots.to_dict("records"):
        random = stream(settings.random_state, "trees", str(plot["plot_id"]))
        kind = forest_types()[forest.type[plot["row"], plot["col"]]].name
        site = float(forest.site[plot["row"], plot["col"]])
        pool = _candidates(kind, site, round(MOST_PER_HA * area_ha), random)
        spread = _mean_dbh(kind, plot["agb_mg_ha"], random) - SMALLEST_CM
        few = max(3, round(FEWEST_PER_HA * area_ha))
        sheet = _fitted(scales, pool, 1e3 * plot["agb_mg_ha"] * area_ha, spread, few)
        sheet.insert(0, "plot_id", plot["plot_id"])
        sheets.append(sheet)
    trees = _with_gaps(settings, pd.concat(sheets, ignore_index=True))
    number = trees.groupby("plot_id").cumcount() + 1
    trees.insert(0, "tree_id", trees["plot_id"] + "-" + number.astype(str).str.zfill(3))
    return trees


def _mean_dbh(kind: str, agb_mg_ha: float, random: np.random.Generator) -> float:
    """Mean diameter (cm) of a stand with this biomass: few thick trees where there is much."""
    plantation = kind == forest_types()[0].name
    low, gain, full = (6.0, 14.0, 120.0) if plantation else (9.0, 30.0, 350.0)
    mean = low + gain * (agb_mg_ha / full) ** 0.55
    return float(mean * np.exp(0.12 * random.standard_normal()))


def _candidates(kind: str, site: float, count: int, random: np.random.Generator) -> Candidates:
    """Draw trees: planted stands are even-aged and pure, natural ones mixed and many-sized."""
    kinds = species_of(kind)
    plantation = kind == forest_types()[0].name
    shares = np.array([one.share for one in kinds])
    mix = random.dirichlet(shares * (0.6 if plantation else 8.0) + 1e-3)
    species = tuple(kinds[i] for i in random.choice(len(kinds), count, p=mix))
    shape = 2.6 if plantation else 1.6
    size = random.weibull(shape, count)
    tallness = np.exp(0.25 * site + HEIGHT_LOG_SD * random.standard_normal(count))
    return Candidates(species, size / size.mean(), tallness)


def _fitted(
    scales: Scales, pool: Candidates, target_kg: float, spread_cm: float, few: int
) -> pd.DataFrame:
    """Take as many trees as the biomass needs, then stretch their diameters to meet it."""

    def total(trees: Candidates, spread: float) -> float:
        return float(scales.agb_kg(trees.species, *trees.measured(spread)).sum())

    summed = np.cumsum(scales.agb_kg(pool.species, *pool.measured(max(spread_cm, 0.5))))
    count = max(few, min(int(np.searchsorted(summed, target_kg)) + 1, len(pool.species)))
    while count > 1 and total(pool.first(count), 0.0) > 0.8 * target_kg:
        count -= 1
    trees = pool.first(count)
    low, high = 0.0, max(spread_cm, 1.0)
    while total(trees, high) < target_kg:
        high *= 1.5
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if total(trees, middle) < target_kg else (low, middle)
    dbh, height = trees.measured(high)
    names = [one.name for one in trees.species]
    return pd.DataFrame(
        {"species": names, "dbh_cm": np.round(dbh, 1), "height_m": np.round(height, 1)}
    )


def _with_gaps(settings: LandscapeSettings, trees: pd.DataFrame) -> pd.DataFrame:
    """Add rows in which the crew left out a diameter or a height, at the end of their plots."""
    random = stream(settings.random_state, "field sheet")
    count = min(LOST_DIAMETERS + LOST_HEIGHTS, len(trees))
    extra = trees.iloc[random.choice(len(trees), count, replace=False)].copy()
    lost = np.arange(count) < LOST_DIAMETERS
    extra.loc[lost, "dbh_cm"] = np.nan
    extra.loc[~lost, "height_m"] = np.nan
    order = {plot: i for i, plot in enumerate(dict.fromkeys(trees["plot_id"]))}
    together = pd.concat([trees, extra], ignore_index=True)
    return together.iloc[
        np.argsort(together["plot_id"].map(order).to_numpy(), kind="stable")
    ].reset_index(drop=True)
