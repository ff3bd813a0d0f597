"""Solves the factors that centre the improved sigma filter's range: run once, kept as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from phytomass.draws import stream
from phytomass.imagery.pixels.speckle.filters import first_estimate, sigma_pass
from phytomass.imagery.pixels.speckle.sigma_range import sigma_range

LOOKS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 30.0)
WINDOWS = (3, 5, 7, 9, 11, 13, 15)
SIDE = 1024
"""Side of a simulated image in pixels."""
STEP = 0.02
"""The mean is followed over this change of the factor."""


def mean_bias(looks: float, window: int, factor: float, random_state: int) -> float:
    """Return by which share two passes change the mean of simulated speckle of unit mean.

    Parameters
    ----------
    looks : float
        Number of looks.
    window : int
        Odd side of the window in pixels.
    factor : float
        Factor on the range's centre.
    random_state : int
        Seed of the image of 1 024² independent gamma-distributed pixels.
    """
    draws = stream(random_state, "sigma centres")
    power = draws.gamma(looks, 1 / looks, (SIDE, SIDE))
    centre = first_estimate(power, looks)
    for _ in range(2):
        centre = sigma_pass(power, centre, sigma_range(looks), window, factor)
    return float(centre.mean()) - 1


def solved_centres(
    random_states: Sequence[int],
    looks: Sequence[float] = LOOKS,
    windows: Sequence[int] = WINDOWS,
) -> pd.DataFrame:
    """Solve the factor for each window and number of looks.

    The bias is nearly straight in the factor: its line through two factors is solved for 0.

    Parameters
    ----------
    random_states : sequence of int
        Seeds of the images.
    looks, windows
        What to solve for.

    Returns
    -------
    DataFrame
        window, looks, factor; the bias without it and its standard error in per cent; source.
    """
    rows = []
    source = (
        f"phytomass.imagery.pixels.speckle.sigma_centres, {len(random_states)} images of {SIDE} x {SIDE} pixels, "
        f"seeds {min(random_states)} to {max(random_states)}"
    )
    for window in windows:
        for many in looks:
            plain = np.array([mean_bias(many, window, 1.0, s) for s in random_states])
            toward = 1 + STEP if plain.mean() < 0 else 1 - STEP
            moved = np.array([mean_bias(many, window, toward, s) for s in random_states])
            slope = (moved.mean() - plain.mean()) / (toward - 1)
            error = 100 * plain.std(ddof=1) / np.sqrt(len(plain))
            factor = 1 - plain.mean() / slope
            rows.append([window, many, factor, 100 * plain.mean(), error, source])
    columns = ["window", "looks", "factor", "bias_percent", "se_percent", "source"]
    table = pd.DataFrame(rows, columns=columns)
    return table.round({"factor": 4, "bias_percent": 3, "se_percent": 3})
