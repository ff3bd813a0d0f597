"""A sample of the places that a map will have."""

from __future__ import annotations

import numpy as np
import pytest

from phytomass.errors import InputError
from phytomass.features import PredictorStack, mapped_places
from phytomass.grid import grid_from_bounds

GRID = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 503_000, 3_804_000))


def _west(block):
    """Give True in the western half."""
    cols = block.col + np.arange(block.cols)
    return np.broadcast_to(cols < 150, (block.rows, block.cols))


def test_places_are_pixels_with_data_inside_the_mask(tmp_path):
    south = np.where(np.arange(400)[:, None] >= 200, 1.0, np.nan) * np.ones((400, 300))
    stack = PredictorStack.write(tmp_path / "stack.tif", {"NDVI": south}, GRID)
    places = mapped_places(stack, _west, 1)
    assert places.shape == (1000, 2)
    assert (places.min(axis=0) > [500_004, 3_800_004]).all()
    assert (places.max(axis=0) < [501_496, 3_801_996]).all()
    assert (np.ptp(places, axis=0) > [1450, 1950]).all()
    assert set(places[:, 0] % 10) == {5.0}
    assert np.array_equal(places, mapped_places(stack, _west, 1))
    assert not np.array_equal(places, mapped_places(stack, _west, 2))


def test_no_map_at_all(tmp_path):
    stack = PredictorStack.write(tmp_path / "stack.tif", {"NDVI": np.ones((400, 300))}, GRID)
    with pytest.raises(InputError, match="inside mask and study area"):
        mapped_places(stack, lambda block: np.zeros((block.rows, block.cols), dtype=bool), 1)
