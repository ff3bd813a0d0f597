import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phytomass.validation import block_labels, choose_block_size, variogram_range
from phytomass.validation.blocks import _LAGS, _semivariances, _structured_fit


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


LAGS = np.array([10.0, 40.0, 90.0, 200.0])
PAIRS = np.array([50.0, 20.0, 30.0, 10.0])
SHAPE = 1 - np.exp(-3 * LAGS / 120.0)


def test_a_variogram_of_the_model_itself_is_fitted_without_error():
    error, share, reach = _structured_fit(LAGS, 4 + 12 * SHAPE, PAIRS, 120.0)
    assert error == pytest.approx(0, abs=1e-20)
    assert (share, reach) == (pytest.approx(12 / 16), 120.0)


def test_a_nugget_below_zero_is_none_and_the_sill_fitted_through_it():
    gamma = -3 + 12 * SHAPE
    root = np.sqrt(PAIRS / PAIRS.sum())
    (sill,), (square,), *_ = np.linalg.lstsq((root * SHAPE)[:, None], root * gamma)
    error, share, _ = _structured_fit(LAGS, gamma, PAIRS, 120.0)
    assert error == pytest.approx(square)
    assert square == pytest.approx(PAIRS @ (gamma - sill * SHAPE) ** 2 / PAIRS.sum())
    assert share == 1


def test_a_variogram_that_falls_has_no_sill():
    gamma = 20 - 12 * SHAPE
    error, share, _ = _structured_fit(LAGS, gamma, PAIRS, 120.0)
    mean = np.average(gamma, weights=PAIRS)
    assert share == 0
    assert error == pytest.approx(np.average((gamma - mean) ** 2, weights=PAIRS))


def test_semivariances_are_those_counted_pair_by_pair():
    rng = np.random.default_rng(3)
    places, values = rng.uniform(0, 900, size=(40, 2)), rng.normal(size=40)
    pairs = [
        (np.hypot(*(places[a] - places[b])), (values[a] - values[b]) ** 2 / 2)
        for a in range(40)
        for b in range(a)
    ]
    width = max(distance for distance, _ in pairs) / 2 / _LAGS
    classes = [
        np.array([pair for pair in pairs if lag * width < pair[0] <= (lag + 1) * width])
        for lag in range(_LAGS)
    ]
    lags, gamma, counts = _semivariances(places, values)
    assert counts.tolist() == [len(part) for part in classes if len(part)]
    assert lags == pytest.approx([part[:, 0].mean() for part in classes if len(part)])
    assert gamma == pytest.approx([part[:, 1].mean() for part in classes if len(part)])


def test_thirty_plots_are_enough_for_a_range():
    line = np.column_stack([np.arange(30) * 10.0, np.zeros(30)])
    values = np.sin(line[:, 0] / 60)
    assert variogram_range(line, values) is not None
    assert variogram_range(line[:29], values[:29]) is None


def test_two_distances_are_no_variogram():
    place = np.repeat([0.0, 1.0, 2.0, 10.0], 10)  # half of the extent holds distances 1 and 2
    places = np.column_stack([place, np.zeros(40)])
    assert len(_semivariances(places, place**2)[0]) == 2
    assert variogram_range(places, place**2) is None
