"""What an ensemble over draws keeps of its maps: sums over zones, and predictions of the plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class MapDraws:
    """Sums of the maps of all members, and what they say of the plots."""

    zones: tuple[str, ...]
    plots: tuple[str, ...]
    sums: Mapping[str, NDArray[np.float64]]
    pixels: Mapping[str, NDArray[np.int64]]
    points: Mapping[str, NDArray[np.float64]]
    at_plots: NDArray[np.float64]
    drawn: NDArray[np.int64]
    learned: NDArray[np.float64]
