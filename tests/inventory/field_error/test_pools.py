"""Pools of the draws: they agree with each other, with the point estimate, and with their bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.carbon import POOLS, CarbonSettings
from phytomass.errors import InputError
from phytomass.inventory import Inventory, InventorySettings, plots_with_biomass
from phytomass.inventory.field_error import (
    SOURCES,
    ErrorModel,
    ErrorSettings,
    plot_draws,
    variance_shares,
)
from tests.inventory.field_error.samples import LOCAL, TROPICAL, areas, draw, pool, stand


def test_pools_agree_in_every_draw_and_the_carbon_fraction_does_not_average_out() -> None:
    trees = stand(200, 2)
    drawn = draw(trees, ErrorSettings(draws=4000))
    pools = {c: pool(drawn, c) for c in ("agb_mg_ha", "bgb_mg_ha", "total_mg_ha", "agc_mg_ha")}
    np.testing.assert_allclose(pools["agb_mg_ha"] + pools["bgb_mg_ha"], pools["total_mg_ha"])
    agc, bgc = pool(drawn, "agc_mg_ha"), pool(drawn, "bgc_mg_ha")
    np.testing.assert_allclose(agc + bgc, pool(drawn, "carbon_mg_ha"))
    np.testing.assert_allclose(pool(drawn, "carbon_mg_ha") * 44 / 12, pool(drawn, "co2e_mg_ha"))
    only = draw(trees, ErrorSettings(draws=8000).only("carbon_fraction"))
    mean = only.pool("agc_mg_ha").mean().values[0]
    cv = mean.std() / mean.mean()
    assert cv == pytest.approx(0.0206 / 0.47, rel=0.04)


@pytest.mark.parametrize(
    "carbon",
    [
        CarbonSettings(root_rule="mokany"),
        CarbonSettings(root_rule="ipcc2019", root_class="tropical_dry_natural"),
        CarbonSettings(carbon_fractions={"broadleaf": 0.48, "conifer": 0.51}),
        CarbonSettings(carbon_fractions={"conifer": 0.51}, root_rule="mokany"),
    ],
)
@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Melia azedarach", "Pinus roxburghii", "Picea smithiana", "Unknown"]),
        min_size=4,
        max_size=20,
    )
)
def test_without_any_error_every_pool_of_every_draw_is_the_point(
    carbon: CarbonSettings, species: list[str]
) -> None:
    """Conifers, broadleaves and trees of neither, mixed in any way, in plots and in draws."""
    sheet = stand(len(species), 2).assign(species=species)
    allometry = AllometrySettings(fallback="chave2014", wood_density={"Unknown": 0.5})
    trees = tree_biomass(sheet, allometry)
    plots = areas(trees)
    model = ErrorModel(allometry, carbon, ErrorSettings(draws=2, off=SOURCES))
    drawn = plot_draws(trees, plots, model, random_state=1)
    sites = plots.assign(easting=0.0, northing=0.0, site="S", n_trees_rejected=0)
    inventory = Inventory(trees, sites, pd.DataFrame(), ())
    rules = InventorySettings.model_validate({"plots": {"path": "plots.csv"}})
    printed = plots_with_biomass(inventory, trees, carbon, rules)
    point = drawn.point()
    for column in POOLS:
        np.testing.assert_allclose(printed[column], point[column], rtol=1e-12)
        np.testing.assert_allclose(pool(drawn, column)[:, 1], point[column], rtol=1e-6)


def test_carbon_of_a_mixed_plot_by_hand() -> None:
    """Σ over groups of AGB · fraction: conifers 0.51, all others the general 0.47."""
    carbon = CarbonSettings(carbon_fractions={"conifer": 0.51})
    trees = tree_biomass(stand(30, 3, ("Pinus roxburghii", "Melia azedarach")), LOCAL)
    point = plot_draws(
        trees, areas(trees), ErrorModel(LOCAL, carbon, ErrorSettings(draws=2)), random_state=1
    ).point()
    pine = trees["accepted_species"] == "Pinus roxburghii"
    tonnes = trees["agb_kg"] / 1000 / 0.1
    expected = (tonnes * np.where(pine, 0.51, 0.47)).groupby(trees["plot_id"]).sum()
    np.testing.assert_allclose(point["agc_mg_ha"], expected)
    np.testing.assert_allclose(point["carbon_mg_ha"], 1.26 * expected)
    inventory = Inventory(None, areas(trees).assign(agb_mg_ha=1.0), pd.DataFrame(), ())
    rules = InventorySettings.model_validate({"plots": {"path": "plots.csv"}})
    with pytest.raises(InputError, match="come without trees"):
        plots_with_biomass(inventory, None, carbon, rules)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 0.6), st.sampled_from([0.31, 0.47, 0.69]))
def test_fractions_below_zero_or_above_one_are_truncated_and_counted(
    sd: float, mean: float
) -> None:
    """As many as the normal distribution has there, and none of groups that are not there."""
    fraction = {"value": mean, "sd": sd}
    trees = tree_biomass(stand(4, 2), TROPICAL)  # broadleaves
    errors, expected = ErrorSettings(draws=4000), 0.0
    if sd > 0:
        expected = norm.cdf(-mean / sd) + norm.sf((1 - mean) / sd)
    wild = {"value": 0.47, "sd": 9.0}
    for carbon in (
        CarbonSettings.model_validate({"carbon_fraction": fraction}),
        CarbonSettings.model_validate(
            {"carbon_fraction": wild, "carbon_fractions": {"broadleaf": fraction, "conifer": wild}}
        ),
    ):
        drawn = plot_draws(
            trees, areas(trees), ErrorModel(TROPICAL, carbon, errors), random_state=2
        )
        assert drawn.fractions_truncated / 4000 == pytest.approx(expected, abs=0.035)
        assert drawn.fractions_truncated == 0 or expected > 1e-7
        ratio = pool(drawn, "agc_mg_ha") / pool(drawn, "agb_mg_ha")
        assert ratio.min() >= 0 and ratio.max() <= 1 + 1e-6
    off = ErrorModel(TROPICAL, carbon, errors.without("carbon_fraction"))
    assert plot_draws(trees, areas(trees), off, random_state=2).fractions_truncated == 0


def test_ratios_of_dead_matter_are_drawn_with_their_sd_or_the_stated_prior() -> None:
    """One ratio per draw for all plots: CV 0.2 as given, and 0.5 where no SD is."""
    carbon = CarbonSettings.model_validate(
        {"dead_wood": {"value": 0.1, "sd": 0.02}, "litter": 0.05}
    )
    trees = tree_biomass(stand(6, 2), TROPICAL)
    errors = ErrorSettings(draws=20_000)
    model = ErrorModel(TROPICAL, carbon, errors.only("dead_matter"))
    drawn = plot_draws(trees, areas(trees), model, random_state=1)
    for name, value, sd in (("dead_wood", 0.1, 0.02), ("litter", 0.05, 0.025)):
        ratio = pool(drawn, f"{name}_mg_ha") / pool(drawn, "agb_mg_ha")
        np.testing.assert_allclose(ratio[0], ratio[1], rtol=1e-9)
        assert ratio[0].mean() == pytest.approx(value, rel=0.015)
        assert ratio[0].std() == pytest.approx(sd, rel=0.04)
        point = drawn.point()
        np.testing.assert_allclose(point[f"{name}_mg_ha"], value * point["agb_mg_ha"])
    assert (
        abs(np.corrcoef(pool(drawn, "litter_mg_ha")[0], pool(drawn, "dead_wood_mg_ha")[0])[0, 1])
        < 0.03
    )
    np.testing.assert_allclose(pool(drawn, "litter_c_mg_ha"), 0.37 * pool(drawn, "litter_mg_ha"))
    table = drawn.table()
    np.testing.assert_allclose(
        table["dead_wood_c_se_mg_ha"], 0.47 * 0.02 * table["agb_mg_ha"], rtol=0.04
    )
    assert pool(drawn, "total_mg_ha").std(axis=1).max() < 1e-9
    silent = ErrorModel(TROPICAL, carbon, errors.only())
    still = plot_draws(trees, areas(trees), silent, random_state=1)
    assert still.table()["litter_se_mg_ha"].max() < 1e-9
    with pytest.raises(InputError, match="no pool 'litter_mg_ha'"):
        pool(draw(stand(3)), "litter_mg_ha")


def test_bounds_and_means_in_blocks_are_those_of_the_whole() -> None:
    drawn = draw(stand(120, 70), ErrorSettings(draws=501))
    table, means = drawn.table(workers=2), drawn.means(workers=2)
    assert table.equals(drawn.table())
    wanted = {"low90": 5.0, "high90": 95.0, "low95": 2.5, "high95": 97.5}
    for column, meaning in POOLS.items():
        values = pool(drawn, column)
        for name, percent in wanted.items():
            found = table[f"{meaning.name}_{name}_mg_ha"].to_numpy()
            assert np.array_equal(found, np.percentile(values, percent, axis=1)), column
        one = drawn.pool(column).mean()
        np.testing.assert_allclose(means[column].values, one.values, rtol=1e-13)
        assert np.array_equal(means[column].values, drawn.means()[column].values)
        assert np.array_equal(means[column].point, one.point)
        assert (means[column].unit, means[column].ids) == (one.unit, one.ids)
    some = ["P3", "P0", "P69"]
    assert np.array_equal(drawn.of(some).agb[0:3].values, drawn.take(some).agb.values)
    assert drawn.of(some).table().equals(drawn.take(some).table())


def test_shares_from_a_sample_of_plots_are_about_those_of_all() -> None:
    trees = tree_biomass(stand(1197, 399), TROPICAL)
    errors = ErrorSettings(draws=400).only("residual", "site_effect", "carbon_fraction")
    plots, model = areas(trees), ErrorModel(TROPICAL, errors=errors)
    whole, sampled = (
        variance_shares(trees, plots, model, random_state=1, sample=m).set_index("source")
        for m in (399, 100)
    )
    backwards = plots.iloc[::-1].reset_index(drop=True)
    again = variance_shares(trees, backwards, model, random_state=1, sample=100)
    pd.testing.assert_frame_equal(again.set_index("source"), sampled)
    for name in ("alone_plot", "lost_plot", "alone_mean", "lost_mean"):
        np.testing.assert_allclose(sampled[name], whole[name], atol=0.03)
    # What trees do not share shrinks with all 399 plots, not with the 100 that are looked at.
    own = whole.loc["residual", "alone_mean"]
    assert sampled.loc["residual", "alone_mean"] == pytest.approx(own, rel=0.35)
