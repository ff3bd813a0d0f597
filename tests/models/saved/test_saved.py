"""Saved models: the same predictions to the bit, no code in the files, clear errors."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import ElasticNet, LassoCV, LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVR

from phytomass.errors import InputError
from phytomass.models import (
    ModelSettings,
    Training,
    all_model_names,
    build_model,
    load_model,
    save_model,
    tuned,
)
from phytomass.models.saved import FORMAT

NAMES = ["NDVI", "B8", "VH", "elevation"]
RNG = np.random.default_rng(0)
PATCHES = RNG.normal(size=(60, 4, 11, 11)).astype(np.float32)
X = PATCHES[:, :, 5, 5].astype(np.float64)
Y = 80 + 30 * X[:, 0] + 10 * X[:, 1] * X[:, 2]
NEW = RNG.normal(size=(500, 4))
SMALL: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 20},
    "xgboost": {"n_estimators": 30},
    **{key: {"epochs": 2, "n_members": 2} for key in ("resnet", "vgg", "alexnet", "pixelnet")},
}


def _fitted(name: str) -> tuple[Any, np.ndarray]:
    """Return one of the project's models, fitted to small data, and new inputs of it."""
    given: dict[str, Any] = {"name": name, "parameters": SMALL.get(name, {}), "grid": {}}
    if name == "stack":
        given["members"] = ["random_forest", "svr"]
    model = build_model(ModelSettings.model_validate(given))
    networks = name in ("resnet", "vgg", "alexnet")
    plots = Training.of(PATCHES if networks else X, Y)
    fitted = plots.fit(model)
    return fitted, RNG.normal(size=(40, *plots.X.shape[1:])).astype(plots.X.dtype)


def _again(model: Any, folder: Path, seen: np.ndarray) -> Any:
    save_model(model, folder, names=NAMES, units=["", "", "dB", "m"], seen=seen)
    return load_model(folder).estimator


@pytest.mark.parametrize("name", [n for n in all_model_names() if n != "stack"])
def test_every_model_of_the_package_predicts_the_same_bits(name: str, tmp_path: Path) -> None:
    model, new = _fitted(name)
    np.testing.assert_array_equal(_again(model, tmp_path, new).predict(new), model.predict(new))


@pytest.mark.parametrize(
    "model",
    [
        ExtraTreesRegressor(10, random_state=0),
        GradientBoostingRegressor(n_estimators=10, random_state=0),
        GradientBoostingRegressor(n_estimators=10, loss="huber", random_state=0),
        LinearRegression(),
        ElasticNet(0.1),
        LassoCV(cv=3),
        make_pipeline(RobustScaler(), PCA(2), Ridge()),
        make_pipeline(
            MinMaxScaler(), TransformedTargetRegressor(SVR(), transformer=StandardScaler())
        ),
        GridSearchCV(SVR(), {"C": [1.0, 10.0]}, cv=3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_of_strangers_predict_the_same_bits(model: Any, tmp_path: Path) -> None:
    model.fit(X, Y)
    np.testing.assert_array_equal(_again(model, tmp_path, NEW).predict(NEW), model.predict(NEW))


def test_stacks_windows_and_searches_predict_the_same_bits(tmp_path: Path) -> None:
    members = [
        {"name": "random_forest", "parameters": {"n_estimators": 20}},
        {"name": "svr"},
        {"name": "pixelnet", "parameters": {"epochs": 2, "n_members": 2}},
    ]
    stack = ModelSettings.model_validate({"name": "stack", "members": members})
    windows = ModelSettings.model_validate({"name": "mlr", "neighbourhood": [3, 9]})
    search = ModelSettings.model_validate({"name": "random_forest", "grid": {"max_depth": [2, 5]}})
    folds = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    models = (
        (build_model(stack), X),
        (build_model(windows), PATCHES),
        (tuned(search, build_model(search), folds), X),
    )
    for number, (model, inputs) in enumerate(models):
        fitted = Training.of(inputs, Y).fit(model)
        again = _again(fitted, tmp_path / str(number), inputs)
        np.testing.assert_array_equal(again.predict(inputs), fitted.predict(inputs))


def test_the_same_model_is_the_same_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        model, _ = _fitted("random_forest")
        save_model(model, tmp_path / folder, names=NAMES, seen=NEW)
    for name in ("model.json", "arrays.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (HistGradientBoostingRegressor(max_iter=2), "HistGradientBoosting"),
        (KNeighborsRegressor(), "KNeighbors"),
        (make_pipeline(FunctionTransformer(np.exp), Ridge()), "FunctionTransformer"),
        (TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp), "ufunc"),
        (GradientBoostingRegressor(init=Ridge(), n_estimators=2), "with init"),
    ],
)
def test_what_cannot_be_saved_is_named(model: Any, what: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"cannot be saved: .*{what}"):
        save_model(model.fit(X, np.abs(Y)), tmp_path / "m", names=NAMES)
    assert not (tmp_path / "m").exists()


def _saved(folder: Path, change: Any = None) -> Path:
    model = ExtraTreesRegressor(3, random_state=0).fit(X, Y)
    save_model(model, folder, names=NAMES, seen=X)
    card = json.loads((folder / "model.json").read_text())
    if change is not None:
        change(card)
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def test_files_that_are_missing_newer_or_other_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no saved model"):
        load_model(tmp_path / "none")
    newer = _saved(tmp_path / "newer", lambda card: card.update(format_version=FORMAT + 1))
    with pytest.raises(InputError, match=f"format version {FORMAT + 1}, this phytomass reads"):
        load_model(newer)
    other = _saved(tmp_path / "other", lambda card: card["model"].update({"class": "Popen"}))
    with pytest.raises(InputError, match="'Popen', which this phytomass does not know"):
        load_model(other)
    changed = _saved(tmp_path / "changed")
    (changed / "arrays.npz").write_bytes((changed / "arrays.npz").read_bytes()[:-1])
    with pytest.raises(InputError, match="not the file that its card describes"):
        load_model(changed)


def test_a_model_that_predicts_otherwise_is_refused(tmp_path: Path) -> None:
    model = LinearRegression().fit(X, Y)
    save_model(model, tmp_path, names=NAMES, seen=X)
    card = json.loads((tmp_path / "model.json").read_text())
    card["model"]["attributes"]["intercept_"] = 0.5
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="predicts otherwise"):
        load_model(tmp_path)


def _repacked(folder: Path, name: str, values: np.ndarray) -> None:
    """Put another array into a saved model, with the hash that belongs to it."""
    import hashlib

    path = folder / "arrays.npz"
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    np.savez_compressed(path, **{**arrays, name: values})
    card = json.loads((folder / "model.json").read_text())
    card["arrays_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(card))


def test_trees_that_point_outside_themselves_are_refused(tmp_path: Path) -> None:
    """A compiled walk would read beyond its memory."""
    for number, (field, value) in enumerate(
        (("left_child", 10**9), ("right_child", 0), ("feature", 99))
    ):
        folder = _saved(tmp_path / str(number))
        with np.load(folder / "arrays.npz") as stored:
            values = stored[f"trees/{field}"].copy()
        values[0] = value
        _repacked(folder, f"trees/{field}", values)
        with pytest.raises(InputError, match="points outside its tree"):
            load_model(folder)


def test_a_pickle_in_the_arrays_is_never_opened(tmp_path: Path) -> None:
    """What would run on opening it makes a file; it must not be there afterwards."""
    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (mark,))

    folder = _saved(tmp_path / "m")
    pickled = np.array([Evil()], dtype=object)
    _repacked(folder, "kept/x", pickled)
    with pytest.raises(InputError, match="is damaged"):
        load_model(folder)
    assert not mark.exists()
    assert b"touch" in pickle.dumps(Evil()) and zipfile.is_zipfile(folder / "arrays.npz")
