"""Patch networks: regressors that see a neighbourhood of each pixel. The only door to torch.

Nothing here imports torch until a network is fitted, loaded or asked to predict, so that the
package works without it. A line of code belongs here if it builds, trains, runs or saves a
network; walking over a grid with one lives in `mapping`.
"""

from phytomass.models.patch_cnn.architecture import Architecture
from phytomass.models.patch_cnn.door import require_torch
from phytomass.models.patch_cnn.estimators import (
    VGG,
    AlexNet,
    PatchRegressor,
    PixelNet,
    ResNet,
)
from phytomass.models.patch_cnn.loading import load_network
from phytomass.models.patch_cnn.patches import weights_from_se
from phytomass.models.patch_cnn.precision import PrecisionError, precision_error
from phytomass.models.patch_cnn.saving import ModelCard, save_network

__all__ = [
    "VGG",
    "AlexNet",
    "Architecture",
    "ModelCard",
    "PatchRegressor",
    "PixelNet",
    "PrecisionError",
    "ResNet",
    "load_network",
    "precision_error",
    "require_torch",
    "save_network",
    "weights_from_se",
]
