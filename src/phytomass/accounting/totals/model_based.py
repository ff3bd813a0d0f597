"""Means and totals under the model alone: the members of the map's ensemble, and its residuals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import cdist

from phytomass import tables
from phytomass.accounting.estimate import KINDS, POOLS, Estimate
from phytomass.accounting.model_based import Spherical, fit_spherical, semivariances
from phytomass.accounting.totals.cover import Cover
from phytomass.accounting.totals.masses import Factors, in_unit
from phytomass.accounting.zones import ALL
from phytomass.carbon import CarbonSettings, Kind, Pool, to_pool
from phytomass.draws import Draws
from phytomass.errors import InputError
from phytomass.inventory.field_error import PlotDraws
from phytomass.mapping.map_draws import MapDraws

Array = NDArray[np.float64]
LEVEL = 0.95
AGB_MAP = "agb.tif"


@dataclass(frozen=True, eq=False)
class Modelled:
    """What a model-based estimate is made of.

    Parameters
    ----------
    draws : MapDraws
        Of the map.
    cover : Cover
        Of the same zones.
    factors : Factors
        From AGB to pools in each zone of the map.
    carbon : CarbonSettings
    residuals : Spherical, optional
        Variogram of residuals held out in space, (Mg/ha)²; without it what the model leaves
        unexplained is not counted.
    field : PlotDraws, optional
        Draw k of what plots share, carbon fraction and roots among it, is that of member k.
    period : str
        Date.
    """

    draws: MapDraws
    cover: Cover
    factors: Factors
    carbon: CarbonSettings
    residuals: Spherical | None = None
    field: PlotDraws | None = None
    period: str = ""

    @cached_property
    def pairs(self) -> dict[str, float]:
        """Mean covariance of residuals of pairs of pixels: of the whole, and of each zone."""
        if self.residuals is None:
            return {}
        zones = zip((*self.cover.zones, ALL), (*self.cover.cells, self.cover.spread), strict=True)
        return {zone: pair_covariance(self.residuals, cells) for zone, cells in zones}

    def block(self, zone: str, pixels: int) -> float:
        """Return the variance of the mean residual of so many pixels of a zone, (Mg/ha)².

        ``(1/N²) ΣΣ C(h_ij)``: that of pairs, and ``(nugget + sill) / N`` of pixels with themselves.
        """
        if self.residuals is None or not pixels:
            return 0.0
        own = (self.residuals.nugget + self.residuals.sill) / pixels
        return self.pairs[zone] * (1 - 1 / pixels) + own

    @property
    def method(self) -> str:
        """Codes of how it is made."""
        left = () if self.residuals is None else ("residual_block",)
        return tables.method("model_based", "members", *left)

    def factor(self, members: Array, pool: Pool, kind: Kind) -> Array:
        """Return the factor to a pool under the draw of each member, over their mean: shape (k,).

        Parameters
        ----------
        members : array, shape (k,)
            AGB, Mg/ha: where belowground is no fixed multiple of it the factor depends on it.
        """
        shared = {} if self.field is None else self.field.agb.shared
        some = {name: values[: len(members)] for name, values in shared.items()}
        agb = np.maximum(members, 1.0)
        drawn = Draws(
            agb.mean()[None], agb[None], ("map",), "AGB", "dry_mass", "Mg/ha", shared=some
        )
        factors = np.asarray(to_pool(drawn, pool, kind, self.carbon).values[:])[0] / agb
        return np.asarray(factors / factors.mean(), np.float64)


def residual_variogram(plots: pd.DataFrame, predictions: pd.DataFrame) -> Spherical | None:
    """Return the variogram of residuals that were held out; None where there is none.

    Parameters
    ----------
    plots : DataFrame
        plot_id, easting, northing.
    predictions : DataFrame
        plot_id, observed, predicted (Mg/ha) of one model by one split; repeats are averaged.
    """
    known = predictions.dropna(subset=["observed", "predicted"])
    left = (known["observed"] - known["predicted"]).groupby(known["plot_id"].astype(str)).mean()
    where = plots.assign(plot_id=plots["plot_id"].astype(str)).set_index("plot_id")
    left = left[left.index.isin(where.index)]
    at = where.loc[left.index, ["easting", "northing"]].to_numpy(np.float64)
    try:
        return fit_spherical(semivariances(at, left.to_numpy(np.float64)))
    except InputError:
        return None


def pair_covariance(variogram: Spherical, cells: Array) -> float:
    """Return the mean covariance of the residuals of two pixels of an area, from a sample of them.

    Without pairs all pixels are taken as near each other.

    Parameters
    ----------
    variogram : Spherical
    cells : array, shape (m, 2)
        Positions of some pixels, evenly spread, m.

    Examples
    --------
    >>> pair_covariance(Spherical(1.0, 3.0, 10.0), np.array([[0.0, 0.0], [0.0, 5.0]]))
    0.9375
    """
    m = len(cells)
    if m < 2:
        return variogram.sill
    pairs = variogram.covariance(cdist(cells, cells))
    return float(pairs.sum() - np.trace(pairs)) / (m * (m - 1))


def modelled_estimates(given: Modelled) -> list[Estimate]:
    """Return mean and total of the mask and of its zones under the model, in every pool and kind.

    The value is that of the map before negative predictions are set to zero; its error is the
    spread of the members (sites drawn again, and the errors that plots share, draw by draw), and
    beside it that of the mean of what the model leaves unexplained, from the variogram of
    residuals held out in space. Pixels of the mask without a prediction have the mean of their
    zone. It holds if the model does: plots chosen on purpose make it wrong, and nothing in it
    finds that out.

    Returns
    -------
    list of Estimate
        Quantities model_mean and model_total, and model_mapped_total of the mapped part where
        pixels are missing.

    References
    ----------
    Saarela et al. (2016, Ann. For. Sci. 73:895-910); Ståhl et al. (2016, For. Ecosyst. 3:5).
    """
    means = _Means.of(given.draws, AGB_MAP)
    return [row for scope in _scopes(given) for row in _rows(given, means, scope)]


@dataclass(frozen=True, eq=False)
class _Means:
    """Means of zones, Mg/ha: of the point map and of each member; of the whole where there are none."""

    points: Array
    members: Array

    @classmethod
    def of(cls, draws: MapDraws, name: str) -> _Means:
        pixels = draws.pixels[name]
        size, some, share = np.maximum(pixels, 1), pixels > 0, pixels / max(pixels.sum(), 1)
        points, members = draws.points[name] / size, draws.sums[name] / size
        filled = np.where(some, members, (members @ share)[:, None])
        return cls(np.where(some, points, points @ share), filled)


@dataclass(frozen=True, eq=False)
class _Scope:
    """The whole or a zone: shares of the zones in it, hectares, pixels, variance of its residual."""

    zone: str
    mask: Array
    mapped: Array
    hectares: float
    mapped_ha: float
    n: int
    block: float


def _scopes(given: Modelled) -> Iterator[_Scope]:
    cover = given.cover
    every = {ALL: np.ones(len(cover.zones))}
    if cover.zones != (ALL,):
        every |= dict(zip(cover.zones, np.eye(len(cover.zones)), strict=True))
    for zone, inside in every.items():
        mask, mapped = cover.mask * inside, cover.mapped * inside
        n, hectares = int(mapped.sum()), float(mask.sum()) * cover.pixel_ha
        if not mask.any():
            continue
        yield _Scope(
            zone, mask / mask.sum(), mapped / max(n, 1), hectares, n * cover.pixel_ha, n,
            given.block(zone, max(n, 1)),
        )  # fmt: skip


def _rows(given: Modelled, means: _Means, scope: _Scope) -> Iterator[Estimate]:
    for pool in POOLS:
        for kind in KINDS:
            row = Estimate(
                "model_mean", scope.zone, pool, kind, 0.0, in_unit(kind, "/ha"), scope.hectares,
                "mean", scope.n, given.period, given.method, level=LEVEL,
                n_draws=len(means.members),
            )  # fmt: skip
            whole = _mean(given, means, row, (scope.mask, scope.block))
            yield whole
            yield _total("model_total", whole)
            if 0 < scope.mapped_ha < scope.hectares:
                row = replace(row, area_ha=scope.mapped_ha)
                part = _mean(given, means, row, (scope.mapped, scope.block))
                yield _total("model_mapped_total", part)


def _mean(given: Modelled, means: _Means, row: Estimate, of: tuple[Array, float]) -> Estimate:
    """Return a mean over zones by their shares, with its error."""
    (shares, block), pool, kind = of, cast(Pool, row.pool), cast(Kind, row.kind)
    factor = given.factors.of_zones(pool, kind)
    agb = float(shares @ means.points)
    value = float(shares @ (means.points * factor))
    ratio, members = value / agb if agb else 0.0, means.members @ shares
    drawn = ratio * members * given.factor(members, pool, kind)
    return with_error(replace(row, value=value), drawn, ratio**2 * block)


def _total(quantity: str, mean: Estimate) -> Estimate:
    times = {name: getattr(mean, name) * mean.area_ha for name in ("value", "se", "low", "high")}
    unit = mean.unit.removesuffix("/ha")
    return replace(mean, **times, quantity=quantity, statistic="total", unit=unit)


def with_error(row: Estimate, drawn: Array, block: float = 0.0) -> Estimate:
    """Return an estimate with the error of its draws and of the mean of the residuals, and t bounds.

    The members are too few for quantiles of their own: the bounds are those of t.
    """
    se = float(np.sqrt(drawn.var(ddof=1) + block))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(drawn) - 1)) * se
    return replace(
        row, se=se, low=row.value - half, high=row.value + half, level=LEVEL, n_draws=len(drawn)
    )
