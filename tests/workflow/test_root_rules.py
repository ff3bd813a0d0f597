"""Root rules that are no fixed ratio, through every step, and what `check` says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from phytomass.carbon import CarbonSettings, to_pool
from phytomass.inventory.field_error import PlotDraws
from phytomass.workflow import STEPS, check_project, load_project, run_steps
from tests.workflow.small import small_settings, write_project

RULES = [
    {"root_rule": "mokany"},
    {"root_rule": "ipcc2019", "root_class": "tropical_dry_natural"},
]


@pytest.mark.parametrize(
    "given", [RULES[0], pytest.param(RULES[1], marks=pytest.mark.slow)], ids=["mokany", "ipcc2019"]
)
def test_totals_are_the_sums_over_pixels_through_all_steps(
    project: Path, given: dict[str, str]
) -> None:
    content = small_settings()
    content["models"] = ["mlr"]
    content["validation"] = {"splits": ["holdout_by_site"]}
    content["carbon"], content["errors"] = given, {"draws": 100}
    content["potential"] = {"carrying_capacity": 200, "pool": "total", "kind": "C"}
    write_project(project, content)
    assert check_project(load_project(project)).problems == []
    for _ in run_steps(load_project(project), STEPS, [step.name for step in STEPS]):
        pass
    results, carbon = project / "results", CarbonSettings.model_validate(given)
    table = pd.read_csv(results / "estimates.csv").set_index(
        ["quantity", "statistic", "zone", "pool", "kind"]
    )["value"]
    maps = {}
    for name in ("agb", "agb_before", "agb_change"):
        with rasterio.open(results / f"{name}.tif") as source:
            maps[name] = source.read(1).astype(float)
    for pool in ("AGB", "BGB", "total"):
        for kind in ("dry_mass", "C", "CO2e"):
            now, then = (to_pool(maps[n], pool, kind, carbon) for n in ("agb", "agb_before"))  # type: ignore[arg-type]
            assert table["stock", "total", "all", pool, kind] == pytest.approx(np.nansum(now) / 100)
            zones = table["stock", "total", :, pool, kind].drop("all")
            assert zones.sum() == pytest.approx(np.nansum(now) / 100)
            change = (np.nansum(now) - np.nansum(then)) / 100
            assert table["change_total", "total", "all", pool, kind] == pytest.approx(change)
    below = table["stock", "total", "all", "BGB", "dry_mass"]
    mean = np.nanmean(maps["agb"])
    of_the_mean = float(to_pool(mean, "BGB", "dry_mass", carbon)) * np.isfinite(maps["agb"]).sum()
    assert abs(below - of_the_mean / 100) > 1e-4 * below  # the pool of a mean is something else
    potential = table["potential", "mean", "all", "total", "C"]
    carbon_now = table["map_mean", "mean", "all", "total", "C"]
    assert potential == pytest.approx(200 - carbon_now)


def test_the_plots_and_their_draws_follow_the_rule(project: Path) -> None:
    content = small_settings()
    content["carbon"], content["errors"] = RULES[0], {"draws": 200}
    write_project(project, content)
    for _ in run_steps(load_project(project), STEPS, ["plots"]):
        pass
    results, carbon = project / "results", CarbonSettings.model_validate(RULES[0])
    plots = pd.read_csv(results / "plots.csv")
    agb = plots["agb_mg_ha"].to_numpy()
    assert np.allclose(plots["bgb_mg_ha"], 0.489 * agb**0.89)
    drawn = PlotDraws.open(results / "plot_draws.zarr", carbon)
    below = drawn.pool("bgb_mg_ha")
    assert np.allclose(below.se(), plots["bgb_se_mg_ha"])
    factor = below.values[:] / (0.489 * np.asarray(drawn.agb.values[:], float) ** 0.89)
    assert np.allclose(factor, factor[0])  # one factor per draw, for all plots
    mean = pd.read_csv(results / "field_error.csv").set_index("pool")
    assert mean.loc["bgb", "mean"] == pytest.approx(plots["bgb_mg_ha"].mean())
