"""Belowground biomass: a constant ratio, a class with a threshold, or Mokany's power law."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

RootRule = Literal["constant", "ipcc2019", "mokany"]

DEFAULT_RELATIVE_SD = 0.9 / 1.96
"""IPCC 2019 Refinement, Vol. 4, Ch. 4, Table 4.4: default uncertainty ±90 %, a 95 % interval."""

MOKANY_A, MOKANY_B = 0.489, 0.890
"""BGB = 0.489 AGB^0.890 (t/ha) of forests and woodlands (Mokany et al. 2006, Glob. Change Biol. 12
84-96; the two numbers are quoted from memory)."""


@dataclass(frozen=True)
class RootClass:
    """A row of `root_shoot.csv`: a ratio below and above a biomass limit.

    Parameters
    ----------
    id : str
    limit_mg_ha : float
        Aboveground biomass up to which `below` holds, Mg/ha.
    below, above, sd_below, sd_above : float
        BGB per AGB and its standard deviation.
    source : str
    """

    id: str
    limit_mg_ha: float
    below: float
    above: float
    sd_below: float
    sd_above: float
    source: str


@cache
def root_classes() -> MappingProxyType[str, RootClass]:
    """Return the classes of `root_shoot.csv` by id.

    Examples
    --------
    >>> root_classes()["subtropical_dry"].below, root_classes()["tropical_dry_natural"].above
    (0.44, 0.379)
    """
    text = (files("phytomass.carbon") / "root_shoot.csv").read_text(encoding="utf-8")
    return MappingProxyType(
        {row["id"]: _class_of(row) for row in csv.DictReader(io.StringIO(text, newline=""))}
    )


def _class_of(row: dict[str, str]) -> RootClass:
    below, above = float(row["below"]), float(row["above"])
    return RootClass(
        row["id"],
        float(row["limit_mg_ha"]),
        below,
        above,
        float(row["sd_below"] or DEFAULT_RELATIVE_SD * below),
        float(row["sd_above"] or DEFAULT_RELATIVE_SD * above),
        row["source"],
    )


def class_ratio(
    agb_mg_ha: ArrayLike,
    root_class: RootClass,
    drawn: tuple[ArrayLike, ArrayLike] | None = None,
) -> NDArray[np.float64]:
    """Return the root:shoot ratio of a class.

    Parameters
    ----------
    agb_mg_ha : array
        Aboveground biomass, which decides on which side of the limit a forest lies.
    root_class : RootClass
    drawn : pair of arrays, optional
        Ratios below and above the limit to use instead of those of the class.

    Examples
    --------
    >>> class_ratio([50.0, 125.0, 126.0], root_classes()["tropical_dry_natural"])
    array([0.44 , 0.44 , 0.379])
    """
    below, above = (root_class.below, root_class.above) if drawn is None else drawn
    low = np.asarray(agb_mg_ha, dtype=float) <= root_class.limit_mg_ha
    return np.asarray(np.where(low, below, above), dtype=float)


def mokany(agb_mg_ha: ArrayLike) -> NDArray[np.float64]:
    """Return belowground from aboveground biomass, both in Mg/ha dry mass.

    What lies below zero (a map may, before it is summed) keeps its sign, as under a constant ratio.

    Examples
    --------
    >>> mokany([0.0, 100.0, -100.0]).round(2)
    array([  0.  ,  29.47, -29.47])
    """
    agb = np.asarray(agb_mg_ha, dtype=float)
    return np.asarray(np.copysign(MOKANY_A * np.abs(agb) ** MOKANY_B, agb))


def log_normal(mean: float, sd: float, z: ArrayLike) -> NDArray[np.float64]:
    """Return a positive number of the given mean and SD from a standard normal one.

    Examples
    --------
    >>> z = np.random.default_rng(0).standard_normal(200_000)
    >>> x = log_normal(0.26, 0.12, z)
    >>> round(float(x.mean()), 3), round(float(x.std()), 2), bool(x.min() > 0)
    (0.26, 0.12, True)
    """
    z = np.asarray(z, dtype=float)
    if mean <= 0:
        return np.full(z.shape, mean)
    s2 = np.log1p((sd / mean) ** 2)
    return np.asarray(mean * np.exp(np.sqrt(s2) * z - s2 / 2))
