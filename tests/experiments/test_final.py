import numpy as np
import pytest
from scipy.stats import t

from phytomass.errors import InputError
from phytomass.experiments import correlations, fit_final
from phytomass.models import ModelSettings, model_names
from phytomass.validation import ValidationSettings
from tests.experiments.conftest import OPTICAL, SETS, changed, fast, make_samples

SMALL = ValidationSettings(n_splits=3, inner_splits=2)


@pytest.mark.parametrize("name", model_names())
def test_the_final_model_predicts_from_plain_arrays(samples, name):
    (model,) = fast(name)
    one, same = (
        fit_final(samples, "both", SETS["both"], model, SMALL, random_state=4) for _ in range(2)
    )
    X = samples.table[SETS["both"]].to_numpy()
    predicted = np.ravel(one.estimator.predict(X))
    assert np.corrcoef(predicted, samples.y)[0, 1] > 0.6
    assert np.array_equal(predicted, np.ravel(same.estimator.predict(X)))
    assert (one.model, one.predictors_set, one.predictors) == (name, "both", tuple(SETS["both"]))
    assert (one.n_train, one.y_min, one.y_max) == (60, samples.y.min(), samples.y.max())


def test_the_parameters_in_the_record_are_those_of_the_estimator(samples):
    model = ModelSettings(
        name="random_forest", parameters={"n_estimators": 12}, grid={"min_samples_leaf": [3, 7]}
    )
    fitted = fit_final(samples, "both", SETS["both"], model, SMALL)
    forest = fitted.estimator["model"]
    assert fitted.parameters["min_samples_leaf"] == forest.min_samples_leaf
    assert fitted.parameters["min_samples_leaf"] in (3, 7)
    assert fitted.parameters["n_estimators"] == forest.n_estimators == 12
    assert fitted.parameters["max_features"] == pytest.approx(1 / 3)


def test_simple_linear_keeps_to_the_indices_where_the_set_has_any(samples):
    best_band = changed(samples, B4=samples.y)
    model = ModelSettings(name="simple_linear")
    indices = ["NDVI", "SAVI"]
    fitted = fit_final(best_band, "optical", OPTICAL, model, SMALL, index_names=indices)
    assert OPTICAL[fitted.estimator["model"].predictor_] in indices
    without = fit_final(best_band, "sar", ["VV", "B4"], model, SMALL, index_names=indices)
    assert without.estimator["model"].predictor_ == 1


def test_too_few_plots():
    few = make_samples(n=6, n_sites=6)
    with pytest.raises(InputError, match="needs 7 or more plots with 5 predictors, there are 6"):
        fit_final(few, "both", SETS["both"], ModelSettings(name="mlr"), SMALL)


def test_correlations_agree_with_numpy_and_the_t_test(samples):
    table = correlations(samples).set_index("predictor")
    assert list(table.index) == list(samples.names)
    for name, column in samples.table.items():
        r = np.corrcoef(column, samples.y)[0, 1]
        assert table.loc[name, "r"] == pytest.approx(r)
        statistic = abs(r) * np.sqrt(58 / (1 - r**2))
        assert table.loc[name, "p"] == pytest.approx(2 * t.sf(statistic, 58))
    assert (table["n"] == 60).all()


def test_a_constant_predictor_has_no_correlation(samples):
    table = correlations(changed(samples, VV=3.0)).set_index("predictor")
    assert np.isnan(table.loc["VV", "r"])
    assert table["r"].notna().sum() == 4


def test_correlations_need_three_plots():
    with pytest.raises(InputError, match="3 or more plots"):
        correlations(make_samples(n=2, n_sites=2))
