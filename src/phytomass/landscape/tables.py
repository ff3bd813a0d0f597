"""The tables of a landscape: forest types, their species, spectra of surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
"""Bands of Sentinel-2 in the order of the scenes."""

GROUNDS = ("understorey", "fields", "meadow", "rock", "snow", "water")
"""What covers the ground where no trees stand; a pixel's ground is an index into this."""


@dataclass(frozen=True)
class ForestType:
    """One type of forest; a row of `forest_types.csv`.

    Parameters
    ----------
    name : str
        Its name.
    low_m, high_m : float
        Belt in which it grows.
    potential_mg_ha : float
        AGB of an old stand on a good site.
    growth_per_year, shape : float
        k and p of the Chapman-Richards curve potential · (1 - exp(-k age))^p.
    youngest_year, oldest_year : float
        Range of stand ages at the second date.
    """

    name: str
    low_m: float
    high_m: float
    potential_mg_ha: float
    growth_per_year: float
    shape: float
    youngest_year: float
    oldest_year: float

    def grown(self, age_year: Array) -> Array:
        """Share of the potential that a stand of this age has reached, 0 before its birth.

        Examples
        --------
        >>> round(float(forest_types()[1].grown(np.array([50.0]))[0]), 3)
        0.751
        """
        age = np.maximum(age_year, 0.0)
        return np.asarray((1 - np.exp(-self.growth_per_year * age)) ** self.shape)


@dataclass(frozen=True)
class Species:
    """A species in a forest type; a row of `species.csv`.

    Height follows 1.3 + (height_max - 1.3)(1 - exp(-rate · dbh))^shape, in m and cm.
    """

    name: str
    share: float
    height_max_m: float
    height_rate: float
    height_shape: float

    def height_m(self, dbh_cm: Array) -> Array:
        """Return the expected height of trees of these diameters.

        Examples
        --------
        >>> pine = species_of("chir pine")[0]
        >>> pine.height_m(np.array([12.0, 93.0])).round(1)
        array([10.6, 32.2])
        """
        grown = (1 - np.exp(-self.height_rate * dbh_cm)) ** self.height_shape
        return np.asarray(1.3 + (self.height_max_m - 1.3) * grown)


def _table(name: str) -> pd.DataFrame:
    with files("phytomass.landscape").joinpath(name).open(encoding="utf-8") as text:
        return pd.read_csv(text).drop(columns="source")


@cache
def forest_types() -> tuple[ForestType, ...]:
    """Return the forest types, from low to high; a pixel's type is an index into them."""
    rows = _table("forest_types.csv").rename(columns={"type": "name"}).to_dict("records")
    return tuple(ForestType(**{str(key): value for key, value in row.items()}) for row in rows)


@cache
def species_of(type_name: str) -> tuple[Species, ...]:
    """Return the species of a forest type."""
    table = _table("species.csv")
    rows = table[table["type"] == type_name].drop(columns="type")
    records = rows.rename(columns={"species": "name"}).to_dict("records")
    return tuple(Species(**{str(key): value for key, value in row.items()}) for row in records)


@cache
def spectrum(surface: str) -> tuple[float, ...]:
    """Return the reflectance (0-1) of a surface in each of `BANDS`."""
    table = _table("spectra.csv").set_index("surface")
    return tuple(float(value) for value in table.loc[surface, list(BANDS)].to_numpy(dtype=float))


def spectra(surfaces: tuple[str, ...]) -> Array:
    """Return the reflectances of several surfaces.

    Returns
    -------
    array, shape (surfaces, bands)
    """
    return np.array([spectrum(surface) for surface in surfaces])
