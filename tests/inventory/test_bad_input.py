"""Mistakes that must stop, each with file, rows, column and a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pytest
from pydantic import ValidationError
from shapely.geometry import Point

from phytomass.errors import InputError
from phytomass.inventory import InventorySettings, check_inventory, read_inventory

CRS = "EPSG:32643"
PLOTS = "plot_id,easting,northing\nA,300000,3800000\nB,300100,3800000\n"
TREES = (
    "plot_id,tree_id,species,dbh_cm,height_m\nA,1,Chir,20,12\nA,2,Kikar,10.5,8\nB,1,Chir,30,20\n"
)


def complaint(folder: Path, **sections: Any) -> str:
    """Return the error's text, which `check_inventory` must list in the same words."""
    sections.setdefault("plots", {"path": "plots.csv"})
    sections.setdefault("trees", {"path": "trees.csv"})
    if "plot_radius_m" not in sections:
        sections.setdefault("plot_area_ha", 0.1)
    settings = InventorySettings.model_validate(sections)
    with pytest.raises(InputError) as caught:
        read_inventory(settings, folder, CRS)
    assert check_inventory(settings, folder, CRS) == list(caught.value.problems)
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plots.csv").write_text(PLOTS, encoding="utf-8")
    (tmp_path / "trees.csv").write_text(TREES, encoding="utf-8")
    return tmp_path


def trees(folder: Path, text: str) -> None:
    (folder / "trees.csv").write_text(text, encoding="utf-8")


def plots(folder: Path, text: str) -> None:
    (folder / "plots.csv").write_text(text, encoding="utf-8")


def test_missing_file_names_the_nearest(folder: Path) -> None:
    text = complaint(folder, trees={"path": "tree.csv"})
    assert text == "tree.csv: no such file → did you mean 'trees.csv'?"


def test_missing_column_names_the_nearest(folder: Path) -> None:
    trees(folder, TREES.replace("dbh_cm", "DBH1").replace("species", "Wood"))
    lines = complaint(folder).splitlines()
    assert len(lines) == 2
    assert "trees.csv: no column 'species'" in lines[0]
    assert "trees.csv: no column 'dbh_cm' → map it: inventory.trees.columns.dbh_cm" in lines[1]
    assert "did you mean 'dbh1'?" in lines[1].casefold()


def test_the_first_unknown_plot_gets_the_hint(folder: Path) -> None:
    plots(folder, PLOTS.replace("A,", "North1,").replace("B,", "South1,"))
    rows = "North1,1,Chir,20,12\nNorht1,2,Chir,20,12\nQQQ,3,Chir,20,12\n"
    trees(folder, TREES.splitlines()[0] + "\n" + rows)
    text = complaint(folder)
    assert "trees of plots that are not in the table of plots: 'Norht1', 'QQQ'" in text
    assert "did you mean 'North1'?" in text


def test_mapped_column_that_is_not_there(folder: Path) -> None:
    text = complaint(folder, trees={"path": "trees.csv", "columns": {"height_m": "heigth_m"}})
    assert "no column 'heigth_m' (inventory.trees.columns.height_m)" in text
    assert "did you mean 'height_m'?" in text


def test_unknown_keys_and_units_of_the_mapping(folder: Path) -> None:
    source = {
        "path": "trees.csv",
        "columns": {"dbh": "dbh_cm"},
        "units": {"dbh_cm": "inch", "species": "m"},
    }
    lines = complaint(folder, trees=source).splitlines()
    assert "inventory.trees.columns.dbh: is not a column of phytomass" in lines[0]
    assert "did you mean 'dbh_cm'?" in lines[0]
    assert "inventory.trees.units.species: species has no unit to choose" in lines[1]
    assert "inventory.trees.units.dbh_cm: unknown unit 'inch'" in lines[2]


def test_diameters_in_millimetres(folder: Path) -> None:
    trees(folder, TREES.replace("20,12", "250,12").replace("10.5,8", "205,8"))
    text = complaint(folder)
    assert "trees.csv, column dbh_cm: median diameter 205 cm" in text
    assert "set inventory.trees.units.dbh_cm: mm" in text
    read_inventory(
        InventorySettings.model_validate(
            {
                "plots": {"path": "plots.csv"},
                "trees": {"path": "trees.csv", "units": {"dbh_cm": "mm"}},
                "plot_area_ha": 0.1,
            }
        ),
        folder,
        CRS,
    )


def test_diameters_in_metres_unless_said_to_be_centimetres(folder: Path) -> None:
    small = TREES.replace("20,12", "0.2,12").replace("10.5,8", "0.1,8").replace("30,20", "0.3,20")
    trees(folder, small)
    assert "median diameter 0.2 cm → if these are metres" in complaint(folder)
    sections = {
        "plots": {"path": "plots.csv"},
        "trees": {"path": "trees.csv", "units": {"dbh_cm": "cm"}},
        "plot_area_ha": 0.1,
    }
    inventory = read_inventory(InventorySettings.model_validate(sections), folder, CRS)
    assert inventory.trees is not None and len(inventory.trees) == 3


def test_one_tree_stouter_than_any(folder: Path) -> None:
    trees(folder, TREES.replace("10.5,8", "1250,8"))
    text = complaint(folder)
    assert "trees.csv, row 3, column dbh_cm: diameter above 1200 cm (up to 1250 cm)" in text


def test_heights_above_120_m(folder: Path) -> None:
    trees(folder, TREES.replace("20,12", "20,1200").replace("30,20", "30,121"))
    text = complaint(folder)
    assert "trees.csv, rows 2, 4, column height_m: height above 120 m (up to 1200 m)" in text
    assert "inventory.trees.units.height_m: cm" in text


def test_negative_sizes_and_the_code_for_missing(folder: Path) -> None:
    trees(folder, TREES.replace("20,12", "-1,12").replace("30,20", "30,-9999"))
    lines = complaint(folder).splitlines()
    assert "trees.csv, row 2, column dbh_cm: negative dbh_cm (-1)" in lines[0]
    assert "trees.csv, row 4, column height_m: negative height_m (-9999)" in lines[1]
    assert "list it in inventory.trees.missing" in lines[1]


def test_negative_or_oversized_biomass_of_plots(folder: Path) -> None:
    plots(folder, "plot_id,easting,northing,agb_mg_ha\nA,1,2,-5\nB,3,4,7\n")
    assert "plots.csv, row 2, column agb_mg_ha: negative" in complaint(folder, trees=None)
    plots(folder, "plot_id,easting,northing,agb_mg_ha\nA,1,2,50000\nB,3,4,70000\n")
    text = complaint(folder, trees=None)
    assert "median biomass 60000 Mg/ha → probably another unit" in text


def test_repeated_plot_and_tree_ids(folder: Path) -> None:
    plots(folder, PLOTS + "A,300000,3800000\n")
    trees(folder, TREES + "A,2,Chir,15,10\n")
    lines = complaint(folder).splitlines()
    assert "plots.csv, column plot_id: the same plot id more than once: A (rows 2, 4)" in lines[0]
    assert "trees.csv, column tree_id: the same tree id within a plot more than once" in lines[1]
    assert "A / 2 (rows 3, 5)" in lines[1]


def test_file_that_is_not_utf8(folder: Path) -> None:
    (folder / "trees.csv").write_bytes(TREES.replace("Kikar", "Kíkar").encode("cp1252"))
    text = complaint(folder)
    assert "trees.csv, line 3, byte 6 of the line: byte 0xed is not valid utf-8" in text
    assert "encoding:" in text and "cp1252" in text
    (folder / "trees.csv").write_bytes(TREES.encode("utf-16"))
    assert "trees.csv: is UTF-16 → set encoding: utf-16" in complaint(folder)
    with pytest.raises(ValidationError, match="no such encoding"):  # when the project is read
        complaint(folder, trees={"path": "trees.csv", "encoding": "utf8x"})


def test_trees_of_plots_nobody_knows(folder: Path) -> None:
    trees(folder, TREES + "a1,1,Chir,15,10\nC,1,Chir,15,10\n")
    text = complaint(folder)
    assert "trees.csv, rows 5, 6, column plot_id: trees of plots that are not in" in text
    assert "'a1', 'C'" in text


def test_other_delimiter_and_decimal_comma(folder: Path) -> None:
    trees(folder, TREES.replace(",", ";"))
    assert "set inventory.trees.delimiter" in complaint(folder)
    trees(
        folder,
        TREES.replace(",", ";")
        .replace(".", ",")
        .replace(";20;", ";20,5;")
        .replace(";30;", ";30,5;"),
    )
    text = complaint(folder, trees={"path": "trees.csv", "delimiter": ";"})
    assert "does not hold numbers but, for instance, '20,5' → set inventory.trees.decimal" in text


def test_columns_that_hold_no_numbers_or_nothing(folder: Path) -> None:
    text = complaint(folder, trees={"path": "trees.csv", "columns": {"dbh_cm": "species"}})
    assert "column species: does not hold numbers but, for instance, 'Chir'" in text
    trees(folder, "plot_id,species,dbh_cm,height_m\nA,Chir,20,\nB,Chir,20,\n")
    assert "column height_m: is empty in every row" in complaint(folder)


def test_ragged_empty_and_headless_files(folder: Path) -> None:
    trees(folder, TREES + "B,2,Chir,30,20,tall, very\n")
    assert "row 5: more cells than the 5 columns of the header" in complaint(folder)
    trees(folder, "")
    assert "trees.csv: is empty" in complaint(folder)
    trees(folder, TREES.splitlines()[0])
    assert "trees.csv: has no data rows" in complaint(folder)
    trees(folder, TREES.replace("tree_id", "species"))
    assert "columns of the same name: species" in complaint(folder)


def test_where_that_names_nothing_or_leaves_nothing(folder: Path) -> None:
    text = complaint(folder, trees={"path": "trees.csv", "where": {"Status": 1}})
    assert "inventory.trees.where.Status: is not a column of the file" in text
    text = complaint(folder, trees={"path": "trees.csv", "where": {"species": "Oak"}})
    assert "no row is left after inventory.trees.where" in text


def test_area_of_plots_unknown_twice_or_nonsense(folder: Path) -> None:
    assert "the area of the plots is not known" in complaint(folder, plot_area_ha=None)
    plots(folder, "plot_id,easting,northing,area_ha\nA,1,2,0.1\nB,3,4,0\n")
    text = complaint(folder)
    assert "plot areas are given in the file and in the project" in text
    text = complaint(folder, plot_area_ha=None)
    assert "plots.csv, row 3, column area_ha: the area of a plot is not above zero" in text


def test_biomass_given_twice_or_never(folder: Path) -> None:
    assert "no column 'agb_mg_ha', and there is no list of trees" in complaint(folder, trees=None)
    plots(folder, "plot_id,easting,northing,agb\nA,1,2,5\nB,3,4,7\n")
    source = {"path": "plots.csv", "columns": {"agb_mg_ha": "agb"}}
    assert "both by trees and by plots" in complaint(folder, plots=source)


def test_positions_that_cannot_be(folder: Path) -> None:
    plots(folder, "plot_id,easting,northing\nA,73.01234,34.5678\nB,73.1,34.2\n")
    text = complaint(folder)
    assert "look like degrees" in text and "inventory.plots.crs: EPSG:4326" in text
    plots(folder, "plot_id,easting,northing\nA,34.5,173.01\nB,34.2,173.1\n")
    source = {"path": "plots.csv", "crs": "EPSG:4326"}
    assert "latitude and longitude seem to be swapped" in complaint(folder, plots=source)
    plots(folder, PLOTS)
    assert "are not degrees" in complaint(folder, plots=source)
    source = {"path": "plots.csv", "crs": "EPSG:99999"}
    with pytest.raises(ValidationError, match="no coordinate reference system is called so"):
        complaint(folder, plots=source)


def test_no_plot_has_a_position(folder: Path) -> None:
    plots(folder, "plot_id,easting,northing\nA,,3800000\nB,300100,\n")
    assert "plots.csv: no plot can be used" in complaint(folder)


def test_files_that_are_not_what_they_say(folder: Path) -> None:
    (folder / "trees.xlsx").write_text("no zip", encoding="utf-8")
    assert "cannot be read as an Excel file" in complaint(folder, trees={"path": "trees.xlsx"})
    (folder / "plots.gpkg").write_text("no database", encoding="utf-8")
    assert "plots.gpkg: cannot be read" in complaint(folder, plots={"path": "plots.gpkg"})
    (folder / "trees.pdf").write_text("%PDF", encoding="utf-8")
    assert "unknown kind of file '.pdf'" in complaint(folder, trees={"path": "trees.pdf"})


def test_sheets_and_layers(folder: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Trees"
    book.save(folder / "field.xlsx")
    text = complaint(folder, trees={"path": "field.xlsx", "sheet": "Treees"})
    assert "no sheet 'Treees' → did you mean 'Trees'?" in text
    assert "sheet 'Trees' is empty" in complaint(folder, trees={"path": "field.xlsx"})
    frame = gpd.GeoDataFrame({"plot_id": ["A"]}, geometry=[Point(0, 0)], crs=CRS)
    for layer in ("y2010", "y2020"):
        frame.to_file(folder / "plots.gpkg", layer=layer)
    assert "has 2 layers → set layer: one of" in complaint(folder, plots={"path": "plots.gpkg"})
    text = complaint(folder, plots={"path": "plots.gpkg", "layer": "y2O20"})
    assert "no layer 'y2O20' → did you mean 'y2020'?" in text
    source = {"path": "plots.gpkg", "layer": "y2020", "crs": "EPSG:4326"}
    assert "says EPSG:4326, the file says EPSG:32643" in complaint(folder, plots=source)


def test_problems_of_both_tables_come_at_once(folder: Path) -> None:
    plots(folder, PLOTS + "A,300000,3800000\n")
    trees(folder, TREES.replace("20,12", "20,1200").replace("10.5", "-1"))
    assert len(complaint(folder).splitlines()) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"plot_area_ha": 0.0},
        {"plot_radius_m": -1},
        {"outliers": "drop"},
        {"outlier_sd": 0},
        {"empty_plots": True},
        {"plots": {"path": "p.csv", "colums": {}}},
        {"plots": {"path": "p.csv", "delimiter": ";;"}},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InventorySettings.model_validate({"plots": {"path": "plots.csv"}, **wrong})
