import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress
from sklearn import metrics
from sklearn.linear_model import LinearRegression

from phytomass.errors import InputError
from phytomass.experiments import compare
from phytomass.models import ModelSettings, Training, model_names
from phytomass.validation import ValidationSettings, make_folds
from tests.experiments.conftest import OPTICAL, SETS, fast, make_samples

SMALL = ValidationSettings(n_splits=3, n_repeats=2, inner_splits=2)
KFOLD = ValidationSettings(splits=["repeated_kfold"], n_splits=3, n_repeats=2, inner_splits=2)


@pytest.fixture(scope="module")
def whole():
    return compare(
        make_samples(),
        SETS,
        fast(*model_names()),
        SMALL,
        index_names=["NDVI", "SAVI"],
        random_state=1,
    )


def test_tables_have_the_columns_of_the_contract(whole):
    assert list(whole.predictions) == [
        "plot_id", "model", "predictors", "split", "repeat", "fold", "observed", "predicted",
    ]  # fmt: skip
    assert list(whole.scores) == [
        "model", "predictors", "split", "n_train", "n_test", "r2", "rmse", "rrmse_percent", "bias",
        "mae", "r2_literal_p2", "fold_sd_rmse",
    ]  # fmt: skip
    assert len(whole.scores) == 6 * 3 * 3
    assert not whole.scores.drop(columns="fold_sd_rmse").isna().any().any()
    assert set(whole.notes) == set(SMALL.splits)


def test_every_plot_is_predicted_once_in_each_repeat(whole):
    table = whole.predictions[whole.predictions["split"] != "holdout_by_site"]
    counts = table.groupby(["model", "predictors", "split", "repeat"])["plot_id"].agg(
        ["nunique", "size"]
    )
    assert (counts == 60).all().all()
    assert counts.groupby("split").size().to_dict() == {"repeated_kfold": 36, "spatial_blocks": 18}


def test_all_models_and_sets_share_their_folds(whole):
    for _, part in whole.predictions.groupby(["split", "repeat", "plot_id"]):
        assert part["fold"].nunique() == 1


def test_sites_and_blocks_are_never_divided(whole):
    site = pd.Series(make_samples().groups, index=make_samples().plot_id)
    table = whole.predictions.merge(whole.units, on=["split", "plot_id"])
    for _, part in table.groupby(["split", "repeat"]):
        assert (part.groupby("unit")["fold"].nunique() == 1).all()
        assert (part.groupby(part["plot_id"].map(site))["fold"].nunique() == 1).all()


def test_scores_pool_a_repeat_and_average_over_repeats(whole):
    key = ("plsr", "both", "repeated_kfold")
    part = whole.predictions.set_index(["model", "predictors", "split"]).loc[[key]]
    row = whole.scores.set_index(["model", "predictors", "split"]).loc[key]
    by_repeat = [
        (
            metrics.r2_score(one["observed"], one["predicted"]),
            metrics.root_mean_squared_error(one["observed"], one["predicted"]),
        )
        for _, one in part.groupby("repeat")
    ]
    assert row["r2"] == pytest.approx(np.mean([r2 for r2, _ in by_repeat]))
    assert row["rmse"] == pytest.approx(np.mean([rmse for _, rmse in by_repeat]))
    folds = [
        metrics.root_mean_squared_error(one["observed"], one["predicted"])
        for _, one in part.groupby(["repeat", "fold"])
    ]
    assert row["fold_sd_rmse"] == pytest.approx(np.std(folds, ddof=1))
    assert (row["n_train"], row["n_test"]) == (40, 60)
    holdout = whole.scores[whole.scores["split"] == "holdout_by_site"].iloc[0]
    assert holdout["n_train"] + holdout["n_test"] == 60
    assert np.isnan(holdout["fold_sd_rmse"])


def test_both_sensors_beat_one_where_both_matter(whole):
    r2 = whole.scores.pivot_table("r2", ["model", "split"], "predictors")
    linear = r2.loc["mlr"]
    assert (linear["both"] > linear[["optical", "sar"]].max(axis=1)).all()


def test_the_numbers_are_those_of_scikit_learn(samples, whole):
    folds = make_folds("repeated_kfold", samples.positions, samples.y, samples.groups, SMALL, 1)
    part = whole.predictions[
        (whole.predictions["model"] == "mlr")
        & (whole.predictions["predictors"] == "optical")
        & (whole.predictions["split"] == "repeated_kfold")
    ].set_index(["repeat", "plot_id"])["predicted"]
    X = samples.table[OPTICAL].to_numpy()
    for fold in folds.folds:
        expected = LinearRegression().fit(X[fold.train], samples.y[fold.train])
        ours = part.loc[[(fold.repeat, p) for p in samples.plot_id[fold.test]]]
        assert ours.to_numpy() == pytest.approx(expected.predict(X[fold.test]))


def test_the_index_is_chosen_inside_each_training_part():
    """SAVI correlates best over all plots, NDVI in some training parts: each fold has its own."""
    rng = np.random.default_rng(8)
    samples = make_samples(n=30, n_sites=30)
    X = samples.table
    X["SAVI"] = samples.y + rng.normal(size=30) * 14
    X["NDVI"] = samples.y + rng.normal(size=30) * 14
    X["B4"] = samples.y  # the best of all, and no vegetation index
    samples = replace(samples, X=X.to_numpy())
    validation = ValidationSettings(splits=["repeated_kfold"], n_splits=10, n_repeats=3)
    result = compare(
        samples,
        {"optical": OPTICAL},
        fast("simple_linear"),
        validation,
        index_names=["NDVI", "SAVI"],
    )
    folds = make_folds(
        "repeated_kfold", samples.positions, samples.y, samples.groups, validation, 0
    )
    found = result.predictions.set_index(["repeat", "plot_id"])["predicted"]
    chosen = set()
    for fold in folds.folds:
        lines = {
            name: linregress(X[name].iloc[fold.train], samples.y[fold.train])
            for name in ("NDVI", "SAVI")
        }
        best = max(lines, key=lambda name: abs(lines[name].rvalue))
        chosen.add(best)
        expected = lines[best].intercept + lines[best].slope * X[best].iloc[fold.test]
        ours = found.loc[[(fold.repeat, p) for p in samples.plot_id[fold.test]]]
        assert ours.to_numpy() == pytest.approx(expected.to_numpy())
    assert chosen == {"NDVI", "SAVI"}


@pytest.mark.parametrize("name", model_names())
def test_the_biomass_of_a_plot_never_reaches_its_own_prediction(samples, name):
    """Neither training, nor tuning, nor the choice of an index sees the test part."""
    settings = fast(name)
    plain = compare(samples, {"both": SETS["both"]}, settings, KFOLD).predictions
    first = plain[(plain["repeat"] == 1) & (plain["fold"] == 1)]
    hit = np.isin(samples.plot_id, first["plot_id"])
    other = replace(samples, y=np.where(hit, 1000 - 7 * samples.y, samples.y))
    changed = compare(other, {"both": SETS["both"]}, settings, KFOLD).predictions
    same = (changed["repeat"] == 1) & (changed["fold"] == 1)
    assert np.array_equal(changed.loc[same, "predicted"], first["predicted"])
    assert not np.allclose(changed.loc[~same, "predicted"], plain.loc[~same, "predicted"])


def test_any_number_of_jobs_gives_the_same_bytes(samples):
    seen = []
    one, two = (
        compare(
            samples,
            {"both": SETS["both"]},
            fast("mlr", "random_forest", "xgboost"),
            KFOLD,
            random_state=1,
            jobs=jobs,
            progress=lambda what, done, total: seen.append((what, done, total)),
        )
        for jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.scores, two.scores, check_exact=True)
    total = 3 * 6
    assert seen == 2 * [("compare", done, total) for done in range(total + 1)]


def test_seeds_matter(samples):
    one, other = (
        compare(
            samples, {"sar": SETS["sar"]}, fast("xgboost"), KFOLD, random_state=seed
        ).predictions
        for seed in (1, 2)
    )
    assert not np.allclose(one["predicted"], other["predicted"])


def test_what_cannot_be_compared_is_listed_at_once(samples):
    with pytest.raises(InputError) as error:
        compare(samples, {"a": ["NDVX"], "b": []}, fast("mlr", "mlr"), SMALL)
    assert [p.where for p in error.value.problems] == [
        "predictors.sets.a", "predictors.sets.b", "models",
    ]  # fmt: skip
    with pytest.raises(InputError, match="nothing to compare"):
        compare(samples, {}, fast("mlr"), SMALL)
    with pytest.raises(InputError, match="all plots have the same biomass"):
        compare(replace(samples, y=np.full(60, 7.0)), SETS, fast("mlr"), SMALL)


def test_fewer_plots_than_a_model_needs():
    few = make_samples(n=10, n_sites=10)
    wide = ValidationSettings(splits=["repeated_kfold"], n_splits=2, inner_splits=2)
    with pytest.raises(InputError) as error:
        compare(few, {"both": SETS["both"]}, fast("mlr", "random_forest", "plsr"), wide)
    text = str(error.value)
    assert "needs 7 or more plots to train on with the 5 predictors of set both" in text
    assert "repeated_kfold leaves 5" in text
    assert "models.random_forest: needs 10 or more" in text
    assert "plsr" not in text


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_parameter_the_library_refuses_names_the_model(samples, jobs):
    together = {"bootstrap": False, "max_samples": 5}  # each is allowed, the two are not
    wrong = [ModelSettings(name="random_forest", parameters=together)]
    with pytest.raises(InputError, match="random_forest cannot be fitted with parameters") as error:
        compare(samples, SETS, wrong, KFOLD, jobs=jobs)
    assert error.value.problems[0].where == "models.random_forest"


def test_ctrl_c_ends_it_quickly(tmp_path):
    script = tmp_path / "long.py"
    script.write_text(
        "from tests.experiments.conftest import SETS, make_samples\n"
        "from phytomass.experiments import compare\n"
        "from phytomass.models import ModelSettings\n"
        "from phytomass.validation import ValidationSettings\n"
        "forest = {'name': 'random_forest', 'parameters': {'n_estimators': 400}, 'grid': {}}\n"
        "models = [ModelSettings(**forest)]\n"
        "compare(make_samples(), SETS, models, ValidationSettings(n_repeats=99), jobs=2,\n"
        "        progress=lambda w, done, t: print(done, flush=True))\n"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])},
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "1":  # the workers are running now
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # what a terminal sends on Ctrl-C
    start = time.monotonic()
    _, message = process.communicate(timeout=30)
    assert time.monotonic() - start < 5
    assert "KeyboardInterrupt" in message
    assert process.returncode != 0


def test_bartlett_is_weak_and_stays_weak():
    """Catalogue of the data: random forest, random 10-fold, R² 0.13 and RMSE 60.9 Mg/ha."""
    folder = os.environ.get("PHYTOMASS_DATA")
    if folder is None or not (Path(folder) / "bartlett").is_dir():
        pytest.skip("PHYTOMASS_DATA does not name the folder with the real data (bartlett)")
    plots = pd.read_csv(Path(folder) / "bartlett" / "plots.csv").query("measured == 1")
    ids = plots["plot_id"].astype(str).to_numpy(dtype=str)
    X = plots.loc[:, "elev":"fall_02_tc3"].astype(float)
    samples = Training(
        X.to_numpy(),
        plots["agb_2002_Mg_ha"].to_numpy(),
        ids,
        ids,
        plots[["x_epsg5070", "y_epsg5070"]].to_numpy(),
        tuple(X),
    )
    forest = ModelSettings(name="random_forest", parameters={"n_estimators": 100}, grid={})
    validation = ValidationSettings(splits=["repeated_kfold"], n_splits=10, n_repeats=1)
    result = compare(samples, {"all": list(samples.names)}, [forest], validation, random_state=1)
    assert result.scores["r2"].item() == pytest.approx(0.13, abs=0.05)
    assert result.scores["rmse"].item() == pytest.approx(60.9, abs=2)
    assert result.scores["n_test"].item() == 415
