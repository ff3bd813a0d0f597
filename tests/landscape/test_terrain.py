from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from phytomass.landscape import Landscape, LandscapeSettings
from phytomass.landscape.terrain import (
    STEEPEST,
    ZONES,
    drainage,
    erode,
    frame_of,
    relief,
    simulate_terrain,
    watersheds,
)


def test_water_leaves_a_pit_over_its_lowest_rim() -> None:
    z = np.array([[0.0, 9.0, 9.0, 9.0], [0.0, 3.0, 1.0, 9.0], [0.0, 9.0, 9.0, 9.0]])
    river = z == 0
    receiver = drainage(z, river).receiver.reshape(3, 4)
    assert receiver[1, 2] == 5
    assert receiver[1, 1] % 4 == 0


def test_every_cell_drains_to_the_river_without_a_loop() -> None:
    settings = LandscapeSettings(rows=100, cols=100)
    frame = frame_of(settings)
    z, flow = relief(settings, frame)
    place = np.empty(z.size, dtype=int)
    place[flow.order] = np.arange(z.size)
    at_river = flow.receiver == np.arange(z.size)
    assert np.array_equal(np.sort(flow.order), np.arange(z.size))
    assert (place[flow.receiver] < place)[~at_river].all()
    assert 0 < at_river.sum() < 0.2 * z.size


def test_erosion_of_a_row_of_three_cells_by_hand() -> None:
    """K = 1, m = 0.4: areas 3, 2, 1; z₁ = (1 + 2^0.4·0)/(1 + 2^0.4); z₂ = (1.4 + z₁)/2."""
    z = np.array([[0.0, 1.0, 1.4]])
    river = np.array([[True, False, False]])
    after = erode(z, drainage(z, river), np.zeros((1, 3)), np.ones((1, 3)))
    first = 1 / (1 + 2**0.4)
    assert after[0] == pytest.approx([0, first, (1.4 + first) / 2])


def test_no_slope_of_the_eroded_grid_is_steeper_than_a_landslide() -> None:
    z = np.array([[0.0, 50.0, 100.0]])
    after = erode(z, drainage(z, z == 0), np.zeros((1, 3)), np.full((1, 3), 1e-9))
    assert np.allclose(np.diff(after[0]), STEEPEST)


@pytest.mark.parametrize("seed", [1, 2])
def test_catchments_are_whole_drainage_trees(seed: int) -> None:
    """Only the remainder of the valley may receive water from another zone."""
    settings = LandscapeSettings(rows=120, cols=120, random_state=seed)
    frame = frame_of(settings)
    z, flow = relief(settings, frame)
    zone = watersheds(frame, flow, z).ravel()
    assert np.array_equal(np.unique(zone), np.arange(len(ZONES)))
    crossing = zone != zone[flow.receiver]
    mouths = [np.sum(crossing & (zone == value)) for value in range(len(ZONES))]
    assert sorted(mouths) == [0, 1, 1, 1]


def test_elevation_range_slopes_and_lake(small: Landscape) -> None:
    terrain, settings = small.terrain, small.settings
    assert terrain.elevation_m.min() == pytest.approx(settings.low_m, abs=2)
    assert terrain.elevation_m.max() == pytest.approx(settings.top_m, abs=2)
    assert 22 < np.median(terrain.slope_deg) < 42
    assert np.ptp(terrain.elevation_m[terrain.lake]) == 0
    assert 0.8 < terrain.lake.sum() / (np.pi * 6.5**2) < 1.3
    assert np.isfinite(terrain.elevation_m).all()
    assert np.isfinite(terrain.northness).all()


def test_default_relief_is_himalayan() -> None:
    """1 800 to about 4 200 m; mean slopes of the north-western Himalaya are near 32°."""
    terrain = simulate_terrain(LandscapeSettings())
    assert terrain.elevation_m.min() >= 1799
    assert 4100 < terrain.elevation_m.max() < 4300
    assert 28 < terrain.slope_deg.mean() < 38
    north, south = (np.mean(sign * terrain.northness > 0.2) for sign in (1, -1))
    assert north > 0.1
    assert south > 0.1


def test_the_river_lies_in_a_valley(small: Landscape) -> None:
    z, river = small.terrain.elevation_m, small.terrain.river_m
    near = z[river < 20].mean()
    for low, high in ((100, 150), (200, 250)):
        assert z[(river > low) & (river < high)].mean() > near + 0.2 * low


def test_beams_on_a_plane_and_on_a_slope(small: Landscape) -> None:
    """cos i is cos θ where flat, and 1 where the slope faces the beam squarely."""
    terrain = small.terrain
    flat = ndimage.binary_erosion(terrain.lake, structure=np.ones((3, 3)))
    assert terrain.cos_incidence(30, 135)[flat] == pytest.approx(np.cos(np.radians(30)))
    row, col = np.unravel_index(np.argmax(terrain.slope_deg), terrain.slope_deg.shape)
    slope, aspect = terrain.slope_deg[row, col], terrain.aspect_deg[row, col]
    assert terrain.cos_incidence(slope, aspect)[row, col] == pytest.approx(1)
    assert terrain.cos_incidence(90, aspect + 180)[row, col] < 0
