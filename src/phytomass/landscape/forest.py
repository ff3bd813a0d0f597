"""Forest on the simulated ground: types, stands, biomass at two dates, and what changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import stream
from phytomass.landscape.fields import (
    compartments,
    correlated_field,
    uniform_scores,
    without_specks,
)
from phytomass.landscape.settings import LandscapeSettings
from phytomass.landscape.tables import GROUNDS, forest_types
from phytomass.landscape.terrain import Terrain

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

TREELINE_M = 3900.0
SNOWLINE_M = 4080.0

MOST_MG_HA = 390.0
"""Biomass bends toward this and never reaches it."""

FOREST_FROM_YEAR = 2.0
"""Age at which a plantation counts as forest."""

COMPARTMENT_HA = 4.0

HARVESTED, BURNED = 0.05, 0.02
"""Share of the compartments clear-cut between the dates, and of the forest burned."""


@dataclass(frozen=True)
class Forest:
    """The forest of a landscape, all arrays of shape (rows, cols).

    Parameters
    ----------
    type : array of int
        Index into `forest_types()`, also where nothing grows at present.
    ground : array of int
        Index into `GROUNDS`: what lies below or between the trees.
    agb_mg_ha : dict of int to array
        True AGB of each year in Mg/ha, 0 outside the forest.
    mask : dict of int to array of bool
        Forest of each year.
    site : array
        Site index: log of productivity against the average (0).
    disturbed : array of bool
        Harvested or burned between the dates.
    """

    type: Labels
    ground: Labels
    agb_mg_ha: dict[int, Array]
    mask: dict[int, Mask]
    site: Array
    disturbed: Mask


@dataclass(frozen=True)
class Stands:
    """What is the same at both dates: types, compartments, ages, and biomass when full-grown."""

    type: Labels
    compartment: Labels
    age_year: Array
    potential_mg_ha: Array
    site: Array

    def agb(self, age_year: Array) -> Array:
        """Return the biomass of the stands at these ages in Mg/ha."""
        agb = np.zeros(self.type.shape)
        for index, kind in enumerate(forest_types()):
            here = self.type == index
            agb[here] = self.potential_mg_ha[here] * kind.grown(age_year[here])
        return MOST_MG_HA * np.tanh(agb / MOST_MG_HA)


def forest_type_of(settings: LandscapeSettings, terrain: Terrain, cells: Labels) -> Labels:
    """Give each pixel the forest type of its belt; shaded slopes belong to the next higher belt.

    Belts interlock over some hundred metres; in the lowest, plantations share compartments with
    chir pine where slopes are moderate.
    """
    random = stream(settings.random_state, "types")
    wave = correlated_field(settings.shape, settings.pixels(350), random, smoothness=1.0)
    fine = correlated_field(settings.shape, settings.pixels(60), random)
    level = terrain.elevation_m + 60 * wave + 30 * fine + 130 * terrain.northness
    kinds = forest_types()
    bounds = [kind.low_m for kind in kinds[2:]]
    kind_of = 1 + np.searchsorted(bounds, level)
    lot = random.random(cells.max() + 1)[cells]
    steep = np.clip((terrain.slope_deg - 30) / 25, 0, 1)
    planted = (kind_of == 1) & (lot < 0.65 - 0.5 * steep)
    return np.where(planted, 0, kind_of)


def ground_of(settings: LandscapeSettings, terrain: Terrain, cells: Labels) -> tuple[Labels, Mask]:
    """Cover the ground, and tell where trees can stand at all.

    Returns
    -------
    ground : array of int
        Index into `GROUNDS`.
    wooded : array of bool
        False on water, rock, fields, glades and above the treeline.
    """
    random = stream(settings.random_state, "ground")
    patch = correlated_field(settings.shape, settings.pixels(90), random, smoothness=0.8)
    crag = correlated_field(settings.shape, settings.pixels(40), random)
    limit = correlated_field(settings.shape, settings.pixels(250), random)
    z, slope = terrain.elevation_m, terrain.slope_deg
    treeline = TREELINE_M + 60 * limit - 90 * terrain.northness
    village = random.random(cells.max() + 1)[cells] < 0.22
    ground = np.zeros(settings.shape, dtype=np.int64)
    ground[z > treeline - 120] = GROUNDS.index("meadow")
    ground[(z < 2250) & (slope < 27 + 3 * patch) & village] = GROUNDS.index("fields")
    rocky = (slope + 5 * crag > 56) | ((z > treeline) & (slope + 6 * crag > 36))
    ground[without_specks(rocky, 4)] = GROUNDS.index("rock")
    snowy = z + 90 * patch + 120 * terrain.northness > SNOWLINE_M + 1.2 * (slope - 30)
    ground[without_specks(snowy & (z > treeline), 4)] = GROUNDS.index("snow")
    ground[terrain.river_m < 14] = GROUNDS.index("water")
    ground[terrain.lake] = GROUNDS.index("water")
    glade = patch + 0.9 * (-terrain.northness) > 1.75
    open_ground = [GROUNDS.index(name) for name in ("fields", "rock", "snow", "water")]
    wooded = ~np.isin(ground, open_ground) & (z < treeline) & ~glade
    return ground, without_specks(wooded, 6)


def stands_of(settings: LandscapeSettings, terrain: Terrain) -> Stands:
    """Lay out compartments, types, ages at the second date and site quality."""
    random = stream(settings.random_state, "stands")
    size = COMPARTMENT_HA * 1e4 / settings.resolution_m**2
    cells = compartments(settings.shape, size, random)
    kind_of = forest_type_of(settings, terrain, cells)
    count = cells.max() + 1
    smooth = correlated_field(settings.shape, settings.pixels(300), random, smoothness=1.0)
    lot = 0.65 * random.standard_normal(count)[cells] + 0.75 * smooth
    planted_lot = random.random(count)[cells]
    rank = np.where(kind_of == 0, planted_lot, uniform_scores(lot))
    kinds = forest_types()
    young = np.array([kind.youngest_year for kind in kinds])[kind_of]
    old = np.array([kind.oldest_year for kind in kinds])[kind_of]
    age = young * (old / young) ** rank
    site = 0.24 * correlated_field(settings.shape, settings.pixels(250), random)
    gaps = 0.17 * correlated_field(settings.shape, settings.pixels(14), random)
    best = np.array([kind.potential_mg_ha for kind in kinds])[kind_of]
    quality = terrain_effect(terrain) * np.exp(site + gaps - 0.04)
    return Stands(kind_of, cells, age, best * quality, site)


def terrain_effect(terrain: Terrain) -> Array:
    """Multiply productivity: shaded slopes +, steep and very high ground -.

    1 + 0.25 northness, times exp(-(slope/60)³), times a fall toward the treeline.
    """
    fall = np.clip((terrain.elevation_m - 3350) / (TREELINE_M - 3350), 0, 1)
    steep = np.exp(-((terrain.slope_deg / 60) ** 3))
    return np.asarray((1 + 0.25 * terrain.northness) * steep * (1 - 0.45 * fall))


def simulate_forest(settings: LandscapeSettings, terrain: Terrain) -> Forest:
    """Simulate the forest at both dates.

    Between the dates, stands grow by age; compartments planted since then are new forest;
    a few compartments are clear-cut and leave the forest; a fire takes part of the biomass.

    Examples
    --------
    >>> from phytomass.landscape.terrain import simulate_terrain
    >>> small = LandscapeSettings(rows=60, cols=60)
    >>> forest = simulate_forest(small, simulate_terrain(small))
    >>> before, after = (forest.agb_mg_ha[year] for year in small.dates)
    >>> bool((after >= before)[forest.mask[2020] & ~forest.disturbed].all())
    True
    """
    stands = stands_of(settings, terrain)
    ground, wooded = ground_of(settings, terrain, stands.compartment)
    cut, burned = disturbances(settings, terrain, stands, wooded)
    first, second = settings.dates
    age_then = stands.age_year - (second - first)
    mask = {
        first: wooded & (age_then >= FOREST_FROM_YEAR),
        second: wooded & (stands.age_year >= FOREST_FROM_YEAR) & ~cut,
    }
    left = np.where(burned, 0.35, 1.0)
    agb = {
        first: np.where(mask[first], stands.agb(age_then), 0.0),
        second: np.where(mask[second], stands.agb(stands.age_year) * left, 0.0),
    }
    rounded = {
        year: np.round(np.maximum(values, 0.5 * mask[year]), 2) for year, values in agb.items()
    }
    return Forest(stands.type, ground, rounded, mask, stands.site, cut | (burned & mask[second]))


def disturbances(
    settings: LandscapeSettings, terrain: Terrain, stands: Stands, wooded: Mask
) -> tuple[Mask, Mask]:
    """Choose what is clear-cut and what burns between the dates.

    Returns
    -------
    cut, burned : array of bool
        Cuts fall on older compartments below 3 300 m; fire on dry pine slopes.
    """
    random = stream(settings.random_state, "disturbance")
    lot = random.random(stands.compartment.max() + 1)[stands.compartment]
    span = settings.dates[1] - settings.dates[0]
    cut = (lot < HARVESTED) & (terrain.elevation_m < 3300) & (stands.age_year > span + 4)
    heat = correlated_field(settings.shape, settings.pixels(200), random, smoothness=1.0)
    heat -= 1.5 * terrain.northness + 2.5 * ~np.isin(stands.type, (1, 2))
    heat[~wooded] = -np.inf
    threshold = np.quantile(heat[wooded], 1 - BURNED) if wooded.any() else np.inf
    burned = without_specks(wooded & (heat > threshold), 10)
    return cut & wooded, burned & ~cut
