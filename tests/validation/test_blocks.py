import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phytomass.validation import block_labels, choose_block_size, variogram_range


def _field(practical_range, n=500, extent=10_000.0, nugget=0.1, seed=0):
    """Draw a Gaussian field with an exponential covariance."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, extent, size=(n, 2))
    distance = np.hypot(*(places[:, None] - places[None]).T)
    covariance = np.exp(-3 * distance / practical_range) + nugget * np.eye(n)
    return places, np.linalg.cholesky(covariance) @ rng.normal(size=n)


@pytest.mark.parametrize("practical_range", [1000.0, 3000.0])
def test_variogram_range_of_fields_with_a_known_one(practical_range):
    found = [variogram_range(*_field(practical_range, seed=seed)) for seed in range(9)]
    assert None not in found
    assert practical_range / 1.6 < np.median(found) < practical_range * 1.6


def test_no_structure_no_range():
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 10_000, size=(400, 2))
    assert variogram_range(places, np.zeros(400)) is None
    assert variogram_range(places[:20], rng.normal(size=20)) is None


def test_the_unit_of_biomass_does_not_matter():
    places, values = _field(2000.0, n=200)
    assert variogram_range(places, 1000 * values + 5) == pytest.approx(
        variogram_range(places, values)
    )


def _sites(n):
    return np.array([str(i) for i in range(n)])


def test_block_size_follows_the_range_within_the_extent():
    places, values = _field(1200.0, seed=2)
    side, why = choose_block_size(places, values, _sites(500), 5)
    assert side == pytest.approx(variogram_range(places, values), rel=0.5)
    assert "variogram range" in why
    far, why = choose_block_size(places, places[:, 0], _sites(500), 5)  # a trend has no range
    assert "the extent allows no more" in why
    assert len(np.unique(block_labels(places, _sites(500), far))) >= 15
    none, why = choose_block_size(places, np.zeros(500), _sites(500), 5)
    assert none == far
    assert "no spatial structure" in why


def test_few_places_get_the_largest_blocks_that_serve_every_fold():
    places = np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0], [300.0, 0.0]])
    side, _ = choose_block_size(places, np.arange(4.0), _sites(4), 4)
    assert len(np.unique(block_labels(places, _sites(4), side))) == 4


@given(st.integers(0, 1000), st.floats(20, 500), st.floats(-1e6, 1e6))
@settings(max_examples=30)
def test_blocks_do_not_depend_on_where_the_origin_is(seed, side, shift):
    places = np.random.default_rng(seed).integers(0, 1000, size=(50, 2)).astype(float)
    moved = places + round(shift)
    one, other = (block_labels(p, _sites(50), side) for p in (places, moved))
    assert (one == other).mean() > 0.9  # rounding may move a point on a border


def test_blocks_are_never_so_small_that_more_than_ten_per_fold_hold_plots():
    places, values = _field(150.0, n=900, extent=3000.0, nugget=0.02, seed=4)
    reach = variogram_range(places, values)
    side, _ = choose_block_size(places, values, _sites(900), 5)
    assert reach is not None
    assert side > 1.2 * reach
    held = len(np.unique(block_labels(places, _sites(900), side)))
    assert 50 <= held <= 64  # the largest side of fifty blocks or more, not the range's own
