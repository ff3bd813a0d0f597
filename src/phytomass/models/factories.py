"""How each model is assembled: an untrained pipeline whose last step is called ``model``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from xgboost import XGBRegressor

from phytomass.models.patch_cnn import VGG, AlexNet, PatchRegressor, PixelNet, ResNet
from phytomass.models.pixel.estimators import (
    BestPredictorRegression,
    BoundedPLSRegression,
    MinimumNormRegression,
)
from phytomass.models.stack.regressor import StackedRegressor
from phytomass.models.training import weighable

Factory = Callable[[Sequence[str | int] | None, int], Any]
"""Makes an untrained estimator from the candidates and the seed."""


def _network(network: PatchRegressor, seed: int) -> Pipeline:
    # in a project Ctrl-C ends the run; half-trained members would pass for the model asked for
    return Pipeline([("model", network.set_params(random_state=seed, on_interrupt="raise"))])


def _unweighted_scaler() -> StandardScaler:
    with config_context(enable_metadata_routing=True):
        return StandardScaler().set_fit_request(sample_weight=False)


# Every estimator runs on one thread: folds are what is spread over the cores.
_ONE_THREAD: dict[str, Any] = {"n_jobs": 1, "tree_method": "hist", "verbosity": 0}

FACTORIES: Mapping[str, Factory] = MappingProxyType(
    {
        "simple_linear": lambda candidates, _: Pipeline(
            [("model", BestPredictorRegression(candidates))]
        ),
        "mlr": lambda *_: Pipeline([("model", MinimumNormRegression())]),
        "plsr": lambda *_: Pipeline([("model", BoundedPLSRegression())]),
        "svr": lambda *_: Pipeline(
            [
                ("scale", _unweighted_scaler()),
                (
                    "model",
                    TransformedTargetRegressor(weighable(SVR()), transformer=StandardScaler()),
                ),
            ]
        ),
        "random_forest": lambda _, seed: Pipeline(
            [("model", weighable(RandomForestRegressor(random_state=seed, n_jobs=1)))]
        ),
        "resnet": lambda _, seed: _network(ResNet(), seed),
        "vgg": lambda _, seed: _network(VGG(), seed),
        "alexnet": lambda _, seed: _network(AlexNet(), seed),
        "pixelnet": lambda _, seed: _network(PixelNet(), seed),
        "stack": lambda _, seed: Pipeline([("model", StackedRegressor((), random_state=seed))]),
        "xgboost": lambda _, seed: Pipeline(
            [("model", weighable(XGBRegressor(random_state=seed, **_ONE_THREAD)))]
        ),
    }
)


def prefix_of(name: str) -> str:
    """Return where the parameters of a model sit inside its pipeline."""
    return "model__regressor__" if name == "svr" else "model__"
