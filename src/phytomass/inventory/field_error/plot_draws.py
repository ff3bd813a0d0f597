"""The draws of plots and what they say: pools, standard errors, bounds, means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.carbon import (
    LITTER_CARBON,
    POOLS,
    Factor,
    add_pools,
    class_ratio,
    dead_columns,
    dead_pools,
    log_normal,
    mokany,
    root_classes,
)
from phytomass.errors import InputError, nearest
from phytomass.inventory.field_error.shared import ErrorModel
from phytomass.philox import item_keys, normals

Array = NDArray[np.float64]

ROWS = 256
"""Plots that are looked at together."""

BOUNDS = {90: (5.0, 95.0), 95: (2.5, 97.5)}
"""Level in percent → percentiles of the draws."""


@dataclass(frozen=True, eq=False)
class PlotDraws:
    """Biomass of plots under each draw.

    Parameters
    ----------
    plot_id : tuple of str, length n_plots
    point_agb_mg_ha : array, shape (n_plots,)
        Aboveground biomass without errors, Mg/ha.
    point_carbon_fraction : array, shape (n_plots,)
        Carbon fraction without errors: where groups of trees have their own, the mean by biomass.
    agb_mg_ha : array or zarr array, shape (n_plots, n_draws)
        Aboveground biomass, Mg/ha, float32.
    agc_mg_ha : array, zarr array or None
        Aboveground carbon where groups of trees have their own carbon fraction; otherwise it is
        `agb_mg_ha` times `carbon_fraction`.
    carbon_fraction, root_z : array, shape (n_draws,)
        Shared draws: the carbon fraction (that of no group, where groups differ), and the root:shoot ratio in standard deviations.
    model : ErrorModel
    random_state : int
    drawn_again : int
        Numbers that lay outside their bounds and were drawn again.
    below_zero : int
        Tree masses below zero (of linear equations) that were set to zero.
    fractions_truncated : int
        Draws of a carbon fraction below 0 or above 1 that were set to 0 or 1, of the groups of
        trees that there are: many of them say that the SD of the fraction is too large.
    """

    plot_id: tuple[str, ...]
    point_agb_mg_ha: Array
    point_carbon_fraction: Array
    agb_mg_ha: Any
    agc_mg_ha: Any
    carbon_fraction: Array
    root_z: Array
    model: ErrorModel
    random_state: int
    drawn_again: int
    below_zero: int
    fractions_truncated: int

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return int(self.agb_mg_ha.shape[1])

    def pool(self, column: str, rows: slice = slice(None)) -> Array:
        """Return the draws of one pool.

        Parameters
        ----------
        column : str
            A column of `phytomass.carbon.POOLS`, e.g. ``co2e_mg_ha``, or of
            `phytomass.carbon.dead_pools` where the project gives their ratios.
        rows : slice
            Which plots.

        Returns
        -------
        array, shape (n, n_draws)
            Per hectare. total = agb + bgb and carbon = agc + bgc in every draw.
        """
        dead = dead_columns(self.model.carbon)
        if column not in POOLS and column not in dead:
            known = [*POOLS, *dead]
            hint = nearest(column, known) or f"one of {', '.join(known)}"
            raise InputError(f"no pool {column!r}", remedy=hint)
        agb = np.asarray(self.agb_mg_ha[rows], dtype=float)
        if column in dead:
            return agb * self._dead_ratio(dead[column], column.endswith("_c_mg_ha"))
        meaning = POOLS[column]
        if meaning.pool == "AGB":
            mass = agb
        else:
            below = self._below(agb)
            mass = below if meaning.pool == "BGB" else agb + below
        if meaning.kind == "dry_mass":
            return mass
        carbon = mass * self._fraction(agb, rows)
        return carbon if meaning.kind == "C" else carbon * self.model.carbon.co2_per_c.value

    def _below(self, agb: Array) -> Array:
        carbon, z = self.model.carbon, self.root_z
        if carbon.root_rule == "ipcc2019":
            root_class = root_classes()[str(carbon.root_class)]
            drawn = z if self.model.errors.on("root_shoot") else 0.0
            return agb * class_ratio(agb, root_class, drawn)
        factor = carbon.root_shoot
        sd = carbon.sd_of(factor, "root_shoot") if self.model.errors.on("root_shoot") else 0.0
        if carbon.root_rule == "mokany":
            relative = sd / factor.value if factor.value > 0 else 0.0
            return mokany(agb) * log_normal(1.0, relative, z)
        return agb * log_normal(factor.value, sd, z)

    def _dead_ratio(self, name: str, as_carbon: bool) -> Array:
        """Return dead wood or litter (dry mass, or C) per biomass under each draw, of all plots."""
        factor: Factor = getattr(self.model.carbon, name)
        sd = factor.sd
        if sd is None:
            sd = self.model.errors["dead_matter_cv"] * factor.value
        if not self.model.errors.on("dead_matter"):
            sd = 0.0
        z = normals(self.random_state, "dead matter", item_keys([name]), range(self.n_draws))[0]
        ratio = log_normal(factor.value, sd, z)
        if not as_carbon:
            return ratio
        return ratio * (self.carbon_fraction if name == "dead_wood" else LITTER_CARBON)

    def _fraction(self, agb: Array, rows: slice) -> Array:
        if self.agc_mg_ha is None:
            return self.carbon_fraction[None, :]
        agc = np.asarray(self.agc_mg_ha[rows], dtype=float)
        safe = np.where(agb > 0, agb, 1.0)
        return np.asarray(np.where(agb > 0, agc / safe, self.carbon_fraction[None, :]))

    def blocks(self) -> Iterator[slice]:
        """Walk over the plots in blocks of bounded memory."""
        for first in range(0, len(self.plot_id), ROWS):
            yield slice(first, min(first + ROWS, len(self.plot_id)))

    def table(self) -> pd.DataFrame:
        """Return the standard error and the bounds of every pool of every plot.

        Returns
        -------
        DataFrame
            plot_id, agb_mg_ha (without errors), agb_mean_mg_ha (mean of the draws), and for each
            pool: <pool>_se_mg_ha (SD of the draws: it does not shrink with their number),
            <pool>_low90_mg_ha, _high90_, _low95_, _high95_ (percentiles). Dead wood and litter
            too, where the project gives their ratios (``dead_wood``, ``dead_wood_c``, …).
        """
        blocks = [self._block(rows) for rows in self.blocks()]
        head = pd.DataFrame({"plot_id": self.plot_id, "agb_mg_ha": self.point_agb_mg_ha})
        return pd.concat([head, pd.concat(blocks, ignore_index=True)], axis=1)

    def _block(self, rows: slice) -> pd.DataFrame:
        out: dict[str, Array] = {}
        for column in (*POOLS, *dead_columns(self.model.carbon)):
            name = POOLS[column].name if column in POOLS else column.removesuffix("_mg_ha")
            draws = self.pool(column, rows)
            if column == "agb_mg_ha":
                out["agb_mean_mg_ha"] = draws.mean(axis=1)
            out[f"{name}_se_mg_ha"] = draws.std(axis=1, ddof=1)
            wanted = [p for pair in BOUNDS.values() for p in pair]
            low90, high90, low95, high95 = np.percentile(draws, wanted, axis=1)
            out[f"{name}_low90_mg_ha"], out[f"{name}_high90_mg_ha"] = low90, high90
            out[f"{name}_low95_mg_ha"], out[f"{name}_high95_mg_ha"] = low95, high95
        return pd.DataFrame(out)

    def mean(self, column: str = "agb_mg_ha", weights: Array | None = None) -> Array:
        """Return the mean over the plots under each draw: shared errors do not average out.

        Parameters
        ----------
        column : str
            A column of `phytomass.carbon.POOLS`.
        weights : array, shape (n_plots,), optional
            Weight of each plot; all alike if left out.

        Returns
        -------
        array, shape (n_draws,)
        """
        n = len(self.plot_id)
        weight = np.full(n, 1.0 / n) if weights is None else weights / np.sum(weights)
        total = np.zeros(self.n_draws)
        for rows in self.blocks():
            total += weight[rows] @ self.pool(column, rows)
        return total

    def point(self) -> pd.DataFrame:
        """Return plot_id and all pools without errors, dead ones too where they are given."""
        head = {"plot_id": self.plot_id, "agb_mg_ha": self.point_agb_mg_ha}
        table = pd.DataFrame({**head, "carbon_fraction": self.point_carbon_fraction})
        table = add_pools(table, self.model.carbon).drop(columns="carbon_fraction")
        return table.assign(**dead_pools(table, self.model.carbon))
