"""Means and totals under the model alone: the members of the map's ensemble, and its residuals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import cdist

from phytomass.accounting.estimate import KINDS, POOLS, Estimate
from phytomass.accounting.model_based import Spherical, fit_spherical, semivariances
from phytomass.accounting.shared import PLACES, convolved
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

HEADLINES = {
    ("model_mean", "AGB", "dry_mass"), ("model_total", "AGB", "dry_mass"),
    ("model_total", "total", "C"), ("model_total", "total", "CO2e"),
}  # fmt: skip


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

    @property
    def method(self) -> str:
        """Code of how it is made."""
        return "model_based" if self.residuals is not None else "model_based_members"

    def moved(self, members: Array, pool: Pool, kind: Kind) -> Array:
        """Return the mean of each member in a pool, over their mean: shape (k,).

        Parameters
        ----------
        members : array, shape (k,)
            AGB, Mg/ha.
        """
        shared = {} if self.field is None else self.field.agb.shared
        some = {name: values[: len(members)] for name, values in shared.items()}
        agb = np.maximum(members, 1e-9)
        drawn = Draws(
            agb.mean()[None], agb[None], ("map",), "AGB", "dry_mass", "Mg/ha", shared=some
        )
        values = np.asarray(to_pool(drawn, pool, kind, self.carbon).values[:])[0]
        return np.asarray(values / values.mean(), np.float64)


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


def block_variance(variogram: Spherical, cells: Array, pixels: int) -> float:
    """Return the variance of the mean residual of an area from a sample of its pixels.

    ``(1/N²) ΣΣ C(h_ij)`` over pairs of the sample, and ``(nugget + sill) / N`` for the pixels with
    themselves.

    Parameters
    ----------
    variogram : Spherical
    cells : array, shape (m, 2)
        Positions of some pixels, evenly spread, m.
    pixels : int
        How many there are.

    Examples
    --------
    >>> block_variance(Spherical(1.0, 3.0, 10.0), np.array([[0.0, 0.0], [1000.0, 0.0]]), 1000)
    0.004
    """
    whole = variogram.nugget + variogram.sill
    m = len(cells)
    if m < 2:
        return whole / max(pixels, 1)
    pairs = variogram.covariance(cdist(cells, cells))
    mean = float(pairs.sum() - np.trace(pairs)) / (m * (m - 1))
    return mean * (1 - 1 / pixels) + whole / pixels


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
        pixels are missing; the rows that page one shows are `headline`.

    References
    ----------
    Saarela et al. (2016, Ann. For. Sci. 73:895-910); Ståhl et al. (2016, For. Ecosyst. 3:5).
    """
    masses = [(pool, kind) for pool in POOLS for kind in KINDS]
    return [row for mass in masses for row in _rows(given, *mass)]


def _rows(given: Modelled, pool: Pool, kind: Kind) -> Iterator[Estimate]:
    cover, draws = given.cover, given.draws
    pixels, share = draws.pixels[AGB_MAP], cover.mask / cover.mask.sum()
    size = np.maximum(pixels, 1)
    factor = given.factors.of_zones(pool, kind)
    points, members = draws.points[AGB_MAP] / size, draws.sums[AGB_MAP] / size
    some = pixels > 0
    held = pixels / pixels.sum()
    points = np.where(some, points, points @ held)
    members = np.where(some, members, (members @ held)[:, None])
    factor = np.where(some, factor, float((points * factor) @ held) / float(points @ held))
    base = Estimate(
        "model_mean", ALL, pool, kind, 0.0, in_unit(kind, "/ha"), 0.0, "mean", 0,
        given.period, given.method, level=LEVEL, n_draws=len(members),
    )  # fmt: skip
    parts = {
        ALL: (share, held, cover.spread),
        **({} if cover.zones == (ALL,) else {
            name: (np.eye(len(share))[i], np.eye(len(share))[i], cover.cells[i])
            for i, name in enumerate(cover.zones)
            if cover.mask[i]
        }),
    }  # fmt: skip
    for zone, (of_mask, of_map, cells) in parts.items():
        n = int(cover.mapped @ (of_map > 0))
        area = float(cover.mask @ (of_mask > 0)) * cover.pixel_ha
        for weights, quantity, hectares in (
            (of_mask, "model_total", area), (of_map, "model_mapped_total", n * cover.pixel_ha),
        ):  # fmt: skip
            if quantity == "model_mapped_total" and not (n and area - hectares > 0):
                continue
            value = float(weights @ (points * factor))
            agb = members @ weights
            ratio = value / float(weights @ points) if weights @ points else 0.0
            spread = value * (given.moved(agb, pool, kind) - 1)
            block = 0.0
            if given.residuals is not None:
                block = ratio**2 * block_variance(given.residuals, cells, max(n, 1))
            mean = replace(base, zone=zone, value=value, area_ha=hectares, n=n)
            mean = with_error(mean, spread, block)
            if quantity == "model_total":
                yield _said(mean)
            times = {c: getattr(mean, c) * hectares for c in ("value", "se", "low", "high")}
            unit = mean.unit.removesuffix("/ha")
            yield _said(
                replace(mean, **times, quantity=quantity, statistic="total", unit=unit)
            )


def with_error(row: Estimate, moved: Array, block: float) -> Estimate:
    """Return an estimate with the error of its draws, and of the mean of the residuals."""
    se = float(np.sqrt(moved.var(ddof=1) + block))
    normal = stats.norm.ppf(PLACES) * np.sqrt(block) if block > 0 else np.zeros(1)
    low, high = convolved(normal, moved, LEVEL)
    return replace(row, se=se, low=row.value + low, high=row.value + high)


def _said(row: Estimate) -> Estimate:
    first = row.zone == ALL and (row.quantity, row.pool, row.kind) in HEADLINES
    return replace(row, headline=first)
