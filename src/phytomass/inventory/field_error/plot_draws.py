"""The draws of plots and what they say: pools, standard errors, bounds, means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.carbon import (
    POOLS,
    CarbonSettings,
    Kind,
    Pool,
    add_pools,
    dead_columns,
    dead_pools,
    to_dead,
    to_pool,
)
from phytomass.draws import Draws, Lazy
from phytomass.draws.store import open_store
from phytomass.errors import InputError, nearest
from phytomass.progress import Progress, silent
from phytomass.walk.workers import Workers

Array = NDArray[np.float64]
Result = TypeVar("Result")

FEW = 320_000
"""Draws, of all plots whose pools are computed together."""

BOUNDS = {90: (5.0, 95.0), 95: (2.5, 97.5)}
"""Level in percent → percentiles of the draws."""


@dataclass(frozen=True, eq=False)
class PlotDraws:
    """Biomass of plots under each draw.

    Parameters
    ----------
    agb : Draws
        Aboveground biomass, Mg/ha; shared are the errors of `field_error.register`.
    agc : Draws or None
        Aboveground carbon where groups of trees have their own carbon fraction; otherwise it is
        `agb` times the shared ``carbon_fraction``.
    carbon : CarbonSettings
        The factors of the project.
    drawn_again : int
        Numbers that lay outside their bounds and were drawn again.
    below_zero : int
        Tree masses below zero (of linear equations) that were set to zero.
    fractions_truncated : int
        Draws of a carbon fraction below 0 or above 1 that were set to 0 or 1, of the groups of
        trees that there are: many of them say that the SD of the fraction is too large.
    """

    agb: Draws
    agc: Draws | None
    carbon: CarbonSettings
    drawn_again: int = 0
    below_zero: int = 0
    fractions_truncated: int = 0

    @classmethod
    def open(cls, path: Path, carbon: CarbonSettings) -> PlotDraws:
        """Open `plot_draws.zarr` of a project.

        Parameters
        ----------
        path : Path
        carbon : CarbonSettings
            Those that the plots were drawn with.

        Raises
        ------
        InputError
            As `Draws.open`.
        """
        stored = open_store(path)
        agc = Draws.open(path, "agc_mg_ha") if "agc_mg_ha" in stored.names() else None
        counts = stored.attributes.get("counts", {})
        return cls(Draws.open(path, "agb_mg_ha"), agc, carbon, **counts)

    def __getitem__(self, rows: slice) -> PlotDraws:
        """Return some plots, with their draws in memory."""
        return replace(self, agb=self.agb[rows], agc=None if self.agc is None else self.agc[rows])

    def take(self, ids: Sequence[str]) -> PlotDraws:
        """Return the named plots, in that order, with their draws in memory."""
        agc = None if self.agc is None else self.agc.take(ids)
        return replace(self, agb=self.agb.take(ids), agc=agc)

    def in_pool(self, pool: Pool, kind: Kind) -> Draws:
        """Return a pool of the living in a kind, per hectare."""
        return to_pool(self.agb, pool, kind, self.carbon, self.fraction())

    def pool(self, column: str) -> Draws:
        """Return one pool of the plots; its draws are computed when they are asked for.

        Parameters
        ----------
        column : str
            A column of `phytomass.carbon.POOLS`, e.g. ``co2e_mg_ha``, or of
            `phytomass.carbon.dead_pools` where the project gives their ratios.

        Returns
        -------
        Draws
            Per hectare. total = agb + bgb and carbon = agc + bgc in every draw.
        """
        known = [*POOLS, *dead_columns(self.carbon)]
        if column not in known:
            hint = nearest(column, known) or f"one of {', '.join(known)}"
            raise InputError(f"no pool {column!r}", remedy=hint)
        if column not in POOLS:
            return to_dead(self.agb, column, self.carbon)
        meaning = POOLS[column]
        return self.in_pool(meaning.pool, meaning.kind)

    def fraction(self) -> Draws | None:
        """Return the carbon fraction of each plot, the mean of its groups by biomass.

        None where groups of trees have no fraction of their own.
        """
        agb, agc = self.agb, self.agc
        if agc is None:
            return None
        general = agb.shared["carbon_fraction"]

        def share(rows: object) -> Array:
            mass, carbon = (np.asarray(d.values[rows], dtype=float) for d in (agb, agc))
            return np.asarray(np.where(mass > 0, carbon / np.where(mass > 0, mass, 1.0), general))

        some = agb.point > 0
        mass = np.where(some, agb.point, 1.0)
        return replace(
            agc,
            point=np.where(some, agc.point / mass, self.carbon.carbon_fraction.value),
            values=Lazy((len(agb), agb.n_draws), share),
            pool="",
            unit="t C per t dry mass",
        )

    def of(self, ids: Sequence[str]) -> PlotDraws:
        """Return the named plots, in that order; their draws are read when they are asked for."""
        if tuple(ids) == self.agb.ids:
            return self
        place = pd.Index(self.agb.ids).get_indexer(pd.Index(ids))
        agc = None if self.agc is None else _chosen(self.agc, place)
        return replace(self, agb=_chosen(self.agb, place), agc=agc)

    def means(self, workers: int = 1, progress: Progress = silent) -> dict[str, Draws]:
        """Return the mean over the plots of every column of `POOLS`, in one walk over the draws.

        Parameters
        ----------
        workers, progress
            As in `table`.
        """
        totals = {column: np.zeros(self.agb.n_draws) for column in POOLS}
        for sums in self._walked(self._sums, "means of the plots", workers, progress):
            for column, total in totals.items():
                total += sums[column]
        made = {column: self.pool(column) for column in POOLS}
        return {
            column: replace(
                pool,
                point=np.array([pool.point.mean()]),
                values=totals[column][None, :] / max(len(self.agb), 1),
                ids=("mean",),
                level="mean",
            )
            for column, pool in made.items()
        }

    def table(self, workers: int = 1, progress: Progress = silent) -> pd.DataFrame:
        """Return the standard error and the bounds of every pool of every plot.

        Parameters
        ----------
        workers : int
            Threads; the result does not depend on it.
        progress : callable
            Told how many plots are done.

        Returns
        -------
        DataFrame
            plot_id, agb_mg_ha (without errors), agb_mean_mg_ha (mean of the draws), and for each
            pool: <pool>_se_mg_ha (SD of the draws: it does not shrink with their number),
            <pool>_low90_mg_ha, _high90_, _low95_, _high95_ (percentiles). Dead wood and litter
            too, where the project gives their ratios (``dead_wood``, ``dead_wood_c``, …).
        """
        blocks = list(self._walked(self._rows, "bounds of the plots", workers, progress))
        head = pd.DataFrame({"plot_id": self.agb.ids, "agb_mg_ha": self.agb.point})
        return pd.concat([head, pd.concat(blocks, ignore_index=True)], axis=1)

    def _walked(
        self, work: Callable[[slice], Result], what: str, workers: int, progress: Progress
    ) -> Iterator[Result]:
        """Do something with each block of plots; yield what it gives, in the order of plots."""
        tasks = [(rows,) for rows in self.agb.blocks()]
        with Workers(workers).pool() as pool:
            for done, result in enumerate(pool.run(work, tasks, ordered=True), 1):
                yield result
                progress(what, done, len(tasks))

    def _few(self, rows: slice) -> Iterator[PlotDraws]:
        """Read some plots, and give a few at a time: their draws stay in the caches."""
        block = self[rows]
        n, few = len(block.agb), max(1, FEW // block.agb.n_draws)
        return (block[slice(i, min(i + few, n))] for i in range(0, n, few))

    def _sums(self, rows: slice) -> dict[str, Array]:
        """Return the sum over some plots of every column of `POOLS`."""
        totals = {column: np.zeros(self.agb.n_draws) for column in POOLS}
        for some in self._few(rows):
            for column, total in totals.items():
                total += np.asarray(some.pool(column).values[:]).sum(axis=0)
        return totals

    def _rows(self, rows: slice) -> pd.DataFrame:
        """Return the table of some plots."""
        return pd.concat([some._block() for some in self._few(rows)], ignore_index=True)

    def _block(self) -> pd.DataFrame:
        out: dict[str, Array] = {}
        for column in (*POOLS, *dead_columns(self.carbon)):
            name = POOLS[column].name if column in POOLS else column.removesuffix("_mg_ha")
            draws = np.asarray(self.pool(column).values[:])
            if column == "agb_mg_ha":
                out["agb_mean_mg_ha"] = draws.mean(axis=1)
            out[f"{name}_se_mg_ha"] = draws.std(axis=1, ddof=1)
            wanted = [p for pair in BOUNDS.values() for p in pair]
            low90, high90, low95, high95 = _percentiles(draws, wanted)
            out[f"{name}_low90_mg_ha"], out[f"{name}_high90_mg_ha"] = low90, high90
            out[f"{name}_low95_mg_ha"], out[f"{name}_high95_mg_ha"] = low95, high95
        return pd.DataFrame(out)

    def point(self) -> pd.DataFrame:
        """Return plot_id and all pools without errors, dead ones too where they are given."""
        table = pd.DataFrame({"plot_id": self.agb.ids, "agb_mg_ha": self.agb.point})
        fraction = self.fraction()
        if fraction is not None:
            table = table.assign(carbon_fraction=fraction.point)
        table = add_pools(table, self.carbon).drop(columns="carbon_fraction", errors="ignore")
        return table.assign(**dead_pools(table, self.carbon))


def _chosen(draws: Draws, place: NDArray[np.intp]) -> Draws:
    old = draws.values
    return replace(
        draws,
        point=draws.point[place],
        values=Lazy((len(place), draws.n_draws), lambda rows: np.asarray(old[place[rows]])),
        ids=tuple(draws.ids[i] for i in place),
    )


def _percentiles(draws: Array, wanted: Sequence[float]) -> list[Array]:
    """Return percentiles of each row as `numpy.percentile` does, to the bit, by one sort."""
    ordered = np.sort(draws, axis=1)
    last = draws.shape[1] - 1
    found = []
    for percent in wanted:
        place = last * (percent / 100)
        below = int(place)
        share, low = place - below, ordered[:, below]
        step = ordered[:, min(below + 1, last)] - low
        high = ordered[:, min(below + 1, last)]
        found.append(low + step * share if share < 0.5 else high - step * (1 - share))
    return found
