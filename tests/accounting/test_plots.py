import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from phytomass.accounting import (
    PotentialSettings,
    area_change,
    plot_estimates,
    potential_estimates,
)
from phytomass.errors import InputError
from phytomass.inventory.sampling import DesignSettings
from tests.accounting.conftest import value


def _plots(**more):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"agb_mg_ha": rng.gamma(3, 30, size=40), **more})


def test_mean_error_and_spread_by_hand():
    plots = _plots()
    table = plot_estimates(plots, period="2020")
    agb = plots["agb_mg_ha"]
    assert value(table, "plot_mean", "mean") == pytest.approx(agb.mean())
    assert value(table, "plot_mean", "SE") == pytest.approx(agb.sem())
    assert value(table, "plot_mean", "SD") == pytest.approx(agb.std())
    assert value(table, "plot_mean", "SE", pool="total", kind="CO2e") == pytest.approx(
        agb.sem() * 1.26 * 0.47 * 44 / 12
    )
    assert (table["n"] == 40).all()
    assert table["area_ha"].isna().all()


def test_the_afforestation_papers_naive_error():
    """n = 304, SD 1.48: 0.085 t/ha (methods.md, section 5.5)."""
    half = np.sqrt(1.48**2 * 303 / 304)
    plots = pd.DataFrame({"agb_mg_ha": np.repeat([4.77 - half, 4.77 + half], 152)})
    table = plot_estimates(plots)
    assert value(table, "plot_mean", "SD") == pytest.approx(1.48)
    assert value(table, "plot_mean", "SE") == pytest.approx(0.085, abs=5e-4)


def test_one_plot_has_no_error_and_a_missing_one_does_not_count():
    table = plot_estimates(pd.DataFrame({"agb_mg_ha": [12.0, np.nan]}))
    assert set(table["statistic"]) == {"mean"}
    assert value(table, "plot_mean") == 12
    assert (table["n"] == 1).all()
    with pytest.raises(InputError, match="no plot has a value"):
        plot_estimates(pd.DataFrame({"agb_mg_ha": [np.nan]}))


def test_plots_of_one_site_are_not_called_independent():
    alone = plot_estimates(_plots(site=[f"s{i}" for i in range(40)]))
    nested = plot_estimates(_plots(site=[f"s{i // 4}" for i in range(40)]))
    assert not alone["method"].str.contains("clustered").any()
    assert nested.loc[nested["statistic"] == "SE", "method"].str.contains("clustered").all()


def test_change_is_paired():
    plots = _plots()
    plots["agb_before_mg_ha"] = plots["agb_mg_ha"] - 5 + np.linspace(-1, 1, 40)
    plots.loc[3, "agb_before_mg_ha"] = np.nan
    table = plot_estimates(plots, period="2020", period_before="2015")
    change = (plots["agb_mg_ha"] - plots["agb_before_mg_ha"]).dropna()
    assert value(table, "plot_change", "mean") == pytest.approx(change.mean())
    assert value(table, "plot_change", "SE") == pytest.approx(change.sem())
    assert value(table, "plot_change_rate", "mean") == pytest.approx(change.mean() / 5)
    assert value(table, "plot_change_rate", "SE") == pytest.approx(change.sem() / 5)
    assert value(table, "plot_change", "SE") < value(table, "plot_mean", "SE", period="2020") / 10
    rows = table[table["quantity"] == "plot_change"]
    assert (rows["n"] == 39).all()
    assert (rows["period"] == "2015 to 2020").all()


def test_bartlett():
    """Catalogue of the data: 242.24 ± 3.22 and 217.25 ± 2.72, change 24.99 ± 2.04 Mg/ha."""
    folder = os.environ.get("PHYTOMASS_DATA")
    if folder is None or not (Path(folder) / "bartlett").is_dir():
        pytest.skip("PHYTOMASS_DATA does not name the folder with the real data (bartlett)")
    plots = pd.read_csv(Path(folder) / "bartlett" / "plots.csv").query("measured == 1")
    columns = {"agb_2002_Mg_ha": "agb_mg_ha", "agb_1991_Mg_ha": "agb_before_mg_ha"}
    table = plot_estimates(plots.rename(columns=columns), period="2002", period_before="1991")
    for period, mean, se in (("2002", 242.24, 3.22), ("1991", 217.25, 2.72)):
        assert value(table, "plot_mean", "mean", period=period) == pytest.approx(mean, abs=0.005)
        assert value(table, "plot_mean", "SE", period=period) == pytest.approx(se, abs=0.005)
    assert value(table, "plot_change", "mean") == pytest.approx(24.99, abs=0.005)
    assert value(table, "plot_change", "SE") == pytest.approx(2.04, abs=0.005)
    assert value(table, "plot_change_rate", "mean") == pytest.approx(24.99 / 11, abs=0.001)
    row = table[(table["quantity"] == "plot_change") & (table["statistic"] == "mean")].iloc[0]
    half = stats.t.ppf(0.975, 414) * 2.04  # 415 plots
    assert (row["high"] - row["value"], row["value"] - row["low"]) == pytest.approx(
        (half, half), abs=0.01
    )
    rows = area_change(
        plots.rename(columns=columns), DesignSettings(kind="simple_random"),
        periods=("1991", "2002"),
    )  # fmt: skip
    assert (rows[0].quantity, rows[0].n) == ("area_change", 415)
    assert (rows[0].value, rows[0].se) == pytest.approx((24.99, 2.04), abs=0.005)


PAPER = PotentialSettings(
    carrying_capacity=102, carrying_capacity_se=15, years=15, source="afforestation paper"
)


def test_the_afforestation_papers_potential():
    """102 - 2.82 = 99.18 ± 15 t C/ha, 6.61 per year, 19.74 Mt C on 198 993 ha."""
    table = potential_estimates(2.82, 0.05, 198_993, PAPER, period="2020")
    about = {"pool": "total", "kind": "C"}
    assert value(table, "potential", "mean", **about) == pytest.approx(99.18)
    assert round(value(table, "potential", "SE", **about)) == 15
    assert value(table, "potential_rate", "mean", **about) == pytest.approx(6.61, abs=0.005)
    assert value(table, "potential_total", "total", **about) / 1e6 == pytest.approx(19.74, abs=5e-3)
    assert set(table["unit"]) == {"Mg C/ha", "Mg C", "Mg C/ha/yr", "Mg C/yr"}


def test_errors_add_in_squares():
    settings = PotentialSettings(carrying_capacity=100, carrying_capacity_se=3, kind="dry_mass")
    table = potential_estimates(40, 4, 10, settings)
    about = {"pool": "total", "kind": "dry_mass"}
    assert value(table, "potential", "SE", **about) == 5
    assert value(table, "potential_total", "SE", **about) == 50
    assert not table["quantity"].str.contains("rate").any()


def test_an_unknown_error_is_said_to_be_unknown():
    unknown = PotentialSettings(carrying_capacity=100)
    table = potential_estimates(40, None, 10, unknown)
    assert set(table["statistic"]) == {"mean", "total"}
    assert table["method"].str.contains("density_error_unknown").all()
    half = potential_estimates(40, 4, 10, unknown)
    assert value(half, "potential", "SE", pool="total", kind="C") == 4
    assert half["method"].str.contains("capacity_error_unknown").all()


def test_a_density_above_the_capacity_is_not_hidden():
    table = potential_estimates(120, None, 10, PAPER)
    assert value(table, "potential", "mean", pool="total", kind="C") == -18
