"""A saved model: a folder of a card (JSON), arrays (NumPy) and networks (safetensors)."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from phytomass.errors import InputError
from phytomass.files import whole_file, write_json
from phytomass.models.patch_cnn import load_network, save_network
from phytomass.models.saved.apart import Parts, put_together, taken_apart
from phytomass.models.saved.trees import Arrays, arrays_of, trees_of

FORMAT = 1
"""Version of the card. A reader refuses a newer one."""

CARD, ARRAYS = "model.json", "arrays.npz"
WITNESSES = 64
"""Predictions that are kept with a model and made again when it is read."""

AGREES = 1e-6
"""How far they may differ, in parts of their range: libraries and processors round otherwise."""


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A model that was read from files.

    Parameters
    ----------
    estimator : estimator
        Predicts as the one that was saved.
    names, units : tuple of str
        Its predictors in order, and their units (empty where unknown).
    about : mapping
        What was said of it when it was saved.
    arrays : mapping of str to array
        What was kept along with it.
    """

    estimator: Any
    names: tuple[str, ...]
    units: tuple[str, ...]
    about: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def save_model(
    estimator: Any,
    folder: str | Path,
    *,
    names: Sequence[str],
    units: Sequence[str] = (),
    seen: NDArray[Any] | None = None,
    about: Mapping[str, Any] | None = None,
    arrays: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write a fitted model as files that hold data alone: reading them runs no code of theirs.

    Parameters
    ----------
    estimator : estimator
        Fitted: linear models, partial least squares, support vectors, forests, extra trees,
        gradient boosting (squared error), XGBoost, networks, stacks, and pipelines, scalers,
        transformed targets, windows and searches (their best estimator) of them.
    folder : path
        Made if it is not there; holds `model.json`, `arrays.npz` and the networks.
    names, units : sequence of str
        Predictors in the order of the columns or channels, and their units.
    seen : array, optional
        Some inputs: their predictions are kept, and made again when the model is read.
    about : mapping, optional
        Kept in the card (JSON-able).
    arrays : mapping of str to array, optional
        Kept along.

    Raises
    ------
    InputError
        If a part of the model cannot be saved: it is named.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LinearRegression
    >>> model = LinearRegression().fit([[0.2], [0.6]], [20.0, 100.0])
    >>> with TemporaryDirectory() as folder:
    ...     save_model(model, folder, names=["NDVI"])
    ...     read = load_model(folder)
    >>> read.names, read.estimator.predict([[0.5]]).round(6).tolist()
    (('NDVI',), [80.0])
    """
    folder, parts = Path(folder), Parts()
    structure = taken_apart(estimator, parts)
    kept = {f"kept/{name}": np.asarray(values) for name, values in (arrays or {}).items()}
    if seen is not None:
        some = np.asarray(seen)[:WITNESSES]
        kept |= {"witness/X": some, "witness/y": np.ravel(estimator.predict(some))}
    folder.mkdir(parents=True, exist_ok=True)
    for number, network in enumerate(parts.networks):
        path = folder / f"network_{number}.safetensors"
        save_network(network, path, bands=names, band_units=units)
    content = _packed(parts.arrays | arrays_of(parts.trees) | kept)
    with whole_file(folder / ARRAYS) as beside:
        beside.write_bytes(content)
    card = {
        "format": "phytomass-model",
        "format_version": FORMAT,
        "versions": {n: version(n) for n in ("phytomass", "scikit-learn", "numpy")}
        | {"xgboost": xgboost.__version__},
        "names": list(names),
        "units": list(units) or [""] * len(names),
        "about": dict(about or {}),
        "arrays_sha256": hashlib.sha256(content).hexdigest(),
        "model": structure,
    }
    write_json(folder / CARD, card)


def load_model(folder: str | Path) -> SavedModel:
    """Read a model that `save_model` wrote; nothing in the files is executed.

    Parameters
    ----------
    folder : path
        Of the model.

    Raises
    ------
    InputError
        If there is none, it is of a newer version, damaged, or predicts otherwise here than where
        it was saved.
    """
    folder = Path(folder)
    card = _card_of(folder / CARD)
    content = _bytes_of(folder / ARRAYS)
    if hashlib.sha256(content).hexdigest() != card["arrays_sha256"]:
        raise _damaged(folder / ARRAYS, "it is not the file that its card describes")
    arrays = _unpacked(content, folder / ARRAYS)

    def network(number: int) -> Any:
        return load_network(folder / f"network_{int(number)}.safetensors")[0]

    try:
        estimator = put_together(card["model"], arrays, trees_of(arrays, str(folder)), network)
        predicted = _check_witness(estimator, arrays)
    except InputError:
        raise
    except Exception as error:  # whatever foreign parts raise when they are put together
        raise _damaged(folder / CARD, f"{type(error).__name__}: {error}") from error
    if not predicted:
        written = ", ".join(f"{k} {v}" for k, v in card["versions"].items())
        raise InputError(
            "predicts otherwise than where it was saved",
            where=str(folder),
            remedy=f"use the versions that wrote it ({written}), or save it again",
        )
    kept = {k.removeprefix("kept/"): v for k, v in arrays.items() if k.startswith("kept/")}
    names, units = tuple(card["names"]), tuple(card["units"])
    return SavedModel(estimator, names, units, card["about"], kept)


def _check_witness(estimator: Any, arrays: Arrays) -> bool:
    if "witness/X" not in arrays:
        return True
    wanted = arrays["witness/y"]
    found = np.ravel(estimator.predict(arrays["witness/X"]))
    scale = max(float(np.ptp(wanted)), float(np.abs(wanted).max()), 1e-300)
    return bool(np.abs(found - wanted).max() <= AGREES * scale)


def _packed(arrays: Arrays) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _unpacked(content: bytes, path: Path) -> Arrays:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from error


def _card_of(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(_bytes_of(path))
    except ValueError as error:
        raise _damaged(path, f"is not JSON ({error})") from error
    if not isinstance(card, dict) or card.get("format") != "phytomass-model":
        raise InputError("is no card of a model", where=str(path))
    written = card.get("format_version")
    if not isinstance(written, int) or written > FORMAT:
        raise InputError(
            f"has format version {written}, this phytomass reads up to {FORMAT}",
            where=str(path),
            remedy="update phytomass",
        )
    lost = {"versions", "names", "units", "about", "arrays_sha256", "model"} - set(card)
    if lost:
        raise _damaged(path, f"it lacks {', '.join(sorted(lost))}")
    return card


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"no saved model ({error.strerror})",
            where=str(path),
            remedy="name the results of a study whose step `map` was run by this version",
        ) from error


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"is damaged: {what}", where=str(path), remedy="save the model again")
