"""Intervals of the mean of an area hold it: a simulation in numpy alone, for the cases users have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from phytomass.accounting.area import area_estimates
from phytomass.draws import Draws
from phytomass.inventory.sampling import DesignSettings

REPETITIONS, K = 600, 300
SITE, WOOD, FRACTION = 0.12, 0.08, 0.044
"""Relative errors that all plots share: site effect, wood, carbon fraction."""

NOISE = 0.15
"""Relative error of a plot of its own."""

Sample = Callable[[np.random.Generator], tuple[pd.DataFrame, float]]


def simple(n: int, skew: float) -> Sample:
    """Draw n plots of a log-normal forest; return them with their truth, and the area's mean."""

    def draw(rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
        values = 100 * np.exp(skew * rng.standard_normal(n))
        ids = [f"P{i}" for i in range(n)]
        return pd.DataFrame({"plot_id": ids, "truth": values}), 100 * np.exp(skew**2 / 2)

    return draw


def clusters(n_sites: int, icc: float) -> Sample:
    """Draw sites of 2 to 4 plots that resemble each other, as of an afforestation's inventory."""

    def draw(rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
        sizes = rng.integers(2, 5, n_sites)
        site = np.repeat(np.arange(n_sites), sizes)
        between = np.sqrt(icc) * rng.standard_normal(n_sites)[site]
        values = 100 + 30 * (between + np.sqrt(1 - icc) * rng.standard_normal(len(site)))
        table = pd.DataFrame({"truth": values, "site": [f"S{s}" for s in site]})
        return table.assign(plot_id=[f"P{i}" for i in range(len(site))]), 100.0

    return draw


def strata(n: int) -> Sample:
    def draw(rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
        mean = {"a": 40.0, "b": 160.0}
        stratum = np.array(["a"] * n + ["b"] * n)
        values = np.array([mean[s] for s in stratum]) * rng.gamma(8, 1 / 8, 2 * n)
        ids = [f"P{i}" for i in range(2 * n)]
        return pd.DataFrame({"plot_id": ids, "truth": values, "stratum": stratum}), 70.0

    return draw


def errors_of(rng: np.random.Generator, spread: np.ndarray, n: int) -> np.ndarray:
    """Draw what plots share: products of log-normal factors with mean one."""
    z = rng.standard_normal((len(spread), n))
    return np.exp((spread[:, None] * z - spread[:, None] ** 2 / 2).sum(axis=0))


def coverage(draw: Sample, settings: DesignSettings, kind: str, *, shared: bool) -> float:
    """Return the share of repetitions in which the interval holds the mean of the area."""
    rng, held = np.random.default_rng(11), 0
    spread = np.array([SITE, WOOD, *([FRACTION] if kind == "C" else [])])
    for _ in range(REPETITIONS):
        plots, truth = draw(rng)
        wrong = float(errors_of(rng, spread, 1)[0])
        own = 1 + NOISE * rng.standard_normal(len(plots))
        plots["agb_mg_ha"] = plots["truth"] * wrong * own
        agb = plots["agb_mg_ha"].to_numpy()
        factors = errors_of(rng, spread, K)
        scale = 0.47 if kind == "C" else 1.0

        def drawn(
            pool: str, of: str, agb: np.ndarray = agb, factors: np.ndarray = factors
        ) -> Draws:
            unit = {"dry_mass": 1.0, "C": 0.47, "CO2e": 0.47 * 44 / 12}[of]
            ids = tuple(str(i) for i in range(len(agb)))
            return Draws(agb * unit, agb[:, None] * factors * unit, ids, pool, of, "Mg/ha")

        rows = area_estimates(plots, settings, shared=drawn if shared else None)
        one = next(r for r in rows if (r.pool, r.kind, r.zone) == ("AGB", kind, "all"))
        held += one.low <= truth * scale <= one.high
    return held / REPETITIONS


SIMPLE = DesignSettings(kind="simple_random")
CASES: dict[str, tuple[Sample, DesignSettings]] = {
    "20 plots": (simple(20, 0.4), SIMPLE),
    "60 plots": (simple(60, 0.5), SIMPLE),
    "15 clusters": (clusters(15, 0.5), DesignSettings(kind="clusters")),
    "60 clusters": (clusters(60, 0.5), DesignSettings(kind="clusters")),
    "two strata of 12": (
        strata(12),
        DesignSettings(kind="stratified", strata_ha={"a": 300.0, "b": 100.0}),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dry_mass", "C"])
@pytest.mark.parametrize("case", list(CASES))
def test_the_interval_holds_the_mean_of_the_area(case: str, kind: str) -> None:
    assert 0.93 <= coverage(*CASES[case], kind, shared=True) <= 0.97


@pytest.mark.slow
def test_without_what_plots_share_it_does_not() -> None:
    assert coverage(*CASES["60 plots"], "C", shared=False) < 0.75


@pytest.mark.slow
def test_clusters_taken_for_single_plots_do_not() -> None:
    draw, _ = CASES["15 clusters"]
    assert coverage(draw, SIMPLE, "dry_mass", shared=True) < 0.95
