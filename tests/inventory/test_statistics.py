"""Outliers, statistics of plots, expansion to the hectare."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.stats import skew

from phytomass.carbon import POOLS, CarbonSettings, add_pools
from phytomass.errors import InputError
from phytomass.inventory import (
    Inventory,
    InventorySettings,
    flag_outliers,
    plot_statistics,
    plots_in_use,
    plots_with_biomass,
)

AREA = 0.1


def settings(**more: object) -> InventorySettings:
    return InventorySettings.model_validate({"plots": {"path": "plots.csv"}, **more})


def inventory(plots: dict[str, list], trees: bool = True) -> Inventory:
    table = pd.DataFrame(plots)
    n = len(table)
    table = table.assign(easting=np.arange(n) * 10.0, northing=5.0, site=table["plot_id"])
    if trees:
        table["area_ha"] = table.get("area_ha", AREA)
        table["n_trees_rejected"] = table.get("n_trees_rejected", 0)
    return Inventory(None, table, pd.DataFrame(), ())


def trees(*rows: tuple[str, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["plot_id", "agb_kg"])
    return table.assign(tree_id=[str(i) for i in range(len(rows))])


def test_outlier_bounds_by_hand() -> None:
    """Ten zeros and 11 (n = 11): mean 1, SD √11 = 3.3166; at 3 SD the bound is 10.950."""
    outliers = flag_outliers([0.0] * 10 + [11.0])
    assert outliers.high == pytest.approx(1 + 3 * math.sqrt(11))
    assert outliers.low == pytest.approx(1 - 3 * math.sqrt(11))
    assert outliers.flags.tolist() == [False] * 10 + [True]


def test_ten_values_can_never_hold_an_outlier() -> None:
    assert not flag_outliers([0.0] * 9 + [1e9]).flags.any()
    assert flag_outliers([0.0] * 9 + [1e9], n_sd=2.8).flags.sum() == 1


def test_outliers_in_one_pass_only() -> None:
    """Once 1000 is gone, 100 would be one too: it is not flagged."""
    values = [10.0] * 50 + [100.0, 1000.0]
    assert flag_outliers(values).flags.tolist() == [False] * 51 + [True]
    assert flag_outliers(values[:-1]).flags.tolist() == [False] * 50 + [True]


def test_outliers_of_nothing_one_equal_and_missing_values() -> None:
    for values in ([], [5.0], [np.nan, 5.0]):
        outliers = flag_outliers(values)
        assert not outliers.flags.any() and math.isnan(outliers.low) and math.isnan(outliers.high)
    assert not flag_outliers([0.1] * 7).flags.any()
    assert not flag_outliers([np.nan] * 3 + [1.0, 2.0]).flags.any()


@hypothesis_settings(deadline=None)
@given(
    values=st.lists(st.floats(0, 1000), min_size=12, max_size=50),
    scale=st.floats(0.1, 10),
)
def test_no_plot_inside_its_bounds_is_flagged(values: list[float], scale: float) -> None:
    outliers = flag_outliers(values)
    inside = (np.array(values) >= outliers.low) & (np.array(values) <= outliers.high)
    assert not (outliers.flags & inside).any()
    order = np.argsort(values)
    assert np.array_equal(flag_outliers(np.array(values)[order]).flags, outliers.flags[order])


def test_statistics_by_hand_and_excel_skew() -> None:
    """Excel's documentation of SKEW: 3, 4, 5, 2, 3, 4, 5, 6, 4, 7 has 0.359543."""
    plots = add_pools(pd.DataFrame({"agb_mg_ha": [3.0, 4, 5, 2, 3, 4, 5, 6, 4, 7]}))
    table = plot_statistics(plots).set_index("pool")
    agb = table.loc["agb"]
    assert agb["skewness"] == pytest.approx(0.359543, abs=5e-7)
    assert (agb["n"], agb["sum"], agb["mean"]) == (10, 43.0, 4.3)
    assert agb["sd"] == pytest.approx(math.sqrt(20.1 / 9))
    assert (agb["min"], agb["max"], agb["range"]) == (2.0, 7.0, 5.0)
    assert list(table.index) == [meaning.name for meaning in POOLS.values()]
    assert table["unit"].tolist() == ["Mg/ha"] * 3 + ["Mg C/ha"] * 3 + ["Mg CO₂/ha"]
    assert table.loc["co2e", "sum"] == pytest.approx(43 * 1.26 * 0.47 * 44 / 12)
    assert np.allclose(table["skewness"], agb["skewness"])


@hypothesis_settings(deadline=None)
@given(values=st.lists(st.integers(0, 500), min_size=3, max_size=60))
def test_skewness_is_that_of_scipy(values: list[int]) -> None:
    skewness = plot_statistics(pd.DataFrame({"agb_mg_ha": values}, dtype=float))["skewness"].iloc[0]
    if len(set(values)) == 1:
        assert math.isnan(skewness)
    else:
        assert skewness == pytest.approx(skew(values, bias=False), abs=1e-9)


def test_statistics_of_one_plot_and_of_none() -> None:
    one = plot_statistics(pd.DataFrame({"agb_mg_ha": [5.0]})).iloc[0]
    assert (one["n"], one["mean"], one["range"]) == (1, 5.0, 0.0)
    assert math.isnan(one["sd"]) and math.isnan(one["skewness"])
    none = plot_statistics(pd.DataFrame({"agb_mg_ha": [np.nan]})).iloc[0]
    assert none["n"] == 0 and none["sum"] == 0 and math.isnan(none["mean"])


def test_area_of_the_paper_s_plot() -> None:
    """r = 17.84 m gives 999.86 m²."""
    assert settings(plot_radius_m=17.84).area_ha == pytest.approx(999.86e-4, abs=5e-7)
    assert settings(plot_area_ha=0.25).area_ha == 0.25
    assert settings().area_ha is None
    with pytest.raises(ValueError, match="not both"):
        settings(plot_radius_m=17.84, plot_area_ha=0.1)


def test_kilograms_to_tonnes_per_hectare() -> None:
    """The paper's rule for 0.1 ha, kg * 10 / 1000, and the same for any area of a plot."""
    stand = inventory({"plot_id": ["A", "B"], "area_ha": [0.1, 0.25]})
    plots = plots_with_biomass(
        stand, trees(("A", 300.0), ("B", 1000.0), ("A", 200.0)), CarbonSettings(), settings()
    )
    assert plots["agb_mg_ha"].tolist() == pytest.approx([500 * 10 / 1000, 4.0])
    assert plots["n_trees"].tolist() == [2, 1]
    assert plots["co2e_mg_ha"].tolist() == pytest.approx([5 * 2.1714, 4 * 2.1714])
    order = ["plot_id", "easting", "northing", "site", "n_trees", *POOLS, "outlier"]
    assert list(plots.columns[: len(order)]) == order


def test_plot_with_a_single_tree() -> None:
    stand = inventory({"plot_id": ["A"]})
    plots = plots_with_biomass(stand, trees(("A", 50.0)), CarbonSettings(), settings())
    assert plots["agb_mg_ha"].tolist() == [0.5] and not plots["outlier"].any()


def test_plots_without_trees_are_an_error_or_a_true_zero() -> None:
    stand = inventory({"plot_id": ["A", "B"]})
    with pytest.raises(InputError, match=r"plots with no trees: B → .*empty_plots: zero"):
        plots_with_biomass(stand, trees(("A", 50.0)), CarbonSettings(), settings())
    zero = settings(empty_plots="zero")
    plots = plots_with_biomass(stand, trees(("A", 50.0)), CarbonSettings(), zero)
    assert plots["agb_mg_ha"].tolist() == [0.5, 0.0] and plots["n_trees"].tolist() == [1, 0]


def test_a_plot_whose_trees_were_all_rejected_is_never_empty() -> None:
    stand = inventory({"plot_id": ["A", "B"], "n_trees_rejected": [0, 3]})
    zero = settings(empty_plots="zero")
    with pytest.raises(InputError, match="all trees were rejected: B"):
        plots_with_biomass(stand, trees(("A", 50.0)), CarbonSettings(), zero)


def test_a_tree_without_biomass_is_not_summed_away() -> None:
    stand = inventory({"plot_id": ["A"]})
    with pytest.raises(InputError, match=r"1 trees have no biomass, e.g. tree 1 of plot A"):
        plots_with_biomass(stand, trees(("A", 1.0), ("A", np.nan)), CarbonSettings(), settings())


def test_given_biomass_keeps_its_values_and_has_no_tree_count() -> None:
    stand = inventory({"plot_id": ["A", "B"], "agb_mg_ha": [0.0, 120.5]}, trees=False)
    plots = plots_with_biomass(stand, None, CarbonSettings(), settings())
    assert plots["agb_mg_ha"].tolist() == [0.0, 120.5]
    assert plots["n_trees"].isna().all()


def test_outliers_leave_only_when_asked() -> None:
    values = [10.0] * 20 + [500.0]
    ids = [f"P{i}" for i in range(21)]
    stand = inventory({"plot_id": ids, "agb_mg_ha": values}, trees=False)
    for rule, left in (("flag", 21), ("remove", 20)):
        rules = settings(outliers=rule)
        plots = plots_with_biomass(stand, None, CarbonSettings(), rules)
        assert len(plots) == 21 and plots["outlier"].tolist() == [False] * 20 + [True]
        used = plots_in_use(plots, rules)
        assert len(used) == left and used.index.tolist() == list(range(left))
    wide = plots_with_biomass(stand, None, CarbonSettings(), settings(outlier_sd=5.0))
    assert not wide["outlier"].any()


tree = st.tuples(st.sampled_from("ABC"), st.just(0.0) | st.floats(1e-3, 5000.0))


@hypothesis_settings(deadline=None)
@given(rows=st.lists(tree, min_size=1, max_size=40), seed=st.integers(0, 99))
def test_biomass_does_not_depend_on_the_order_of_trees(
    rows: list[tuple[str, float]], seed: int
) -> None:
    stand, zero = inventory({"plot_id": ["A", "B", "C"]}), settings(empty_plots="zero")
    table = trees(*rows)
    plots = plots_with_biomass(stand, table, CarbonSettings(), zero)
    shuffled = plots_with_biomass(
        stand, table.sample(frac=1, random_state=seed), CarbonSettings(), zero
    )
    np.testing.assert_allclose(plots["agb_mg_ha"], shuffled["agb_mg_ha"], rtol=1e-12)
    total = sum(kg for _, kg in rows)
    assert plots["agb_mg_ha"].sum() * AREA * 1000 == pytest.approx(total, rel=1e-12)
    assert plots["n_trees"].sum() == len(rows)
