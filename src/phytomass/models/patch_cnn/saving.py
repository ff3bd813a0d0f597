"""Networks as files: weights as safetensors, everything else as a JSON card. No code is run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from phytomass.errors import InputError
from phytomass.files import whole_file, write_json
from phytomass.models.patch_cnn.estimators import VGG, AlexNet, PatchRegressor, PixelNet, ResNet
from phytomass.models.patch_cnn.precision import PrecisionError
from phytomass.settings import Settings

FORMAT = 1
"""Version of the card. A reader refuses a newer one."""

MOST_MEMBERS = 10_000
"""Networks of an ensemble."""

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
    parameters: dict[str, bool | int | FiniteFloat | str | None]
    """Arguments of the estimator."""
    architecture: dict[str, bool | int | FiniteFloat | str]
    """See `Architecture`."""
    bands: Annotated[list[str], Field(min_length=1)]
    """Predictors, in the order of the channels."""
    band_units: list[str]
    """Their units."""
    unit: str = "Mg/ha"
    """Unit of the predictions."""
    mean: list[FiniteFloat]
    """Mean of each predictor over the training patches."""
    sd: list[Annotated[FiniteFloat, Field(gt=0)]]
    """SD of each predictor over the training patches."""
    target: dict[str, FiniteFloat | str]
    """See `Target`; a floor of null is none."""
    n_train: Annotated[int, Field(ge=0)]
    """Plots."""
    training_hash: str
    """SHA-256 of training patches and targets."""
    scores: dict[str, Any] = {}
    """Scores as the writer gave them, e.g. by split."""
    precision_error: dict[str, float | int | str] = {}
    """Below fp32: error against it on training patches, in SD of the output (`PrecisionError`)."""
    members: Annotated[int, Field(ge=1, le=MOST_MEMBERS)]
    """Networks in the ensemble."""
    weights: str
    """Name of the weights file beside the card."""
    weights_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Its SHA-256."""

    @model_validator(mode="after")
    def _one_of_each(self) -> ModelCard:
        for key in ("band_units", "mean", "sd"):
            if len(getattr(self, key)) != len(self.bands):
                n = len(getattr(self, key))
                raise ValueError(
                    f"contradicts itself: {key} has {n} entries for {len(self.bands)} bands"
                )
        if len(set(self.bands)) < len(self.bands):
            raise ValueError("contradicts itself: bands names a band twice")
        return self


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
        phytomass=version("phytomass"),
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
