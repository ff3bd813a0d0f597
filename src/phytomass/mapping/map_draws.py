"""Sums of a map under each draw: what totals, and their intervals, are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
COMMON = "common/"


@dataclass(frozen=True, eq=False)
class MapDraws:
    """Sums of a map under each draw."""

    zones: tuple[str, ...]
    plots: tuple[str, ...]
    at_plots: Array
    drawn: NDArray[np.int64]
    learned: Array
    sums: Mapping[str, Array] = field(default_factory=dict)
    points: Mapping[str, Array] = field(default_factory=dict)
    pixels: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> MapDraws:
        """Open what `save` wrote."""
        raise NotImplementedError(path)
