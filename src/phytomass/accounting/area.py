"""The mean of an area, and its total, from the plots alone: sampling and shared field errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass import tables
from phytomass.accounting import survey
from phytomass.accounting.estimate import KINDS, POOLS, Estimate
from phytomass.accounting.shared import (
    PLACES,
    Shared,
    convolved,
    moved_by,
    t_error,
    years_of,
)
from phytomass.accounting.zones import ALL
from phytomass.carbon import KIND_UNITS, CarbonSettings, to_pool
from phytomass.draws import Draws
from phytomass.errors import InputError, require_columns
from phytomass.inventory.sampling import DesignSettings

Array = NDArray[np.float64]
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Sample:
    """Plots as a sample of an area.

    Parameters
    ----------
    design : survey.Design
        Weights in hectares (or alike where no area is known) per hectare of plots.
    size : array, shape (n,)
        Hectares of each plot, or ones.
    stratum : array of int, shape (n,)
    names : list of str
        Of the strata.
    hectares : array, shape (n_strata,)
        Of the strata; NaN where not known.
    """

    design: survey.Design
    size: Array
    stratum: NDArray[np.intp]
    names: list[str]
    hectares: Array

    @property
    def share(self) -> Array:
        """Share of each stratum in the whole."""
        one = len(self.hectares) == 1
        return np.ones(1) if one else self.hectares / self.hectares.sum()

    def parts(self) -> Array:
        """Return the part of each plot in the mean of its stratum; they add up to 1 in each."""
        weight = self.design.weights * self.size
        return weight / np.bincount(self.stratum, weights=weight)[self.stratum]


def sample_of(plots: pd.DataFrame, settings: DesignSettings) -> Sample:
    """Return the plots as the sample that the project declares.

    Parameters
    ----------
    plots : DataFrame
        With ``stratum`` for strata, ``site`` for clusters, and optionally ``area_ha`` of each
        plot and ``weight`` (hectares, or anything in proportion, that it stands for).
    settings : DesignSettings

    Raises
    ------
    InputError
        For plots without stratum, strata without area or plots, clusters of which there is only
        one, and designs that are none.
    """
    if not settings.is_sample:
        raise InputError("no probability sample", remedy="declare inventory.design")
    n = len(plots)
    if n < 2:
        raise InputError(f"{n} plots have no error of their mean")
    size = _column(plots, "area_ha", np.ones(n))
    stratum, names, hectares = _strata(plots, settings)
    held = hectares[stratum] / np.bincount(stratum)[stratum] / size if settings.area else np.ones(n)
    weights = _column(plots, "weight", held)
    plot_ha = np.bincount(stratum, weights=size) / np.bincount(stratum)
    known = "area_ha" in plots and bool(settings.area)
    population = np.maximum(hectares / plot_ha, np.bincount(stratum)) if known else _many(hectares)
    design = _design(plots, settings, weights, stratum, population)
    return Sample(design, size, stratum, names, hectares)


def _many(hectares: Array) -> Array:
    return np.full(len(hectares), np.inf)


def _column(plots: pd.DataFrame, name: str, otherwise: Array) -> Array:
    if name not in plots:
        return otherwise
    values = plots[name].to_numpy(np.float64)
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        first = plots["plot_id"].iloc[int(np.argmax(bad))]
        raise InputError(f"plot {first!r} has no {name} above 0", where=f"plots, column {name}")
    return values


def _strata(
    plots: pd.DataFrame, settings: DesignSettings
) -> tuple[NDArray[np.intp], list[str], Array]:
    if not settings.strata_ha:
        area = NAN if settings.area_ha is None else settings.area_ha
        return np.zeros(len(plots), np.intp), [ALL], np.array([area])
    require_columns(plots, ("stratum",), "plots")
    names = plots["stratum"].fillna("").astype(str)
    if (names == "").any():
        first = plots["plot_id"][names == ""].iloc[0]
        raise InputError(f"plot {first!r} has no stratum", where="plots, column stratum")
    strata, given = sorted(set(names)), settings.strata_ha
    for name in strata:
        if name not in given:
            raise InputError(
                f"no area of the stratum {name!r}", where="inventory.design.strata_ha",
                remedy=f"there are {', '.join(given)}",
            )  # fmt: skip
    if left := [name for name in given if name not in strata]:
        raise InputError(
            f"no plot in the stratum {left[0]!r}", where="inventory.design.strata_ha",
            remedy="merge it with a similar one: nothing is known of it",
        )  # fmt: skip
    codes, _ = survey.codes_of(names)
    return codes, strata, np.array([given[name] for name in strata])


def _design(
    plots: pd.DataFrame, settings: DesignSettings, weights: Array, stratum: NDArray[np.intp],
    population: Array,
) -> survey.Design:  # fmt: skip
    if settings.kind in ("simple_random", "stratified"):
        return survey.stratified(weights, stratum, population)
    require_columns(plots, ("site",), "plots")
    clusters, names = survey.codes_of(plots["site"].astype(str))
    if len(names) < 2:
        raise InputError(
            f"all plots lie in one cluster, {names[0]!r}", where="plots, column site",
            remedy="nothing follows for an area from one cluster",
        )  # fmt: skip
    if len(names) == len(plots):
        raise InputError(
            "no two plots share a site, and the design is one of clusters",
            where="plots, column site",
            remedy="name the clusters in the column site, or declare simple_random",
        )
    n_clusters = float(settings.n_clusters or np.inf)
    if settings.plots_per_cluster is None:
        return survey.clustered(weights, clusters, None, n_clusters)
    within = np.full(len(names), float(settings.plots_per_cluster))
    return survey.two_stage(weights, clusters, n_clusters, within)


def area_estimates(
    plots: pd.DataFrame,
    settings: DesignSettings,
    *,
    carbon: CarbonSettings | None = None,
    shared: Shared | None = None,
    period: str = "",
    random_state: int = 0,
) -> list[Estimate]:
    """Return the mean and the total of the area that the plots were drawn from.

    ``V = V_design + V_shared``: the scatter of the plots already holds their own field errors,
    and what they share (coefficients, site, density of a species, carbon fraction, roots) comes
    on top, as the variance of the estimate under draws of that alone (Ståhl et al. 2016; a
    simulation in ``docs/field-error.md`` has the coverage). The bounds are quantiles of the sum of
    both: of t (or the bootstrap-t) times the standard error of the sampling, and of the draws,
    which reach further up than down.

    Parameters
    ----------
    plots : DataFrame
        plot_id, agb_mg_ha, and what the design names: stratum, site, weight, area_ha.
    settings : DesignSettings
        A probability sample.
    carbon : CarbonSettings, optional
    shared : callable, optional
        Pool and kind → `Draws` of the same plots; without it only the sampling counts.
    period : str
        Date.
    random_state : int
        Of the bootstrap-t.

    Returns
    -------
    list of Estimate
        Quantities area_mean, of each stratum too, and area_total where the area is known.

    Raises
    ------
    InputError
        As `sample_of`.

    Examples
    --------
    >>> plots = pd.DataFrame({"plot_id": list("abcd"), "agb_mg_ha": [90.0, 110.0, 95.0, 105.0]})
    >>> design = DesignSettings(kind="simple_random", area_ha=500.0)
    >>> rows = area_estimates(plots, design, period="2020")
    >>> [(r.quantity, r.value, round(r.se, 2)) for r in rows if (r.pool, r.kind) == ("AGB", "C")]
    [('area_mean', 47.0, 2.15), ('area_total', 23500.0, 1072.62)]
    """
    what = _What("area_mean", "area_total", "/ha", period, ("agb_mg_ha",), np.ones(len(plots)))
    return list(_estimates(plots, settings, what, carbon, shared, random_state))


def area_change(
    plots: pd.DataFrame,
    settings: DesignSettings,
    *,
    carbon: CarbonSettings | None = None,
    shared: Shared | None = None,
    periods: tuple[str, str] = ("", ""),
    random_state: int = 0,
) -> list[Estimate]:
    """Return the change of the area that the plots were drawn from, whole and per year.

    As `area_estimates`, of the differences of the plots that were measured twice: errors that both
    dates share cancel in them as far as they do.

    Parameters
    ----------
    plots : DataFrame
        As there, and agb_before_mg_ha, and years between the two (else those between the periods).
    settings : DesignSettings
        A probability sample; the plots that were measured twice are taken as one, too.
    carbon : CarbonSettings, optional
    shared : callable, optional
        Pool and kind → `Draws` of the change of the plots that were measured twice.
    periods : tuple of str
        The earlier and the later date.
    random_state : int
        Of the bootstrap-t.

    Returns
    -------
    list of Estimate
        Quantities area_change, area_change_total, area_change_rate; none where fewer than two
        plots were measured twice.

    Examples
    --------
    >>> plots = pd.DataFrame({"plot_id": list("abc"), "agb_mg_ha": [95.0, 110.0, 104.0],
    ...                       "agb_before_mg_ha": [90.0, 100.0, 95.0]})
    >>> rows = area_change(plots, DesignSettings(kind="simple_random"), periods=("2016", "2020"))
    >>> [(r.quantity, r.value, round(r.se, 3), r.unit) for r in rows if r.unit[:5] == "Mg/ha"][::3]
    [('area_change', 8.0, 1.528, 'Mg/ha'), ('area_change_rate', 2.0, 0.382, 'Mg/ha/yr')]
    """
    if "agb_before_mg_ha" not in plots:
        return []
    plots = plots[plots["agb_before_mg_ha"].notna()].reset_index(drop=True)
    if len(plots) < 2:
        return []
    period = " to ".join(periods) if all(periods) else periods[1]
    dates = ("agb_mg_ha", "agb_before_mg_ha")
    one, years = np.ones(len(plots)), years_of(plots, periods)
    whats = [_What("area_change", "area_change_total", "/ha", period, dates, one)]
    if years is not None:
        whats.append(_What("area_change_rate", "", "/ha/yr", period, dates, years))
    groups = [list(_estimates(plots, settings, w, carbon, shared, random_state)) for w in whats]
    return [row for rows in groups for row in rows]


@dataclass(frozen=True, eq=False)
class _What:
    """What is estimated of the plots: the first column, less the second, over so many years."""

    quantity: str
    total: str
    per: str
    period: str
    columns: tuple[str, ...]
    years: Array


def _estimates(
    plots: pd.DataFrame, settings: DesignSettings, what: _What, carbon: CarbonSettings | None,
    shared: Shared | None, random_state: int,
) -> Iterator[Estimate]:  # fmt: skip
    sample, factors = sample_of(plots, settings), carbon or CarbonSettings()
    own = plots["carbon_fraction"].to_numpy(np.float64) if "carbon_fraction" in plots else None
    for pool in POOLS:
        for kind in KINDS:
            masses = [
                to_pool(plots[name].to_numpy(np.float64), pool, kind, factors, own)
                for name in what.columns
            ]
            y = masses[0] if len(masses) == 1 else (masses[0] - masses[1]) / what.years
            drawn = None if shared is None else shared(pool, kind)
            base = Estimate(
                what.quantity, ALL, pool, kind, NAN, f"{KIND_UNITS[kind]}{what.per}", NAN, "mean",
                len(y), what.period, settings.kind, level=settings.level,
            )  # fmt: skip
            yield from _rows(sample, settings, y, (drawn, what), base, random_state)


def _rows(
    sample: Sample, settings: DesignSettings, y: Array, source: tuple[Draws | None, _What],
    base: Estimate, random_state: int,
) -> Iterator[Estimate]:  # fmt: skip
    """Give the mean of the whole, its total, and the mean of each stratum."""
    parts, (drawn, what) = sample.parts(), source
    means = np.bincount(sample.stratum, weights=parts * y)
    errors = parts * (y - means[sample.stratum])
    scopes: dict[str, Array] = {ALL: sample.share}
    if len(sample.names) > 1:
        scopes |= dict(zip(sample.names, np.eye(len(means)), strict=True))
    for zone, share in scopes.items():
        inside = share[sample.stratum] > 0
        area = float(sample.hectares[share > 0].sum())
        row = replace(base, zone=zone, area_ha=area, n=int(inside.sum()))
        linear = share[sample.stratum] * errors
        weights = share[sample.stratum] * parts / what.years
        moved = None if drawn is None else moved_by(drawn, weights)
        value = float(share @ means)
        mean = _with_error(row, value, linear, moved, sample, settings, (y, random_state))
        yield mean
        if np.isfinite(area) and what.total:
            total = {name: getattr(mean, name) * area for name in ("value", "se", "low", "high")}
            yield replace(
                mean, **total, quantity=what.total, statistic="total",
                unit=mean.unit.removesuffix("/ha"),
            )  # fmt: skip


def _with_error(
    row: Estimate, value: float, linear: Array, moved: Array | None, sample: Sample,
    settings: DesignSettings, source: tuple[Array, int],
) -> Estimate:  # fmt: skip
    inside = np.bincount(sample.design.first.strata, weights=linear != 0) > 0
    counts = sample.design.first.counts()
    df = max(int((counts - 1)[inside].sum()), 1)
    design = sample.design.variance(linear)
    se, low, high = t_error(design, moved, df, settings.level)
    if settings.interval == "bootstrap_t" and row.zone == ALL:
        y, seed = source
        t = -survey.bootstrap_t(sample.design, y, sample.size, random_state=seed)
        sampling = np.quantile(t, PLACES) * np.sqrt(design)
        low, high = convolved(sampling, moved, settings.level)
    n_draws = 0 if moved is None else len(moved)
    method = tables.method(row.method, "sampling", *([] if moved is None else ["shared_errors"]))
    return replace(
        row, value=value, se=se, low=value + low, high=value + high, n_draws=n_draws, method=method
    )


def planned_plots(plots: pd.DataFrame, settings: DesignSettings) -> pd.DataFrame:
    """Return how many plots of this size the wanted precision of the mean would take.

    Parameters
    ----------
    plots : DataFrame
        As for `area_estimates`, with area_ha of the plots.
    settings : DesignSettings
        With the area.

    Returns
    -------
    DataFrame
        stratum, area_ha, n (plots now), mean_mg_ha, sd_mg_ha, n_needed; precision and level.
    """
    sample = sample_of(plots, settings)
    agb = plots["agb_mg_ha"].to_numpy(np.float64)
    groups = [agb[sample.stratum == code] for code in range(len(sample.names))]
    means = np.array([group.mean() for group in groups])
    sds = np.array([group.std(ddof=1) for group in groups])
    needed = survey.plots_needed(
        sds, sample.hectares, float(sample.share @ means), plot_ha=float(sample.size.mean()),
        precision=settings.precision, level=settings.precision_level,
    )  # fmt: skip
    columns: Mapping[str, object] = {
        "stratum": sample.names,
        "area_ha": sample.hectares,
        "n": [len(group) for group in groups],
        "mean_mg_ha": means,
        "sd_mg_ha": sds,
        "n_needed": needed,
        "precision": settings.precision,
        "level": settings.precision_level,
    }
    return pd.DataFrame(columns)
