"""What training gives: everything a network needs to predict, and nothing of how it was trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phytomass.models.patch_cnn.architecture import Architecture
from phytomass.models.patch_cnn.targets import Scaling, Target

State = dict[str, NDArray[np.float32]]
"""The weights of one member by name."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What an ensemble learned.

    Parameters
    ----------
    architecture : Architecture
        Of every member.
    scaling, target : Scaling, Target
        How predictors and target are scaled.
    members : list of dict
        Weights (float32 arrays) by name.
    n_train : int
        Plots.
    training_hash : str
        SHA-256 of patches and targets.
    interrupted : bool
        Whether Ctrl-C ended the training.
    """

    architecture: Architecture
    scaling: Scaling
    target: Target
    members: list[State]
    n_train: int
    training_hash: str
    interrupted: bool = False
