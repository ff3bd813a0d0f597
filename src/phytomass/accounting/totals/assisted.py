"""Model-assisted means and totals: the map's ensemble, put right by plots that it left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass import tables
from phytomass.accounting.area import Sample, sample_of
from phytomass.accounting.estimate import KINDS, POOLS, Estimate
from phytomass.accounting.shared import Shared, moved_by, t_error
from phytomass.accounting.survey.cross_fitted import Part, held_out, held_out_mean
from phytomass.accounting.survey.design import codes_of
from phytomass.accounting.totals.cover import AT_MISSING, Cover
from phytomass.accounting.totals.masses import Factors, in_unit
from phytomass.accounting.zones import ALL
from phytomass.carbon import CarbonSettings, Kind, Pool, to_pool
from phytomass.errors import InputError
from phytomass.inventory.sampling import DesignSettings
from phytomass.mapping.map_draws import MapDraws

Array = NDArray[np.float64]
OWN = 10
"""Units (plots, or clusters of them) of its own that a zone needs for a correction of its own."""


@dataclass(frozen=True, eq=False)
class Assisted:
    """What a model-assisted estimate is made of.

    Parameters
    ----------
    draws : MapDraws
        Of the map.
    cover : Cover
        Of the same zones; its plots are those of `plots`, in their order.
    plots : DataFrame
        All plots of the sample: plot_id, agb_mg_ha, and what the design names.
    design : DesignSettings
        A probability sample.
    factors : Factors
        From AGB to pools in each zone of the map.
    carbon : CarbonSettings
    shared : callable, optional
        As in `area_estimates`.
    period : str
        Date.
    """

    draws: MapDraws
    cover: Cover
    plots: pd.DataFrame
    design: DesignSettings
    factors: Factors
    carbon: CarbonSettings
    shared: Shared | None = None
    period: str = ""

    def __post_init__(self) -> None:
        """Refuse a map of other zones."""
        if self.draws.zones != self.cover.zones:
            raise InputError(
                f"sums of the zones {', '.join(self.draws.zones[:5])}, and there are"
                f" {', '.join(self.cover.zones[:5])}",
                where="zone_draws.zarr",
                remedy="run the step map again",
            )


def assisted_estimates(given: Assisted) -> list[Estimate]:
    """Return mean and total of the mask and of its zones, in every pool and kind.

    ``μ = (1/K) Σ_k [f̄_k + Σ w_i (y_i − f_k(x_i)) / Σ w_i]``: f̄_k is the mean of member k over the
    mapped pixels, and the second sum runs over the plots whose site member k left out, so that no
    plot corrects a model that saw it. ``V = V_design(e_i) + V_shared``: e_i is the mean residual
    of a plot over the members that left it out, and the errors that plots share move the estimate
    by the share by which they move the mean of the plots.

    A zone with ten or more plots (clusters) of its own is corrected by them, others by all; then
    all zones are moved alike so that they add up to the whole. Pixels of the mask without a
    prediction have the mean of the plots that lie on such pixels, if there are five or more, else
    that of their zone.

    Returns
    -------
    list of Estimate
        Quantities assisted_mean and assisted_total, and assisted_mapped_total of the mapped part
        where pixels are missing.

    Raises
    ------
    InputError
        As `sample_of`; for a stratum of which no plot has a prediction, and where no plot was left
        out.
    """
    sample = sample_of(given.plots, given.design)
    masses = [(pool, kind) for pool in POOLS for kind in KINDS]
    return [row for mass in masses for row in _Mass(given, sample, *mass).rows()]


@dataclass(frozen=True, eq=False)
class _Mass:
    """The estimate in one pool and kind."""

    given: Assisted
    sample: Sample
    pool: Pool
    kind: Kind

    def rows(self) -> Iterator[Estimate]:
        """Give the rows of the whole and of the zones."""
        cover, (whole, zones) = self.given.cover, self._mapped()
        fill = self._fill()
        filled = [
            zone.part * (1 - q) + (fill or zone.part) * q
            for zone, q in zip(zones, cover.missing / np.maximum(cover.mask, 1), strict=True)
        ]
        share = cover.mask / cover.mask.sum()
        everything = sum_of([part * s for part, s in zip(filled, share, strict=True)])
        declared = self.given.design.area
        area = cover.mask * cover.pixel_ha
        mapped = cover.mapped * cover.pixel_ha
        codes = whole.codes if declared is None else (*whole.codes, "declared_area")
        base = replace(whole, part=everything, codes=codes)
        yield from self._of(ALL, base, declared or float(area.sum()))
        if cover.missing.any():
            yield self._total("assisted_mapped_total", self._mean(ALL, whole, float(mapped.sum())))
        if cover.zones == (ALL,):
            return
        for i, name in enumerate(cover.zones):
            if cover.mask[i]:
                yield from self._of(name, replace(zones[i], part=filled[i]), float(area[i]))
            if cover.missing[i]:
                yield self._total(
                    "assisted_mapped_total", self._mean(name, zones[i], float(mapped[i]))
                )

    def _mapped(self) -> tuple[_Zone, list[_Zone]]:
        """Return the mean of the mapped pixels, of the whole and of each zone."""
        cover, draws = self.given.cover, self.given.draws
        pixels, sums = draws.pixels["agb.tif"], draws.sums["agb.tif"].mean(axis=0)
        factor = self.given.factors.of_zones(self.pool, self.kind)
        left, weights = self._left(), self._weights()
        strata = [weights * (self.sample.stratum == h) for h in range(len(self.sample.names))]
        n = int((weights > 0).sum())
        error = self._stratified(strata, left)
        mean = Part(float(sums @ factor / pixels.sum()), np.zeros(len(weights)))
        whole = _Zone(mean + error, self._freedom(error), n, ("model_assisted",))
        borrowed = replace(whole, part=error, codes=("model_assisted", "borrowed_residuals"))
        own = [self._own(i, weights, left) or borrowed for i in range(len(cover.zones))]
        means = sums * factor / np.maximum(pixels, 1)
        raw = [
            replace(z, part=z.part + replace(mean, value=m))
            for z, m in zip(own, means, strict=True)
        ]
        shares = pixels / pixels.sum()
        shift = whole.part - sum_of([z.part * s for z, s in zip(raw, shares, strict=True)])
        moved = [replace(zone, part=zone.part + shift) for zone in raw]
        return whole, [z if n else whole for z, n in zip(moved, pixels, strict=True)]

    def _stratified(self, strata: list[Array], left: Array) -> Part:
        """Return the mean residual of the area: of each stratum, by its share."""
        parts = []
        for name, weights in zip(self.sample.names, strata, strict=True):
            if not weights.any():
                raise InputError(f"no plot of the stratum {name!r} has a prediction")
            parts.append(held_out_mean(weights, left))
        return sum_of([part * s for part, s in zip(parts, self.sample.share, strict=True)])

    def _own(self, zone: int, weights: Array, left: Array) -> _Zone | None:
        """Return the mean residual of the plots of a zone, if there are enough of them."""
        inside = np.where(self.given.cover.plot_zone == zone, weights, 0.0)
        units = np.unique(self.sample.design.first.units[inside > 0])
        if len(units) < OWN:
            return None
        part = held_out_mean(inside, left)
        return _Zone(part, self._freedom(part), int((inside > 0).sum()), ("model_assisted",))

    def _freedom(self, part: Part) -> int:
        """Return the units that count, less their strata."""
        stage = self.sample.design.first
        units = np.unique(stage.units[part.linear != 0])
        strata = np.unique(stage.stratum_of_unit[units])
        return max(len(units) - len(strata), 1)

    def _fill(self) -> Part | None:
        """Return the mean of the plots on pixels of the mask that have no prediction."""
        there = self.given.cover.plots_at_missing
        if there.sum() < AT_MISSING:
            return None
        share = self.sample.share[self.sample.stratum] * self.sample.parts() * there
        return held_out_mean(share, self._y()[None, :])

    def _weights(self) -> Array:
        """Return the share of each plot in the mean of the area, 0 without a prediction."""
        share = self.sample.share[self.sample.stratum] * self.sample.parts()
        return np.where(self._known() & self.given.cover.plot_mapped, share, 0.0)

    def _known(self) -> NDArray[np.bool_]:
        return np.isin(self._ids(), np.array(self.given.draws.plots, dtype=str))

    def _ids(self) -> NDArray[np.str_]:
        return self.given.plots["plot_id"].to_numpy(dtype=str)

    def _y(self) -> Array:
        plots = self.given.plots
        own = plots["carbon_fraction"].to_numpy(np.float64) if "carbon_fraction" in plots else None
        agb = plots["agb_mg_ha"].to_numpy(np.float64)
        return np.asarray(to_pool(agb, self.pool, self.kind, self.given.carbon, own))

    def _left(self) -> Array:
        """Return the residuals of all plots, NaN where a member saw the site, shape (k, n)."""
        draws, ids = self.given.draws, self._ids()
        place = pd.Index(draws.plots).get_indexer(pd.Index(ids))
        predicted = np.where(place >= 0, draws.at_plots[:, place], np.nan)
        drawn = np.where(place >= 0, draws.drawn[:, place], 0)
        out = held_out(drawn, self._sites())
        middle = np.nanmean(np.where(place >= 0, predicted, 0.0), axis=0)
        factor = self.given.factors.at(middle, self.pool, self.kind, self.given.carbon)
        return np.where(out, self._y() - predicted * factor, np.nan)

    def _sites(self) -> NDArray[np.intp]:
        """Return what is left out together: sites, clusters; each plot where it has neither."""
        plots = self.given.plots
        if "site" not in plots:
            return np.arange(len(plots), dtype=np.intp)
        names = plots["site"].fillna("").astype(str)
        alone = "plot " + plots["plot_id"].astype(str)
        return codes_of(names.where(names != "", alone))[0]

    def _of(self, zone: str, found: _Zone, area: float) -> Iterator[Estimate]:
        mean = self._mean(zone, found, area)
        yield mean
        yield self._total("assisted_total", mean)

    def _total(self, quantity: str, mean: Estimate) -> Estimate:
        times = {n: getattr(mean, n) * mean.area_ha for n in ("value", "se", "low", "high")}
        unit = mean.unit.removesuffix("/ha")
        return replace(mean, **times, quantity=quantity, statistic="total", unit=unit)

    def _mean(self, zone: str, found: _Zone, area: float) -> Estimate:
        moved = self._moved(found.part.value)
        variance = self.sample.design.variance(found.part.linear)
        level = self.given.design.level
        se, low, high = t_error(variance, moved, found.freedom, level)
        value = found.part.value
        errors = ("sampling",) if moved is None else ("sampling", "shared_errors")
        method = tables.method(*found.codes, *errors)
        return (Estimate(
            "assisted_mean", zone, self.pool, self.kind, value, in_unit(self.kind, "/ha"), area,
            "mean", found.n, self.given.period, method, se, value + low, value + high, level,
            0 if moved is None else len(moved),
        ))  # fmt: skip

    def _moved(self, value: float) -> Array | None:
        """Return how far each draw of what plots share moves an estimate: by the same share."""
        if self.given.shared is None:
            return None
        weights = self.sample.share[self.sample.stratum] * self.sample.parts()
        drawn, mean = self.given.shared(self.pool, self.kind), float(weights @ self._y())
        return moved_by(drawn, weights) * (value / mean) if mean > 0 else None


@dataclass(frozen=True, eq=False)
class _Zone:
    """The mean of a zone, with its degrees of freedom, its plots and how it was made."""

    part: Part
    freedom: int
    n: int
    codes: tuple[str, ...]


def sum_of(parts: list[Part]) -> Part:
    """Return the sum of parts."""
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found
