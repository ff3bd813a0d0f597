"""Names of species: corrected within a genus first, each with its score, nothing silently."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phytomass.allometry import AllometrySettings, known_taxa, tree_biomass
from phytomass.allometry.spelling import names_of, resolve_name, suggestion
from phytomass.errors import InputError

SPECIES = [name for name in known_taxa() if " " in name and name == name.strip()]


@pytest.mark.parametrize(
    ("written", "accepted", "how"),
    [
        ("Pinus roxburgii", "Pinus roxburghii", "spelling"),
        ("Pinnus roxburghii", "Pinus roxburghii", "spelling"),
        ("Eucaliptus", "Eucalyptus", "spelling"),
        ("Acacia modsta", "Senegalia modesta", "spelling"),  # the synonym of what was meant
        ("PINUS_roxburghii  Sarg.", "Pinus roxburghii", "tidied"),
        ("Cedrus deodara (Roxb.) G.Don", "Cedrus deodara", "tidied"),
        ("Quercus sp.", "Quercus", "tidied"),
        ("Chir", "Pinus roxburghii", "synonym"),
        ("Cedrus deodara", "Cedrus deodara", "as_written"),
        ("Pinus albicaulis", "Pinus albicaulis", "as_written"),  # no list has it; nothing is near
        ("Nomen nescio", "Nomen nescio", "unknown"),
    ],
)
def test_names(written: str, accepted: str, how: str) -> None:
    found = resolve_name(written)
    assert (found.accepted, found.how) == (accepted, how)
    assert (found.score < 1) == (how == "spelling")


def test_a_known_genus_is_never_left_for_another() -> None:
    """`Picea abis` is not `Pinus abis`, and a tie is not broken by chance."""
    right = ["Picea abies", "Pinus abisa", "Quercus robur", "Quercus rubra", "Quercus ruber"]
    assert resolve_name("Picea abis", reference=right).accepted == "Picea abies"
    tie = resolve_name("Quercus rubur", reference=right)
    assert (tie.accepted, tie.how) == ("Quercus rubur", "as_written")


def test_local_names_come_first_and_from_a_table_too(tmp_path: Path) -> None:
    table = tmp_path / "names.csv"
    table.write_text("name,species\ndiyar,Cedrus deodara\nChir,Pinus wallichiana\n")
    for names in ({"Diyar": "Cedrus deodara", "chir": "Pinus wallichiana"}, "names.csv"):
        settings = AllometrySettings.model_validate({"names": names})
        found = names_of(["DIYAR", " Chir"], settings, tmp_path).set_index("species")
        assert found["accepted_species"].tolist() == ["Pinus wallichiana", "Cedrus deodara"]
        assert set(found["how"]) == {"local"}
    table.write_text("name,species\nChir,Pinus roxburghii\nchir,Pinus wallichiana\n")
    with pytest.raises(InputError, match=r"names.csv, row 3: 'chir' stands there with two"):
        names_of(["Chir"], settings, tmp_path)
    table.write_text("name,latin\nChir,Pinus roxburghii\n")
    with pytest.raises(InputError, match="no column species"):
        names_of(["Chir"], settings, tmp_path)


def test_suggest_corrects_nothing_and_hints_never_repeat_the_word() -> None:
    found = resolve_name("Pinus roxburgii", correct=False)
    assert (found.accepted, found.score) == ("Pinus roxburgii", 1.0)
    assert "Pinus roxburghii" in found.remark
    for name in ("Pinus", "Pinus roxburghii", "Zzz"):
        assert suggestion(name) == ""


@given(st.sampled_from(SPECIES), st.data())
def test_one_wrong_letter_is_corrected_or_left_alone(name: str, data: st.DataObject) -> None:
    """Never to another genus, and never with a score of one."""
    place = data.draw(st.integers(name.index(" ") + 1, len(name) - 1))
    wrong = name[:place] + data.draw(st.sampled_from("abcdefghi")) + name[place + 1 :]
    found = resolve_name(wrong)
    right = resolve_name(name).accepted
    assert found.accepted in {right, resolve_name(wrong, correct=False).accepted} or (
        found.how == "spelling" and found.score < 1
    )


def trees(**columns: object) -> pd.DataFrame:
    base = {"tree_id": ["1", "2"], "plot_id": "A", "species": "Melia azedarach",
            "dbh_cm": [20.0, 30.0], "height_m": [12.0, 15.0]}  # fmt: skip
    return pd.DataFrame({**base, **columns})


def test_a_corrected_name_gets_the_equation_of_the_right_one() -> None:
    wrong = tree_biomass(trees(species="Pinus roxburgii"), AllometrySettings())
    right = tree_biomass(trees(species="Pinus roxburghii"), AllometrySettings())
    assert wrong["agb_kg"].tolist() == right["agb_kg"].tolist()
    assert wrong["species"].tolist() == ["Pinus roxburgii"] * 2
    with pytest.raises(InputError, match="did you mean 'Pinus roxburghii'"):
        tree_biomass(trees(species="Pinus roxburgii"), AllometrySettings(spelling="suggest",
                     wood_density={"Melia": 0.5}))  # fmt: skip


def test_trees_may_bring_their_wood_density() -> None:
    settings = AllometrySettings(fallback="chave2014")
    plain = tree_biomass(trees(), settings)
    own = tree_biomass(trees(wood_density_g_cm3=[0.5, np.nan]), settings)
    assert own["wood_density"].tolist() == [0.5, plain["wood_density"][1]]
    assert own["wood_density_level"].tolist() == ["own", plain["wood_density_level"][1]]
    ratio = own["agb_kg"][0] / plain["agb_kg"][0]
    assert np.isclose(ratio, (0.5 / plain["wood_density"][0]) ** 0.976)
    unheard = trees(species="Nomen nescio", wood_density_g_cm3=0.5)
    assert tree_biomass(unheard, settings)["wood_density"].tolist() == [0.5, 0.5]
    with pytest.raises(InputError, match="wood_density_table"):
        tree_biomass(unheard.assign(wood_density_g_cm3=[0.5, np.nan]), settings)
    with pytest.raises(InputError, match=r"tree '1' of plot 'A' has 500, and wood has"):
        tree_biomass(trees(wood_density_g_cm3=500.0), settings)


@pytest.mark.parametrize("heights", [None, np.nan])
def test_a_published_model_of_heights_needs_no_measured_one(heights: float | None) -> None:
    table = trees().drop(columns="height_m") if heights is None else trees(height_m=heights)
    settings = AllometrySettings.model_validate(
        {"fallback": "chave2014", "environmental_stress": 0.1,
         "heights": {"form": "chave2014", "latitude": 10}}
    )  # fmt: skip
    found = tree_biomass(table, settings)
    log_d = np.log([20.0, 30.0])
    mean = 0.893 - 0.1 + 0.760 * log_d - 0.0340 * log_d**2 + 0.243**2 / 2
    assert np.allclose(found["height_m"], np.exp(mean))
