"""Sequestration potential: carbon carrying capacity minus the present density."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import hypot

import pandas as pd
from pydantic import Field

from phytomass import tables
from phytomass.accounting.estimate import Estimate, table_of
from phytomass.accounting.zones import ALL
from phytomass.carbon import KIND_UNITS, Kind, Pool
from phytomass.settings import Settings

NAN = float("nan")


class PotentialSettings(Settings):
    """The section `potential` of the project file."""

    carrying_capacity: float = Field(gt=0, le=20_000)
    """Density of a full-grown forest here, per hectare, in `pool` and `kind`."""
    carrying_capacity_se: float | None = Field(default=None, ge=0, le=20_000)
    """Its standard error."""
    pool: Pool = "total"
    """Pool of the carrying capacity: AGB, BGB or total."""
    kind: Kind = "C"
    """Kind of the carrying capacity: dry_mass, C or CO2e."""
    years: float | None = Field(default=None, gt=0, le=10_000)
    """Years until it is reached; without them no rate is given."""
    source: str = "project file (no source given)"
    """Where the carrying capacity is from, as it shall stand in the report."""


def potential_estimates(
    density: float,
    density_se: float | None,
    area_ha: float,
    settings: PotentialSettings,
    *,
    zone: str = ALL,
    period: str = "",
    n: int = 0,
) -> pd.DataFrame:
    """Return the sequestration potential per hectare, in total, and per year.

    ``CSP = CCC - CD``, ``SE = sqrt(SE_CCC² + SE_CD²)``, rate = CSP / years. Potential is what the
    land could hold more, not what it will: it is kept apart from anything observed. A negative
    value says that the density is above the capacity given.

    Parameters
    ----------
    density : float
        Present density CD, in the pool and kind of the settings, Mg/ha.
    density_se : float or None
        Its standard error; None where none is known (it then counts as 0, and the method says so).
    area_ha : float
        Area it is about.
    settings : PotentialSettings
        Carrying capacity CCC.
    zone, period : str
        As in `estimates.csv`.
    n : int
        Plots or pixels behind the density.

    Returns
    -------
    DataFrame
        Rows of `estimates.csv`: quantities potential and potential_rate (statistics mean, SE; per
        hectare), potential_total and potential_total_rate (statistics total, SE).

    References
    ----------
    Afforestation paper, equation 10 and section 3.6: 102 - 2.82 = 99.18 ± 15 t C/ha.

    Examples
    --------
    >>> ccc = PotentialSettings(carrying_capacity=102, carrying_capacity_se=15, years=15)
    >>> potential_estimates(2.82, None, 198_993, ccc)["value"].round(2).tolist()[:2]
    [99.18, 15.0]
    """
    return table_of(_rows(density, density_se, area_ha, settings, (zone, period, n)))


def _rows(
    density: float,
    density_se: float | None,
    area_ha: float,
    settings: PotentialSettings,
    about: tuple[str, str, int],
) -> Iterator[Estimate]:
    zone, period, n = about
    value = settings.carrying_capacity - density
    se = _standard_error(settings.carrying_capacity_se, density_se)
    codes = ["density_error_unknown"] * (density_se is None)
    codes += ["capacity_error_unknown"] * (settings.carrying_capacity_se is None)
    source = f"{settings.carrying_capacity:g} ({settings.source})"
    method = partial(tables.method, *codes, capacity_less_density=source)
    unit = KIND_UNITS[settings.kind]
    row = partial(
        Estimate, zone=zone, pool=settings.pool, kind=settings.kind, area_ha=area_ha, n=n,
        period=period,
    )  # fmt: skip
    steps = [("potential", "", 1.0, method())]
    if settings.years is not None:
        over = method(over_years=f"{settings.years:g}")
        steps.append(("potential_rate", "/yr", settings.years, over))
    for quantity, per, years, how in steps:
        density_row = partial(row, quantity, unit=f"{unit}/ha{per}", method=how)
        total = quantity.replace("potential", "potential_total")
        total_row = partial(row, total, unit=f"{unit}{per}", method=how)
        of_mean = NAN if se is None else se / years
        yield density_row(value=value / years, statistic="mean", se=of_mean)
        if se is not None:
            yield density_row(value=of_mean, statistic="SE")
        of_total = NAN if se is None else se * area_ha / years
        yield total_row(value=value * area_ha / years, statistic="total", se=of_total)
        if se is not None:
            yield total_row(value=of_total, statistic="SE")


def _standard_error(capacity: float | None, density: float | None) -> float | None:
    if capacity is None and density is None:
        return None
    return hypot(capacity or 0.0, density or 0.0)
