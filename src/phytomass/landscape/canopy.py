"""What sensors see of a forest: cover, shade and hidden differences between canopies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import stream
from phytomass.landscape.fields import correlated_field
from phytomass.landscape.forest import Forest
from phytomass.landscape.settings import LandscapeSettings

Array = NDArray[np.float64]

CLOSING_MG_HA = 40.0
"""AGB over which canopy cover closes: 63 % at this, 95 % at three times it."""

SHADING_MG_HA = 110.0
"""AGB over which crown shadow builds up."""

HIDDEN_LOG_SD = {"optical": 0.36, "radar": 0.34}
"""Spread of ln(AGB) between canopies that look the same to a sensor: to optical sensors those of
different height or wood density, to radar those of different gaps and branching."""

HIDDEN_M = 450.0
"""Distance over which such differences are correlated."""


@dataclass(frozen=True)
class Nuisance:
    """What sensors cannot tell from biomass, or what disturbs them, constant over the years.

    Parameters
    ----------
    hidden : dict of str to array, shape (rows, cols)
        Sensor → ln of the biomass that a canopy seems to hold, over what it holds.
    dryness : array
        0 (green understorey) to 1 (dry ground) between the trees.
    vigour : array
        Standard normal; brightness of foliage.
    water : array
        Standard normal; water in foliage.
    moisture : array
        Standard normal; roughness and moisture of the ground for radar.
    """

    hidden: dict[str, Array]
    dryness: Array
    vigour: Array
    water: Array
    moisture: Array


def simulate_nuisance(settings: LandscapeSettings, northness: Array) -> Nuisance:
    """Draw the disturbances of a landscape; dry ground prefers sunny slopes."""
    random = stream(settings.random_state, "nuisance")

    def field(metres: float, smoothness: float = 0.5) -> Array:
        return correlated_field(settings.shape, settings.pixels(metres), random, smoothness)

    dryness = 1 / (1 + np.exp(-(0.9 * field(180) - 2.0 * northness - 0.3)))
    hidden = {sensor: spread * field(HIDDEN_M) for sensor, spread in HIDDEN_LOG_SD.items()}
    return Nuisance(hidden, dryness, field(300, 1.0), field(350, 1.0), field(300, 1.0))


def apparent_agb(forest: Forest, nuisance: Nuisance, year: int, sensor: str) -> Array:
    """Return the biomass that each pixel seems to hold for a sensor (optical, radar), Mg/ha."""
    return np.asarray(forest.agb_mg_ha[year] * np.exp(nuisance.hidden[sensor]))


def canopy_cover(agb_mg_ha: Array) -> Array:
    """Return the share of ground that crowns cover: 1 - exp(-AGB / 40).

    Examples
    --------
    >>> canopy_cover(np.array([0.0, 40.0, 120.0])).round(2)
    array([0.  , 0.63, 0.95])
    """
    return np.asarray(1 - np.exp(-agb_mg_ha / CLOSING_MG_HA))


def crown_shadow(agb_mg_ha: Array) -> Array:
    """Return how far crown shadow has built up, from 0 to 1: 1 - exp(-AGB / 110).

    Examples
    --------
    >>> crown_shadow(np.array([0.0, 110.0, 330.0])).round(2)
    array([0.  , 0.63, 0.95])
    """
    return np.asarray(1 - np.exp(-agb_mg_ha / SHADING_MG_HA))
