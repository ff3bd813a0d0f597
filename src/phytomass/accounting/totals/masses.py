"""From aboveground dry mass to the other pools, for means of zones and predictions of plots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.accounting.zones import ALL
from phytomass.carbon import KIND_UNITS, CarbonSettings, Kind, Pool, to_pool

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factors:
    """What the mean AGB of each zone of a map is multiplied by, for each pool and kind.

    Where belowground is no fixed multiple of AGB the factor of a zone is the ratio of the sums of
    the map's pixels, each converted on its own; so it is that of the point map, also for members.

    Parameters
    ----------
    zones : tuple of str
    means : DataFrame
        Means of the map by zone (rows) and (pool, kind) (columns), each Mg/ha.
    """

    zones: tuple[str, ...]
    means: pd.DataFrame

    @classmethod
    def of_summary(cls, summary: pd.DataFrame, zones: tuple[str, ...]) -> Factors:
        """Return the factors of the map that `map_summary` describes."""
        rows = summary[(summary["quantity"] == "map_mean") & (summary["statistic"] == "mean")]
        means = rows.set_index(["zone", "pool", "kind"])["value"].unstack(["pool", "kind"])  # noqa: PD010
        return cls(zones, means)

    def of_zones(self, pool: Pool, kind: Kind) -> Array:
        """Return the factor of each zone, that of the whole where a zone holds no biomass."""
        above, wanted = self.means[("AGB", "dry_mass")], self.means[(pool, kind)]
        ratio = (wanted / above.where(above > 0)).astype(float)
        whole = float(ratio.get(ALL, np.nan))
        found = ratio.reindex(pd.Index(self.zones)).fillna(whole).to_numpy(np.float64)
        return np.asarray(np.nan_to_num(found), np.float64)

    def at(self, agb: Array, pool: Pool, kind: Kind, carbon: CarbonSettings) -> Array:
        """Return the factor at predictions of plots, Mg/ha; below 1 Mg/ha that of 1 Mg/ha."""
        above = np.maximum(agb, 1.0)
        return np.asarray(to_pool(above, pool, kind, carbon) / above, np.float64)


def in_unit(kind: Kind, per: str) -> str:
    """Return the unit of a kind.

    Examples
    --------
    >>> in_unit("C", "/ha")
    'Mg C/ha'
    """
    return f"{KIND_UNITS[kind]}{per}"
