"""Reading saved networks from anywhere: nothing is executed, and nothing is believed unchecked.

A card is read and judged before its weights are opened, and the file of weights must have the size
that the card's architecture needs before it is read.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, ValidationError, create_model

from phytomass.errors import InputError, nearest
from phytomass.models.patch_cnn.architecture import Architecture, check_architecture
from phytomass.models.patch_cnn.door import require_torch
from phytomass.models.patch_cnn.estimators import PatchRegressor
from phytomass.models.patch_cnn.learned import Learned
from phytomass.models.patch_cnn.saving import CLASSES, FORMAT, ModelCard
from phytomass.models.patch_cnn.targets import Scaling, Target

MOST_CARD_BYTES = 10_000_000
"""A card is some kilobytes; with scores of many splits, some hundred."""
HEADER_BYTES = 1_000
"""What a safetensors file may say about one tensor, besides its values."""
MISFIT = "the weights do not fit the architecture of the card"
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
T = TypeVar("T")
Shapes = dict[str, tuple[tuple[int, ...], str]]
"""Name → shape and type of the values."""


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
    if path.suffix != ".safetensors":
        raise InputError("must end in .safetensors", where=str(path))
    beside = path.with_suffix(".json")
    card = _read_card(beside)
    model = _strict(CLASSES[card.model], card.parameters, f"{beside}, parameters")
    net = _strict(Architecture, card.architecture, f"{beside}, architecture")
    target = _strict(Target, card.target, f"{beside}, target")
    check_architecture(net, f"{beside}, architecture")
    _check_model(model, net, target, card, beside)
    _check_bands(card, available, units or {})
    wanted = _shapes_of(net, card.members)
    tensors = _read_weights(path, card, wanted)
    names = [name.partition("/")[2] for name in wanted if name.startswith("0/")]
    members = [{n: tensors[f"{k}/{n}"] for n in names} for k in range(card.members)]
    scaling = Scaling(np.array(card.mean), np.array(card.sd))
    learned = Learned(net, scaling, target, members, card.n_train, card.training_hash)
    return model.with_learned(learned), card


def _read_card(path: Path) -> ModelCard:
    raw = _json_of(path)
    version = raw.get("format_version", FORMAT) if isinstance(raw, dict) else FORMAT
    if isinstance(version, int) and version > FORMAT:
        raise InputError(
            f"has format version {version}, this phytomass reads up to {FORMAT}",
            where=str(path),
            remedy="update phytomass",
        )
    try:
        card = ModelCard.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"is no model card: {_first(error)}", where=str(path)) from error
    if isinstance(version, bool) or card.format_version < 1:
        raise InputError(f"is no model card: format_version: {version}", where=str(path))
    if card.model not in CLASSES:
        raise InputError(f"model {card.model!r} is none of {', '.join(CLASSES)}", where=str(path))
    if not card.weights.endswith(".safetensors") or set(card.weights) & set("/\\\0"):
        raise InputError(
            f"is no model card: weights: {card.weights!r} is no name of a .safetensors file",
            where=str(path),
        )
    return card


def _json_of(path: Path) -> Any:
    """Read JSON in which every key stands once and every number is finite."""
    try:
        text = _bytes_of(path, 1, MOST_CARD_BYTES, "is no model card").decode("utf-8")
    except FileNotFoundError as error:
        raise InputError("no such model card", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"is not JSON: no UTF-8 text ({error})", where=str(path)) from error
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise InputError("is no model card: it is nested too deeply", where=str(path)) from error
    except ValueError as error:
        raise InputError(f"is not JSON ({error})", where=str(path)) from error


def _bytes_of(path: Path, least: int, most: int, what: str) -> bytes:
    """Read a file whose size lies between two bounds; `what` says what another size means."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            raise InputError("cannot be read (is no file)", where=str(path))
        if not least <= status.st_size <= most:
            raise InputError(
                f"{what}: it has {status.st_size} bytes, expected are {least} to {most}",
                where=str(path),
                remedy="restore the file and its card",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} stands there twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    parts = [*(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")]
    return ": ".join(parts)


def _strict(kind: type[T], given: Mapping[str, Any], where: str) -> T:
    """Make an object of values that have exactly the types its arguments are annotated with."""
    hints = get_type_hints(kind.__init__)
    arguments = inspect.signature(kind).parameters
    fields: dict[str, Any] = {
        name: (hints[name], ... if one.default is one.empty else one.default)
        for name, one in arguments.items()
    }
    try:
        create_model(kind.__name__, __config__=_STRICT, **fields).model_validate(dict(given))
    except ValidationError as error:
        raise InputError(f"does not fit this phytomass: {_first(error)}", where=where) from error
    return kind(**given)


def _check_model(
    model: PatchRegressor, net: Architecture, target: Target, card: ModelCard, beside: Path
) -> None:
    """Check what the parts of a card say about each other, and the ranges of its numbers."""
    from phytomass.models.patch_cnn.fitting import check_parameters

    try:
        check_parameters(model)
    except InputError as error:
        raise InputError(f"is no model card: {error}", where=f"{beside}, parameters") from error
    if net.kind != model.kind or len(card.bands) != net.channels:
        raise InputError(
            f"the card contradicts itself: a {card.model} of {len(card.bands)} bands, and "
            f"architecture: {net.kind} of {net.channels} channels",
            where=str(beside),
        )
    if target.sd <= 0 or target.residual_exp < 0:
        raise InputError(
            f"is no model card: sd is {target.sd}, residual_exp {target.residual_exp}",
            where=f"{beside}, target",
        )


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


def _shapes_of(net: Architecture, members: int) -> Shapes:
    """Return what the weights file of an ensemble holds, without making any of it."""
    import torch

    from phytomass.models.patch_cnn.nets import build_network

    with torch.device("meta"):
        state = build_network(net).state_dict()
    one = {n: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for n, t in state.items()}
    return {f"{k}/{name}": what for k in range(members) for name, what in one.items()}


def _read_weights(path: Path, card: ModelCard, wanted: Shapes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    least = sum(int(np.prod(s, dtype=object)) * np.dtype(d).itemsize for s, d in wanted.values())
    try:
        content = _bytes_of(path, least, least + HEADER_BYTES * (len(wanted) + 10), MISFIT)
    except FileNotFoundError as error:
        raise InputError("cannot be read (no such file)", where=str(path)) from error
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise InputError(
            "is not the file its card describes (SHA-256 differs)",
            where=str(path),
            remedy="restore the file, or train again",
        )
    try:
        tensors = load(content)
    except (SafetensorError, ImportError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"is no safetensors file ({error!r})", where=str(path)) from error
    _check_tensors(tensors, wanted, path)
    return tensors


def _check_tensors(tensors: Mapping[str, NDArray[Any]], wanted: Shapes, path: Path) -> None:
    """Names, shapes and types must be those of the architecture, and all values finite."""
    wrong = [f"{name} is missing" for name in wanted if name not in tensors]
    wrong += [f"{name!r} is foreign" for name in tensors if name not in wanted]
    for name in (name for name in wanted if name in tensors):
        found, (shape, kind) = tensors[name], wanted[name]
        if found.shape != shape:
            wrong.append(f"{name} has shape {found.shape}, expected {shape}")
        elif found.dtype != np.dtype(kind):
            wrong.append(f"{name} is {found.dtype}, expected {kind}")
        elif not np.isfinite(found).all():
            wrong.append(f"{name} holds values that are not finite")
        elif name.endswith("running_var") and (found < 0).any():
            wrong.append(f"{name} holds a variance below 0")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InputError(
            f"{MISFIT}: {'; '.join(wrong[:3])}{more}",
            where=str(path),
        )
