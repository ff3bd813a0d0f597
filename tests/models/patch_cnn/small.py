"""Small patches with a known relation, and networks small enough to train in a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from phytomass.models.patch_cnn import VGG, AlexNet, PixelNet, ResNet

EXACT: dict[type, int] = {ResNet: 9, VGG: 9, AlexNet: 9, PixelNet: 1}
"""Each kind with a patch that uses its kinds of layers."""

SMALL: dict[str, Any] = {"filters": 4, "n_members": 2, "epochs": 4, "random_state": 3}


def patches(n: int = 40, channels: int = 3, side: int = 9, seed: int = 0) -> Any:
    """Return patches, and a target that needs the neighbours of the centre."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, channels, side, side))
    c = side // 2
    around = X[:, 1, max(0, c - 1) : c + 2, max(0, c - 1) : c + 2].mean(axis=(1, 2))
    return X, 60 + 20 * X[:, 0, c, c] + 40 * around


def windows(field: np.ndarray, side: int) -> np.ndarray:
    """Return the patch around each pixel of a field that comes with its halo."""
    seen = np.lib.stride_tricks.sliding_window_view(field, (side, side), (1, 2))
    return np.ascontiguousarray(seen.transpose(1, 2, 0, 3, 4).reshape(-1, len(field), side, side))
