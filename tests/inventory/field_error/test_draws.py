"""What the draws must do whatever the trees: independence, order, blocks, means, bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from phytomass.allometry import AllometrySettings, HeightModel, tree_biomass
from phytomass.errors import InputError
from phytomass.inventory.field_error import (
    SOURCES,
    ErrorModel,
    ErrorSettings,
    ensemble_biomass,
    plot_draws,
    variance_shares,
)
from phytomass.inventory.field_error import draws as module
from phytomass.inventory.field_error.prepare import plan_of
from tests.inventory.field_error.samples import LOCAL, TROPICAL, agb, areas, draw, stand


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(5, 25))
def test_a_plot_depends_neither_on_other_trees_nor_on_row_order(seed: int, n: int) -> None:
    trees = stand(n, seed=seed % 1000)
    whole = draw(trees)
    alone = draw(trees[trees["plot_id"] == "P1"])
    mixed = draw(trees.sample(frac=1, random_state=seed))
    np.testing.assert_array_equal(agb(whole, "P1"), agb(alone, "P1"))
    np.testing.assert_array_equal(whole.agb.values, mixed.agb.values)


def test_trees_are_summed_in_one_order_whatever_the_table() -> None:
    """The stored draws are float32 and would hide it."""
    trees = tree_biomass(stand(50), TROPICAL)
    shuffled = trees.sample(frac=1, random_state=1)
    one, two = (plan_of(t, areas(trees), ErrorModel(TROPICAL)) for t in (trees, shuffled))
    np.testing.assert_array_equal(one.trees["key"], two.trees["key"])
    np.testing.assert_array_equal(one.trees["d"], two.trees["d"])


@settings(max_examples=10)
@given(st.sampled_from([1, 3, 64, 100, 511, 512, 2000]), st.integers(1, 4))
def test_block_size_and_threads_change_no_bit(block: int, workers: int) -> None:
    trees = stand()
    whole = draw(trees)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        patch.setattr(module, "STEP_BYTES", 8 * 3 * block)
        parts = draw(trees, workers=workers)
    np.testing.assert_array_equal(whole.agb.values, parts.agb.values)


def test_more_draws_continue_the_same_draws_and_do_not_narrow_the_interval() -> None:
    few = draw(stand(), ErrorSettings(draws=2000))
    many = draw(stand(), ErrorSettings(draws=16_000))
    np.testing.assert_array_equal(few.agb.values, many.agb.values[:, :2000])
    np.testing.assert_allclose(few.table()["agb_se_mg_ha"], many.table()["agb_se_mg_ha"], rtol=0.1)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_written_draws_are_those_in_memory(tmp_path: Path, workers: int) -> None:
    trees = tree_biomass(stand(), TROPICAL)
    model = ErrorModel(TROPICAL, errors=ErrorSettings(draws=1500))
    plots, path = areas(trees), tmp_path / "plot_draws.zarr"
    stored = plot_draws(trees, plots, model, random_state=4, store=path, workers=workers)
    kept = plot_draws(trees, plots, model, random_state=4, workers=1)
    group = zarr.open_group(str(path), mode="r")
    assert group["agb_mg_ha"].shape == (3, 1500)
    assert group.attrs["plot_id"] == ["P0", "P1", "P2"]
    np.testing.assert_array_equal(group["agb_mg_ha"][:], kept.agb.values)
    pd.testing.assert_frame_equal(stored.table(), kept.table())
    assert [p.name for p in tmp_path.iterdir()] == ["plot_draws.zarr"]


def test_a_failed_run_leaves_the_earlier_draws(tmp_path: Path) -> None:
    trees, path = tree_biomass(stand(), TROPICAL), tmp_path / "plot_draws.zarr"
    model = ErrorModel(TROPICAL, errors=ErrorSettings(draws=100))
    plot_draws(trees, areas(trees), model, random_state=4, store=path)

    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = zarr.open_group(str(path), mode="r")["agb_mg_ha"][:]
    with pytest.raises(KeyboardInterrupt):
        plot_draws(trees, areas(trees), model, random_state=5, store=path, progress=stop)
    np.testing.assert_array_equal(zarr.open_group(str(path), mode="r")["agb_mg_ha"][:], before)
    assert [p.name for p in tmp_path.iterdir()] == ["plot_draws.zarr"]
    again = plot_draws(trees, areas(trees), model, random_state=5, store=path)
    assert again.agb.values.shape == (3, 100)
    assert not np.array_equal(again.agb.values[:], before)


def test_without_any_error_every_draw_is_the_point_estimate() -> None:
    drawn = draw(stand(), ErrorSettings(draws=50, off=SOURCES))
    expected = np.repeat(drawn.agb.point[:, None], 50, axis=1)
    np.testing.assert_allclose(drawn.agb.values, expected, rtol=1e-6)
    by_hand = tree_biomass(stand(), TROPICAL).groupby("plot_id")["agb_kg"].sum() / 1000 / 0.1
    np.testing.assert_allclose(drawn.agb.point, by_hand, rtol=1e-12)


@pytest.mark.parametrize(
    "species",
    ["Chir", "Olea ferruginea", "Cedrus deodara", "Robinia pseudoacacia", "Melia azedarach"],
)
def test_draws_do_not_move_the_mean(species: str) -> None:
    """Residual, site, coefficients and shared factors have mean one, power law or linear."""
    trees = stand(60, 1, (species,))
    errors = ErrorSettings(draws=20_000, off=("dbh", "equation_choice", "correction"))
    drawn = agb(draw(trees, errors, LOCAL), "P0")
    point = draw(trees, ErrorSettings(draws=2), LOCAL).agb.point[0]
    assert drawn.mean() == pytest.approx(
        point, rel=4 * drawn.std() / point / np.sqrt(20_000) + 2e-3
    )


def test_the_residual_alone_has_the_printed_spread() -> None:
    """One tree, chave2014: SD of ln AGB is 0.3575, mean is the equation.

    √(0.3575² - 0.169²) = 0.3150 of it is the tree's own where the site has its effect.
    """
    one = stand(1, 1)
    point = draw(one, ErrorSettings(draws=2)).agb.point[0]
    whole = ErrorSettings(draws=40_000)
    for errors, sources, sd in (
        (whole.model_copy(update={"site_effect": "none"}), ("residual",), 0.3575),
        (whole, ("residual",), 0.3150),
        (whole.model_copy(update={"site_effect": 0.169}), ("residual", "site_effect"), 0.3575),
    ):
        drawn = agb(draw(one, errors.only(*sources)), "P0")  # type: ignore[arg-type]
        assert np.log(drawn).std() == pytest.approx(sd, rel=0.015)
        assert drawn.mean() == pytest.approx(point, rel=0.008)


def test_the_site_effect_is_one_for_all_plots_equations_and_dates() -> None:
    """SD of ln AGB: 0.112 of the pine's equation, 0.169 of chave2014, moved by the same number.

    A new site and a spread estimated from n sites: · √(1 + 1/n) · √((n - 1) / (n - 3)).
    """
    trees = stand(8, 2, ("Chir", "Melia azedarach"))
    errors = ErrorSettings(draws=40_000).only("site_effect")
    pine, other = (draw(trees[trees["species"] == s], errors) for s in ("Chir", "Melia azedarach"))
    for drawn, sd, n in ((pine, 0.112, 23), (other, 0.169, 58)):
        logs = np.log(drawn.agb.values[:])
        assert np.corrcoef(logs).min() > 0.999999 if len(logs) > 1 else True
        expected = sd * np.sqrt((1 + 1 / n) * (n - 1) / (n - 3))
        assert logs[0].std() == pytest.approx(expected, rel=0.02)
    assert np.corrcoef(pine.agb.values[0], other.agb.values[0])[0, 1] > 0.98
    dates = [draw(trees, errors, campaign=c) for c in ("2015", "2020")]
    np.testing.assert_array_equal(dates[0].agb.values, dates[1].agb.values)


def test_an_unknown_correction_is_one_coin_for_all_its_trees() -> None:
    """rse 0.3 of the prior: the mass is the printed one or exp(0.045) of it, in all plots alike."""
    trees = stand(6, 2, ("Chir", "Cedrus deodara"))
    for chance in (0.0, 0.3, 1.0):
        values = {"correction_absent": chance}
        errors = ErrorSettings(draws=4000, values=values).only("correction")
        drawn = draw(trees, errors, LOCAL)
        ratio = np.asarray(drawn.agb.values) / drawn.agb.point[:, None]
        high = ratio > 1.02
        np.testing.assert_allclose(ratio[high], np.exp(0.045), rtol=1e-5)
        np.testing.assert_allclose(ratio[~high], 1.0, rtol=1e-5)
        np.testing.assert_array_equal(high[0], high[1])
        assert high[0].mean() == pytest.approx(chance, abs=0.03)


def test_an_equation_without_its_correction_prints_and_draws_the_corrected_mass(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.csv").write_text(
        "id,taxa,form,a,b,correction,rse_log,n,source\n"
        "own,Melia azedarach,power_d,0.1,2.5,absent,0.4,50,made up\n"
    )
    allometry = AllometrySettings(equations="own.csv")
    trees = tree_biomass(stand(40, 1, ("Melia azedarach",)), allometry, tmp_path)
    printed = 0.1 * trees["dbh_cm"] ** 2.5 * np.exp(0.08)
    np.testing.assert_allclose(trees["agb_kg"], printed)
    model = ErrorModel(allometry, errors=ErrorSettings(draws=20_000, off=["dbh"]), root=tmp_path)
    drawn = plot_draws(trees, areas(trees), model, random_state=1)
    assert agb(drawn, "P0").mean() == pytest.approx(drawn.agb.point[0], rel=0.01)
    still = replace(model, errors=ErrorSettings(draws=2, off=SOURCES))
    drawn = plot_draws(trees, areas(trees), still, random_state=1)
    np.testing.assert_allclose(drawn.agb.values[0], drawn.agb.point[0], rtol=1e-6)


def test_parameters_alone_have_the_spread_of_the_covariance() -> None:
    """One tree: Var(ln AGB) = x' Σ x with x = (1, ln ρD²H)."""
    one = tree_biomass(stand(1, 1), TROPICAL)
    drawn = agb(draw(stand(1, 1), ErrorSettings(draws=40_000).only("parameters")), "P0")
    ln_x = np.log(one["wood_density"] * one["dbh_cm"] ** 2 * one["height_m"]).iloc[0]
    x = np.array([1.0, ln_x])
    sigma = np.array([[0.0215**2, -0.965 * 0.0215 * 0.00275], [0, 0.00275**2]])
    sigma[0, 1] = sigma[1, 0] = -0.965 * 0.0215 * 0.00275
    assert np.log(drawn).std() == pytest.approx(np.sqrt(x @ sigma @ x), rel=0.015)


def test_measurement_errors_have_the_stated_spread() -> None:
    """One tree: SD of ln AGB from D is 1.952 · mixed SD / D; from H 0.976 · cv."""
    one = stand(1, 1, dbh=40.0)
    d = one["dbh_cm"].iloc[0]
    small, gross = 0.0062 * d + 0.0904, min(4.64, 0.2 * d)
    mixed = np.sqrt(0.95 * small**2 + 0.05 * gross**2) / d
    drawn = agb(draw(one, ErrorSettings(draws=60_000).only("dbh")), "P0")
    assert np.log(drawn).std() == pytest.approx(1.952 * mixed, rel=0.04)
    drawn = agb(
        draw(one, ErrorSettings(draws=60_000, values={"height_cv": 0.05}).only("height")), "P0"
    )
    assert np.log(drawn).std() == pytest.approx(0.976 * 0.05, rel=0.02)


def test_gross_errors_on_saplings_do_not_raise_the_mean_as_those_of_biomass_r_do() -> None:
    """4.4 cm trees: +5.2 % in R BIOMASS (methods 5.1), under 1 % here."""
    trees = stand(100, 1, dbh=4.4)
    trees["dbh_cm"], trees["height_m"] = 4.4, 3.9
    bias = {}
    for preset in ("phytomass", "biomass_r"):
        errors = ErrorSettings(draws=4000, preset=preset).only("dbh")  # type: ignore[arg-type]
        drawn = draw(trees, errors)
        bias[preset] = agb(drawn, "P0").mean() / drawn.agb.point[0] - 1
    assert 0.04 < bias["biomass_r"] < 0.075
    assert 0 <= bias["phytomass"] < 0.01


def test_shared_errors_are_shared_and_own_errors_are_not() -> None:
    """Two plots of one species move together by its wood; by the residual they do not."""
    trees = stand(40, 2, ("Melia azedarach",))
    for sources, low, high in (
        (("wood_density",), 0.8, 1.0),
        (("parameters",), 0.99, 1.0),
        (("residual",), -0.15, 0.15),
        (("dbh", "height"), -0.15, 0.15),
        (("plot_area",), -0.15, 0.15),
    ):
        drawn = draw(trees, ErrorSettings(draws=1000).only(*sources))  # type: ignore[arg-type]
        r = np.corrcoef(drawn.agb.values)[0, 1]
        assert low <= r <= high + 1e-9, sources


def test_a_second_campaign_keeps_the_tree_and_measures_anew() -> None:
    trees = stand(20, 1)
    for sources, same in (
        (("residual", "wood_density", "parameters", "plot_area"), True),
        (("dbh",), False),
        (("height",), False),
    ):
        errors = ErrorSettings(draws=200).only(*sources)  # type: ignore[arg-type]
        one, two = (agb(draw(trees, errors, campaign=c), "P0") for c in ("2015", "2020"))
        assert np.array_equal(one, two) == same, sources


def test_equation_choice_spreads_the_candidates_about_the_printed_mass() -> None:
    """Two general equations: printed · √(m₁/m₂) or printed · √(m₂/m₁), the same in all plots."""
    one = stand(2, 2, ("Melia azedarach",))
    errors = ErrorSettings(draws=400, alternatives=("chave2005_moist",)).only("equation_choice")
    chave, moist = (
        tree_biomass(one, AllometrySettings(fallback=e))["agb_kg"].to_numpy() / 100
        for e in ("chave2014", "chave2005_moist")
    )
    drawn = np.asarray(draw(one, errors).agb.values)
    first = np.isclose(drawn[0], chave[0] * np.sqrt(chave[0] / moist[0]), rtol=1e-5)
    assert 150 < first.sum() < 250
    for plot in (0, 1):
        ratio = np.where(first, chave[plot] / moist[plot], moist[plot] / chave[plot])
        np.testing.assert_allclose(drawn[plot], chave[plot] * np.sqrt(ratio), rtol=1e-5)


def test_the_ensemble_prints_the_mean_of_the_candidates_by_their_weights() -> None:
    """Pine: its own equation weighs 1.8, the fallback 1; draws take either as it is."""
    trees = tree_biomass(stand(2, 2, ("Chir",)), TROPICAL)
    errors = ErrorSettings(draws=4000, equation_choice="ensemble").only("equation_choice")
    model = ErrorModel(TROPICAL, errors=errors)
    printed = ensemble_biomass(trees, model)
    chave = AllometrySettings(species={"Chir": "chave2014"})
    masses = trees["agb_kg"], tree_biomass(stand(2, 2, ("Chir",)), chave)["agb_kg"]
    np.testing.assert_allclose(printed["agb_kg"], (1.8 * masses[0] + masses[1]) / 2.8)
    assert "mean of pinus_roxburghii_ali2020 (0.64) and chave2014 (0.36)" in printed["reason"][0]
    drawn = plot_draws(printed, areas(trees), model, random_state=1)
    own = np.isclose(drawn.agb.values[0], masses[0][0] / 100, rtol=1e-5)
    np.testing.assert_allclose(drawn.agb.values[0][~own], masses[1][0] / 100, rtol=1e-5)
    assert own.mean() == pytest.approx(1.8 / 2.8, abs=0.03)
    off = ErrorModel(TROPICAL, errors=ErrorSettings(draws=2, off=SOURCES))
    still = plot_draws(printed, areas(trees), off, random_state=1)
    np.testing.assert_allclose(still.agb.values[:, 0], printed["agb_kg"] / 100, rtol=1e-6)
    assert ensemble_biomass(trees, off) is trees
    weightless = {"weight_species": 0.0, "weight_general": 0.0}
    with pytest.raises(InputError, match="no weight"):
        draw(stand(2, 2, ("Chir",)), ErrorSettings(values=weightless))


@pytest.mark.parametrize("form", ["log_log", "log_quadratic", "michaelis", "weibull"])
def test_modelled_heights_of_all_plots_move_with_the_coefficients_of_their_model(form: str) -> None:
    """Var(ln H) of the fitted mean = x' s² (X'X)⁻¹ x, here by 400 refits to resampled residuals."""
    rng = np.random.default_rng(2)
    d = np.exp(rng.normal(3, 0.5, 40))
    mean = 30 * (1 - np.exp(-((d / 22) ** 0.9)))
    noisy = mean * np.exp(rng.normal(0, 0.1, 40))
    trees = stand(2, 2, ("Melia azedarach",)).assign(height_m=np.nan, dbh_cm=[12.0, 35.0])
    measured = stand(40, 1, ("Melia azedarach",)).assign(
        plot_id="M", dbh_cm=d, height_m=noisy, tree_id=[f"m{i}" for i in range(40)]
    )
    table = pd.concat([trees, measured], ignore_index=True)
    tropical = AllometrySettings(fallback="chave2014", heights={"form": form, "stratum": None})
    drawn = draw(table, ErrorSettings(draws=20_000).only("height_model"), tropical)
    ours = np.log([agb(drawn, "P0"), agb(drawn, "P1")]) / 0.976
    model = HeightModel(form).fit(d, noisy)  # type: ignore[arg-type]
    logs = form.startswith("log")
    fitted = model.predict(d)
    residual = np.log(noisy / fitted) if logs else noisy - fitted
    residual -= residual.mean()
    refits = []
    for _ in range(400):
        e = rng.choice(residual, 40) * np.sqrt(40 / model.freedom_)
        again = fitted * np.exp(e) if logs else np.maximum(fitted + e, 0.5)
        refits.append(np.log(HeightModel(form).fit(d, again).predict([12.0, 35.0])))  # type: ignore[arg-type]
    theirs = np.transpose(refits)
    np.testing.assert_allclose(ours.std(axis=1), theirs.std(axis=1), rtol=0.15)
    np.testing.assert_allclose(np.corrcoef(ours)[0, 1], np.corrcoef(theirs)[0, 1], atol=0.15)
    assert ours.std() > 0.01
    assert agb(drawn, "M").std() < 1e-4 * agb(drawn, "M").mean()


def test_a_plot_without_trees_is_a_true_zero() -> None:
    trees = tree_biomass(stand(5, 1), TROPICAL)
    plots = pd.DataFrame({"plot_id": ["P0", "empty"], "area_ha": 0.1})
    model = ErrorModel(TROPICAL, errors=ErrorSettings(draws=100))
    table = plot_draws(trees, plots, model, random_state=1).table().set_index("plot_id")
    assert (table.loc["empty"].to_numpy(dtype=float) == 0).all()
    none = plot_draws(trees.iloc[:0], plots, model, random_state=1)
    assert (np.asarray(none.agb.values) == 0).all()


def test_a_missing_density_sd_is_the_prior_and_not_one() -> None:
    """Abies pindrow has no SD in the table: 0.088 of the prior for species."""
    trees = stand(1, 1, ("Abies pindrow",))
    errors = ErrorSettings(draws=20_000).only("wood_density")
    drawn = agb(draw(trees, errors, AllometrySettings(fallback="chave2005_moist")), "P0")
    density = tree_biomass(trees, AllometrySettings(fallback="chave2005_moist"))["wood_density"]
    assert drawn.std() / drawn.mean() == pytest.approx(0.088 / density.iloc[0], rel=0.06)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, p: (t.assign(tree_id="1"), p), "repeated ids"),
        (lambda t, p: (t.assign(dbh_cm=np.nan), p), "without dbh_cm"),
        (lambda t, p: (t.assign(agb_kg=np.nan), p), "without agb_kg"),
        (lambda t, p: (t.drop(columns="agb_kg"), p), "no column agb_kg"),
        (lambda t, p: (t, p[p["plot_id"] != "P1"]), "plots that are not there: P1"),
        (lambda t, p: (t, p.drop(columns="area_ha")), "no area_ha"),
        (lambda t, p: (t, p.assign(area_ha=0.0)), "no area"),
    ],
)
def test_bad_tables_are_refused(change, message: str) -> None:  # type: ignore[no-untyped-def]
    trees = tree_biomass(stand(6), TROPICAL)
    table, plots = change(trees, areas(trees))
    with pytest.raises(InputError, match=message):
        plot_draws(table, plots, ErrorModel(TROPICAL), random_state=1)


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        ({"values": {"heigth_cv": 0.1}}, "did you mean 'height_cv'"),
        ({"values": {"height_cv": 3.0}}, "outside 0 to 0.5"),
        ({"values": {"rse_low": 0.5}}, "rse_low is above"),
        ({"off": ["heights"]}, "Input should be"),
        ({"draws": 1}, "greater than or equal to 2"),
    ],
)
def test_bad_settings_are_refused(given_settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ErrorSettings.model_validate(given_settings)


def test_unknown_alternative_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="chave2014"):
        draw(stand(3), ErrorSettings(alternatives=("chave_2014",)))


def test_shares_of_the_variance_add_up_and_shared_errors_rule_the_mean() -> None:
    trees = tree_biomass(stand(300, 10, ("Melia azedarach",)), TROPICAL)
    model = ErrorModel(TROPICAL, errors=ErrorSettings(draws=1500))
    shares = variance_shares(trees, areas(trees), model, random_state=1).set_index("source")
    assert list(shares.index) == [*(s for s in SOURCES if s != "dead_matter"), "all"]
    parts = shares.drop(index="all")
    assert 0.85 < parts["alone_mean"].sum() < 1.15
    assert shares.loc["residual", "alone_mean"] < 0.5 * shares.loc["residual", "alone_plot"]
    assert shares.loc["carbon_fraction", "alone_mean"] > shares.loc["carbon_fraction", "alone_plot"]
    np.testing.assert_allclose(parts["alone_mean"], parts["lost_mean"], atol=0.12)


def test_a_gross_error_is_never_smaller_than_the_normal_one() -> None:
    """At 0.3 cm a fifth of the diameter is 0.06 cm, the tape's own error 0.092 cm."""
    trees = stand(1, 1, dbh=40.0)
    trees["dbh_cm"] = 0.3
    plan = plan_of(tree_biomass(trees, TROPICAL), areas(trees), ErrorModel(TROPICAL))
    assert plan.trees["d_sd"][0] == pytest.approx(0.0062 * 0.3 + 0.0904)
    assert plan.trees["d_gross_sd"][0] == plan.trees["d_sd"][0]


def test_trees_without_a_wood_density_are_one_kind_of_wood() -> None:
    """A kind of its own for each tree would draw a row for each: gigabytes for a million trees."""
    table = tree_biomass(stand(40, species=("Pinus roxburghii",)), TROPICAL)
    table = table.assign(accepted_species="Nullia nulla")
    plan = plan_of(table, areas(table), ErrorModel(TROPICAL))
    assert len(plan.densities) == 1
    assert set(plan.trees["species"]) == {0}


def _total_cv(trees: pd.DataFrame, **settings: object) -> float:
    chosen = {"draws": 20_000, "site_effect": 0.2, "site_effect_of": "site", **settings}
    errors = ErrorSettings.model_validate(chosen).only("site_effect")
    model = ErrorModel(TROPICAL, errors=errors)
    drawn = plot_draws(tree_biomass(trees, TROPICAL), areas(trees), model, random_state=3)
    total = drawn.agb.values.sum(axis=0)
    return float(total.std() / total.mean())


def test_each_site_has_its_effect_and_its_plots_share_it() -> None:
    """Four equal plots with an effect of SD τ: √(exp τ² - 1) of one site, half of it of four."""
    one = stand(20)
    one = one[one["plot_id"] == "P1"]
    trees = pd.concat([one.assign(plot_id=f"P{i}") for i in range(4)], ignore_index=True)
    expected = np.sqrt(np.exp(0.2**2) - 1)
    assert _total_cv(trees.assign(site="hill")) == pytest.approx(expected, rel=0.03)
    apart = trees.assign(site=trees["plot_id"].str.replace("P", "valley "))
    assert _total_cv(apart) == pytest.approx(expected / 2, rel=0.03)
    assert _total_cv(apart, site_effect_of="project") == pytest.approx(expected, rel=0.03)


def test_the_mean_of_the_sites_behind_an_equation_is_shared_by_all_sites() -> None:
    """τ²(1/m + 1/n) of m sites, n = 58 behind the equation."""
    one = stand(20)
    one = one[one["plot_id"] == "P1"]
    many = pd.concat([one.assign(plot_id=f"S{i}", site=f"s{i}") for i in range(100)])
    variance = 0.169**2 * (1 / 100 + 1 / 58)
    found = _total_cv(many.reset_index(drop=True), site_effect="auto")
    assert found == pytest.approx(np.sqrt(variance), rel=0.05)


def test_sites_that_no_plot_has_are_an_error() -> None:
    trees = tree_biomass(stand(5), TROPICAL)
    model = ErrorModel(TROPICAL, errors=ErrorSettings(draws=10, site_effect_of="site"))
    plots = areas(trees)
    for table in (plots, plots.assign(site=plots["plot_id"])):
        with pytest.raises(InputError, match="no plot or tree has a site"):
            plot_draws(trees, table, model, random_state=1)
