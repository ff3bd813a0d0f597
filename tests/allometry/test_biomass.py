"""One equation per tree: the ladder of choices, the flags, the errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phytomass.allometry import (
    AllometrySettings,
    check_species,
    choose_equations,
    load_equations,
    tree_biomass,
)
from phytomass.errors import InputError


def stand(*rows: tuple[str, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["species", "dbh_cm", "height_m"])
    table.insert(0, "tree_id", [str(i) for i in range(len(rows))])
    table.insert(1, "plot_id", "P1")
    return table


def test_ladder_of_choices(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "id,taxa,form,a,b,source\nabies_own,Abies,power_d2h,0.05,0.9,ours\n", encoding="utf-8"
    )
    settings = AllometrySettings(
        species={"Chir": "general_conifer_ali"},
        groups={"conifer": "cedrus_deodara_ali2016"},
        fallback="chave2014",
        equations=Path("own.csv"),
    )
    trees = stand(
        ("Pinus roxburghii", 30, 20),
        ("Acacia nilotica", 30, 20),
        ("Abies pindrow", 30, 20),
        ("Picea smithiana", 30, 20),
        ("Melia azedarach", 30, 20),
    )
    result = tree_biomass(trees, settings, tmp_path)
    assert result["choice"].tolist() == ["project", "species", "genus", "group", "general"]
    assert result["equation_id"].tolist() == [
        *("general_conifer_ali", "acacia_nilotica_ali2015", "abies_own"),
        *("cedrus_deodara_ali2016", "chave2014"),
    ]
    assert result["accepted_species"].iloc[1] == "Vachellia nilotica"
    assert result["reason"].tolist() == [
        "named in the project for Pinus roxburghii",
        "made for Vachellia nilotica in Gilgit-Baltistan (Pakistan)",
        "no equation for the species Abies pindrow; made for Abies in an unnamed region",
        "no equation for the species Picea smithiana; no equation for the genus Picea; "
        "the project's equation for the group conifer",
        "no equation for the species Melia azedarach; no equation for the genus Melia; "
        "the project's fallback",
    ]
    expected = [0.1645 * (0.452 * 18000) ** 0.8586, 0.0493 * 18000**0.9728, 0.05 * 18000**0.9]
    expected += [0.1779 * 18000**0.8103, 0.0673 * (0.440 * 18000) ** 0.976]
    assert result["agb_kg"].tolist() == pytest.approx(expected, rel=1e-12)
    assert result["wood_density"].tolist() == pytest.approx(
        [0.452, np.nan, np.nan, np.nan, 0.440], nan_ok=True
    )


def test_own_equation_comes_before_the_built_in_one_of_its_species(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "id,taxa,form,a,b,source\npine_own,Pinus roxburghii,power_d2h,0.03,0.95,ours\n",
        encoding="utf-8",
    )
    settings = AllometrySettings(equations=Path("own.csv"))
    chosen = choose_equations(["Chir"], settings, tmp_path)
    assert chosen["equation_id"].tolist() == ["pine_own"]


def test_two_own_equations_of_one_species_are_not_chosen_between(tmp_path: Path) -> None:
    rows = "id,taxa,form,a,b,source\np1,Pinus mugo,power_d,1,2,s\np2,Pinus mugo,power_d,1,2,s\n"
    (tmp_path / "own.csv").write_text(rows, encoding="utf-8")
    settings = AllometrySettings(equations=Path("own.csv"), fallback="chave2014")
    with pytest.raises(InputError, match=r"several equations fit Pinus mugo \(p1, p2\): name one"):
        tree_biomass(stand(("Pinus mugo", 10, 5)), settings, tmp_path)


def test_doubtful_equation_only_when_named() -> None:
    shrubs = stand(("Dodonea viscosa", 3.0, 2.0))
    with pytest.raises(InputError, match="dodonaea_viscosa_ali2015 is doubtful and not named"):
        tree_biomass(shrubs, AllometrySettings())
    fallen = tree_biomass(shrubs, AllometrySettings(fallback="chave2005_moist")).iloc[0]
    assert fallen["choice"] == "general" and not fallen["doubtful"]
    assert "dodonaea_viscosa_ali2015 is doubtful" in fallen["reason"]
    assert fallen["agb_kg"] == pytest.approx(0.0509 * 0.826 * 18.0)
    named = AllometrySettings(species={"Dodonaea viscosa": "dodonaea_viscosa_ali2015"})
    chosen = tree_biomass(shrubs, named).iloc[0]
    assert chosen["choice"] == "project" and chosen["doubtful"]
    assert "although doubtful" in chosen["reason"]
    assert chosen["agb_kg"] == pytest.approx(0.928 * 3.0**2.018)


def test_unknown_species_are_all_listed_with_nearest_names() -> None:
    trees = stand(
        *[("Pinus roxburgi", 20, 10)] * 2, ("Melia azedarach", 20, 10), ("Chir", 20.0, 10.0)
    )
    as_written = AllometrySettings(spelling="suggest")
    with pytest.raises(InputError) as caught:
        tree_biomass(trees, as_written)
    text = str(caught.value)
    assert len(caught.value.problems) == 2
    assert "'Pinus roxburgi' (2 trees)" in text and "did you mean 'Pinus roxburghii'" in text
    assert "'Melia azedarach' (1 trees)" in text and "allometry.fallback" in text
    assert check_species(trees, as_written) == list(caught.value.problems)
    assert check_species(trees, AllometrySettings(fallback="general_ali")) == []


def test_misspelt_genus_under_a_fallback_says_so_in_the_reason() -> None:
    trees = stand(("Pinsu roxburghii", 20, 10))
    result = tree_biomass(trees, AllometrySettings(fallback="general_ali", spelling="suggest"))
    assert "unknown genus, did you mean 'Pinus roxburghii'?" in result["reason"].iloc[0]


def test_species_without_wood_density_are_listed() -> None:
    trees = stand(("Ginkgo biloba", 20, 10), ("Unknown tree", 20, 10))
    settings = AllometrySettings(fallback="chave2014")
    with pytest.raises(InputError) as caught:
        tree_biomass(trees, settings)
    assert len(caught.value.problems) == 2
    assert "allometry.wood_density.Ginkgo biloba" in str(caught.value)
    given_densities = {"Ginkgo biloba": 0.45, "Unknown tree": 0.57}
    settings = AllometrySettings(fallback="chave2014", wood_density=given_densities)
    result = tree_biomass(trees, settings)
    assert result["wood_density"].tolist() == [0.45, 0.57]


def test_mistyped_equation_id_is_named_with_its_key() -> None:
    settings = AllometrySettings(species={"Chir": "pinus_roxburghi"}, fallback="chave2041")
    with pytest.raises(InputError) as caught:
        tree_biomass(stand(("Chir", 20, 10)), settings)
    text = str(caught.value)
    assert "allometry.species.Chir: no equation 'pinus_roxburghi'" in text
    assert "allometry.fallback: no equation 'chave2041' → did you mean 'chave2014'" in text


def test_two_names_of_one_species_must_agree() -> None:
    with pytest.raises(ValidationError, match="'Chir' and 'Pinus roxburghii' are the same species"):
        AllometrySettings(species={"Chir": "general_ali", "Pinus roxburghii": "chave2014"})
    with pytest.raises(ValidationError, match="wood_density: 'Kikar' and 'Acacia nilotica'"):
        AllometrySettings(wood_density={"Kikar": 0.7, "Acacia nilotica": 0.8})
    AllometrySettings(species={"Chir": "general_ali", "Pinus roxburghii": "general_ali"})


@pytest.mark.parametrize("density", [0.0, 1.5, 500.0])
def test_density_in_other_units_is_refused(density: float) -> None:
    with pytest.raises(ValidationError):
        AllometrySettings(wood_density={"Kikar": density})


def test_equation_that_needs_what_the_table_lacks() -> None:
    trees = stand(("Chir", 20, np.nan)).drop(columns="height_m")
    with pytest.raises(InputError, match="pinus_roxburghii_ali2020: needs the height"):
        tree_biomass(trees, AllometrySettings())
    settings = AllometrySettings(species={"Chir": "chave2014_no_height"})
    with pytest.raises(InputError, match="environmental stress"):
        tree_biomass(trees, settings)
    given_stress = settings.model_copy(update={"environmental_stress": 0.1})
    equation = load_equations()["chave2014_no_height"]
    expected = equation.agb_kg([20.0], None, [0.452], [0.1])
    result = tree_biomass(trees, given_stress)
    assert result["agb_kg"].tolist() == expected.tolist()
    assert not result["implied_density_impossible"].any()


def test_extrapolation_and_impossible_density_are_flagged() -> None:
    """The mean tree of the afforestation paper (D 4.54 cm, H 3.9 m) through its equations."""
    names = ["Chir", "Eucalyptus camaldulensis", "Deodar", "Robinia pseudoacacia", "Phulai"]
    names += ["Olea ferruginea", "Kikar", "Populus deltoides"]
    result = tree_biomass(stand(*[(n, 4.54, 3.9) for n in names]), AllometrySettings())
    assert result["extrapolated"].tolist() == [True] + [False] * 7
    assert result["range_known"].tolist() == [True] + [False] * 7
    impossible = [False, False, True, True, True, True, False, False]
    assert result["implied_density_impossible"].tolist() == impossible
    large = tree_biomass(stand(("Deodar", 40.0, 25.0)), AllometrySettings())
    assert not large["implied_density_impossible"].any()


def test_negative_biomass_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "id,taxa,form,a,b,source\nlinear,Abies,linear_d2h,-5,0.1,ours\n", encoding="utf-8"
    )
    settings = AllometrySettings(equations=Path("own.csv"))
    with pytest.raises(InputError, match=r"negative biomass for the trees 1 \(plot P1, linear\)"):
        tree_biomass(stand(("Abies alba", 20, 10), ("Abies alba", 2, 2)), settings, tmp_path)


def test_missing_sizes_stay_missing_and_columns_stay() -> None:
    trees = stand(("Chir", np.nan, 10), ("Chir", 20, 10)).assign(remark=["broken top", ""])
    result = tree_biomass(trees, AllometrySettings())
    assert np.isnan(result["agb_kg"].iloc[0]) and np.isfinite(result["agb_kg"].iloc[1])
    assert result["remark"].tolist() == ["broken top", ""]
    assert "agb_kg" not in trees


def test_no_trees() -> None:
    result = tree_biomass(stand(), AllometrySettings())
    assert len(result) == 0 and "agb_kg" in result


species = st.sampled_from(["Chir", "Kikar", "Phulai", "Robinia pseudoacacia", "Melia azedarach"])
tree = st.tuples(species, st.floats(0.5, 150), st.floats(1.3, 60))


@hypothesis_settings(deadline=None, max_examples=40)
@given(rows=st.lists(tree, min_size=1, max_size=25), data=st.data())
def test_a_row_depends_on_its_own_tree_only(rows: list, data: st.DataObject) -> None:
    settings = AllometrySettings(fallback="chave2014")
    trees = stand(*rows)
    together = tree_biomass(trees, settings)
    order = data.draw(st.permutations(range(len(rows))))
    shuffled = tree_biomass(trees.iloc[order], settings)
    pd.testing.assert_frame_equal(together.iloc[order], shuffled, check_exact=True)
    one = data.draw(st.integers(0, len(rows) - 1))
    alone = tree_biomass(trees.iloc[[one]], settings)
    pd.testing.assert_frame_equal(together.iloc[[one]], alone, check_exact=True)


def test_a_given_mass_is_not_overwritten() -> None:
    trees = pd.DataFrame(
        {"tree_id": ["1"], "plot_id": ["A"], "species": ["Chir"], "dbh_cm": [30.0], "agb_kg": [5.0]}
    )
    with pytest.raises(InputError, match="have a mass already"):
        tree_biomass(trees, AllometrySettings())


def test_a_plot_without_any_known_density_takes_the_mean_of_all_trees() -> None:
    """0.452 and 0.523 g/cm³ are known in plot P1; nothing is in P2."""
    trees = stand(
        ("Pinus roxburghii", 30, 20), ("Cedrus deodara", 30, 20), ("Nobody knows", 30, 20)
    )
    trees["plot_id"] = ["P1", "P1", "P2"]
    settings = AllometrySettings(
        species=dict.fromkeys(("Pinus roxburghii", "Cedrus deodara"), "chave2014"),
        fallback="chave2014",
        wood_density_plot_mean=True,
    )
    result = tree_biomass(trees, settings)
    assert result["wood_density"].tolist() == pytest.approx([0.452, 0.523, (0.452 + 0.523) / 2])
    assert result["wood_density_level"].tolist() == ["species", "species", "plot"]
