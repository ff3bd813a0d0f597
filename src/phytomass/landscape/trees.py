"""Trees whose true biomass is that of their plot, and the field sheet that a crew makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.draws import stream
from phytomass.landscape.forest import Forest
from phytomass.landscape.law import STATED, Law
from phytomass.landscape.settings import LandscapeSettings
from phytomass.landscape.tables import Species, forest_types, species_of

Array = NDArray[np.float64]

SMALLEST_CM = 5.0
"""Trees thinner than this are not measured, and not part of the truth."""

FEWEST_PER_HA, MOST_PER_HA = 100, 1500

HEIGHT_LOG_SD = 0.08
"""Spread of ln(height) around the height curve of a species."""

LOST_DIAMETERS, LOST_HEIGHTS = 3, 2
"""Rows of the field sheet with a value missing, beyond the trees that make up the truth."""


@dataclass(frozen=True)
class Pool:
    """Trees of one plot before they are fitted to its biomass, in the order they are taken.

    Parameters
    ----------
    species : tuple of Species
        One per tree.
    size : array
        Relative size beyond the smallest diameter; mean 1.
    tallness : array
        Height over the height curve.
    vigour : array
        Standard normal: how much more than others of its size a tree weighs.
    """

    species: tuple[Species, ...]
    size: Array
    tallness: Array
    vigour: Array

    def first(self, count: int) -> Pool:
        """Return the first `count` trees."""
        arrays = (self.size, self.tallness, self.vigour)
        return Pool(self.species[:count], *(values[:count] for values in arrays))

    def sizes(self, spread_cm: float) -> tuple[Array, Array]:
        """Return diameters (cm) and heights (m) when the mean tree is `spread_cm` above 5 cm."""
        dbh = SMALLEST_CM + spread_cm * self.size
        height = np.empty_like(dbh)
        for one in dict.fromkeys(self.species):
            rows = [i for i, other in enumerate(self.species) if other == one]
            height[rows] = one.height_m(dbh[rows])
        return dbh, np.maximum(height * self.tallness, 2.0)


def grown_trees(settings: LandscapeSettings, plots: pd.DataFrame, forest: Forest) -> pd.DataFrame:
    """Grow the trees of every plot; their true masses sum to the plot's true AGB.

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
        plot_id, species, dbh_cm, height_m and agb_kg as they are in truth.
    """
    law = Law(settings.random_state)
    area_ha = np.pi * settings.plot_radius_m**2 * 1e-4
    sheets = []
    for plot in plots.to_dict("records"):
        random = stream(settings.random_state, "trees", str(plot["plot_id"]))
        kind = forest_types()[forest.type[plot["row"], plot["col"]]].name
        site = float(forest.site[plot["row"], plot["col"]])
        pool = _pool(kind, site, round(MOST_PER_HA * area_ha), random)
        spread = _mean_dbh(kind, plot["agb_mg_ha"], random) - SMALLEST_CM
        few = max(3, round(FEWEST_PER_HA * area_ha))
        sheet = _fitted(law, pool, 1e3 * plot["agb_mg_ha"] * area_ha, spread, few)
        sheet.insert(0, "plot_id", plot["plot_id"])
        sheets.append(sheet)
    return pd.concat(sheets, ignore_index=True)


def tree_table(settings: LandscapeSettings, plots: pd.DataFrame, forest: Forest) -> pd.DataFrame:
    """Return the field sheet: the trees as a crew measures them, with five incomplete rows more.

    Diameters and heights have the errors that `phytomass.inventory.field_error` states, and are
    rounded to 0.1 cm and 0.1 m.

    Parameters
    ----------
    settings, plots, forest
        As in `grown_trees`.

    Returns
    -------
    DataFrame
        tree_id, plot_id, species, dbh_cm, height_m.
    """
    trees = _measured(settings, grown_trees(settings, plots, forest))
    trees = _with_gaps(settings, trees)
    number = trees.groupby("plot_id").cumcount() + 1
    trees.insert(0, "tree_id", trees["plot_id"] + "-" + number.astype(str).str.zfill(3))
    return trees


def _measured(settings: LandscapeSettings, trees: pd.DataFrame) -> pd.DataFrame:
    """Put the errors of tape and hypsometer on true trees; no crew writes less than 5 cm."""
    random, n = stream(settings.random_state, "tape"), len(trees)
    d, h = (trees[c].to_numpy(dtype=float) for c in ("dbh_cm", "height_m"))
    gross = random.random(n) < STATED["gross_share"]
    sd = STATED["dbh_slope"] * d + STATED["dbh_constant"]
    wrong = np.minimum(STATED["gross_sd"], STATED["gross_relative"] * d)
    d = d + np.where(gross, wrong, sd) * random.standard_normal(n)
    h = h * (1 + STATED["height_cv"] * random.standard_normal(n))
    return trees[["plot_id", "species"]].assign(
        dbh_cm=np.round(np.maximum(d, SMALLEST_CM), 1), height_m=np.round(np.maximum(h, 2.0), 1)
    )


def _mean_dbh(kind: str, agb_mg_ha: float, random: np.random.Generator) -> float:
    """Mean diameter (cm) of a stand with this biomass: few thick trees where there is much."""
    plantation = kind == forest_types()[0].name
    low, gain, full = (6.0, 14.0, 120.0) if plantation else (9.0, 30.0, 350.0)
    mean = low + gain * (agb_mg_ha / full) ** 0.55
    return float(mean * np.exp(0.12 * random.standard_normal()))


def _pool(kind: str, site: float, count: int, random: np.random.Generator) -> Pool:
    """Draw trees: planted stands are even-aged and pure, natural ones mixed and many-sized."""
    kinds = species_of(kind)
    plantation = kind == forest_types()[0].name
    shares = np.array([one.share for one in kinds])
    mix = random.dirichlet(shares * (0.6 if plantation else 8.0) + 1e-3)
    species = tuple(kinds[i] for i in random.choice(len(kinds), count, p=mix))
    shape = 2.6 if plantation else 1.6
    size = random.weibull(shape, count)
    tallness = np.exp(0.25 * site + HEIGHT_LOG_SD * random.standard_normal(count))
    return Pool(species, size / size.mean(), tallness, random.standard_normal(count))


def _fitted(law: Law, pool: Pool, target_kg: float, spread_cm: float, few: int) -> pd.DataFrame:
    """Take as many trees as the biomass needs, then stretch their diameters to meet it."""

    def total(trees: Pool, spread: float) -> float:
        return float(law.agb_kg(trees.species, *trees.sizes(spread), trees.vigour).sum())

    sizes = pool.sizes(max(spread_cm, 0.5))
    summed = np.cumsum(law.agb_kg(pool.species, *sizes, pool.vigour))
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
    dbh, height = trees.sizes(high)
    names, mass = (
        [one.name for one in trees.species],
        law.agb_kg(trees.species, dbh, height, trees.vigour),
    )
    return pd.DataFrame({"species": names, "dbh_cm": dbh, "height_m": height, "agb_kg": mass})


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
