"""What is said of the pixels of a map, in every zone: a new statistic is a record here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phytomass.walk.moments import Moments


@dataclass(frozen=True)
class ZoneStatistic:
    """One statistic of the pixels of a map.

    Parameters
    ----------
    name : str
        As it stands in the column `statistic` of `estimates.csv`.
    of : callable
        From the moments of the pixels to the number, Mg/ha.
    method : str
        How it was made: a code of `tables.methods`.
    in_all_pools : bool
        Whether it is given for every pool and kind, or for aboveground dry mass alone.
    """

    name: str
    of: Callable[[Moments], float]
    method: str
    in_all_pools: bool


MAP_STATISTICS = (
    ZoneStatistic("mean", lambda m: m.mean, "map_pixels", True),
    ZoneStatistic("spatial_SD", lambda m: m.sd, "map_spread", True),
    ZoneStatistic("min", lambda m: m.low, "map_pixels", False),
    ZoneStatistic("max", lambda m: m.high, "map_pixels", False),
)
"""In the order of the rows of `estimates.csv`."""
