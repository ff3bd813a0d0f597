"""Field sheets that can be read: formats, columns, units, rows set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from pyproj import Transformer
from shapely.geometry import Point, box

from phytomass.inventory import Inventory, InventorySettings, check_inventory, read_inventory

CRS = "EPSG:32643"
PLOTS = "plot_id,easting,northing\nA,300000,3800000\nB,300100,3800000\n"
TREES = (
    "plot_id,tree_id,species,dbh_cm,height_m\nA,1,Chir,20,12\nA,2,Kikar,10.5,8\nB,1,Chir,30,20\n"
)


def read(folder: Path, **sections: Any) -> Inventory:
    sections.setdefault("plots", {"path": "plots.csv"})
    if "trees" in sections:
        sections.setdefault("plot_area_ha", 0.1)
    else:
        sections["plots"].setdefault("columns", {})
    settings = InventorySettings.model_validate(sections)
    inventory = read_inventory(settings, folder, CRS)
    assert check_inventory(settings, folder, CRS) == []
    return inventory


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")


def rejected(inventory: Inventory) -> list[tuple]:
    return list(inventory.rejected.drop(columns="kind").itertuples(index=False, name=None))


def test_trees_and_plots(tmp_path: Path) -> None:
    write(tmp_path, plots=PLOTS, trees=TREES)
    inventory = read(tmp_path, trees={"path": "trees.csv"})
    assert inventory.trees is not None
    assert list(inventory.trees.columns) == ["tree_id", "plot_id", "species", "dbh_cm", "height_m"]
    assert inventory.trees["dbh_cm"].tolist() == [20.0, 10.5, 30.0]
    assert inventory.plots["site"].tolist() == ["A", "B"]
    assert inventory.plots["area_ha"].tolist() == [0.1, 0.1]
    assert inventory.plots["n_trees_rejected"].tolist() == [0, 0]
    assert inventory.rejected.empty
    assert list(inventory.rejected.columns) == ["file", "row", "column", "value", "reason", "kind"]
    assert [f.name for f in inventory.files] == ["trees.csv", "plots.csv"]


def test_columns_units_and_where(tmp_path: Path) -> None:
    write(
        tmp_path,
        plots="Plot,E,N,Block,m2\n1,300000,3800000,S1,400\n2,300100,3800000,S1,500\n",
        trees="Plot,Sp,DIA,HT,Status\n1,Chir,10,50,1\n1,Chir,8,40,2\n2,Chir,12,60,1\n",
    )
    inventory = read(
        tmp_path,
        plots={
            "path": "plots.csv",
            "columns": {
                **{"plot_id": "Plot", "easting": "E", "northing": "N"},
                **{"site": "Block", "area_ha": "m2"},
            },
            "units": {"area_ha": "m2"},
        },
        trees={
            "path": "trees.csv",
            "columns": {"plot_id": "Plot", "species": "Sp", "dbh_cm": "DIA", "height_m": "HT"},
            "units": {"dbh_cm": "in", "height_m": "ft"},
            "where": {"Status": [1]},
        },
        plot_area_ha=None,
    )
    assert inventory.trees is not None
    assert inventory.trees["dbh_cm"].tolist() == pytest.approx([25.4, 30.48])
    assert inventory.trees["height_m"].tolist() == pytest.approx([15.24, 18.288])
    assert inventory.trees["tree_id"].tolist() == ["1-1", "2-1"]
    assert inventory.plots["area_ha"].tolist() == pytest.approx([0.04, 0.05])
    assert inventory.plots["site"].tolist() == ["S1", "S1"]
    assert inventory.plots["n_trees_rejected"].tolist() == [0, 0]
    reason = "left out by inventory.trees.where: not 1"
    assert rejected(inventory) == [("trees.csv", 3, "Status", "2", reason)]


def test_faulty_rows_are_set_aside_with_row_column_and_value(tmp_path: Path) -> None:
    write(
        tmp_path,
        plots=PLOTS + "C,300200,\nD,300300,3800000\n",
        trees=TREES
        + "B,2,,15,9\nB,3,Chir,n/a,9\nB,4,Chir,abc,9\nB,5,Chir,15,\nB,6,Chir,0,1\n"
        + ",,,,\nC,1,Chir,15,9\nD,1,Chir,15,9\nD,2,Chir,inf,9\n",
    )
    inventory = read(tmp_path, trees={"path": "trees.csv"})
    assert rejected(inventory) == [
        ("plots.csv", 4, "northing", "", "missing"),
        ("trees.csv", 5, "species", "", "missing"),
        ("trees.csv", 6, "dbh_cm", "n/a", "missing"),
        ("trees.csv", 7, "dbh_cm", "abc", "not a number"),
        ("trees.csv", 8, "height_m", "", "missing"),
        ("trees.csv", 9, "dbh_cm", "0", "zero: not measured, or below breast height"),
        ("trees.csv", 10, "", "", "empty row"),
        (
            *("trees.csv", 11, "plot_id", "C"),
            "its plot was rejected: missing (row 4 of plots.csv)",
        ),
        ("trees.csv", 13, "dbh_cm", "inf", "not a number"),
    ]
    assert inventory.trees is not None and len(inventory.trees) == 4
    assert inventory.plots["plot_id"].tolist() == ["A", "B", "D"]
    assert inventory.plots["n_trees_rejected"].tolist() == [0, 5, 1]


def test_every_row_is_either_kept_or_rejected(tmp_path: Path) -> None:
    write(tmp_path, plots=PLOTS, trees=TREES + "A,3,,,\nA,4,Chir,x,y\n")
    inventory = read(tmp_path, trees={"path": "trees.csv"})
    assert inventory.trees is not None
    assert len(inventory.trees) + inventory.rejected["row"].nunique() == 5
    assert len(inventory.rejected) == 5  # three cells of row 5, two of row 6


def test_trees_of_a_plot_left_out_by_where_are_no_fault(tmp_path: Path) -> None:
    write(tmp_path, plots="plot_id,easting,northing,ok\nA,1,2,yes\nB,3,4,no\n", trees=TREES)
    plots = {"path": "plots.csv", "where": {"ok": "Yes"}}
    inventory = read(tmp_path, plots=plots, trees={"path": "trees.csv"})
    assert inventory.plots["plot_id"].tolist() == ["A"]
    assert rejected(inventory)[1] == (
        *("trees.csv", 4, "plot_id", "B"),
        "its plot was left out (row 3 of plots.csv)",
    )


def test_conditions_of_where_hold_together(tmp_path: Path) -> None:
    """A plot measured twice: one of its rows stays, and so do its trees."""
    rows = "A,1,2,2010,1\nA,1,2,2020,1\nB,3,4,2020,0\nB,3,4,2010,1\n"
    write(tmp_path, plots="plot_id,easting,northing,year,ok\n" + rows, trees=TREES)
    plots = {"path": "plots.csv", "where": {"year": 2020, "ok": [1, 2]}}
    inventory = read(tmp_path, plots=plots, trees={"path": "trees.csv"})
    assert inventory.plots["plot_id"].tolist() == ["A"]
    assert inventory.trees is not None and inventory.trees["plot_id"].tolist() == ["A", "A"]
    assert inventory.rejected["row"].tolist() == [2, 4, 5, 4]
    assert inventory.rejected["column"].tolist() == ["year", "ok", "year", "plot_id"]


def test_own_signs_for_missing_values_and_decimal_comma(tmp_path: Path) -> None:
    write(
        tmp_path,
        plots="plot_id;easting;northing;agb_mg_ha;elevation_m\n"
        "A;300000,5;3800000;12,25;-9999\nB;300100;3800000;-9999;650\n",
    )
    source = {"path": "plots.csv", "delimiter": ";", "decimal": ",", "missing": ["-9999"]}
    inventory = read(tmp_path, plots=source)
    assert inventory.plots["agb_mg_ha"].tolist() == [12.25]
    assert inventory.plots["easting"].tolist() == [300000.5]
    assert inventory.plots["elevation_m"].isna().tolist() == [True]
    assert rejected(inventory) == [("plots.csv", 3, "agb_mg_ha", "-9999", "missing")]


def test_optional_columns_may_miss_values(tmp_path: Path) -> None:
    write(
        tmp_path,
        plots="plot_id,easting,northing,site,agb_mg_ha,agb_before_mg_ha,area_ha\n"
        "A,1,2,S,10,,\nB,3,4,,20,5,0.1\n",
    )
    inventory = read(tmp_path)
    assert inventory.trees is None
    assert inventory.plots["site"].tolist() == ["S", "B"]
    assert inventory.plots["agb_before_mg_ha"].tolist() == pytest.approx(
        [float("nan"), 5], nan_ok=True
    )
    assert inventory.rejected.empty


def test_a_column_with_our_name_can_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, plots=PLOTS, trees=TREES.replace("20,12", "20,"))
    source = {"path": "trees.csv", "columns": {"height_m": ""}}
    inventory = read(tmp_path, trees=source)
    assert inventory.trees is not None
    assert len(inventory.trees) == 3 and inventory.trees["height_m"].isna().all()


def test_tree_numbers_may_repeat_in_other_plots(tmp_path: Path) -> None:
    write(tmp_path, plots=PLOTS, trees=TREES)
    inventory = read(tmp_path, trees={"path": "trees.csv"})
    assert inventory.trees is not None
    assert inventory.trees["tree_id"].tolist() == ["1", "2", "1"]


def test_excel_with_trees_and_plots_in_two_sheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, text in (("Trees", TREES + "A,3,Chir,,\n"), ("Plots", PLOTS)):
        sheet = book.create_sheet(title)
        for line in text.splitlines():
            sheet.append([_number_or_text(cell) for cell in line.split(",")])
    book.remove(book["Sheet"])
    book.save(tmp_path / "field.xlsx")
    inventory = read(
        tmp_path,
        trees={"path": "field.xlsx"},
        plots={"path": "field.xlsx", "sheet": "Plots"},
    )
    assert inventory.trees is not None
    assert inventory.trees["tree_id"].tolist() == ["1", "2", "1"]
    assert inventory.plots["plot_id"].tolist() == ["A", "B"]
    assert inventory.plots["n_trees_rejected"].tolist() == [1, 0]
    assert rejected(inventory) == [
        ("field.xlsx", 5, "dbh_cm", "", "missing"),
        ("field.xlsx", 5, "height_m", "", "missing"),
    ]


def _number_or_text(cell: str) -> object:
    try:
        return float(cell) if "." in cell else int(cell)
    except ValueError:
        return cell or None


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp"])
def test_points_of_a_vector_file_in_another_crs(tmp_path: Path, suffix: str) -> None:
    points = gpd.GeoDataFrame(
        {"plot_id": ["A", "B"], "agb": [10.0, 20.0]},
        geometry=[Point(73.0, 34.0), Point(73.5, 34.5)],
        crs="EPSG:4326",
    )
    points.to_file(tmp_path / f"plots.{suffix}")
    source = {"path": f"plots.{suffix}", "columns": {"agb_mg_ha": "agb"}, "units": {}}
    inventory = read(tmp_path, plots=source)
    to_utm = Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    expected = [to_utm.transform(73.0, 34.0), to_utm.transform(73.5, 34.5)]
    assert inventory.plots["easting"].tolist() == pytest.approx([e for e, _ in expected], abs=1e-3)
    assert inventory.plots["northing"].tolist() == pytest.approx([n for _, n in expected], abs=1e-3)


def test_plot_areas_of_a_geopackage_stand_at_their_centres(tmp_path: Path) -> None:
    squares = gpd.GeoDataFrame(
        {"plot_id": [1, 2], "agb_mg_ha": [10.0, 20.0]},
        geometry=[box(0, 0, 20, 20), None],
        crs=CRS,
    )
    squares.to_file(tmp_path / "plots.gpkg", layer="squares")
    inventory = read(tmp_path, plots={"path": "plots.gpkg", "layer": "squares"})
    assert inventory.plots["plot_id"].tolist() == ["1"]
    assert inventory.plots[["easting", "northing"]].to_numpy().tolist() == [[10.0, 10.0]]
    assert rejected(inventory) == [("plots.gpkg [squares]", 3, "geometry", "", "no point")]


def test_degrees_in_a_csv(tmp_path: Path) -> None:
    write(
        tmp_path,
        plots="plot_id,lon,lat,agb_mg_ha\nA,73.0,34.0,5\nB,200,95,5\n".replace(
            "200,95", "73.1,34.1"
        ),
    )
    columns = {"easting": "lon", "northing": "lat"}
    source = {"path": "plots.csv", "columns": columns, "crs": "EPSG:4326"}
    inventory = read(tmp_path, plots=source)
    easting, northing = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(73.0, 34.0)
    assert inventory.plots["easting"].iloc[0] == pytest.approx(easting)
    assert inventory.plots["northing"].iloc[0] == pytest.approx(northing)


def test_other_encoding_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    text = 'plot_id,easting,northing,agb_mg_ha,note\n"Höhe, 1",1,2,3,"two\nlines"\nB,1,2,x,\n'
    (tmp_path / "plots.csv").write_text(text, encoding="cp1252")
    inventory = read(tmp_path, plots={"path": "plots.csv", "encoding": "cp1252"})
    assert inventory.plots["plot_id"].tolist() == ["Höhe, 1"]
    assert inventory.rejected["row"].tolist() == [3]
    (tmp_path / "plots.csv").write_text(text, encoding="utf-8-sig")
    assert read(tmp_path).plots["plot_id"].tolist() == ["Höhe, 1"]
    (tmp_path / "plots.csv").write_text(text, encoding="utf-16")
    source = {"path": "plots.csv", "encoding": "utf-16"}
    assert read(tmp_path, plots=source).plots["plot_id"].tolist() == ["Höhe, 1"]


def test_numbers_are_read_exactly(tmp_path: Path) -> None:
    values = ["0.1", "12.730000000000002", "1e-3", "123.78901234567"]
    rows = "".join(f"P{i},{i},0,{v}\n" for i, v in enumerate(values))
    write(tmp_path, plots="plot_id,easting,northing,agb_mg_ha\n" + rows)
    table = read(tmp_path).plots
    assert table["agb_mg_ha"].tolist() == [0.1, 12.730000000000002, 1e-3, 123.78901234567]
    assert pd.api.types.is_float_dtype(table["agb_mg_ha"])
