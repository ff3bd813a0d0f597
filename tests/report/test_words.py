from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from phytomass import tables
from phytomass.report import RULES, Facts, Results, facts_of, limits_of
from phytomass.report.judgement.compared import sensors_in_words, splits_in_words, why_chosen
from phytomass.report.sections.plots import outlier_sd

SPLIT = {"split": "repeated_kfold", "model": "svr", "predictors": "both"}


def scores(**r2: float) -> dict[str, object]:
    return SPLIT | {"r2": r2, "rmse": dict.fromkeys(r2, 30.0)}


CASES: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("Warnings before the run", {"warnings": ("trees.csv: feet",)}, {"warnings": ()}),
    ("Weak relation", scores(repeated_kfold=0.299), scores(repeated_kfold=0.3)),
    ("Fails in a split", scores(spatial_blocks=-0.01), scores(spatial_blocks=0.0)),
    (
        "Random folds flatter",
        scores(repeated_kfold=0.61, spatial_blocks=0.5),
        scores(repeated_kfold=0.59, spatial_blocks=0.5),
    ),
    (
        "Hold-out and folds disagree",
        scores(repeated_kfold=0.6, holdout_by_site=0.49),
        scores(repeated_kfold=0.6, holdout_by_site=0.51),
    ),
    (
        "Models tie",
        SPLIT | {"runner_up": ("mlr", "both"), "runner_gap": 1.9, "fold_sd": 2.0},
        SPLIT | {"runner_up": ("mlr", "both"), "runner_gap": 2.0, "fold_sd": 2.0},
    ),
    ("Predictions are compressed", {"sd_ratio": 0.74}, {"sd_ratio": 0.75}),
    (
        "High biomass is underestimated",
        {"top_bias": -10.1, "plot_mean": 100.0, "bottom_bias": 3.0},
        {"top_bias": -10.0, "plot_mean": 100.0, "bottom_bias": 3.0},
    ),
    (
        "Values beyond the plots",
        {"share_above": 0.006, "share_below": 0.005},
        {"share_above": 0.005, "share_below": 0.005},
    ),
    (
        "Plots and map differ",
        {"map_mean": 88.0, "plot_mean": 100.0},
        {"map_mean": 91.0, "plot_mean": 100.0},
    ),
    ("Few plots", {"n_plots": 49.0}, {"n_plots": 50.0}),
    ("Few sites", {"n_sites": 9.0, "n_plots": 90.0}, {"n_sites": 10.0, "n_plots": 90.0}),
    ("Outliers", {"n_outliers": 1.0}, {"n_outliers": 0.0}),
    ("Many empty plots", {"zero_share": 0.11}, {"zero_share": 0.1}),
    ("Extrapolated trees", {"extrapolated_agb": 0.051}, {"extrapolated_agb": 0.05}),
    ("Doubtful equation", {"doubtful_agb": 0.001}, {"doubtful_agb": 0.0}),
    ("Rejected rows", {"n_rejected": 1.0}, {"n_rejected": 0.0}),
    ("Gaps in predictors", {"low_cover": ("B4",)}, {"low_cover": ()}),
    (
        "Areas differ",
        {"areas": {"estimates.csv": 1000.0, "class_shares.csv": 998.0}},
        {"areas": {"estimates.csv": 1000.0, "class_shares.csv": 999.5}},
    ),
    ("No interval on totals", {"has_interval": False}, {"has_interval": True}),
    ("Change is unverified", {"change_mean": 5.0}, {"change_mean": 5.0, "remeasured": 3.0}),
    (
        "Change is small",
        scores(repeated_kfold=0.6) | {"change_mean": -29.9},
        scores(repeated_kfold=0.6) | {"change_mean": -30.0},
    ),
    (
        "Off the truth",
        {"map_mean": 94.0, "truth_mean": 100.0},
        {"map_mean": 95.0, "truth_mean": 100.0},
    ),
]


def found(facts: Facts) -> dict[str, str]:
    return dict(limits_of(facts).found)


@pytest.mark.parametrize(("name", "beyond", "within"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_fires_past_its_threshold_only(name: str, beyond: dict, within: dict) -> None:
    sentence = found(Facts(**beyond))[name]
    assert sentence.endswith(".")
    assert "nan" not in sentence
    assert name not in found(Facts(**within))
    checked = next(rule.checked for rule in RULES if rule.name == name)
    assert checked in limits_of(Facts(**within)).clear
    assert checked in limits_of(Facts()).unchecked


def test_every_rule_has_a_case() -> None:
    assert [case[0] for case in CASES] == [rule.name for rule in RULES]


def test_nothing_known_finds_nothing() -> None:
    limits = limits_of(Facts())
    assert limits.found == limits.clear == ()
    assert len(limits.unchecked) == len(RULES)


def test_sentences_tell_the_numbers() -> None:
    told = found(Facts(**scores(repeated_kfold=0.134), n_plots=12.0, sd_ratio=0.41))
    assert "explains 13\u202f% of the variance of plot AGB (R² 0.13)" in told["Weak relation"]
    assert "rests on 12 plots" in told["Few plots"]
    assert "is 41\u202f% of the SD of the observations" in told["Predictions are compressed"]


COMBINED = {"spatial_blocks": (0.50, 0.40, 0.55)}


def test_combined_sensors_that_win() -> None:
    (sentence,) = sensors_in_words(Facts(**SPLIT, combined=COMBINED))
    assert "(R² 0.55) beat either sensor alone (optical 0.50, SAR 0.40)" in sentence


@pytest.mark.parametrize("combined", [0.50, 0.45])
def test_combined_sensors_that_do_not_win(combined: float) -> None:
    facts = Facts(**SPLIT, combined={"spatial_blocks": (0.40, 0.50, combined)})
    (sentence,) = sensors_in_words(facts)
    assert "do not beat SAR alone (0.50; optical alone 0.40)" in sentence


def paired(verdict: str) -> pd.DataFrame:
    row = {"model": "svr", "split": "spatial_blocks", "verdict": verdict}
    return pd.DataFrame([row | {"rmse_difference": -2.4, "rmse_low": -5.16, "rmse_high": 0.07}])


def test_a_win_that_may_be_chance_is_called_so() -> None:
    facts = Facts(**SPLIT, combined=COMBINED)
    (chance,) = sensors_in_words(facts, paired("no_difference"))
    (sure,) = sensors_in_words(facts, paired("both_better"))
    assert "score higher than either sensor alone" in chance
    assert chance.endswith("(95 % interval −5.16 to +0.0700): this may be chance.")
    assert "beat either sensor alone" in sure
    assert sure.endswith("more than chance.")


def test_splits_that_agree_and_disagree() -> None:
    agree = splits_in_words(Facts(**scores(repeated_kfold=0.6, spatial_blocks=0.5)))
    differ = splits_in_words(Facts(**scores(repeated_kfold=0.6, spatial_blocks=0.3)))
    assert agree.startswith("The splits agree on SVR")
    assert differ.startswith("The splits disagree on SVR: R² is 0.60 in repeated k-fold and 0.30")
    assert "take the score of the spatial blocks" in differ
    assert splits_in_words(Facts(**scores(repeated_kfold=0.6))) == ""


def test_facts_of_the_fabricated_results(results_folder) -> None:
    from phytomass.report import facts_of, read_results
    from phytomass.report.content.layers import summarise

    read = read_results(results_folder)
    agb = read.plots["agb_mg_ha"]
    mapped = summarise(results_folder / "agb.tif", (agb.min(), agb.max()))
    facts = facts_of(read, mapped)
    assert facts.n_plots == 96
    assert facts.n_sites == 32
    assert facts.n_outliers == 1
    assert facts.n_rejected == 17
    trees = read.trees
    share = trees.loc[trees["doubtful"], "agb_kg"].sum() / trees["agb_kg"].sum()
    assert facts.doubtful_agb == pytest.approx(share)
    rows = read.predictions.query(
        "model == 'random_forest' and predictors == 'both' and split == 'repeated_kfold'"
    )
    assert facts.sd_ratio == pytest.approx(rows["predicted"].std() / rows["observed"].std())
    top = rows.nlargest(24, "observed")
    assert facts.top_bias == pytest.approx((top["predicted"] - top["observed"]).mean())
    assert facts.map_mean == pytest.approx(mapped.mean)
    assert len(set(np.round(list(facts.areas.values()), 6))) == 1
    assert len(facts.areas) == 5
    assert facts.has_interval is False


def test_why_a_model_makes_the_map_says_whether_the_second_can_be_told_apart() -> None:
    gap = {"rmse": 2.0, "rmse_low": 0.5, "rmse_high": 3.5, "n_units": 30}
    choice = {
        "model": "svr", "predictors": "both", "split": "spatial_blocks", "rmse": 31.2, "r2": 0.5,
        "n_candidates": 18, "runner_up": ["mlr", "all"], "difference": gap,
    }  # fmt: skip
    assert "the lowest RMSE of 18 candidates; runner-up multiple linear" in why_chosen(choice)
    assert "30 blocks resampled): the two differ beyond chance" in why_chosen(choice)
    close = {**choice, "split": "repeated_kfold", "difference": {**gap, "rmse_low": -0.5}}
    assert "30 sites resampled): the two cannot be told apart" in why_chosen(close)
    assert "(95 % interval" in why_chosen(choice)
    assert "(90 % interval" in why_chosen({**choice, "difference": {**gap, "level": 0.9}})


def test_the_bound_of_outliers_is_the_projects(tmp_path) -> None:
    said = {"project": {"inventory": {"outlier_sd": 2.5}}}
    assert outlier_sd(Results(tmp_path, documents={"provenance": said})) == 2.5
    assert outlier_sd(Results(tmp_path)) == 3.0


@pytest.mark.parametrize(("column", "there"), [("se", True), ("low", True), ("n", False)])
def test_totals_have_an_interval_where_the_estimates_have_one(tmp_path, column, there) -> None:
    row = {"quantity": "stock", "zone": "all", "pool": "AGB", "kind": "dry_mass", "value": 1.0}
    row |= {"unit": "Mg", "statistic": "total", column: 3.0}
    rows = tables.table("estimates").completed(pd.DataFrame([row]))
    assert facts_of(Results(tmp_path, estimates=rows), None).has_interval is there
