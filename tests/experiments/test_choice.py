import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from phytomass.errors import InputError
from phytomass.experiments import Comparison, choose, paired_difference, sensor_comparison
from phytomass.validation import scores


def _comparison(errors, observed, sites, split="repeated_kfold"):
    """Build a comparison from (model, predictors) → errors."""
    ids = np.array([f"P{i}" for i in range(len(observed))])
    fold = 1 + np.unique(sites, return_inverse=True)[1] % 5
    tables, rows = [], []
    for (model, predictors), error in errors.items():
        tables.append(
            pd.DataFrame(
                {
                    "plot_id": ids,
                    "model": model,
                    "predictors": predictors,
                    "split": split,
                    "repeat": 1,
                    "fold": fold,
                    "observed": observed,
                    "predicted": observed + error,
                }
            )
        )
        labels = {"model": model, "predictors": predictors, "split": split}
        rows.append({**labels, **scores(observed, observed + error)})
    units = pd.DataFrame({"split": split, "plot_id": ids, "unit": sites})
    return Comparison(pd.DataFrame(rows), pd.concat(tables), units, {}, random_state=3)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng, 100 + 30 * rng.normal(size=90), np.repeat(np.arange(30), 3).astype(str)


def test_a_clear_winner(data):
    rng, observed, sites = data
    noise = rng.normal(size=90)
    comparison = _comparison(
        {("mlr", "all"): 20 * noise, ("svr", "all"): 5 * noise}, observed, sites
    )
    choice = choose(comparison, "repeated_kfold")
    assert (choice.model, choice.predictors, choice.split) == ("svr", "all", "repeated_kfold")
    assert choice.runner_up == ("mlr", "all")
    assert choice.difference.rmse == pytest.approx(15 * np.sqrt((noise**2).mean()))
    assert choice.difference.distinguishable
    assert choice.difference.n_units == 30
    assert choice.n_candidates == 2
    assert choice.rmse == pytest.approx(np.sqrt((25 * noise**2).mean()))


def test_a_winner_by_chance_is_called_so(data):
    rng, observed, sites = data
    errors = {("mlr", "all"): rng.normal(size=90), ("svr", "all"): rng.normal(size=90)}
    choice = choose(_comparison(errors, observed, sites), "repeated_kfold")
    assert not choice.difference.distinguishable


def test_one_candidate_and_no_such_split(data):
    _, observed, sites = data
    comparison = _comparison({("mlr", "all"): np.ones(90)}, observed, sites)
    alone = choose(comparison, "repeated_kfold")
    assert (alone.n_candidates, alone.runner_up, alone.difference) == (1, None, None)
    with pytest.raises(InputError, match="choose by one of repeated_kfold"):
        choose(comparison, "spatial_blocks")
    with pytest.raises(InputError, match="no predictions of svr on all"):
        paired_difference(comparison, "repeated_kfold", ("mlr", "all"), ("svr", "all"))


def test_the_interval_is_that_of_resampling_whole_sites_widened_for_training(data):
    """A plain loop over sites, written apart, gives the same interval but for the factor."""
    rng, observed, sites = data
    shared = np.repeat(rng.normal(size=30), 3)  # errors of a site go together
    errors = {
        ("mlr", "all"): 10 * shared + 3 * rng.normal(size=90),
        ("svr", "all"): 9 * shared + 3 * rng.normal(size=90),
    }
    found = paired_difference(
        _comparison(errors, observed, sites), "repeated_kfold", ("mlr", "all"), ("svr", "all")
    )
    a, b = errors.values()
    rmse, r2 = [], []
    for _ in range(4000):
        rows = np.concatenate(
            [np.flatnonzero(sites == s) for s in rng.choice(np.unique(sites), 30)]
        )
        rmse.append(np.sqrt((a[rows] ** 2).mean()) - np.sqrt((b[rows] ** 2).mean()))
        r2.append(((b[rows] ** 2).mean() - (a[rows] ** 2).mean()) / observed[rows].var())
    wider = t.ppf(0.975, 29) / 1.959964 * np.sqrt(1 + 5 / 4)  # 5 folds: trained on 4 of 5 parts

    def widened(point, resampled):
        return point + wider * (np.quantile(resampled, [0.025, 0.975]) - point)

    assert [found.rmse_low, found.rmse_high] == pytest.approx(widened(found.rmse, rmse), abs=0.15)
    assert [found.r2_low, found.r2_high] == pytest.approx(widened(found.r2, r2), abs=0.015)
    assert found.n_units == 30
    by_plot = paired_difference(
        _comparison(errors, observed, np.arange(90).astype(str)),
        "repeated_kfold",
        ("mlr", "all"),
        ("svr", "all"),
    )
    assert by_plot.rmse_high - by_plot.rmse_low < found.rmse_high - found.rmse_low


def test_the_interval_covers_nothing_as_often_as_it_says():
    """Two models of equal skill: 95 % of the intervals should hold 0."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(100):
        errors = {("mlr", "a"): rng.normal(size=60), ("svr", "a"): rng.normal(size=60)}
        comparison = _comparison(errors, rng.normal(size=60), np.arange(60).astype(str))
        gap = paired_difference(comparison, "repeated_kfold", ("mlr", "a"), ("svr", "a"))
        held += not gap.distinguishable
    assert held >= 88


def test_identical_candidates_differ_by_nothing(data):
    rng, observed, sites = data
    noise = rng.normal(size=90)
    errors = {("mlr", "optical"): noise, ("mlr", "both"): noise.copy()}
    gap = paired_difference(
        _comparison(errors, observed, sites), "repeated_kfold", ("mlr", "optical"), ("mlr", "both")
    )
    assert (gap.rmse, gap.rmse_low, gap.rmse_high) == (0, 0, 0)
    assert not gap.distinguishable


def test_swapping_the_candidates_swaps_the_sign(data):
    rng, observed, sites = data
    errors = {("mlr", "a"): 9 * rng.normal(size=90), ("svr", "a"): 8 * rng.normal(size=90)}
    comparison = _comparison(errors, observed, sites)
    one = paired_difference(comparison, "repeated_kfold", ("mlr", "a"), ("svr", "a"))
    other = paired_difference(comparison, "repeated_kfold", ("svr", "a"), ("mlr", "a"))
    assert other.rmse == pytest.approx(-one.rmse)
    assert other.rmse_low == pytest.approx(-one.rmse_high, abs=0.25)


def test_sensors(data):
    rng, observed, sites = data
    noise, own = rng.normal(size=(2, 90))
    errors = {
        ("mlr", "optical"): 10 * noise,
        ("mlr", "sar"): 30 * noise,
        ("mlr", "both"): 4 * noise,
        ("svr", "optical"): 9 * noise,
        ("svr", "sar"): 5 * noise,
        ("svr", "both"): 5 * own,
        ("plsr", "both"): noise,
    }
    table = sensor_comparison(_comparison(errors, observed, sites)).set_index("model")
    assert table["best_single"].to_dict() == {"mlr": "optical", "svr": "sar"}
    assert table.loc["mlr", "verdict"] == "both_better"
    assert table.loc["mlr", "rmse_difference"] == pytest.approx(-6 * np.sqrt((noise**2).mean()))
    assert table.loc["mlr", "r2_difference"] == pytest.approx(
        table.loc["mlr", "r2_both"] - table.loc["mlr", "r2_single"]
    )
    assert table.loc["svr", "verdict"] == "no_difference"
    assert "plsr" not in table.index


def test_no_sensors_to_compare(data):
    _, observed, sites = data
    table = sensor_comparison(_comparison({("mlr", "all"): np.ones(90)}, observed, sites))
    assert table.empty
    assert "verdict" in table
