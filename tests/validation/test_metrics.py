import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from phytomass.errors import InputError
from phytomass.validation import bias, mae, r2, r2_literal_p2, rmse, rrmse_percent, scores

values = arrays(np.float64, st.shared(st.integers(2, 30), key="n"), elements=st.floats(0, 500))


@given(values, values)
def test_metrics_agree_with_scikit_learn(observed, predicted):
    assert rmse(observed, predicted) == pytest.approx(
        sk.root_mean_squared_error(observed, predicted)
    )
    assert mae(observed, predicted) == pytest.approx(sk.mean_absolute_error(observed, predicted))
    assert bias(observed, predicted) == pytest.approx(predicted.mean() - observed.mean(), abs=1e-9)
    if np.var(observed) > 1e-6:
        assert r2(observed, predicted) == pytest.approx(sk.r2_score(observed, predicted))


@given(values, values, st.floats(0.1, 10), st.integers(0, 99))
def test_units_and_order_of_rows(observed, predicted, factor, seed):
    shuffled = np.random.default_rng(seed).permutation(len(observed))
    one = scores(observed, predicted)
    other = scores(factor * observed[shuffled], factor * predicted[shuffled])
    for name in ("rmse", "bias", "mae"):
        assert other[name] == pytest.approx(factor * one[name], abs=1e-9)
    if np.var(observed) > 1e-3:
        assert other["r2"] == pytest.approx(one["r2"], rel=1e-6)
        assert other["rrmse_percent"] == pytest.approx(one["rrmse_percent"])


def test_the_printed_r2_of_the_afforestation_paper():
    """For a least-squares fit the printed form is 2 - 1/R², so its 0.766 is an R² of 0.81.

    methods.md, section 2.1, item 10.
    """
    rng = np.random.default_rng(1)
    x = rng.normal(size=93)
    observed = 4.7 + x + rng.normal(size=93) * 0.48
    predicted = np.polyval(np.polyfit(x, observed, 1), x)
    usual = r2(observed, predicted)
    assert r2_literal_p2(observed, predicted) == pytest.approx(2 - 1 / usual)
    r2_behind_the_print = 1 / (2 - 0.766)
    assert r2_behind_the_print == pytest.approx(0.81, abs=0.001)


def test_rrmse_of_the_paper():
    """Table 4: RMSE 0.604 is 12.91 % of a mean of 4.68 t/ha (methods.md 2.1, item 1)."""
    observed = np.array([4.68 - 1, 4.68 + 1])
    assert rrmse_percent(observed, observed + np.array([0.604, -0.604])) == pytest.approx(
        12.91, abs=0.01
    )


def test_what_has_no_value_is_not_a_number():
    assert np.isnan(r2([3.0, 3.0], [3.0, 3.0]))
    assert np.isnan(r2([0.1] * 3, [1.0, 2.0, 3.0]))  # 0.1 + 0.1 + 0.1 is not 0.3
    assert np.isnan(rrmse_percent([0.0, 0.0], [1.0, 1.0]))
    assert np.isnan(r2_literal_p2([1.0, 3.0], [2.0, 2.0]))


@pytest.mark.parametrize(
    ("observed", "predicted", "message"),
    [
        ([1.0, 2.0], [1.0], "two equal rows"),
        ([], [], "no values"),
        ([1.0, np.nan], [1.0, 2.0], "missing"),
        ([[1.0]], [[1.0]], "two equal rows"),
    ],
)
def test_what_cannot_be_scored(observed, predicted, message):
    with pytest.raises(InputError, match=message):
        rmse(observed, predicted)
