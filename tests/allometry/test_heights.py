"""Height models: known curves, weighed trees, strata, and the error that is carried on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from phytomass.allometry import (
    AllometrySettings,
    HeightModel,
    HeightSettings,
    HeightWarning,
    compare_height_models,
    fill_heights,
    tree_biomass,
)
from phytomass.errors import InputError
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, plot_draws

DATA = os.environ.get("PHYTOMASS_DATA")
D = np.exp(np.linspace(np.log(5), np.log(80), 200))
CURVES = {
    "log_log": np.exp(0.9 + 0.6 * np.log(D)),
    "log_quadratic": np.exp(0.4 + 0.95 * np.log(D) - 0.06 * np.log(D) ** 2),
    "michaelis": 45 * D / (30 + D),
    "weibull": 32 * (1 - np.exp(-((D / 22) ** 0.8))),
}


class ThickerByOne(HeightModel):
    """Diameters of zero, which scikit-learn's checks draw, become 1 cm."""

    def _diameters(self, X: np.ndarray) -> np.ndarray:
        return super()._diameters(X) + 1.0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # their target is a sum of many columns
        return tags


def expected_failures(estimator: HeightModel) -> dict[str, str]:
    """Return the checks whose made-up trees cannot be, each with its reason."""
    found = {
        "check_estimators_dtypes": "draws three different diameters: too few for a curve",
        "check_positive_only_tag_during_fit": "draws negative numbers beside the diameter's column",
    }
    if isinstance(estimator, ThickerByOne):
        return found
    found["check_regressors_train"] = "its target is a sum of many columns"
    return found | dict.fromkeys(DRAW_ZERO, "draws a diameter of zero; ThickerByOne passes it")


DRAW_ZERO = (
    "check_dtype_object",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_fit2d_1feature",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_readonly_memmap_input",
)


@parametrize_with_checks(
    [kind(form, column=0) for form in CURVES for kind in (HeightModel, ThickerByOne)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_checks(estimator: HeightModel, check: Callable[[HeightModel], None]) -> None:
    check(estimator)


@pytest.mark.parametrize("form", CURVES)
def test_a_curve_without_error_is_found_again(form: str) -> None:
    model = HeightModel(form).fit(D, CURVES[form])  # type: ignore[arg-type]
    np.testing.assert_allclose(model.predict(D), CURVES[form], rtol=1e-5)
    assert model.rse_ < 1e-3
    step = np.gradient(np.log(CURVES[form]), np.log(D))
    np.testing.assert_allclose(model.slope(D)[5:-5], step[5:-5], atol=2e-3)


@pytest.mark.parametrize("form", CURVES)
def test_the_right_form_wins_the_cross_validation(form: str) -> None:
    rng = np.random.default_rng(1)
    height = CURVES[form] * np.exp(rng.normal(0, 0.03, len(D)))
    table = compare_height_models(D, height, random_state=3)
    best = table["rmse_m"].iloc[0]
    assert table.set_index("form").loc[form, "rmse_m"] < 1.02 * best
    assert table["rmse_m"].is_monotonic_increasing
    pd.testing.assert_frame_equal(table, compare_height_models(D, height, random_state=3))


def test_logarithmic_models_predict_the_mean_and_not_the_median() -> None:
    rng = np.random.default_rng(2)
    d = np.exp(rng.uniform(1.6, 4.4, 20_000))
    h = np.exp(0.9 + 0.6 * np.log(d) + rng.normal(0, 0.3, d.size))
    model = HeightModel("log_log").fit(d, h)
    assert model.rse_ == pytest.approx(0.3, rel=0.03)
    assert model.predict(d).sum() == pytest.approx(h.sum(), rel=0.01)


def test_chave_2014_by_hand_and_its_warning() -> None:
    """D 30, E 0.1: exp(0.893 - 0.1 + 0.760 ln 30 - 0.0340 (ln 30)²) · exp(0.243²/2)."""
    model = HeightModel("chave2014", 0.1).fit([])
    median = np.exp(0.793 + 0.760 * 3.4011974 - 0.0340 * 3.4011974**2)
    assert model.predict([30.0])[0] == pytest.approx(median * np.exp(0.243**2 / 2), rel=1e-7)
    trees = pd.DataFrame({"species": "a", "dbh_cm": [30.0], "height_m": [np.nan]})
    for latitude in (None, 34.0):
        with pytest.warns(HeightWarning, match="tropics"):
            fill_heights(trees, HeightSettings(form="chave2014", latitude=latitude), 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled = fill_heights(trees, HeightSettings(form="chave2014", latitude=5.0), 0.1)
    shared, own = filled["height_load_1"].iloc[0], filled["height_sd_log"].iloc[0]
    assert (shared, np.hypot(shared, own)) == (0.154, pytest.approx(0.243))
    with pytest.raises(InputError, match="environmental stress"):
        fill_heights(trees, HeightSettings(form="chave2014", latitude=5.0))


def test_small_strata_fall_back_on_all_trees_and_measured_heights_stay() -> None:
    trees = pd.DataFrame(
        {"species": ["pine"] * 100 + ["oak"] * 100, "dbh_cm": D, "height_m": CURVES["log_log"]}
    )
    trees.loc[100:, "height_m"] *= 0.5
    few = pd.DataFrame({"species": ["elm", "oak"], "dbh_cm": [20.0, 20.0], "height_m": np.nan})
    trees = pd.concat([trees, few], ignore_index=True)
    filled = fill_heights(trees, HeightSettings(form="log_log"))
    np.testing.assert_array_equal(filled["height_m"][:200], trees["height_m"][:200])
    assert filled["height_source"].tolist()[-2:] == [
        "model:log_log, all trees",
        "model:log_log, oak",
    ]
    oak = 0.5 * np.exp(0.9 + 0.6 * np.log(20))
    assert filled["height_m"].iloc[-1] == pytest.approx(oak, rel=1e-6)
    assert filled["height_m"].iloc[-2] > 1.1 * oak


def test_the_error_of_a_modelled_height_reaches_the_draws() -> None:
    """SD of ln AGB from H is 0.976 · RSE; from D it is (2 + slope) · 0.976 · SD/D."""
    rng = np.random.default_rng(3)
    trees = pd.DataFrame(
        {
            "tree_id": np.arange(101).astype(str),
            "plot_id": "P",
            "species": "Melia azedarach",
            "dbh_cm": [*np.linspace(10, 60, 100), 40.0],
        }
    )
    trees["height_m"] = np.exp(0.9 + 0.6 * np.log(trees["dbh_cm"]) + rng.normal(0, 0.2, 101))
    trees.loc[100, "height_m"] = np.nan
    allometry = AllometrySettings(fallback="chave2014", heights=HeightSettings(form="log_log"))
    table = tree_biomass(trees, allometry).iloc[100:]
    plots = pd.DataFrame({"plot_id": ["P"], "area_ha": [1.0]})
    errors = ErrorSettings(draws=40_000, values={"gross_share": 0})
    found = {}
    for source in ("height", "dbh"):
        model = ErrorModel(allometry, errors=errors.only(source))  # type: ignore[arg-type]
        drawn = plot_draws(table, plots, model, random_state=1).agb.values
        found[source] = np.log(np.asarray(drawn[0], dtype=float)).std()
    rse, slope = table["height_sd_log"].iloc[0], table["height_slope"].iloc[0]
    assert found["height"] == pytest.approx(0.976 * rse, rel=0.02)
    assert found["dbh"] == pytest.approx(0.976 * (2 + slope) * (0.0062 + 0.0904 / 40), rel=0.02)
    assert table["agb_kg"].notna().all()


@pytest.mark.skipif(DATA is None, reason="PHYTOMASS_DATA names no data folder")
def test_models_of_the_harvested_trees_have_sensible_errors() -> None:
    """4 004 trees of many sites: every form within 10 % of the best, and of the spread of H."""
    names = {"Trunk.diameter..cm.": "d", "Total.height..m.": "h"}
    path = Path(str(DATA)) / "harvest" / "trees.csv"
    trees = pd.read_csv(path, encoding="latin-1", usecols=list(names)).rename(columns=names)
    trees = trees.dropna().query("d >= 4.9")
    table = compare_height_models(trees["d"], trees["h"])
    assert table["rmse_m"].iloc[0] < 0.6 * trees["h"].std()
    assert (table["bias_m"].abs() < 0.5).all()


@pytest.mark.parametrize(
    ("d", "h", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], "too few"),
        ([1.0, 2, 3, 4, 5, 0], [1.0, 2, 3, 4, 5, 6], "above zero"),
        ([1.0, 2, 3, 4, 5], [1.0, 2], "inconsistent numbers of samples"),
        ([1.0, 2, 3, 4, 5], None, "measured heights"),
    ],
)
def test_what_cannot_be_fitted_is_refused(d: list[float], h: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HeightModel("log_log").fit(d, h)
    with pytest.raises(InputError, match="did you mean 'log_log'"):
        HeightModel("loglog").fit(d, h)  # type: ignore[arg-type]


def test_too_few_heights_and_an_unknown_stratum_are_refused() -> None:
    trees = pd.DataFrame({"species": "a", "dbh_cm": D, "height_m": CURVES["log_log"]})
    trees.loc[10:, "height_m"] = np.nan
    with pytest.raises(InputError, match="10 trees with a height"):
        fill_heights(trees, HeightSettings())
    trees["height_m"] = [*CURVES["log_log"][:-1], np.nan]
    with pytest.raises(InputError, match="did you mean 'species'"):
        fill_heights(trees, HeightSettings(stratum="specis"))
