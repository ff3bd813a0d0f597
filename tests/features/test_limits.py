"""Limits over the whole study: quantiles of all blocks together."""

from __future__ import annotations

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from phytomass.features.limits import study_limits
from phytomass.grid import Block


def test_grey_limits_are_the_2_and_98_percent_of_the_study(grid: GeoBox) -> None:
    """Values 0 to 2 399 once each, in no order."""
    values = np.full(grid.shape, np.nan)
    flat = np.random.default_rng(1).permutation(2400)
    values.ravel()[:] = flat

    def read(block: Block) -> dict[str, np.ndarray]:
        return {"NDVI": values[block.slices]}

    low, high = study_limits(read, ["NDVI"], grid)["NDVI"]
    assert low == pytest.approx(np.quantile(flat, 0.02), abs=1)
    assert high == pytest.approx(np.quantile(flat, 0.98), abs=1)
