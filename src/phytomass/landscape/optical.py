"""Sentinel-2 and Landsat scenes of a simulated landscape.

Reflectance is a linear mixture of ground and crowns, the crowns darkened by their own shadow
(the idea of geometric-optical models: Li & Strahler 1985, doi:10.1109/TGRS.1985.289389):

    ρ = (1 - c) ρ_ground + c ρ_crown (1 - s σ),   c = 1 - exp(-B/40),   s = 1 - exp(-B/110)

with B the apparent AGB in Mg/ha and σ the darkest shadow of the band. Half of what c and s can
do is done at 28 and 76 Mg/ha, 95 % at 120 and 330: the optical signal fades between 100 and
150 Mg/ha, where Zhao et al. (2016, doi:10.3390/rs8060469) find Landsat saturating (broadleaved
123, Chinese fir 143, pine 159 Mg/ha). Terrain left in the images is ρ (cos i / cos θ)^0.2: most
of it is taken to be corrected. Scenes of 2015 are made like those of 2020, although the real
Sentinel-2 archive of that year begins in late June and has no Level-2A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from phytomass.draws import stream
from phytomass.landscape.canopy import Nuisance, apparent_agb, canopy_cover, crown_shadow
from phytomass.landscape.fields import correlated_field
from phytomass.landscape.forest import Forest
from phytomass.landscape.settings import LANDSAT_M, LandscapeSettings
from phytomass.landscape.tables import BANDS, GROUNDS, forest_types, spectra
from phytomass.landscape.terrain import Terrain

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Scene = NDArray[np.uint16]

SCALE = 10_000
SENTINEL2_BANDS = (*BANDS, "cloud_prob")
LANDSAT_BANDS = {"B3": "B3", "B4": "B4", "B5": "B8A", "B6": "B11", "B7": "B12"}
"""Landsat 8 band → the Sentinel-2 band at nearly the same wavelength."""

SUN = {6: (18.0, 100.0), 7: (21.0, 105.0), 8: (27.0, 122.0)}
"""Month → solar zenith and azimuth in degrees, about 30° N at 10:30."""

GREENNESS = {6: 0.94, 7: 1.0, 8: 0.98}
"""Month → infrared brightness of foliage against July."""

VISIBLE = np.array([band in {"B2", "B3", "B4", "B5"} for band in BANDS])
INFRARED = np.array([band in {"B6", "B7", "B8", "B8A"} for band in BANDS])
SHORTWAVE = np.array([band in {"B11", "B12"} for band in BANDS])


@dataclass(frozen=True)
class Sky:
    """Clouds over one scene, arrays of shape (rows, cols).

    Parameters
    ----------
    opacity : array
        0 (clear) to 1 (thick cloud).
    shadow : array
        Share of light that cloud shadow takes away.
    seen : array of bool
        False beyond the edge of the swath.
    """

    opacity: Array
    shadow: Array
    seen: Mask


def surface_reflectance(forest: Forest, nuisance: Nuisance, year: int) -> Array:
    """Return the reflectance of the surface without sun angle, sky and noise.

    Returns
    -------
    array, shape (bands, rows, cols)
        In the order of `BANDS`, 0-1.
    """
    apparent = apparent_agb(forest, nuisance, year, "optical")
    cover, shadow = canopy_cover(apparent), crown_shadow(apparent)
    grounds = spectra(GROUNDS)[forest.ground]
    dry = spectra(("dry ground",))[0]
    green = forest.ground == GROUNDS.index("understorey")
    dryness = np.where(green, nuisance.dryness, 0.0)[..., None]
    ground = grounds * (1 - dryness) + dry * dryness
    crowns = spectra(tuple(kind.name for kind in forest_types()))[forest.type]
    darkest = spectra(("shade",))[0]
    vigour = 0.08 * nuisance.vigour[..., None]
    water = nuisance.water[..., None] * (0.09 * SHORTWAVE + 0.07 * VISIBLE)
    crowns = crowns * np.exp(vigour - water)
    lit = 1 - shadow[..., None] * darkest
    mixed = ground * (1 - cover[..., None]) + crowns * lit * cover[..., None]
    return np.moveaxis(mixed, -1, 0)


def illumination(terrain: Terrain, month: int) -> Array:
    """Return the brightness that terrain leaves in a scene: (cos i / cos θ)^0.2, in 0.75-1.1."""
    zenith, azimuth = SUN[month]
    ratio = terrain.cos_incidence(zenith, azimuth) / np.cos(np.radians(zenith))
    return np.asarray(np.clip(ratio, 0.2, 1.6) ** 0.2)


def skies(settings: LandscapeSettings, year: int) -> dict[int, Sky]:
    """Draw the clouds of a year's scenes; every pixel is clear in at least one of them."""
    drawn = {month: _sky(settings, year, month) for month in SUN}
    clear = {m: (s.opacity < 0.02) & (s.shadow < 0.05) & s.seen for m, s in drawn.items()}
    hopeless = ~np.logical_or.reduce(list(clear.values()))
    last = max(SUN)
    least = drawn[last]
    opened = Sky(
        np.where(hopeless, 0.0, least.opacity), np.where(hopeless, 0.0, least.shadow), least.seen
    )
    return drawn | {last: opened}


def _sky(settings: LandscapeSettings, year: int, month: int) -> Sky:
    random = stream(settings.random_state, "sky", year, month)
    share = random.uniform(0.05, 0.17)
    puffs = correlated_field(settings.shape, settings.pixels(260), random, smoothness=1.2)
    wisps = correlated_field(settings.shape, settings.pixels(60), random, smoothness=0.8)
    height = puffs + 0.25 * wisps
    thick = np.clip((height - np.quantile(height, 1 - share)) / 0.5, 0, 1) ** 0.7
    away = np.radians(SUN[month][1] + 180)
    shift = settings.pixels(260) * np.array([-np.cos(away), np.sin(away)])
    cast = ndimage.shift(thick, shift, order=1, mode="constant")
    seen = np.ones(settings.shape, dtype=bool)
    if month == min(SUN):
        row, col = np.indices(settings.shape)
        seen = row / settings.rows + 0.25 * col / settings.cols < 1.14
    return Sky(thick, 0.55 * np.where(thick > 0, 0.0, cast), seen)


def sentinel2_scene(
    settings: LandscapeSettings, surface: Array, light: Array, sky: Sky, date: tuple[int, int]
) -> Scene:
    """Make one Sentinel-2 scene.

    Parameters
    ----------
    settings : LandscapeSettings
        Size and seed.
    surface : array, shape (bands, rows, cols)
        From `surface_reflectance`.
    light : array, shape (rows, cols)
        From `illumination`.
    sky : Sky
        Clouds, shadows, swath.
    date : (int, int)
        Year and month.

    Returns
    -------
    array of uint16, shape (11, rows, cols)
        Reflectance × 10 000 in `BANDS`, then cloud probability (1-100); 0 where there are no data.
    """
    year, month = date
    random = stream(settings.random_state, "sentinel2", year, month)
    gain = 1 + 0.01 * random.standard_normal(len(BANDS))
    gain[INFRARED] *= GREENNESS[month]
    haze = correlated_field(settings.shape, settings.pixels(900), random, smoothness=1.5)
    scene = surface * gain[:, None, None] * light * (1 - sky.shadow)
    scene += 0.002 * haze * VISIBLE[:, None, None]
    cloud = np.where(SHORTWAVE, 0.32, 0.62)[:, None, None] * (0.85 + 0.3 * sky.opacity)
    scene = scene * (1 - sky.opacity) + cloud * sky.opacity
    noise = random.standard_normal(scene.shape)
    scene += noise * (0.0015 + 0.03 * scene)
    known = 100 * np.clip(2.2 * sky.opacity, 0, 1) + 1 + random.gamma(1.5, 1.2, settings.shape)
    numbers = np.concatenate([scene * SCALE, known[None]])
    numbers[-1] = np.minimum(numbers[-1], 100)
    whole = np.clip(np.round(numbers), 1, 20_000)
    return np.where(sky.seen, whole, 0).astype(np.uint16)


def coarsened(values: Array, factor: int) -> Array:
    """Average an image over blocks of `factor` × `factor` pixels; edge blocks may be smaller.

    Parameters
    ----------
    values : array, shape (..., rows, cols)
        Finite.
    factor : int
        Pixels per side of a block.

    Examples
    --------
    >>> coarsened(np.array([[1.0, 3.0, 8.0], [1.0, 3.0, 6.0], [5.0, 7.0, 9.0]]), 2)
    array([[2., 7.],
           [6., 9.]])
    """
    rows, cols = values.shape[-2:]
    by_row = np.add.reduceat(values, np.arange(0, rows, factor), axis=-2)
    sums = np.add.reduceat(by_row, np.arange(0, cols, factor), axis=-1)
    height = np.minimum(factor, rows - np.arange(0, rows, factor))
    width = np.minimum(factor, cols - np.arange(0, cols, factor))
    return np.asarray(sums / (height[:, None] * width))


def landsat_composite(
    settings: LandscapeSettings, surface: Array, light: Array, year: int
) -> Scene:
    """Make the cloud-free summer composite of Landsat 8 at 30 m.

    Parameters
    ----------
    settings, surface, light
        As for `sentinel2_scene`.
    year : int
        Year of the composite.

    Returns
    -------
    array of uint16, shape (5, rows / 3, cols / 3)
        Reflectance × 10 000 in `LANDSAT_BANDS`; 0 would be no data.
    """
    random = stream(settings.random_state, "landsat8", year)
    chosen = [BANDS.index(band) for band in LANDSAT_BANDS.values()]
    image = coarsened(surface[chosen] * light, LANDSAT_M // settings.resolution_m)
    gain = 1 + 0.015 * random.standard_normal((len(chosen), 1, 1))
    image = image * gain
    image += random.standard_normal(image.shape) * (0.0015 + 0.02 * image)
    return np.clip(np.round(image * SCALE), 1, 20_000).astype(np.uint16)
