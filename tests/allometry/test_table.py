"""The table of equations, and a user's own table in the same layout."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from phytomass.allometry import accepted_name, load_equations
from phytomass.errors import InputError

HEADER = "id,taxa,form,a,b,dbh_min_cm,dbh_max_cm,doubtful,source\n"


def test_table_2_of_the_afforestation_paper_is_complete() -> None:
    printed = {
        "general_ali": (0.0224, 0.9767),
        "chave2005_moist": (0.0509, 1.0),
        "general_conifer_ali": (0.1645, 0.8586),
        "pinus_roxburghii_ali2020": (0.0224, 0.9767),
        "eucalyptus_camaldulensis_ali2020": (0.023, 0.9985),
        "robinia_pseudoacacia_ali2015": (0.2586, 0.7786),
        "cedrus_deodara_ali2016": (0.1779, 0.8103),
        "populus_deltoides_ali2015": (0.0194, 0.9654),
        "acacia_nilotica_ali2015": (0.0493, 0.9728),
        "acacia_modesta_ali2015": (0.2267, 0.8226),
        "olea_ferruginea_ali2015": (7.8863, 0.0556),
        "dodonaea_viscosa_ali2015": (0.928, 2.018),
    }
    equations = load_equations()
    assert {name: equations[name].coefficients for name in printed} == printed
    for name in printed:
        assert "934" in equations[name].source or "2025 Table 2" in equations[name].note


def test_correction_of_chave_2014_is_in_its_constant() -> None:
    """exp(a + RSE²/2) of the refit on the published trees is the printed 0.0673, not exp(a)."""
    equation = load_equations()["chave2014"]
    assert equation.correction == "included"
    assert equation.rse_log == 0.3575
    assert math.exp(-2.7616 + 0.3575**2 / 2) == pytest.approx(equation.coefficients[0], abs=1e-4)


def test_every_record_is_sourced_and_its_taxa_are_accepted_names() -> None:
    for equation in load_equations().values():
        assert equation.source
        assert all(accepted_name(taxon) == taxon for taxon in equation.taxa)


def test_own_table_adds_an_equation(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        HEADER + "melia_own,Melia azedarach; Melia composita,power_d2h,0.05,0.9,3,,no,our report\n",
        encoding="utf-8",
    )
    own = load_equations(path)["melia_own"]
    assert own.taxa == ("Melia azedarach", "Melia composita")
    assert own.dbh_range_cm == (3.0, float("inf"))
    assert own.correction == "unknown" and own.group == "any"
    assert own.agb_kg([10.0], [8.0])[0] == pytest.approx(0.05 * 800**0.9)
    assert set(load_equations(path)) - set(load_equations()) == {"melia_own"}


def test_own_table_saved_by_excel_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(HEADER + "x,,power_d,1,2,,,,s\n", encoding="utf-8-sig")
    assert load_equations(path)["x"].coefficients == (1.0, 2.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chave2014,,power_d,1,2,,,no,s", "'chave2014' exists already"),
        ("x,,power_dh2,1,2,,,no,s", "'power_dh2' → one of power_d"),
        ("x,,power_d,1,,,,no,s", r"takes a, b"),
        ("x,,power_d,1,two,,,no,s", "'two' is not a number"),
        ("x,,power_d,1,2,9,3,no,s", "9 is above dbh_max_cm = 3"),
        ("x,,power_d,1,2,,,maybe,s", "'maybe' → one of yes, no"),
        ("x,,power_d,1,2,,,no,", "column source: is empty"),
        ("x,,power_d,1,2,inf,,no,s", "'inf' is not a number"),
    ],
)
def test_mistakes_in_an_own_table_name_row_and_column(
    tmp_path: Path, row: str, message: str
) -> None:
    path = tmp_path / "own.csv"
    path.write_text(HEADER + row + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        load_equations(path)
    assert "own.csv, row 2" in str(caught.value)


def test_all_mistakes_of_an_own_table_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(HEADER + "x,,power_d,1,,,,no,s\nx2,,nonsense,1,2,,,no,\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_equations(path)
    assert len(caught.value.problems) == 3


def test_columns_of_an_own_table(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("id,forms,a,source\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"no column 'form'.*\n.*unknown column 'forms'"):
        load_equations(path)
    with pytest.raises(InputError, match="no such file"):
        load_equations(tmp_path / "absent.csv")
    path.write_bytes("id,form,a,source\nété,power_d,1,s".encode("latin-1"))
    with pytest.raises(
        InputError, match=r"own\.csv, line 2, byte 1 of the line: byte 0xe9 is not valid utf-8"
    ):
        load_equations(path)
