"""Networks as files: weights as safetensors, everything else as a JSON card. No code is run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

import phytomass
from phytomass.errors import InputError, nearest
from phytomass.files import whole_file, write_json
from phytomass.models.patch_cnn.architecture import Architecture, check_architecture
from phytomass.models.patch_cnn.door import require_torch
from phytomass.models.patch_cnn.estimators import VGG, AlexNet, PatchRegressor, PixelNet, ResNet
from phytomass.models.patch_cnn.precision import PrecisionError
from phytomass.models.patch_cnn.targets import Scaling, Target
from phytomass.settings import Settings

FORMAT = 1
"""Version of the card. A reader refuses a newer one."""

CLASSES: dict[str, type[PatchRegressor]] = {c.__name__: c for c in (ResNet, VGG, AlexNet, PixelNet)}


class ModelCard(Settings):
    """What a weights file holds and how to use it: the content of the JSON beside it."""

    format: Literal["phytomass-network"] = "phytomass-network"
    """Kind of file."""
    format_version: int = FORMAT
    """Version of this card."""
    phytomass: str
    """Version of phytomass that wrote it."""
    model: str
    """ResNet, VGG, AlexNet or PixelNet."""
    parameters: dict[str, bool | int | float | str | None]
    """Arguments of the estimator."""
    architecture: dict[str, bool | int | float | str]
    """See `Architecture`."""
    bands: list[str]
    """Predictors, in the order of the channels."""
    band_units: list[str]
    """Their units."""
    unit: str = "Mg/ha"
    """Unit of the predictions."""
    mean: list[float]
    """Mean of each predictor over the training patches."""
    sd: list[float]
    """SD of each predictor over the training patches."""
    target: dict[str, float | str]
    """See `Target`; a floor of null is none."""
    n_train: int
    """Plots."""
    training_hash: str
    """SHA-256 of training patches and targets."""
    scores: dict[str, Any] = {}
    """Scores as the writer gave them, e.g. by split."""
    precision_error: dict[str, float | int | str] = {}
    """Below fp32: error against it on training patches, in SD of the output (`PrecisionError`)."""
    members: int
    """Networks in the ensemble."""
    weights: str
    """Name of the weights file beside the card."""
    weights_sha256: str
    """Its SHA-256."""


def save_network(
    model: PatchRegressor,
    path: str | Path,
    *,
    bands: Sequence[str],
    band_units: Sequence[str] = (),
    scores: Mapping[str, Any] | None = None,
    error: PrecisionError | None = None,
) -> ModelCard:
    """Write a fitted network: weights to `path` (.safetensors), the card beside it (.json).

    Parameters
    ----------
    model : PatchRegressor
        Fitted.
    path : path
        The weights file; its card has the same name with ``.json``.
    bands, band_units : sequence of str
        Predictors in the order of the channels, and their units (empty where unknown).
    scores : mapping, optional
        Kept in the card.
    error : PrecisionError, optional
        What the network's precision costs (`precision_error`); kept in the card.

    Raises
    ------
    InputError
        If the number of bands is not that of the channels, or the suffix is another.
    """
    from safetensors.numpy import save

    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError("must end in .safetensors", where=str(path))
    units = list(band_units) or [""] * len(bands)
    if not len(bands) == len(units) == model.n_features_in_ or len(set(bands)) < len(bands):
        raise InputError(
            f"{len(bands)} bands and {len(units)} units for {model.n_features_in_} channels",
            where=path.name,
            remedy="name each channel once, in order",
        )
    content = save(
        {
            f"{k}/{name}": np.asarray(value, order="C")  # ascontiguousarray makes 1-D of 0-D
            for k, state in enumerate(model.members_)
            for name, value in state.items()
        }
    )
    card = _card_of(model, path, content, (list(bands), units), dict(scores or {}))
    if error is not None:
        card = card.model_copy(update={"precision_error": asdict(error)})
    with whole_file(path) as beside:
        beside.write_bytes(content)
    write_json(path.with_suffix(".json"), card.model_dump(mode="json"))
    return card


def _card_of(
    model: PatchRegressor,
    path: Path,
    content: bytes,
    bands: tuple[list[str], list[str]],
    scores: dict[str, Any],
) -> ModelCard:
    target = asdict(model.target_)
    if not np.isfinite(target["floor"]):
        del target["floor"]
    return ModelCard(
        phytomass=phytomass.__version__,
        model=type(model).__name__,
        parameters=model.get_params(),
        architecture=asdict(model.architecture_),
        bands=bands[0],
        band_units=bands[1],
        mean=model.scaling_.mean.tolist(),
        sd=model.scaling_.sd.tolist(),
        target=target,
        n_train=model.n_train_,
        training_hash=model.training_hash_,
        scores=scores,
        members=len(model.members_),
        weights=path.name,
        weights_sha256=hashlib.sha256(content).hexdigest(),
    )


def load_network(
    path: str | Path,
    *,
    available: Sequence[str] | None = None,
    units: Mapping[str, str] | None = None,
) -> tuple[PatchRegressor, ModelCard]:
    """Read a network written by `save_network`; nothing in the files is executed.

    Parameters
    ----------
    path : path
        The weights file; its card lies beside it.
    available : sequence of str, optional
        Predictors of the stack to map: all bands of the card must be among them, in any order
        (read them by name, in the order of the card).
    units : mapping of str to str, optional
        Units of those predictors; they must be those of the card where both are known.

    Raises
    ------
    InputError
        For a missing or changed file, a card of a newer version or another model, weights that do
        not fit the architecture, a missing band, or other units.
    """
    require_torch()
    path = Path(path)
    card = _read_card(path.with_suffix(".json"))
    _check_bands(card, available, units or {})
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from error
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise InputError(
            "is not the file its card describes (SHA-256 differs)",
            where=str(path),
            remedy="restore the file, or train again",
        )
    return _restored(card, content, path), card


def _read_card(path: Path) -> ModelCard:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such model card", where=str(path)) from error
    except ValueError as error:
        raise InputError(f"is not JSON ({error})", where=str(path)) from error
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise InputError(
            f"has format version {version}, this phytomass reads up to {FORMAT}",
            where=str(path),
            remedy="update phytomass",
        )
    try:
        card = ModelCard.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"is no model card: {key}: {first['msg']}", where=str(path)) from error
    if card.model not in CLASSES:
        raise InputError(f"model {card.model!r} is none of {', '.join(CLASSES)}", where=str(path))
    return card


def _check_bands(
    card: ModelCard, available: Sequence[str] | None, units: Mapping[str, str]
) -> None:
    if available is not None:
        for band in card.bands:
            if band not in available:
                hint = nearest(band, list(available))
                raise InputError(
                    f"the network needs band {band!r}, which the stack lacks",
                    where="predictors",
                    remedy=hint or f"the stack has {', '.join(available)}",
                )
    for band, unit in zip(card.bands, card.band_units, strict=True):
        other = units.get(band, "")
        if unit and other and unit != other:
            raise InputError(
                f"band {band} is in {other!r}, the network was trained on {unit!r}",
                where="predictors",
                remedy="set scale, offset or decibel of its raster as in training",
            )


def _restored(card: ModelCard, content: bytes, path: Path) -> PatchRegressor:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        model = CLASSES[card.model](**card.parameters)  # type: ignore[arg-type]
        net = Architecture(**card.architecture)  # type: ignore[arg-type]
        target = Target(**card.target)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(f"does not fit this phytomass: {error}", where=str(path)) from error
    check_architecture(net)
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise InputError(f"is no safetensors file ({error})", where=str(path)) from error
    if net.kind != model.kind or not len(card.bands) == net.channels == len(card.mean):
        raise InputError("the card contradicts itself", where=str(path.with_suffix(".json")))
    model.architecture_, model.target_ = net, target
    model.scaling_ = Scaling(np.array(card.mean), np.array(card.sd))
    model.members_ = _members(net, tensors, card.members, path)
    model.n_features_in_, model.n_train_ = net.channels, card.n_train
    model.training_hash_, model.interrupted_ = card.training_hash, False
    return model


def _members(
    net: Architecture, tensors: dict[str, NDArray[Any]], count: int, path: Path
) -> list[dict[str, NDArray[Any]]]:
    """Sort tensors by member; names, shapes and types must be those of the architecture."""
    import torch

    from phytomass.models.patch_cnn.nets import build_network

    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in build_network(net).state_dict().items()}
    expected = {f"{k}/{name}": shape for k in range(count) for name, shape in wanted.items()}
    found = {name: value.shape for name, value in tensors.items()}
    finite = all(np.isfinite(value).all() for value in tensors.values())
    if not count or found != expected or not finite:
        raise InputError("the weights do not fit the architecture of the card", where=str(path))
    return [{name: tensors[f"{k}/{name}"] for name in wanted} for k in range(count)]
