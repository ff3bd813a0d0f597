"""No text of a result is a formula of a spreadsheet, and every text comes back as it was."""

from __future__ import annotations

import csv
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from shapely.geometry import Point

from phytomass import tables
from phytomass.delimited import read_delimited
from phytomass.files import as_meant, inert, read_csv, write_csv, write_geopackage
from phytomass.report.content.results import read_results

SIGNS = "=+-@\t\r\n＝＋－＠"
TEXTS = st.text(
    st.one_of(st.sampled_from(SIGNS + "'\",; a1é"), st.characters(exclude_categories=["Cs", "Cc"])),
    max_size=8,
)


@given(TEXTS)
def test_text_is_inert_and_comes_back(text: str) -> None:
    shown = inert(text)
    assert as_meant(shown) == text
    assert not shown.startswith(tuple(SIGNS))
    assert shown in (text, f"'{text}")


@example([("\r", 0.0)])
@given(st.lists(st.tuples(TEXTS.filter(bool), st.floats(-1e9, 1e9)), min_size=1, max_size=6))
def test_a_table_comes_back_and_its_numbers_stay_numbers(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.csv"
    table = pd.DataFrame(rows, columns=["plot_id", "=value"])
    write_csv(path, table)
    again = read_csv(path, text=["plot_id"])
    assert again["plot_id"].tolist() == table["plot_id"].tolist()
    assert np.allclose(again["=value"], table["=value"], rtol=1e-9)
    with path.open(encoding="utf-8", newline="") as stream:
        written = list(csv.reader(stream))
    assert written[0] == ["plot_id", "'=value"]
    for (text, number), cells in zip(rows, written[1:], strict=True):
        assert cells[0] == inert(text)
        assert float(cells[1]) == pytest.approx(number, rel=1e-9)


NAMES = ["-12", "=HYPERLINK(A1)", "+7", "@x", "'quoted", "'=odd", "NA", "007", "2020-01"]


def test_every_reader_of_results_gives_the_names_back(tmp_path: Path) -> None:
    plots = pd.DataFrame({"plot_id": NAMES, "easting": -1.5, "northing": 2.0, "site": NAMES})
    plots["agb_mg_ha"] = 7.25
    write_csv(tmp_path / "plots.csv", plots)
    text = (tmp_path / "plots.csv").read_text(encoding="utf-8")
    assert "\n'-12,-1.5,2,'-12,7.25\n" in text
    assert "\n'=HYPERLINK" in text
    assert "\n'quoted,-1.5" in text
    assert tables.read(tmp_path, "plots")["plot_id"].tolist() == NAMES
    assert tables.read(tmp_path, "plots")["site"].tolist() == NAMES
    assert tables.read(tmp_path, "plots")["easting"].tolist() == [-1.5] * len(NAMES)
    held = read_results(tmp_path).plots
    assert held is not None
    assert held["plot_id"].tolist() == NAMES
    assert [row[0] for row in read_delimited(tmp_path / "plots.csv", "plots.csv")[1:]] == NAMES


def test_mixed_and_empty_columns_stay_what_they_are(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "value": [-5, "-5", None, -2.5],
            "kept": pd.Categorical(["+", "a", "a", "b"]),
            "good": [True, False, True, False],
        }
    )
    write_csv(tmp_path / "a.csv", table)
    rows = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert rows == ["value,kept,good", "-5,'+,True", "'-5,a,False", ",a,True", "-2.5,b,False"]
    assert read_csv(tmp_path / "a.csv")["kept"].tolist() == ["+", "a", "a", "b"]


def test_a_geopackage_keeps_its_texts(tmp_path: Path) -> None:
    points = geopandas.GeoDataFrame(
        {"plot_id": NAMES}, geometry=[Point(i, 0) for i in range(len(NAMES))], crs="EPSG:32643"
    )
    write_geopackage(tmp_path / "plots.gpkg", points, "plots")
    assert geopandas.read_file(tmp_path / "plots.gpkg")["plot_id"].tolist() == NAMES
