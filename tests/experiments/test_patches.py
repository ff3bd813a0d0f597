"""Networks in comparisons: their patches, kept apart where the split promises it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from phytomass.errors import InputError
from phytomass.experiments import compare, fit_final
from phytomass.experiments.patches import apart
from phytomass.models import ModelSettings
from phytomass.validation import ValidationSettings, make_folds
from tests.experiments.conftest import SETS, make_samples

SMALL = ValidationSettings(
    splits=["repeated_kfold", "spatial_blocks"], n_splits=3, n_repeats=1, inner_splits=2
)
NET = ModelSettings(
    name="resnet", parameters={"patch": 5, "filters": 2, "epochs": 2, "n_members": 2}
)


def with_patches(side=7, n=60, n_sites=24):
    samples = make_samples(n=n, n_sites=n_sites)
    rng = np.random.default_rng(1)
    values = rng.normal(size=(n, 5, side, side)).astype(np.float32)
    values[:, :, side // 2, side // 2] = samples.X
    cells = np.floor(samples.positions[:, ::-1] * [-1, 1] / 10).astype(np.int64)
    return replace(samples, X=values, cells=cells)


def _folds(samples, split):
    return make_folds(split, samples.positions, samples.y, samples.groups, SMALL, 1)


def test_spatial_folds_lose_exactly_the_overlapping_training_plots():
    samples = with_patches(n=240, n_sites=200)
    folds = _folds(samples, "spatial_blocks")
    side = 31
    kept = apart(folds, samples, side)
    rows, cols = samples.cells.T
    lost = 0
    for before, after in zip(folds.folds, kept.folds, strict=True):
        assert np.array_equal(before.test, after.test)
        pixels = set()
        for i in after.test:
            pixels |= {(rows[i] + a, cols[i] + b) for a in range(-15, 16) for b in range(-15, 16)}
        for i in before.train:
            own = {(rows[i] + a, cols[i] + b) for a in range(-15, 16) for b in range(-15, 16)}
            assert (i in after.train) == (not own & pixels)
        lost += len(before.train) - len(after.train)
    assert lost > 0
    assert "training plots left out" in kept.note
    assert apart(folds, samples, 1) is folds
    assert apart(_folds(samples, "repeated_kfold"), samples, side).folds[0].train.size == 160


def test_networks_and_pixel_models_share_their_folds():
    models = [ModelSettings(name="mlr"), NET]
    result = compare(with_patches(), {"sar": SETS["sar"]}, models, SMALL, random_state=1)
    wide = result.predictions.pivot_table(
        index=["split", "repeat", "fold", "plot_id"], columns="model", values="observed"
    )
    assert not wide.isna().any().any()
    again = compare(with_patches(), {"sar": SETS["sar"]}, models, SMALL, random_state=1, jobs=2)
    assert again.predictions.equals(result.predictions)
    n_train = result.scores.set_index(["model", "split"])["n_train"].unstack("model")
    assert (n_train["mlr"] == n_train["resnet"]).all()


def test_the_final_network_is_the_same_for_any_number_of_jobs():
    samples = with_patches()
    one, two = (
        fit_final(samples, "both", SETS["both"], NET, SMALL, random_state=4, jobs=jobs)
        for jobs in (1, 2)
    )
    X = samples.X
    assert np.array_equal(one.estimator.predict(X), two.estimator.predict(X))
    assert two.estimator["model"].n_jobs == 2
    assert one.parameters["patch"] == 5


def test_samples_without_patches_or_with_small_ones():
    with pytest.raises(InputError, match="needs patches of 5 pixels around the plots"):
        fit_final(make_samples(), "sar", SETS["sar"], NET, SMALL)
    with pytest.raises(InputError, match="the samples have patches of 3"):
        fit_final(with_patches(side=3), "sar", SETS["sar"], NET, SMALL)
    samples = with_patches()
    chosen = samples.with_predictors(["VH", "NDVI"])
    assert chosen.names == ("VH", "NDVI")
    assert np.array_equal(chosen.X, samples.X[:, [4, 0]])
    assert np.array_equal(chosen.seen(3).X, samples.X[:, [4, 0], 2:5, 2:5])
    assert np.array_equal(chosen.seen(1).X, samples.X[:, [4, 0], 3, 3])
