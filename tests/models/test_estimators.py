import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, pearsonr
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from phytomass.errors import InputError
from phytomass.models import (
    BestPredictorRegression,
    BoundedPLSRegression,
    MinimumNormRegression,
)


def _data(seed=0, n=40, p=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X @ rng.normal(size=p) + rng.normal(size=n)


@parametrize_with_checks(
    [BestPredictorRegression(), BoundedPLSRegression(), MinimumNormRegression()]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_best_predictor_agrees_with_scipy(seed, p):
    X, y = _data(seed, n=12, p=p)
    r = [pearsonr(column, y).statistic for column in X.T]
    best = int(np.argmax(np.abs(r)))
    line = linregress(X[:, best], y)
    model = BestPredictorRegression().fit(X, y)
    assert model.predictor_ == best
    assert model.r_ == pytest.approx(r[best])
    assert model.predict(X) == pytest.approx(line.intercept + line.slope * X[:, best])
    assert model.coef_[best] == pytest.approx(line.slope)
    assert np.count_nonzero(np.delete(model.coef_, best)) == 0


def test_best_predictor_keeps_to_its_candidates():
    X, y = _data()
    X[:, 0] = y  # the best of all, and not a candidate
    by_position = BestPredictorRegression(candidates=[1, 2]).fit(X, y)
    assert by_position.predictor_ in (1, 2)
    table = pd.DataFrame(X, columns=["SAR", "NDVI", "SAVI", "b", "c"])
    by_name = BestPredictorRegression(candidates=["NDVI", "SAVI"]).fit(table, y)
    assert by_name.predictor_ == by_position.predictor_
    assert by_name.predict(table) == pytest.approx(by_position.predict(X))


def test_best_predictor_passes_over_constant_columns():
    X, y = _data(p=2)
    X[:, 0] = 0.1  # its mean rounds: a naive correlation is noise
    assert BestPredictorRegression().fit(X, y).predictor_ == 1
    constant = BestPredictorRegression().fit(X[:, :1], y)
    assert constant.predict(X[:3, :1]) == pytest.approx([y.mean()] * 3)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [(["NDVX"], "did you mean 'NDVI'"), ([7], "there are 2"), ([], "no candidates")],
)
def test_best_predictor_names_a_wrong_candidate(candidates, message):
    X, y = _data(p=2)
    with pytest.raises(InputError, match=message):
        BestPredictorRegression(candidates).fit(pd.DataFrame(X, columns=["NDVI", "VV"]), y)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_bounded_pls_is_pls_within_the_bound(k):
    X, y = _data()
    ours = BoundedPLSRegression(k).fit(X, y).predict(X)
    assert ours == pytest.approx(PLSRegression(k).fit(X, y).predict(X).ravel())


def test_bounded_pls_with_all_components_is_least_squares():
    X, y = _data()
    ours = BoundedPLSRegression(99).fit(X, y)
    assert ours.pls_.n_components == 5
    assert ours.predict(X) == pytest.approx(LinearRegression().fit(X, y).predict(X))


def test_bounded_pls_refuses_no_components():
    with pytest.raises(InputError, match="must be 1 or more"):
        BoundedPLSRegression(0).fit(*_data())


def test_independent_predictors_give_ordinary_least_squares():
    X, y = _data()
    ours, theirs = MinimumNormRegression().fit(X, y), LinearRegression().fit(X, y)
    assert ours.coef_ == pytest.approx(theirs.coef_)
    assert ours.intercept_ == pytest.approx(theirs.intercept_)
    assert ours.rank_ == 5


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "model", [MinimumNormRegression(), BoundedPLSRegression(8)], ids=["linear", "pls"]
)
def test_bands_that_depend_on_each_other_are_no_further_predictor(model, seed):
    """VV and VH in dB, their difference, a copy and a constant, as float32 rasters hold them.

    scikit-learn's PLS predicts values up to 1e15 here.
    """
    rng = np.random.default_rng(seed)
    vv, vh = (rng.normal(mean, 3, size=60).astype(np.float32) for mean in (-12, -18))
    X = np.column_stack([vv, vh, vv - vh, vv, np.full(60, 3.0)]).astype(np.float64)
    y = 5 * X[:, 0] + rng.normal(size=60)
    expected = LinearRegression().fit(X[:, :2], y).predict(X[:, :2])
    assert model.fit(X, y).predict(X) == pytest.approx(expected, abs=1e-3)
