"""Names and wood densities."""

from __future__ import annotations

import math

import pytest

from phytomass.allometry import accepted_name, group_of, wood_density


@pytest.mark.parametrize(
    ("written", "accepted"),
    [
        ("Acacia modesta", "Senegalia modesta"),
        ("acacia  nilotica", "Vachellia nilotica"),
        ("ACACIA_NILOTICA", "Vachellia nilotica"),
        ("Acacia nilotica (L.) Delile", "Vachellia nilotica"),
        ("Robinea pseudoacacia", "Robinia pseudoacacia"),
        ("Robinia pesudoacacia", "Robinia pseudoacacia"),
        ("Dodonea viscosa (Sanatha)", "Dodonaea viscosa"),
        ("kikar", "Vachellia nilotica"),
        ("Pinus roxburghii Sarg.", "Pinus roxburghii"),
        ("Eucalyptus", "Eucalyptus"),
        ("Eucalyptus spp.", "Eucalyptus"),
        ("Populus × canadensis", "Populus × canadensis"),
        ("Populus x canadensis", "Populus × canadensis"),
        ("Pinsu roxburghii", "Pinsu roxburghii"),
    ],
)
def test_accepted_names(written: str, accepted: str) -> None:
    assert accepted_name(written) == accepted
    assert accepted_name(accepted) == accepted


def test_old_acacia_names_find_the_density_of_their_species() -> None:
    table = wood_density(["Acacia modesta", "Senegalia modesta", "Acacia catechu"])
    assert table["wood_density"].tolist() == [0.798, 0.798, 0.711]
    assert table["wood_density_sd"].tolist() == [0.102, 0.102, 0.122]
    assert table["level"].tolist() == ["species", "species", "genus"]


def test_own_density_comes_first_and_unknown_is_said() -> None:
    table = wood_density(
        ["Cedrus deodara", "Pinus gerardiana", "Ginkgo biloba"],
        {"cedrus deodara": 0.46, "Pinus": 0.43},
    )
    assert table["wood_density"].tolist()[:2] == [0.46, 0.43]
    assert math.isnan(table["wood_density"].iloc[2])
    assert table["level"].tolist() == ["own", "own", "none"]


def test_a_genus_alone_is_of_the_level_genus() -> None:
    assert wood_density(["Quercus"])["level"].tolist() == ["genus"]
    assert wood_density([]).empty


def test_groups_only_of_known_genera() -> None:
    assert [group_of(n) for n in ("Pinus roxburghii", "Eucalyptus", "Pinsu")] == [
        *("conifer", "broadleaf"),
        None,
    ]
