"""Ways of keeping plots aside as records."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from phytomass.validation import (
    SPLITS,
    GroupHoldout,
    SplitKind,
    ValidationSettings,
    make_folds,
)
from phytomass.validation.kinds import Deal

RNG = np.random.default_rng(2)
PLACES = RNG.uniform(0, 4000, size=(60, 2))
Y = RNG.normal(100, 20, size=60)
SITES = np.array([f"S{i // 2}" for i in range(60)])
SETTINGS = ValidationSettings(n_splits=4, n_repeats=3, test_share=0.4, block_size_m=800)


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_has_the_folds_that_its_record_counts(name: str) -> None:
    kind = SPLITS[name]
    made = make_folds(name, PLACES, Y, SITES, SETTINGS, 1, domain=PLACES + 9)
    assert len(made.folds) == kind.folds(SETTINGS) * kind.repeats(SETTINGS)
    assert max(fold.repeat for fold in made.folds) == kind.repeats(SETTINGS)
    assert max(fold.fold for fold in made.folds) == kind.folds(SETTINGS)
    for fold in made.folds:
        assert not set(made.units[fold.train]) & set(made.units[fold.test])
        assert len(fold.train) + len(fold.test) == 60


def test_the_numbers_of_the_settings_reach_the_splits() -> None:
    made = {
        name: make_folds(name, PLACES, Y, SITES, SETTINGS, 1, domain=PLACES + 9) for name in SPLITS
    }
    assert len(made["holdout_by_site"].folds[0].test) == 24  # 40 % of 60 plots
    assert [len(made[name].folds) for name in SPLITS] == [1, 12, 4, 4]
    assert made["holdout_by_site"].note.startswith("40 % of the plots kept for the test, once")
    assert made["repeated_kfold"].note == "4 random folds of 30 sites, 3 times"
    assert "blocks of 800 m" in made["spatial_blocks"].note
    assert [name for name, kind in SPLITS.items() if kind.apart] == ["spatial_blocks"]


def test_a_new_split_is_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = SplitKind(
        lambda plots, _, seed: Deal(plots.groups, GroupHoldout(0.5, seed), "two halves"),
        folds=lambda _: 1,
    )
    monkeypatch.setattr("phytomass.validation.folds.SPLITS", {**SPLITS, "halves": halves})
    made = make_folds("halves", PLACES, Y, SITES, SETTINGS, 1)
    assert (made.split, made.note, len(made.folds[0].test)) == ("halves", "two halves", 30)


def test_projects_that_list_no_splits_keep_the_usual_ones() -> None:
    usual = ["holdout_by_site", "repeated_kfold", "spatial_blocks"]
    assert ValidationSettings().splits == usual
    assert ValidationSettings(splits=["knndm"]).select_by == "knndm"


def test_without_blocks_the_first_listed_split_selects() -> None:
    listed = ValidationSettings(splits=["repeated_kfold", "holdout_by_site"])
    assert listed.select_by == "repeated_kfold"
    assert ValidationSettings(splits=["repeated_kfold", "spatial_blocks"]).select_by == (
        "spatial_blocks"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"splits": ["repeated_kfold"], "select_by": "spatial_blocks"}, "not among splits"),
        ({"splits": ["repeated_kfold", "repeated_kfold"]}, "listed twice"),
        ({"splits": ["k_fold"]}, "holdout_by_site"),
    ],
)
def test_splits_that_cannot_be_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ValidationSettings.model_validate(given)
