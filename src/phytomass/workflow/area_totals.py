"""Means, totals and changes of the map with their intervals, by what the plots are."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pandas as pd

from phytomass.accounting import Estimate, Shared, Zones, table_of, years_between
from phytomass.accounting.totals import (
    AGB_MAP,
    Assisted,
    Cover,
    Factors,
    Modelled,
    assisted_estimates,
    cover_estimates,
    cover_of,
    modelled_estimates,
    residual_variogram,
    with_change_errors,
)
from phytomass.carbon import CarbonSettings
from phytomass.imagery import MappedArea
from phytomass.inventory.field_error import PlotDraws
from phytomass.inventory.sampling import DesignSettings
from phytomass.mapping.map_draws import COMMON, MapDraws
from phytomass.workflow.names import ZONE_DRAWS
from phytomass.workflow.reads import Results


@dataclass(frozen=True, eq=False)
class AreaTotals:
    """What the intervals of a map's numbers are made of.

    Parameters
    ----------
    results : Results
        With the map and the draws of its ensemble.
    plots : DataFrame
        Those in use.
    mapped : DataFrame
        From `map_summary`.
    cover : Cover
        Of the mask.
    design : DesignSettings
    carbon : CarbonSettings
    period : str
    field : PlotDraws, optional
        Draws of what these plots share, in the order of the members.
    """

    results: Results
    plots: pd.DataFrame
    mapped: pd.DataFrame
    cover: Cover
    design: DesignSettings
    carbon: CarbonSettings
    period: str
    field: PlotDraws | None = None

    @property
    def has_members(self) -> bool:
        """Whether the map was made by an ensemble over draws."""
        return self.results.path(ZONE_DRAWS).exists()

    def rows(self) -> pd.DataFrame:
        """Return the areas, and mean and total with their interval where there is an ensemble."""
        found = cover_estimates(self.cover, self.period, assisted=self._is_assisted)
        if not self.has_members:
            return table_of(found)
        return table_of([*found, *(self._assisted() if self._is_assisted else self._modelled())])

    def with_errors(self, change: pd.DataFrame, before: str) -> pd.DataFrame:
        """Return the rows of a change with their intervals, where there is an ensemble."""
        if not self.has_members or COMMON + AGB_MAP not in self._draws.sums:
            return change
        return with_change_errors(change, self._model(), years_between(before, self.period))

    @property
    def _draws(self) -> MapDraws:
        return MapDraws.open(self.results.path(ZONE_DRAWS))

    @property
    def _is_assisted(self) -> bool:
        return self.has_members and self.design.is_sample

    @property
    def _factors(self) -> Factors:
        return Factors.of_summary(self.mapped, self.cover.zones)

    def _assisted(self) -> list[Estimate]:
        shared: Shared | None = None if self.field is None else self.field.in_pool
        return assisted_estimates(Assisted(
            self._draws, self.cover, self.plots, self.design, self._factors, self.carbon,
            shared, self.period,
        ))  # fmt: skip

    def _modelled(self) -> list[Estimate]:
        return modelled_estimates(self._model())

    def _model(self) -> Modelled:
        card = self.results.document("map_model.json")
        held_out = self.results.table("predictions")
        for column, key in (
            ("model", "model"),
            ("predictors", "predictors_set"),
            ("split", "selected_by"),
        ):
            held_out = held_out[held_out[column] == card[key]]
        return Modelled(
            self._draws, self.cover, self._factors, self.carbon,
            residual_variogram(self.plots, held_out), self.field, self.period,
        )  # fmt: skip


def cover_for(
    results: Results, mask: MappedArea | None, zones: Zones | None, plots: pd.DataFrame
) -> Cover:
    """Return what of a mask is mapped, and which plots lie on it."""
    at = plots[["easting", "northing"]].to_numpy(np.float64)
    with mask.open() if mask is not None else nullcontext() as inside:
        return cover_of(results.path(AGB_MAP), inside, zones, at)
