import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score

from phytomass.draws import stream
from phytomass.errors import InputError
from phytomass.validation import (
    SPLIT_NAMES,
    GroupHoldout,
    RepeatedGroupKFold,
    SpatialBlockKFold,
    ValidationSettings,
    inner_folds,
    make_folds,
)

site_lists = st.lists(st.integers(0, 12), min_size=12, max_size=80).filter(
    lambda sites: len(set(sites)) >= 6
)


def _plots(n=120, n_sites=40, seed=0, extent=10_000.0):
    rng = np.random.default_rng(seed)
    site = rng.integers(n_sites, size=n)
    centre = rng.uniform(0, extent, size=(n_sites, 2))
    return centre[site] + rng.normal(size=(n, 2)) * 60, np.array([f"S{s}" for s in site])


@given(site_lists, st.integers(2, 5), st.integers(0, 100))
@settings(max_examples=40)
def test_folds_of_groups(sites, n_splits, seed):
    groups = np.array([f"s{s}" for s in sites])
    X = np.zeros((len(groups), 1))
    splitter = RepeatedGroupKFold(n_splits, 2, seed)
    pairs = list(splitter.split(X, groups=groups))
    assert len(pairs) == splitter.get_n_splits() == 2 * n_splits
    for train, test in pairs:
        assert not set(groups[train]) & set(groups[test])
        assert sorted([*train, *test]) == list(range(len(groups)))
    for repeat in (pairs[:n_splits], pairs[n_splits:]):
        assert sorted(np.concatenate([test for _, test in repeat])) == list(range(len(groups)))
        sizes = [len(test) for _, test in repeat]
        assert max(sizes) - min(sizes) <= np.unique(groups, return_counts=True)[1].max()


@given(site_lists, st.integers(0, 100), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_of_rows_does_not_change_a_plots_fold(sites, seed, random):
    groups = np.array([f"s{s}" for s in sites])
    order = list(range(len(groups)))
    random.shuffle(order)
    for splitter in (RepeatedGroupKFold(3, 1, seed), GroupHoldout(0.3, seed)):
        plain = [set(test) for _, test in splitter.split(groups, groups=groups)]
        moved = [set(np.array(order)[t]) for _, t in splitter.split(order, groups=groups[order])]
        assert plain == moved


def test_repeats_and_seeds_differ_and_the_same_seed_does_not():
    X = np.zeros((30, 1))
    tests = [tuple(t) for _, t in RepeatedGroupKFold(3, 2, 1).split(X)]
    assert set(tests[:3]) != set(tests[3:])
    assert tests == [tuple(t) for _, t in RepeatedGroupKFold(3, 2, 1).split(X)]
    assert tests != [tuple(t) for _, t in RepeatedGroupKFold(3, 2, 2).split(X)]


@given(site_lists, st.floats(0.1, 0.9), st.integers(0, 100))
@settings(max_examples=40)
def test_holdout_by_group(sites, share, seed):
    groups = np.array([f"s{s}" for s in sites])
    ((train, test),) = GroupHoldout(share, seed).split(groups, groups=groups)
    assert not set(groups[train]) & set(groups[test])
    assert len(train)
    assert len(test)
    assert sorted([*train, *test]) == list(range(len(groups)))
    largest = np.unique(groups, return_counts=True)[1].max()
    assert abs(len(test) - share * len(groups)) <= largest


def test_the_papers_split_of_310_single_plots():
    ((train, test),) = GroupHoldout(0.3).split(np.zeros((310, 1)))
    assert (len(train), len(test)) == (217, 93)


def test_splitters_work_in_scikit_learn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    groups = np.repeat(np.arange(20), 3).astype(str)
    scores = cross_val_score(
        LinearRegression(), X, X @ [1, 2], groups=groups, cv=RepeatedGroupKFold(4, 2)
    )
    assert scores == pytest.approx(np.ones(8))


@pytest.mark.parametrize("side", [None, 900.0, 2500.0])
def test_blocks_and_sites_stay_whole(side):
    places, sites = _plots()
    y = places[:, 0] / 100
    splitter = SpatialBlockKFold(5, side, random_state=3)
    blocks, note = splitter.blocks(places, y, sites)
    assert note.startswith(f"{len(np.unique(blocks))} blocks of")
    seen = []
    for train, test in splitter.split(places, y, sites):
        assert not set(blocks[train]) & set(blocks[test])
        assert not set(sites[train]) & set(sites[test])
        seen += test.tolist()
    assert sorted(seen) == list(range(len(sites)))


def test_blocks_are_squares_of_land():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1000, size=(400, 2))
    blocks, _ = SpatialBlockKFold(5, 100.0).blocks(places)
    for block in np.unique(blocks):
        assert np.ptp(places[blocks == block], axis=0).max() <= 100.0
    assert len(np.unique(blocks)) <= 100


def test_spatial_folds_are_farther_from_training_than_random_ones():
    rng = np.random.default_rng(5)
    places = rng.uniform(0, 10_000, size=(200, 2))

    def nearest(splitter):
        return np.mean(
            [
                np.hypot(*(places[test][:, None] - places[train][None]).T).min(axis=0).mean()
                for train, test in splitter.split(places)
            ]
        )

    assert nearest(SpatialBlockKFold(5)) > 1.5 * nearest(RepeatedGroupKFold(5, 1))


@pytest.mark.parametrize("split", SPLIT_NAMES)
def test_make_folds_keeps_units_whole_and_counts_from_one(split):
    places, sites = _plots()
    settings = ValidationSettings(n_repeats=2)
    made = make_folds(split, places, places[:, 0], sites, settings, 7, domain=places + 5)
    for fold in made.folds:
        assert not set(made.units[fold.train]) & set(made.units[fold.test])
        assert not set(sites[fold.train]) & set(sites[fold.test])
    assert [(f.repeat, f.fold) for f in made.folds] == {
        "holdout_by_site": [(1, 1)],
        "repeated_kfold": [(r, f) for r in (1, 2) for f in range(1, 6)],
        "spatial_blocks": [(1, f) for f in range(1, 6)],
        "knndm": [(1, f) for f in range(1, 6)],
    }[split]
    again = make_folds(split, places, places[:, 0], sites, settings, 7, domain=places + 5)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(made.folds, again.folds, strict=True))


def test_inner_folds_keep_the_units_of_the_outer_split():
    units = np.repeat(["a", "b", "c", "d"], 5)
    for train, test in inner_folds(units, 3, 1):
        assert not set(units[train]) & set(units[test])
    with pytest.raises(InputError, match="needs 5 or more"):
        inner_folds(units, 5, 1)


def test_too_few_of_anything_says_how_many_are_needed():
    with pytest.raises(InputError, match="need plots of 5 or more sites or blocks, found 3"):
        list(RepeatedGroupKFold(5).split(np.zeros((9, 1)), groups=list("aaabbbccc")))
    with pytest.raises(InputError, match="2 or more sites, found 1"):
        list(GroupHoldout().split(np.zeros((4, 1)), groups=["a"] * 4))
    places = np.array([[0.0, 0.0], [10.0, 0.0], [2000.0, 0.0]])
    with pytest.raises(InputError, match=r"needs 3 or more blocks .* of 1000 m give 2"):
        list(SpatialBlockKFold(3, 1000).split(places))
    with pytest.raises(InputError, match="at 2 or more places"):
        list(SpatialBlockKFold(2).split(np.zeros((9, 2))))
    with pytest.raises(InputError, match="an easting and a northing"):
        list(SpatialBlockKFold(2).split(np.full((9, 2), np.nan)))
    with pytest.raises(InputError, match="groups has shape"):
        list(RepeatedGroupKFold(2).split(np.zeros((9, 1)), groups=["a"]))


def test_settings():
    assert ValidationSettings().select_by == "spatial_blocks"
    assert ValidationSettings(splits=["holdout_by_site"]).select_by == "holdout_by_site"
    for wrong in (
        {"splits": []},
        {"splits": ["repeated_kfold"], "select_by": "spatial_blocks"},
        {"splits": ["repeated_kfold", "repeated_kfold"]},
        {"splits": ["random"]},
        {"n_splits": 1},
        {"test_share": 1.0},
        {"block_size_m": 0},
        {"folds": 5},
    ):
        with pytest.raises(ValidationError):
            ValidationSettings(**wrong)


def test_larger_sites_are_placed_first_so_that_folds_stay_even():
    """Sites of 6, 5, 4 and nine single plots fit three folds of 8: only if the large come first."""
    sites = np.repeat([f"s{i}" for i in range(12)], [6, 5, 4] + [1] * 9)
    for seed in range(20):
        folds = RepeatedGroupKFold(3, 1, seed).split(np.zeros((24, 2)), groups=sites)
        assert sorted(len(test) for _, test in folds) == [8, 8, 8]


def test_splitters_count_their_pairs_and_have_the_defaults_that_they_document():
    places, sites = _plots()
    for splitter in (GroupHoldout(0.4), RepeatedGroupKFold(4, 3), SpatialBlockKFold(4, 900.0)):
        pairs = list(splitter.split(places, groups=sites))
        assert splitter.get_n_splits() == len(pairs)
    assert GroupHoldout() == GroupHoldout(test_share=0.3, random_state=0)
    assert RepeatedGroupKFold() == RepeatedGroupKFold(n_splits=5, n_repeats=2, random_state=0)
    assert SpatialBlockKFold() == SpatialBlockKFold(n_splits=5, block_size_m=None, random_state=0)


def test_blocks_follow_the_biomass_where_it_is_given():
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 10_000, size=(400, 2))
    smooth = np.sin(places[:, 0] / 400) + np.sin(places[:, 1] / 400)
    _, with_biomass = SpatialBlockKFold(5).blocks(places, smooth)
    _, without = SpatialBlockKFold(5).blocks(places)
    assert "variogram range" in with_biomass
    assert "no spatial structure" in without


def test_the_holdout_takes_the_groups_that_come_nearest_to_the_share():
    sizes = {"a": 1, "b": 2, "c": 3, "d": 4}
    sites = np.repeat(list(sizes), list(sizes.values()))
    for seed in range(12):
        order = stream(seed, "holdout").permutation(4)
        reached = np.cumsum(np.array(list(sizes.values()))[order])
        nearest = min(range(3), key=lambda i: abs(reached[i] - 4))
        ((_, test),) = GroupHoldout(0.4, seed).split(sites, groups=sites)
        assert set(sites[test]) == {list(sizes)[i] for i in order[: nearest + 1]}
