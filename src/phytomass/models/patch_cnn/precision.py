"""What a lower precision costs: its error against fp32 on training patches."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phytomass.models.patch_cnn.estimators import PatchRegressor

SAMPLE = 256
"""Patches that are predicted twice."""


@dataclass(frozen=True)
class PrecisionError:
    """How far predictions of a network in its own precision are from those in fp32.

    Parameters
    ----------
    precision : str
        That of the network, e.g. ``bf16``.
    rms, largest : float
        Root mean square and largest difference, in SD of the fp32 predictions.
    n : int
        Patches.
    """

    precision: str
    rms: float
    largest: float
    n: int


def precision_error(model: PatchRegressor, X: NDArray[np.floating]) -> PrecisionError | None:
    """Measure the error of a network's precision; None where it already is fp32 or better.

    Parameters
    ----------
    model : PatchRegressor
        Fitted.
    X : array, shape (n, channels, k, k) or (n, channels)
        Training patches; of many, 256 spread evenly are taken.
    """
    if model.precision in ("fp32", "fp64"):
        return None
    rows = np.unique(np.linspace(0, len(X) - 1, min(SAMPLE, len(X))).round().astype(np.int64))
    reference = copy(model).set_params(precision="fp32").predict(X[rows])
    difference = model.predict(X[rows]) - reference
    sd = float(reference.std()) or 1.0
    return PrecisionError(
        precision=model.precision,
        rms=float(np.sqrt((difference**2).mean())) / sd,
        largest=float(np.abs(difference).max()) / sd,
        n=len(rows),
    )
