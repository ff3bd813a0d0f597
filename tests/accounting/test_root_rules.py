"""Totals, changes and means of plots under root rules that are no fixed ratio: pixel by pixel."""

import numpy as np
import pandas as pd
import pytest

from phytomass.accounting import change_estimates, map_summary, plot_estimates
from phytomass.accounting.estimate import KINDS, POOLS
from phytomass.carbon import CarbonSettings, to_pool
from tests.accounting.conftest import cells, value, write_raster, write_zones

RULES = [
    CarbonSettings(),
    CarbonSettings(root_rule="mokany"),
    CarbonSettings(root_rule="ipcc2019", root_class="tropical_dry_natural"),
]
MASSES = [(pool, kind) for pool in POOLS for kind in KINDS]
PIXEL_HA = 0.01


@pytest.mark.parametrize("carbon", RULES, ids=lambda c: c.root_rule)
def test_totals_are_the_sums_over_pixels(tmp_path, field, carbon):
    agb = write_raster(tmp_path / "agb.tif", field)
    zones = write_zones(
        tmp_path / "z.gpkg", {"a": cells(0, 100, 0, 270), "b": cells(150, 300, 0, 90)}
    )
    table = map_summary(agb, zones=zones, carbon=carbon)
    inside = np.zeros(field.shape, dtype=bool)
    inside[:100] = True
    for pool, kind in MASSES:
        mass = to_pool(field, pool, kind, carbon)
        about = {"pool": pool, "kind": kind}
        assert value(table, "stock", **about) == pytest.approx(np.nansum(mass) * PIXEL_HA)
        assert value(table, "stock", zone="a", **about) == pytest.approx(
            np.nansum(mass[inside]) * PIXEL_HA
        )
        assert value(table, "map_mean", "mean", **about) == pytest.approx(np.nanmean(mass))
        assert value(table, "map_mean", "spatial_SD", **about) == pytest.approx(np.nanstd(mass))
        parts = [value(table, "stock", zone=z, **about) for z in ("a", "b", "outside zones")]
        assert sum(parts) == pytest.approx(value(table, "stock", **about))


@pytest.mark.parametrize("carbon", RULES, ids=lambda c: c.root_rule)
def test_changes_are_the_sums_of_the_changes_of_pixels(tmp_path, field, carbon):
    before = np.round(field * 0.8)
    before[:40] = np.nan
    after = write_raster(tmp_path / "after.tif", field)
    table = change_estimates(
        after,
        write_raster(tmp_path / "before.tif", before),
        period_before="2015",
        period="2020",
        carbon=carbon,
    )
    for pool, kind in MASSES:
        one, two = (to_pool(x, pool, kind, carbon) for x in (before, field))
        about = {"pool": pool, "kind": kind}
        difference = np.nansum(two - one)
        assert value(table, "change_common_total", **about) == pytest.approx(difference * PIXEL_HA)
        assert value(table, "change_mean", "mean", **about) == pytest.approx(np.nanmean(two - one))
        whole = (np.nansum(two) - np.nansum(one)) * PIXEL_HA
        terms = [value(table, f"change_{t}_term", **about) for t in ("density", "area")]
        assert value(table, "change_total", **about) == pytest.approx(whole)
        assert sum(terms) == pytest.approx(whole)
        assert value(table, "change_total_rate", **about) == pytest.approx(whole / 5)


@pytest.mark.parametrize("carbon", RULES, ids=lambda c: c.root_rule)
def test_each_plot_is_converted_on_its_own(carbon):
    agb = np.random.default_rng(0).gamma(3, 40, size=30)
    own = np.linspace(0.45, 0.51, 30)
    plots = pd.DataFrame({"agb_mg_ha": agb, "agb_before_mg_ha": agb * 0.7, "carbon_fraction": own})
    table = plot_estimates(plots, carbon=carbon, period="2020", period_before="2015")
    for pool, kind in MASSES:
        after = pd.Series(to_pool(agb, pool, kind, carbon, own))
        change = after - to_pool(agb * 0.7, pool, kind, carbon, own)
        about = {"pool": pool, "kind": kind}
        assert value(table, "plot_mean", "mean", period="2020", **about) == pytest.approx(
            after.mean()
        )
        assert value(table, "plot_mean", "SE", period="2020", **about) == pytest.approx(after.sem())
        assert value(table, "plot_change", "mean", **about) == pytest.approx(change.mean())
        assert value(table, "plot_change_rate", "SE", **about) == pytest.approx(change.sem() / 5)
    means = table[table["statistic"] == "mean"].reset_index(drop=True)
    errors = table[table["statistic"] == "SE"].reset_index(drop=True)
    assert np.allclose(means["se"], errors["value"])
    state = table[table["quantity"] == "plot_mean"]
    assert state[["low", "high", "level"]].isna().all(axis=None) and (table["n_draws"] == 0).all()
    changes = means[means["quantity"] != "plot_mean"]
    assert ((changes["low"] < changes["value"]) & (changes["value"] < changes["high"])).all()
