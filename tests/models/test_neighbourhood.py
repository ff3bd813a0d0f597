"""Neighbourhood means: the same numbers for a pixel's own patch and for a whole field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import generic_filter
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from phytomass.errors import InputError
from phytomass.mapping import field_regressor, predict_array
from phytomass.models import (
    GridSearch,
    Member,
    ModelSettings,
    NeighbourhoodRegressor,
    StackedRegressor,
    Training,
    build_model,
    chosen_parameters,
    patch_of,
    plots_needed,
    tuned,
    with_means,
)


@parametrize_with_checks([NeighbourhoodRegressor()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def field(seed: int, rows: int, cols: int, holes: int, dtype: type = np.float32) -> np.ndarray:
    """Return predictors of very different size with nodata holes in single bands and in all."""
    rng = np.random.default_rng(seed)
    scale = np.array([1e-3, 1.0, 1e5])[:, None, None]
    values = (rng.normal(size=(3, rows, cols)) * scale).astype(dtype)
    for _ in range(holes):
        r, c = rng.integers(rows), rng.integers(cols)
        band = slice(None) if rng.random() < 0.5 else slice(1, 2)
        empty = np.inf if rng.random() < 0.2 else np.nan
        values[band, r : r + rng.integers(1, 9), c : c + rng.integers(1, 9)] = empty
    return values


def patches_of(values: np.ndarray, rows: np.ndarray, cols: np.ndarray, side: int) -> np.ndarray:
    h = side // 2
    around = np.pad(values, ((0, 0), (h, h), (h, h)), mode="symmetric")
    return np.stack(
        [around[:, r : r + side, c : c + side] for r, c in zip(rows, cols, strict=True)]
    )


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(9, 70), st.integers(9, 70)),
    windows=st.sampled_from([(3,), (5,), (3, 7), (3, 5, 9)]),
    holes=st.integers(0, 8),
    tile=st.integers(1, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=40, deadline=None)
def test_a_pixel_of_a_field_gets_the_very_numbers_of_its_patch(
    seed, shape, windows, holes, tile, dtype
):
    values = field(seed, *shape, holes, dtype)
    h = max(windows) // 2
    rows, cols = (place.ravel() for place in np.indices(shape))
    own = with_means(patches_of(values, rows, cols, 2 * h + 1), windows)[:, :, 0, 0]
    around = np.pad(values, ((0, 0), (h, h), (h, h)), mode="symmetric")
    dense = with_means(around, windows)
    assert np.array_equal(dense, own.T.reshape(dense.shape), equal_nan=True)
    top, left = seed % shape[0], seed % shape[1]
    part = with_means(around[:, top : top + tile + 2 * h, left : left + tile + 2 * h], windows)
    expected = dense[:, top : top + tile, left : left + tile]
    assert np.array_equal(part, expected, equal_nan=True)


@pytest.mark.parametrize("window", [3, 7])
def test_means_agree_with_a_general_filter(window):
    values = field(3, 25, 31, holes=5, dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    h = window // 2
    means = with_means(np.pad(values, ((0, 0), (h, h), (h, h)), mode="symmetric"), [window])[3:]
    for band, mean in zip(values, means, strict=True):
        expected = generic_filter(
            band,
            lambda v: np.nan if np.isnan(v).all() else np.nanmean(v),
            window,
            mode="reflect",
        )
        scale = np.nanmax(np.abs(band))
        assert mean == pytest.approx(expected, rel=1e-9, abs=1e-12 * scale, nan_ok=True)


def forest_with_means(seed: int) -> tuple[NeighbourhoodRegressor, np.ndarray]:
    values = field(seed, 50, 41, holes=6)
    values[~np.isfinite(values)] = np.nan
    complete = np.argwhere(np.isfinite(values).all(axis=0))
    rows, cols = complete[np.random.default_rng(seed).permutation(len(complete))[:120]].T
    patches = patches_of(values, rows, cols, 11)
    y = 50 + 20 * patches[:, 1, 5, 5]
    forest = RandomForestRegressor(15, random_state=seed)
    return NeighbourhoodRegressor(forest, (3, 7)).fit(patches, y), values


@given(seed=st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_no_threshold_of_a_tree_flips_in_a_map(seed):
    model, values = forest_with_means(seed)
    assert model.halo_ == 3
    dense = predict_array(model, values)
    complete = np.isfinite(values).all(axis=0)
    assert np.array_equal(np.isfinite(dense), complete)
    rows, cols = np.nonzero(complete)
    assert np.array_equal(dense[complete], model.predict(patches_of(values, rows, cols, 11)))


def test_a_stack_maps_a_member_with_means_beside_one_on_a_pixel():
    model, values = forest_with_means(1)
    rows, cols = (place[:80] for place in np.nonzero(np.isfinite(values).all(axis=0)))
    patches = patches_of(values, rows, cols, 9)
    members = [
        Member("means", model, True),
        Member("pixel", RandomForestRegressor(5, random_state=0), False),
    ]
    stack = StackedRegressor(members, n_splits=2).fit(patches, patches[:, 1, 4, 4])
    assert stack.halo_ == 3
    dense = predict_array(stack, values)[rows, cols]
    assert dense == pytest.approx(stack.predict(patches), rel=1e-12)


def test_surroundings_that_matter_are_seen():
    """A target that is the mean of 3 × 3 pixels is found with means, and not without."""
    rng = np.random.default_rng(5)
    patches = rng.normal(size=(300, 2, 3, 3))
    y = patches[:, 0].mean(axis=(1, 2)) * 30 + 100
    seeing = NeighbourhoodRegressor(LinearRegression(), (3,)).fit(patches[:200], y[:200])
    blind = LinearRegression().fit(patches[:200, :, 1, 1], y[:200])
    assert np.abs(seeing.predict(patches[200:]) - y[200:]).max() < 1e-9
    assert np.abs(blind.predict(patches[200:, :, 1, 1]) - y[200:]).std() > 3


def test_settings_build_tune_and_report():
    chosen = ModelSettings.model_validate(
        {
            "name": "svr",
            "label": "svr_means",
            "parameters": {"epsilon": 0.2},
            "grid": {"C": [0.01, 10.0]},
            "neighbourhood": [3, 5],
        }
    )
    assert chosen.key == "svr_means"
    assert patch_of(chosen) == 5
    rng = np.random.default_rng(6)
    patches = rng.normal(size=(60, 2, 5, 5)).astype(np.float32)
    y = patches[:, 0].mean(axis=(1, 2)) * 30
    search = tuned(chosen, build_model(chosen), 3)
    assert isinstance(search, GridSearch)
    fitted = Training.of(patches, y).fit(search)
    found = chosen_parameters(chosen, fitted)
    assert found["C"] == 10.0
    assert found["epsilon"] == 0.2
    assert found["neighbourhood"] == "3, 5"
    assert field_regressor(fitted).halo_ == 2
    inner = fitted.best_estimator_["model"].estimator_
    assert inner["model"].regressor_.C == 10.0
    assert inner["scale"].n_features_in_ == 6
    same = GridSearchCV(build_model(chosen), {"model__windows": [(3,), (3, 5)]}, cv=2)
    assert same.fit(patches, y).best_params_


def test_more_plots_are_needed_with_more_predictors():
    plain = ModelSettings(name="mlr")
    means = ModelSettings(name="mlr", neighbourhood=[3, 7])
    assert plots_needed(plain, 10) == 12
    assert plots_needed(means, 10) == 32


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "resnet", "neighbourhood": [3]}, "models on one pixel, not for resnet"),
        ({"name": "svr", "neighbourhood": [4]}, "odd sides"),
        ({"name": "svr", "neighbourhood": [7, 3]}, "smallest first"),
        ({"name": "svr", "neighbourhood": [3, 3]}, "each once"),
        ({"name": "svr", "neighbourhood": [1]}, "greater than or equal to 3"),
        ({"name": "svr", "label": "two words"}, "pattern"),
    ],
)
def test_wrong_settings_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        ModelSettings.model_validate(value)


def test_wrong_patches_are_refused():
    rng = np.random.default_rng(7)
    patches, y = rng.normal(size=(20, 2, 5, 5)), rng.normal(size=20)
    with pytest.raises(InputError, match="patches of 5 pixels, the widest window has 7"):
        NeighbourhoodRegressor(windows=(3, 7)).fit(patches, y)
    with pytest.raises(InputError, match="odd sides"):
        NeighbourhoodRegressor(windows=(4,)).fit(patches, y)
    model = NeighbourhoodRegressor(windows=(3,)).fit(patches, y)
    patches[3, 1, 2, 2] = np.nan
    with pytest.raises(InputError, match="NaN at the centre of 1 patches"):
        model.predict(patches)


def test_weights_of_the_plots_reach_the_model():
    rng = np.random.default_rng(4)
    patches, y = rng.normal(size=(50, 2, 3, 3)), rng.normal(size=50)
    weight = rng.uniform(0.1, 5, 50)
    model = NeighbourhoodRegressor(windows=(3,)).fit(patches, y, sample_weight=weight)
    features = with_means(patches, [3])[:, :, 0, 0]
    expected = LinearRegression().fit(features, y, sample_weight=weight)
    assert np.allclose(model.estimator_.coef_, expected.coef_)
    even = NeighbourhoodRegressor(windows=(3,)).fit(patches, y)
    assert not np.allclose(model.estimator_.coef_, even.estimator_.coef_)
