"""Folds matched to the distances from the map to the plots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from phytomass.errors import InputError
from phytomass.validation import ValidationSettings, distance_matched_folds, make_folds

SIX = np.array([[1, 1], [1, 2], [2, 2], [2, 3], [1, 4], [5, 4]], dtype=float)
OWN = np.array(list("abcdef"))


def _regular(offset, step, side=10.0):
    axes = [np.arange(start * step, side + 1e-9, step) for start in offset]
    return np.array([[e, n] for e in axes[0] for n in axes[1]])


@pytest.mark.parametrize(("clustering", "clusters"), [("hierarchical", 3), ("kmeans", 4)])
def test_the_example_of_the_authors(clustering, clusters):
    """W 1.0919 with 3 and 4 clusters in R's CAST.

    Its 20 prediction points are a regular sample with a start of its own random numbers; this is a
    start that gives the same W. Whatever the start, the folds are these.
    """
    for start in ([0.66, 0.04125], [0.1, 0.9], [0.5, 0.5]):
        pixels = _regular(start, np.sqrt(100 / 20))
        found = distance_matched_folds(
            SIX, pixels, OWN, 2, clustering=clustering, largest_share=0.8
        )
        assert found.fold.tolist() == [0, 0, 0, 0, 1, 1]
        assert found.n_clusters == clusters
        if start[0] == 0.66:
            assert found.distance_m == pytest.approx(1.0919, abs=2e-4)


def _nearest_of_others(places, part):
    distance = cdist(places, places)
    distance[part[:, None] == part[None]] = np.inf
    return distance.min(axis=1)


def test_the_distance_is_that_between_test_plots_and_the_map():
    """Clustered plots of a wide map: W by plain distances, and far below that of random folds."""
    rng = np.random.default_rng(3)
    centre = rng.uniform(0, 20_000, (12, 2))
    plots = centre[np.sort(rng.integers(12, size=150))] + rng.normal(size=(150, 2)) * 300
    pixels = rng.uniform(0, 20_000, (800, 2))
    sites = np.array([f"S{i // 2}" for i in range(150)])
    to_plots = cdist(pixels, plots).min(axis=1)
    found = distance_matched_folds(plots, pixels, sites, 5)
    own = wasserstein_distance(_nearest_of_others(plots, found.fold), to_plots)
    assert found.distance_m == pytest.approx(own)
    by_chance = wasserstein_distance(_nearest_of_others(plots, rng.integers(5, size=150)), to_plots)
    assert found.distance_m < 0.6 * by_chance
    assert set(found.fold) == set(range(5))
    assert np.bincount(found.fold).max() <= 75
    for train, test in found.split():
        assert not set(sites[train]) & set(sites[test])
        assert not set(found.units[train]) & set(found.units[test])


def test_plots_spread_over_the_map_get_random_folds_of_sites():
    rng = np.random.default_rng(4)
    plots, pixels = rng.uniform(0, 1000, (60, 2)), rng.uniform(0, 1000, (500, 2))
    sites = np.arange(60).astype(str)
    found = distance_matched_folds(plots, pixels, sites, 5, random_state=1)
    assert found.n_clusters is None
    assert np.bincount(found.fold).tolist() == [12] * 5
    assert found.units.tolist() == sites.tolist()
    again = distance_matched_folds(plots, pixels, sites, 5, random_state=1)
    assert again.fold.tolist() == found.fold.tolist()


@pytest.mark.parametrize(
    ("sites", "n_splits", "message"),
    [
        (OWN, 5, "needs plots of 7 or more sites, found 6"),
        (np.array(list("aaaabc")), 2, "site a: holds 4 of 6 plots; a fold of knndm may hold 50 %"),
    ],
)
def test_plots_that_cannot_be_divided_are_refused(sites, n_splits, message):
    with pytest.raises(InputError, match=message):
        distance_matched_folds(SIX, _regular([0.5, 0.5], 1.0), sites, n_splits)


def test_without_the_map_the_split_says_what_it_lacks():
    settings = ValidationSettings(splits=["knndm"], n_splits=2)
    with pytest.raises(InputError, match="needs to know where the map predicts"):
        make_folds("knndm", SIX, SIX[:, 0], OWN, settings, 1)
