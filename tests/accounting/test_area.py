"""The mean of an area from plots: designs by hand, shared errors on top, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from pydantic import ValidationError
from scipy import stats

from phytomass.accounting.area import area_change, area_estimates, planned_plots, sample_of
from phytomass.accounting.estimate import Estimate
from phytomass.accounting.plots import plot_estimates
from phytomass.accounting.survey.planning import plots_needed
from phytomass.carbon import CarbonSettings, to_pool
from phytomass.draws import Draws
from phytomass.errors import InputError
from phytomass.inventory.sampling import DesignSettings


def plots_of(n: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "plot_id": [f"P{i}" for i in range(n)],
            "agb_mg_ha": rng.gamma(4, 25, n),
            "stratum": ["low", "low", "high"] * (n // 3),
            "site": [f"S{i // 3}" for i in range(n)],
            "area_ha": 0.1,
        }
    )


def row(rows: list[Estimate], quantity: str, zone: str = "all", kind: str = "dry_mass") -> Estimate:
    found = [
        r for r in rows if (r.quantity, r.zone, r.pool, r.kind) == (quantity, zone, "AGB", kind)
    ]
    assert len(found) == 1
    return found[0]


def test_strata_by_hand() -> None:
    plots = plots_of()
    design = DesignSettings(kind="stratified", strata_ha={"low": 30.0, "high": 10.0})
    found = row(area_estimates(plots, design), "area_mean")
    low, high = (plots["agb_mg_ha"][plots["stratum"] == name] for name in ("low", "high"))
    assert_allclose(found.value, 0.75 * low.mean() + 0.25 * high.mean())
    finite = (1 - 0.8 / 30, 1 - 0.4 / 10)
    variance = finite[0] * 0.75**2 * low.var() / 8 + finite[1] * 0.25**2 * high.var() / 4
    assert_allclose(found.se, np.sqrt(variance))
    half = stats.t.ppf(0.975, 7 + 3) * found.se
    assert_allclose([found.low, found.high], [found.value - half, found.value + half], rtol=1e-3)
    total = row(area_estimates(plots, design), "area_total")
    assert_allclose([total.value, total.se, total.area_ha], [40 * found.value, 40 * found.se, 40])
    assert (total.unit, total.statistic) == ("Mg", "total")
    part = row(area_estimates(plots, design), "area_mean", "high")
    assert_allclose([part.value, part.n], [high.mean(), 4])
    assert_allclose(part.se, np.sqrt(finite[1] * high.var() / 4))


def test_clusters_by_hand() -> None:
    """Equal clusters: the error is that of the mean of their means."""
    plots = plots_of()
    found = row(area_estimates(plots, DesignSettings(kind="clusters")), "area_mean")
    means = plots.groupby("site")["agb_mg_ha"].mean()
    assert_allclose([found.value, found.se], [means.mean(), means.std() / 2])
    assert_allclose(found.high - found.value, stats.t.ppf(0.975, 3) * found.se, rtol=1e-3)


def test_weights_and_sizes() -> None:
    plots = plots_of(3).assign(agb_mg_ha=[10.0, 20.0, 30.0], weight=[1.0, 1.0, 2.0])
    design = DesignSettings(kind="simple_random")
    assert row(area_estimates(plots, design), "area_mean").value == 22.5
    sized = plots.assign(area_ha=[0.1, 0.1, 0.2]).drop(columns="weight")
    assert_allclose(row(area_estimates(sized, design), "area_mean").value, 22.5)


def test_what_plots_share_comes_on_top_and_averages_out_nowhere() -> None:
    plots, carbon = plots_of(), CarbonSettings()
    rng = np.random.default_rng(0)
    factor = 1 + 0.1 * rng.standard_normal(4000)
    agb = plots["agb_mg_ha"].to_numpy()
    draws = Draws(agb, agb[:, None] * factor, tuple(plots["plot_id"]), "AGB", "dry_mass", "Mg/ha")

    def shared(pool: str, kind: str) -> Draws:
        scale = float(to_pool(np.ones(1), pool, kind, carbon)[0])  # type: ignore[arg-type]
        return replace(draws, point=agb * scale, values=agb[:, None] * factor * scale)

    design = DesignSettings(kind="simple_random")
    alone = row(area_estimates(plots, design), "area_mean", kind="C")
    both = row(area_estimates(plots, design, shared=shared), "area_mean", kind="C")
    field = alone.value * factor.std(ddof=1)
    assert_allclose(both.se**2, alone.se**2 + field**2)
    assert both.high - both.low > alone.high - alone.low
    sums = stats.t.rvs(11, size=200_000, random_state=1) * alone.se
    sums += rng.choice(alone.value * (factor - factor.mean()), 200_000)
    ends = alone.value + np.quantile(sums, [0.025, 0.975])
    assert_allclose([both.low, both.high], ends, rtol=0.01)
    assert both.n_draws == 4000
    assert "shared_errors" in both.method
    skewed = design.model_copy(update={"interval": "bootstrap_t"})
    wide = row(area_estimates(plots, skewed, shared=shared), "area_mean", kind="C")
    assert wide.low < wide.value < wide.high
    assert wide.high - wide.low > alone.high - alone.low


def test_the_change_is_that_of_the_differences() -> None:
    rng = np.random.default_rng(4)
    plots = plots_of().assign(years=np.repeat([5.0, 10.0], 6))
    plots["agb_before_mg_ha"] = plots["agb_mg_ha"] - rng.normal(20, 5, 12)
    plots.loc[11, "agb_before_mg_ha"] = np.nan  # a new plot
    design = DesignSettings(kind="stratified", strata_ha={"low": 30.0, "high": 10.0})
    rows = area_change(plots, design, periods=("2010", "2020"))
    held = plots[:11].assign(agb_mg_ha=(plots["agb_mg_ha"] - plots["agb_before_mg_ha"])[:11])
    as_stock = row(area_estimates(held, design), "area_mean")
    found = row(rows, "area_change")
    assert_allclose([found.value, found.se, found.low], [as_stock.value, as_stock.se, as_stock.low])
    assert (found.n, found.period, found.unit) == (11, "2010 to 2020", "Mg/ha")
    assert_allclose(row(rows, "area_change_total").value, 40 * found.value)
    per_year = held.assign(agb_mg_ha=held["agb_mg_ha"] / held["years"])
    rate, wanted = row(rows, "area_change_rate"), row(area_estimates(per_year, design), "area_mean")
    assert_allclose([rate.value, rate.se], [wanted.value, wanted.se])
    assert rate.unit == "Mg/ha/yr"
    assert area_change(plots.drop(columns="agb_before_mg_ha"), design) == []


def test_what_both_dates_share_comes_on_top_of_the_change() -> None:
    plots = plots_of().assign(agb_before_mg_ha=lambda t: 0.8 * t["agb_mg_ha"], years=4.0)
    factor = 1 + 0.3 * np.random.default_rng(0).standard_normal(4000)
    grown = 0.2 * plots["agb_mg_ha"].to_numpy()

    def shared(pool: str, kind: str) -> Draws:
        values = grown[:, None] * factor
        return Draws(grown, values, tuple(plots["plot_id"]), "AGB", "dry_mass", "Mg/ha")

    design = DesignSettings(kind="simple_random")
    for quantity, years in (("area_change", 1.0), ("area_change_rate", 4.0)):
        alone, both = (
            row(area_change(plots, design, shared=s, periods=("a", "b")), quantity)  # type: ignore[arg-type]
            for s in (None, shared)
        )
        assert_allclose(both.se**2, alone.se**2 + (grown.mean() * factor.std(ddof=1) / years) ** 2)
        table = plot_estimates(plots, shared=shared)  # type: ignore[arg-type]
        name = quantity.replace("area", "plot")
        mean = table[(table["quantity"] == name) & (table["statistic"] == "mean")].iloc[0]
        assert_allclose([mean["value"], mean["se"], mean["low"]], [both.value, both.se, both.low])


def test_planning_follows_the_published_formula() -> None:
    plots = plots_of()
    design = DesignSettings(kind="stratified", strata_ha={"low": 30.0, "high": 10.0})
    table = planned_plots(plots, design)
    assert table["stratum"].tolist() == ["high", "low"]
    w, s = np.array([0.25, 0.75]), table["sd_mg_ha"].to_numpy()
    mean, t, whole = float(w @ table["mean_mg_ha"]), stats.norm.ppf(0.95), 400
    n = whole * t**2 * (w @ s) ** 2 / (whole * (0.1 * mean) ** 2 + t**2 * (w @ s**2))
    assert_allclose(table["n_needed"], np.ceil(n * w * s / (w @ s)))


def test_a_small_wood_needs_no_more_plots_than_it_holds() -> None:
    """By hand: 20 × 2.7055 × 1 600 / (20 × 100 + 2.7055 × 1 600) = 13.68 of its 20 plots."""
    assert plots_needed([40.0], [2.0], 100.0, plot_ha=0.1) == [14]


@pytest.mark.parametrize(
    ("settings", "change", "says"),
    [
        ({"kind": "stratified", "strata_ha": {"low": 3.0}}, {}, "no area of the stratum 'high'"),
        ({"kind": "stratified", "strata_ha": {"low": 3.0, "high": 2.0, "far": 1.0}}, {},
         "no plot in the stratum 'far'"),
        ({"kind": "stratified", "strata_ha": {"low": 3.0, "high": 2.0}}, {"stratum": ""},
         "plot 'P0' has no stratum"),
        ({"kind": "clusters"}, {"site": "S"}, "all plots lie in one cluster"),
        ({"kind": "clusters"}, {"site": [f"P{i}" for i in range(12)]}, "no two plots share a site"),
        ({"kind": "clusters", "n_clusters": 3}, {}, "4 units of a stratum that holds 3"),
        ({"kind": "simple_random"}, {"weight": -1.0}, "has no weight above 0"),
        ({"kind": "none"}, {}, "no probability sample"),
    ],
)  # fmt: skip
def test_refusals(settings: dict[str, object], change: dict[str, object], says: str) -> None:
    plots = plots_of().assign(**change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=says):
        sample_of(plots, DesignSettings.model_validate(settings))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "simple_random", "strata_ha": {"a": 1.0}}, "only of it"),
        ({"kind": "stratified", "strata_ha": {"a": 1.0, "b": 2.0}, "area_ha": 5.0}, "add up to 3"),
        ({"kind": "two_stage", "n_clusters": 9}, "plots_per_cluster"),
    ],
)
def test_designs_that_contradict_themselves(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        DesignSettings.model_validate(settings)
