"""Change of remeasured plots: by hand, as sums, and from paired draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.inventory import Remeasurement
from phytomass.inventory.field_error import (
    SOURCES,
    ErrorModel,
    ErrorSettings,
    plot_change,
    plot_draws,
    tree_growth,
)

ALLOMETRY = AllometrySettings(fallback="chave2014")
PARTS = ("growth", "ingrowth", "mortality", "change")


def dated(trees: pd.DataFrame, years: float) -> Remeasurement:
    """Make the growth table of trees: plot_id, tree_id, before, after (NaN where not there)."""
    before, after = trees["before"], trees["after"]
    fate = np.select([before.isna(), after.isna()], ["recruit", "died"], "survivor")
    plots = pd.DataFrame(
        {"date_before": "2000", "date": "2010", "years": years},
        index=pd.Index(sorted(trees["plot_id"].unique()), name="plot_id"),
    )
    growth = trees[["plot_id", "tree_id", "species"]].assign(
        dbh_before_cm=before, dbh_cm=after, fate=fate, years=years, flag="", action=""
    )
    return Remeasurement(at(trees, "before"), growth, plots)


def at(trees: pd.DataFrame, date: str) -> pd.DataFrame:
    there = trees[trees[date].notna()]
    return there[["plot_id", "tree_id", "species", "height_m"]].assign(dbh_cm=there[date])


def forest(n: int, seed: int = 1) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    before = 10 + r.gamma(2, 5, n)
    after = before + r.uniform(0, 6, n)
    before[r.random(n) < 0.15], after[r.random(n) < 0.1] = np.nan, np.nan
    table = pd.DataFrame(
        {"plot_id": r.choice(["A", "B", "C"], n), "before": before, "after": after}
    )
    table = table.assign(tree_id=[str(i) for i in range(n)], height_m=15.0)
    return table.assign(species="Melia azedarach").dropna(subset=["before", "after"], how="all")


def changed(
    trees: pd.DataFrame, errors: ErrorSettings, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    earlier = dated(trees, 10.0)
    before, after = (tree_biomass(at(trees, d), ALLOMETRY) for d in ("before", "after"))
    plots = pd.DataFrame({"plot_id": ["A", "B", "C"], "area_ha": [0.1, 0.2, 0.1]})
    plots = plots[plots["plot_id"].isin(trees["plot_id"])]
    model = ErrorModel(ALLOMETRY, errors=errors)
    return (
        plot_change(earlier, before, after, plots, model, random_state=seed),
        before,
        after,
        plots,
    )


def only(*sources: str, draws: int = 1000) -> ErrorSettings:
    return ErrorSettings(draws=draws, off=[s for s in SOURCES if s not in sources])


def test_a_case_by_hand() -> None:
    """100 → 150 kg, 50 kg died, 20 kg came in, on 0.1 ha in 10 years."""
    trees = pd.DataFrame(
        {"plot_id": "A", "tree_id": ["1", "2", "3"], "species": "oak", "height_m": np.nan,
         "before": [20.0, 15.0, np.nan], "after": [24.0, np.nan, 10.0]}
    )  # fmt: skip
    earlier = dated(trees, 10.0)
    before = at(trees, "before").assign(agb_kg=[100.0, 50.0])
    after = at(trees, "after").assign(agb_kg=[150.0, 20.0])
    plots = pd.DataFrame({"plot_id": ["A", "new"], "area_ha": [0.1, 0.1]})
    (row,) = plot_change(earlier, before, after, plots, None).to_dict("records")
    assert (row["agb_before_mg_ha"], row["agb_mg_ha"]) == pytest.approx((1.5, 1.7))
    found = [row[f"{part}_mg_ha_yr"] for part in PARTS]
    assert found == pytest.approx([0.05, 0.02, 0.05, 0.02])
    assert [row[n] for n in ("n_survivors", "n_recruits", "n_died", "n_unchanged")] == [1, 1, 1, 0]
    growth = tree_growth(earlier, before, after, ErrorSettings())
    assert growth["agb_change_kg_yr"].tolist()[0] == pytest.approx(5.0)
    assert growth["agb_change_kg_yr"].isna().tolist() == [False, True, True]
    # SD of a diameter: 0.0062 D + 0.0904, one in twenty min(4.64, 0.2 D)
    sds = [np.sqrt(0.95 * (0.0062 * d + 0.0904) ** 2 + 0.05 * min(4.64, 0.2 * d) ** 2) for d in (20, 24)]  # fmt: skip
    assert growth["increment_se_cm_yr"].tolist()[0] == pytest.approx(np.hypot(*sds) / 10)


@pytest.mark.parametrize("seed", range(3))
def test_growth_and_ingrowth_less_mortality_are_the_net_change(seed: int) -> None:
    table, before, after, plots = changed(forest(60, seed), ErrorSettings(draws=200))
    point = [table[f"{part}_mg_ha_yr"] for part in PARTS]
    assert np.allclose(point[0] + point[1] - point[2], point[3])
    stock = [
        t.groupby("plot_id")["agb_kg"].sum().reindex(plots["plot_id"]).fillna(0).to_numpy()
        / 1000 / plots["area_ha"].to_numpy()
        for t in (before, after)
    ]  # fmt: skip
    assert np.allclose(point[3], (stock[1] - stock[0]) / 10)
    assert np.allclose(table["agb_mg_ha"], stock[1])
    low, high = table["change_low95_mg_ha_yr"], table["change_high95_mg_ha_yr"]
    assert ((low < point[3]) & (point[3] < high)).all()


def test_what_both_dates_share_is_paired() -> None:
    """A site effect scales both dates: the change has the relative error of the stock."""
    table, _, after, plots = changed(forest(60), only("site_effect"))
    model = ErrorModel(ALLOMETRY, errors=only("site_effect"))
    stock = plot_draws(after, plots, model, random_state=1).agb
    relative = stock.se() / stock.point
    ratio = table["change_se_mg_ha_yr"] / table["change_mg_ha_yr"].abs()
    assert np.allclose(ratio, relative, rtol=0.02)


def test_a_tree_that_did_not_grow_has_no_residual_in_its_change() -> None:
    still = forest(40).dropna().assign(after=lambda t: t["before"])
    table, *_ = changed(still, only("residual", "parameters", "wood_density", "plot_area"))
    assert (table["change_se_mg_ha_yr"] < 1e-6).all()
    tape, *_ = changed(still, only("dbh"))
    assert (tape["change_se_mg_ha_yr"] > 0.01).all()


def test_each_date_is_measured_anew() -> None:
    """Two tapes: the variance of the change is the sum of those of the dates."""
    still = forest(40).dropna().assign(after=lambda t: t["before"])
    table, _, after, plots = changed(still, only("dbh", draws=4000))
    model = ErrorModel(ALLOMETRY, errors=only("dbh", draws=4000))
    one = [
        plot_draws(after, plots, replace(model, campaign=c), random_state=1).agb.se()
        for c in ("", "earlier")
    ]
    assert np.allclose(table["change_se_mg_ha_yr"] * 10, np.hypot(*one), rtol=0.05)


def test_blocks_of_plots_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    trees, errors = forest(60), ErrorSettings(draws=200)
    whole, *_ = changed(trees, errors)
    monkeypatch.setattr("phytomass.inventory.field_error.changes.BLOCK_BYTES", 8 * 200)
    pd.testing.assert_frame_equal(changed(trees, errors)[0], whole)


def test_plots_where_nothing_came_or_went() -> None:
    table, *_ = changed(forest(30).dropna(), ErrorSettings(draws=100))
    assert (table["ingrowth_se_mg_ha_yr"] == 0).all()
    assert (table["mortality_high95_mg_ha_yr"] == 0).all()
