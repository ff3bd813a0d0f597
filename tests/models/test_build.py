import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from phytomass.errors import InputError
from phytomass.models import (
    ModelSettings,
    build_model,
    chosen_parameters,
    grid_of,
    minimum_plots,
    model_names,
    parameter_names,
    record_of,
    records,
    tuned,
)

FAST = {"random_forest": {"n_estimators": 15}, "xgboost": {"n_estimators": 15}}


def _settings(name, **more):
    return ModelSettings(name=name, parameters=FAST.get(name, {}), **more)


def _data(n=60, p=4):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, p))
    return X, 50 + 20 * X[:, 0] + 5 * X[:, 1] ** 2 + rng.normal(size=n)


def test_the_six_models_of_the_issue_in_order():
    assert model_names() == ("simple_linear", "mlr", "plsr", "svr", "random_forest", "xgboost")


@pytest.mark.parametrize("name", model_names())
def test_every_record_names_its_sources_and_real_parameters(name):
    record = record_of(name)
    assert record.source
    assert all(record.sources.values())
    assert set(record.defaults) <= set(parameter_names(name))
    assert set(record.grid) <= set(record.defaults)
    for key, values in record.grid.items():
        assert len(values) > 1, key


@pytest.mark.parametrize("name", model_names())
def test_defaults_and_fixed_parameters_reach_the_estimator(name):
    step = build_model(_settings(name), random_state=5)["model"]
    step = getattr(step, "regressor", step)
    wanted = {**record_of(name).defaults, **FAST.get(name, {})}
    assert {key: step.get_params()[key] for key in wanted} == wanted
    assert step.get_params().get("n_jobs") in (None, 1)
    assert step.get_params().get("random_state") in (None, 5)


@pytest.mark.parametrize("name", ["random_forest", "xgboost"])
def test_the_seed_fixes_the_model(name):
    X, y = _data()
    one, same, other = (
        build_model(_settings(name), random_state=seed).fit(X, y).predict(X) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", ["mlr", "plsr", "svr", "simple_linear"])
def test_units_of_predictors_and_target_do_not_matter(name):
    X, y = _data()
    model = build_model(_settings(name))
    plain = clone(model).fit(X, y).predict(X)
    other = (
        clone(model).fit(X * [1, 1000, 0.01, 5] + 3, 1000 * y).predict(X * [1, 1000, 0.01, 5] + 3)
    )
    assert other / 1000 == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("name", model_names())
def test_models_learn(name):
    X, y = _data()
    predicted = build_model(_settings(name)).fit(X, y).predict(X)
    assert predicted.shape == y.shape
    assert np.corrcoef(predicted, y)[0, 1] > 0.7


def test_tuning_finds_the_right_number_of_components():
    X, y = _data(n=200)
    y = X @ [3.0, -2.0, 1.0, 0.5]  # needs more than one component, exactly linear
    settings = ModelSettings(name="plsr", grid={"n_components": [1, 4]})
    search = tuned(settings, build_model(settings), KFold(3)).fit(X, y)
    assert chosen_parameters(settings, search) == {"n_components": 4}


def test_the_search_agrees_with_scikit_learns():
    X, y = _data()
    settings = ModelSettings(name="svr", grid={"C": [0.1, 1.0, 30.0], "epsilon": [0.05, 0.3]})
    ours = tuned(settings, build_model(settings), KFold(4)).fit(X, y)
    grid = {f"model__regressor__{key}": values for key, values in settings.grid.items()}
    theirs = GridSearchCV(
        build_model(settings), grid, cv=KFold(4), scoring="neg_mean_squared_error"
    ).fit(X, y)
    assert ours.best_params_ == theirs.best_params_
    assert np.array_equal(ours.predict(X), theirs.predict(X))


def test_a_forest_is_searched_with_fewer_trees_and_kept_with_all():
    X, y = _data()
    settings = ModelSettings(name="random_forest", parameters={"n_estimators": 130})
    search = tuned(settings, build_model(settings, random_state=1), KFold(2))
    assert search.lighter == {"model__n_estimators": 100}
    kept = search.fit(X, y).best_estimator_["model"]
    assert len(kept.estimators_) == 130
    assert chosen_parameters(settings, search)["n_estimators"] == 130
    small = ModelSettings(name="random_forest", parameters={"n_estimators": 20})
    assert tuned(small, build_model(small), KFold(2)).lighter == {}
    trees = ModelSettings(name="random_forest", grid={"n_estimators": [150, 200]})
    assert tuned(trees, build_model(trees), KFold(2)).lighter == {}


def test_a_fixed_parameter_is_not_tuned_and_an_empty_grid_switches_tuning_off():
    assert grid_of(ModelSettings(name="svr", parameters={"C": 3.0})) == {}
    assert grid_of(ModelSettings(name="svr", grid={})) == {}
    assert grid_of(ModelSettings(name="svr", grid={"epsilon": [0.1, 0.2]})) == {
        "epsilon": [0.1, 0.2]
    }
    plain = build_model(ModelSettings(name="svr", grid={}))
    assert tuned(ModelSettings(name="svr", grid={}), plain, KFold(3)) is plain


def test_minimum_plots():
    assert minimum_plots("mlr", 16) == 18
    assert minimum_plots("random_forest", 16) == 10
    with pytest.raises(InputError, match="did you mean 'random_forest'"):
        minimum_plots("randon_forest", 3)


def test_a_bare_name_is_a_model():
    assert ModelSettings.model_validate("xgboost") == ModelSettings(name="xgboost")
    assert ModelSettings.model_validate({"name": "mlr"}).parameters == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("randon_forest", "did you mean 'random_forest'"),
        (
            {"name": "random_forest", "parameters": {"n_estimator": 5}},
            "did you mean 'n_estimators'",
        ),
        ({"name": "svr", "grid": {"Cost": [1]}}, "unknown parameter of svr 'Cost'"),
        ({"name": "svr", "grid": {"C": []}}, "holds no values"),
        ({"name": "random_forest", "parameters": {"n_jobs": 4}}, "unknown parameter"),
        ({"name": "svr", "parameter": {}}, "parameter"),
    ],
)
def test_mistakes_in_a_model_are_named(value, message):
    with pytest.raises(ValidationError, match=message):
        ModelSettings.model_validate(value)


def test_records_cannot_be_changed():
    with pytest.raises(TypeError):
        records()["svr"].defaults["C"] = 3.0
