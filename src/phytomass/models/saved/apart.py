"""Fitted estimators taken apart into JSON and arrays, and put together again.

Only the classes of `CLASSES` are known, by name: reading makes objects of these and no others, and
gives them numbers, texts and arrays. What is not needed to predict is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeCV,
)
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVR, LinearSVR, NuSVR
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor
from xgboost import XGBRegressor

from phytomass.errors import InputError
from phytomass.models.patch_cnn import PatchRegressor
from phytomass.models.pixel.estimators import (
    BestPredictorRegression,
    BoundedPLSRegression,
    MinimumNormRegression,
)
from phytomass.models.pixel.neighbourhood import NeighbourhoodRegressor
from phytomass.models.saved.trees import Arrays
from phytomass.models.search.grid_search import GridSearch
from phytomass.models.stack.regressor import Member, StackedRegressor

KNOWN: tuple[type[Any], ...] = (
    *(LinearRegression, Ridge, RidgeCV, Lasso, LassoCV, ElasticNet, ElasticNetCV, BayesianRidge),
    *(HuberRegressor, PLSRegression, SVR, NuSVR, LinearSVR, DummyRegressor),
    *(StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler, PCA),
    *(Pipeline, TransformedTargetRegressor, RandomForestRegressor, ExtraTreesRegressor),
    *(GradientBoostingRegressor, DecisionTreeRegressor, ExtraTreeRegressor),
    *(BestPredictorRegression, MinimumNormRegression, BoundedPLSRegression),
    *(NeighbourhoodRegressor, StackedRegressor),
)
CLASSES: Mapping[str, type[Any]] = MappingProxyType({one.__name__: one for one in KNOWN})
"""What can be saved, beside networks and XGBoost, which have formats of their own."""

SEARCHES = (GridSearch, GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV)
"""Of these the best estimator is saved."""

TREES = (DecisionTreeRegressor, ExtraTreeRegressor)

UNUSED: Mapping[type[Any], frozenset[str]] = MappingProxyType(
    {
        BaseEstimator: frozenset({"_metadata_request", "_sklearn_output_config", "random_state"}),
        StackedRegressor: frozenset({"held_out_"}),
        RandomForestRegressor: frozenset({"estimator_", "_sample_weight"}),
        ExtraTreesRegressor: frozenset({"estimator_", "_sample_weight"}),
        GradientBoostingRegressor: frozenset({"_loss", "_rng", "train_score_"}),
        TransformedTargetRegressor: frozenset({"regressor", "transformer"}),
        NeighbourhoodRegressor: frozenset({"estimator"}),
    }
)
"""Class → attributes that no prediction reads; they are None in what is put together."""

Node = Any
Whole = Callable[[str, dict[str, Any]], Any]


@dataclass
class Parts:
    """What a model falls into beside its structure: arrays, trees and networks."""

    arrays: Arrays = field(default_factory=dict)
    trees: list[Any] = field(default_factory=list)
    networks: list[PatchRegressor] = field(default_factory=list)

    def keep(self, values: NDArray[Any]) -> str:
        """Keep an array; return its name."""
        name = f"a{len(self.arrays)}"
        self.arrays[name] = values
        return name


def taken_apart(value: Any, parts: Parts, where: str = "model") -> Node:
    """Return what a value is made of, as JSON; arrays, trees and networks go to `parts`.

    Raises
    ------
    InputError
        For an estimator or a value that cannot be saved.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray | np.generic | float):
        return _numbers(value, parts, where)
    if isinstance(value, Member):
        return {"member": [value.name, value.sees_patches]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [taken_apart(v, parts, f"{where}[{i}]") for i, v in enumerate(value)]}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {k: taken_apart(v, parts, f"{where}.{k}") for k, v in value.items()}}
    return _estimator(value, parts, where)


def _numbers(value: Any, parts: Parts, where: str) -> Node:
    if not isinstance(value, np.ndarray | np.generic):
        return value if np.isfinite(value) else {"number": str(value)}
    values = np.asarray(value)
    if values.dtype == object:
        if all(isinstance(one, str) for one in values.ravel()) and values.ndim == 1:
            return {"names": values.tolist()}
        if values.dtype == object and all(isinstance(one, TREES) for one in values.ravel()):
            trees = [taken_apart(one, parts, where) for one in values.ravel()]
            return {"objects": trees, "shape": list(values.shape)}
        raise _unsaved(where, "an array of objects")
    name = parts.keep(values)
    return {"scalar" if isinstance(value, np.generic) else "array": name}


def _estimator(value: Any, parts: Parts, where: str) -> Node:
    name = type(value).__name__
    if isinstance(value, SEARCHES):
        if not hasattr(value, "best_estimator_"):
            raise _unsaved(where, f"{name} without a best estimator")
        return taken_apart(value.best_estimator_, parts, where)
    if isinstance(value, PatchRegressor):
        parts.networks.append(value)
        return {"network": len(parts.networks) - 1}
    if isinstance(value, TREES) and hasattr(value, "tree_"):
        parts.trees.append(value.tree_)
        return {"tree": len(parts.trees) - 1, "class": name}
    if isinstance(value, XGBRegressor):
        booster = np.frombuffer(bytes(value.get_booster().save_raw("ubj")), dtype=np.uint8)
        settings = {k: v for k, v in value.get_params().items() if v is not None}
        kept = taken_apart(settings, parts, where)
        return {"xgboost": parts.keep(booster), "parameters": kept["dict"]}
    if CLASSES.get(name) is not type(value):
        raise _unsaved(where, f"{type(value).__module__}.{name}")
    if isinstance(value, GradientBoostingRegressor) and value.init is not None:
        raise _unsaved(where, f"{name} with init")
    learned = {k: v for k, v in vars(value).items() if k not in _unused(type(value))}
    attributes = {k: taken_apart(v, parts, f"{where}.{k}") for k, v in learned.items()}
    return {"class": name, "attributes": attributes}


def _unused(kind: type[Any]) -> frozenset[str]:
    return UNUSED[BaseEstimator] | UNUSED.get(kind, frozenset())


def _unsaved(where: str, what: str) -> InputError:
    return InputError(
        f"cannot be saved: {what}",
        where=where,
        remedy=f"known are {', '.join(sorted(CLASSES))}, XGBRegressor and the networks",
    )


def put_together(
    node: Node, arrays: Arrays, trees: list[Any], networks: Callable[[int], Any]
) -> Any:
    """Return what `taken_apart` took apart.

    Raises
    ------
    InputError
        For a class that is not known.
    KeyError, IndexError, TypeError, ValueError
        For what no `taken_apart` wrote.
    """

    def whole(one: Node) -> Any:
        return put_together(one, arrays, trees, networks)

    if not isinstance(node, dict):
        return node
    kind = next(iter(node))
    if kind == "class":
        return _object(node, whole)
    if kind == "xgboost":
        parameters = {k: whole(v) for k, v in node["parameters"].items()}
        model = XGBRegressor(**parameters)
        model.load_model(bytearray(arrays[node["xgboost"]].tobytes()))
        return model
    if kind == "tree":
        return _one_tree(node["class"], trees[node["tree"]])
    if kind == "objects":
        found = np.empty(len(node["objects"]), dtype=object)
        found[:] = [whole(one) for one in node["objects"]]
        return found.reshape(node["shape"])
    simple: dict[str, Callable[[Any], Any]] = {
        "number": float,
        "array": lambda name: arrays[name],
        "scalar": lambda name: arrays[name][()],
        "names": lambda names: np.array(names, dtype=object),
        "member": lambda pair: Member(str(pair[0]), None, bool(pair[1])),
        "list": lambda values: [whole(one) for one in values],
        "tuple": lambda values: tuple(whole(one) for one in values),
        "dict": lambda values: {key: whole(one) for key, one in values.items()},
        "network": networks,
    }
    return simple[kind](node[kind])


def _one_tree(name: str, tree: Any) -> Any:
    model = {one.__name__: one for one in TREES}[name]()
    model.tree_, model.n_outputs_, model.n_features_in_ = tree, 1, tree.n_features
    return model


def _object(node: Node, whole: Callable[[Node], Any]) -> Any:
    name = node["class"]
    if name not in CLASSES:
        raise InputError(f"holds a {name!r}, which this phytomass does not know", where="model")
    kind = CLASSES[name]
    model = object.__new__(kind)
    given = {key: whole(one) for key, one in node["attributes"].items()}
    model.__dict__ |= dict.fromkeys(_unused(kind)) | given
    model.__dict__.pop("_metadata_request")  # scikit-learn asks whether it is there
    model.__dict__.pop("_sklearn_output_config")
    _check(model)
    return model


def _check(model: Any) -> None:
    """Refuse arrays that compiled code would read beyond, and restore what is no data."""
    if isinstance(model, SVR | NuSVR):
        n, p = model.support_vectors_.shape
        shapes = (len(model.support_), model._dual_coef_.shape, int(model._n_support[0]))
        if shapes != (n, (1, n), n) or p != model.n_features_in_:
            raise ValueError("support vectors and their coefficients do not match")
    for one in np.ravel(getattr(model, "estimators_", [])):
        if one.n_features_in_ != model.n_features_in_:
            raise ValueError("trees of other predictors")
    if isinstance(model, GradientBoostingRegressor):
        model._loss = model._get_loss(sample_weight=None)
