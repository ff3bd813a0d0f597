"""Sentinel-1 backscatter and vegetation optical depth of a simulated landscape.

Backscatter follows the water-cloud model (Attema & Ulaby 1978, doi:10.1029/RS013i002p00357;
in its biomass form Santoro et al. 2011, doi:10.1016/j.rse.2010.09.018), in linear power:

    γ⁰ = γ⁰_ground exp(-β B) + γ⁰_canopy (1 - exp(-β B))

with B the apparent AGB in Mg/ha and β 0.015 (VH) and 0.010 (VV) per Mg/ha: VH is within 1 dB of
its end at 95 Mg/ha and within half a dB at 140, near the 150 Mg/ha at which Sentinel-1 saturates
over Tibet's forests. Levels are stylised: a little wider than the boreal July medians of the
BioMassters chips (VH -19 to -14.8 dB, VV -13 to -9.2 dB). Speckle is a gamma variable of
4.4 looks in each scene (Sentinel-1 IW GRDH).

Optical depth rises almost linearly with the mean AGB of its cell, as L-band depth does within
a land-cover class (Rodríguez-Fernández et al. 2018, doi:10.5194/bg-15-4627-2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import stream
from phytomass.landscape.canopy import Nuisance, apparent_agb
from phytomass.landscape.fields import correlated_field
from phytomass.landscape.forest import Forest
from phytomass.landscape.optical import coarsened
from phytomass.landscape.settings import VOD_M, LandscapeSettings
from phytomass.landscape.tables import GROUNDS
from phytomass.landscape.terrain import Terrain

Array = NDArray[np.float64]
Decibels = NDArray[np.float32]

POLARISATIONS = ("VV", "VH")
MONTHS = (5, 6, 7, 8)
LOOKS = 4.4

EXTINCTION = {"VV": 0.010, "VH": 0.015}
CANOPY_DB = {"VV": -8.6, "VH": -13.8}
GROUND_DB = {"VV": -13.4, "VH": -20.6}
BARE_DB = {
    "fields": {"VV": -11.0, "VH": -17.8},
    "meadow": {"VV": -13.0, "VH": -20.5},
    "rock": {"VV": -10.5, "VH": -19.0},
    "snow": {"VV": -14.0, "VH": -22.0},
    "water": {"VV": -19.0, "VH": -26.0},
}
"""Backscatter of open ground other than grass and shrubs, dB."""

LOOK = (38.0, 100.0)
"""Incidence angle of the centre and direction of the (descending) radar, degrees."""

TERRAIN_DB = 0.8
"""Terrain left after correction: dB per unit of cos i - cos θ; radar-facing slopes are brighter."""

STEP_DB = 1 / 64
"""Backscatter is stored in these steps: far below speckle, and files stay small."""


def water_cloud(agb_mg_ha: Array, polarisation: str) -> Array:
    """Return γ⁰ of a forest on average ground, in dB.

    Parameters
    ----------
    agb_mg_ha : array
        Apparent AGB.
    polarisation : str
        ``VV`` or ``VH``.

    Examples
    --------
    >>> water_cloud(np.array([0.0, 120.0, 300.0]), "VH").round(1)
    array([-20.6, -14.4, -13.8])
    """
    ground = np.full(agb_mg_ha.shape, GROUND_DB[polarisation])
    canopy = np.full(agb_mg_ha.shape, CANOPY_DB[polarisation])
    return _water_cloud(agb_mg_ha, ground, canopy, EXTINCTION[polarisation])


def _water_cloud(agb_mg_ha: Array, ground_db: Array, canopy_db: Array, beta: float) -> Array:
    through = np.exp(-beta * agb_mg_ha)
    power = 10 ** (ground_db / 10) * through + 10 ** (canopy_db / 10) * (1 - through)
    return np.asarray(10 * np.log10(power))


def backscatter(forest: Forest, nuisance: Nuisance, year: int) -> Array:
    """Return γ⁰ of the surface in dB, without weather, terrain and speckle.

    Returns
    -------
    array, shape (2, rows, cols)
        VV, VH.
    """
    apparent = apparent_agb(forest, nuisance, year, "radar")
    images = []
    for polarisation in POLARISATIONS:
        levels = [BARE_DB.get(n, {}).get(polarisation, GROUND_DB[polarisation]) for n in GROUNDS]
        ground = np.array(levels)[forest.ground] + 0.6 * nuisance.moisture
        canopy = CANOPY_DB[polarisation] + 0.25 * nuisance.water - 0.2 * nuisance.vigour
        images.append(_water_cloud(apparent, ground, canopy, EXTINCTION[polarisation]))
    return np.stack(images)


def sentinel1_scene(
    settings: LandscapeSettings, surface: Array, terrain: Terrain, date: tuple[int, int]
) -> Decibels:
    """Make one Sentinel-1 scene.

    Parameters
    ----------
    settings : LandscapeSettings
        Size and seed.
    surface : array, shape (2, rows, cols)
        From `backscatter`, dB.
    terrain : Terrain
        For what terrain correction leaves behind.
    date : (int, int)
        Year and month.

    Returns
    -------
    array of float32, shape (2, rows, cols)
        VV and VH in dB, in steps of 1/64.
    """
    random = stream(settings.random_state, "sentinel1", *date)
    facing = terrain.cos_incidence(*LOOK) - np.cos(np.radians(LOOK[0]))
    weather = 0.15 * random.standard_normal()
    rain = 0.3 * correlated_field(settings.shape, settings.pixels(600), random, smoothness=1.5)
    speckle = random.gamma(LOOKS, 1 / LOOKS, surface.shape)
    scene = surface + TERRAIN_DB * facing + weather + rain + 10 * np.log10(speckle)
    return np.asarray(np.round(scene / STEP_DB) * STEP_DB, dtype=np.float32)


def optical_depth(agb_mg_ha: Array) -> Array:
    """Return the vegetation optical depth of cells with this mean AGB: 2.1 (1 - exp(-B / 600)).

    Examples
    --------
    >>> optical_depth(np.array([0.0, 100.0, 200.0])).round(2)
    array([0.05, 0.37, 0.65])
    """
    return np.asarray(0.05 + 2.1 * (1 - np.exp(-agb_mg_ha / 600)))


def vod_image(settings: LandscapeSettings, forest: Forest, year: int) -> Decibels:
    """Make the vegetation optical depth of a year on cells of 500 m.

    Returns
    -------
    array of float32, shape (rows · resolution / 500, cols · resolution / 500)
        Without unit.
    """
    random = stream(settings.random_state, "vod", year)
    mean = coarsened(forest.agb_mg_ha[year], VOD_M // settings.resolution_m)
    depth = optical_depth(mean)
    noisy = depth + 0.03 * random.standard_normal(depth.shape)
    return np.asarray(np.round(np.maximum(noisy, 0.0), 4), dtype=np.float32)
