"""Field sheets in many habits, each read with at most a mapping, give the plots of the plain one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Point, Polygon, box

from phytomass.allometry import AllometrySettings, tree_biomass
from phytomass.carbon import CarbonSettings
from phytomass.errors import InputError
from phytomass.inventory import (
    InventorySettings,
    plots_with_biomass,
    read_inventory,
    survey_inventory,
)

CRS = "EPSG:32643"
SPECIES = ("Pinus roxburghii", "Quercus incana")
EDGE = 20.0
"""m; the plots are squares of 0.04 ha."""

PLOTS = pd.DataFrame(
    {"plot_id": ["A", "B", "C"], "easting": [5e5, 500200.0, 500400.0], "northing": [3.75e6] * 3}
).assign(area_ha=EDGE**2 / 1e4)
TREES = pd.DataFrame(
    {
        "plot_id": np.repeat(PLOTS["plot_id"].to_numpy(), 4),
        "tree_id": np.tile(np.arange(1, 5), 3),
        "species": np.resize(SPECIES, 12),
        "dbh_cm": np.round(np.linspace(8.0, 41.0, 12), 1),
        "height_m": np.round(np.linspace(5.5, 23.1, 12), 1),
    }
)
Section = dict[str, Any]


def biomass(folder: Path, sections: Section) -> pd.DataFrame:
    """Return what the sheets make of the plots."""
    settings = InventorySettings.model_validate(sections)
    survey = survey_inventory(settings, folder, CRS)
    assert survey.problems == []
    inventory = read_inventory(settings, folder, CRS)
    assert inventory.trees is not None
    trees = tree_biomass(inventory.trees, AllometrySettings(fallback="chave2014"), folder)
    plots = plots_with_biomass(inventory, trees, CarbonSettings(), settings)
    names = ["plot_id", "easting", "northing", "area_ha", "n_trees", "agb_mg_ha", "co2e_mg_ha"]
    return plots[names].sort_values("plot_id").reset_index(drop=True)


def degrees() -> tuple[Any, Any]:
    return Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(
        PLOTS["easting"].to_numpy(), PLOTS["northing"].to_numpy()
    )


def workbook(path: Path, **sheets: pd.DataFrame | list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, table in sheets.items():
        page = book.create_sheet(name.removeprefix("_"))
        rows = (
            table if isinstance(table, list) else [list(table.columns), *table.to_numpy().tolist()]
        )
        for row in rows:
            page.append(row)
    book.save(path)


def squares() -> list[Polygon]:
    half = EDGE / 2
    places = zip(PLOTS["easting"], PLOTS["northing"], strict=True)
    return [box(e - half, n - half, e + half, n + half) for e, n in places]


def french(folder: Path) -> Section:
    """Semicolons, decimal commas, the letters of Windows, French names."""
    named = {"plot_id": "Placette", "tree_id": "N° arbre", "species": "Espèce"}
    table = TREES.rename(columns={**named, "dbh_cm": "Diamètre (cm)", "height_m": "Hauteur [m]"})
    table.to_csv(folder / "t.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    return {"trees": {"path": "t.csv", "delimiter": ";", "decimal": ",", "encoding": "cp1252"}}


def spanish_below_a_title(folder: Path) -> Section:
    named = {"plot_id": "Parcela", "tree_id": "Árbol", "species": "Especie"}
    table = TREES.rename(columns={**named, "dbh_cm": "DAP", "height_m": "Altura total"})
    rows = [["Inventario 2020"], list(table.columns), *table.to_numpy().tolist()]
    workbook(folder / "t.xlsx", Hoja1=rows)
    return {"trees": {"path": "t.xlsx", "header_rows": 2}}


def units_in_a_second_row(folder: Path) -> Section:
    head = "Plot_ID,Tree,,,\n,Tree No,Species,DBH,HT\n,,,mm,dm\n"
    table = TREES.assign(dbh_cm=TREES["dbh_cm"] * 10, height_m=TREES["height_m"] * 10)
    body = table.to_csv(index=False, header=False)
    (folder / "t.csv").write_text(head + body, encoding="utf-8")
    return {"trees": {"path": "t.csv", "header_rows": 3}}


def inches_and_feet(folder: Path) -> Section:
    table = TREES.assign(dbh_cm=TREES["dbh_cm"] / 2.54, height_m=TREES["height_m"] / 0.3048)
    names = {"plot_id": "Plot", "dbh_cm": "DBH (in)", "height_m": "Height [ft]"}
    workbook(folder / "t.xlsx", trees=table.rename(columns=names))
    mapped = {"plot_id": "Plot", "dbh_cm": "DBH (in)", "height_m": "Height [ft]"}
    return {"trees": {"path": "t.xlsx", "columns": mapped}}


def national(folder: Path) -> Section:
    """Names of the US inventory, whose units stand in its manual alone; tabs."""
    table = TREES.assign(dbh_cm=TREES["dbh_cm"] / 2.54, height_m=TREES["height_m"] / 0.3048)
    names = {"plot_id": "PLOT", "tree_id": "TREE", "dbh_cm": "DIA", "height_m": "HT"}
    table.rename(columns=names).to_csv(folder / "t.tsv", index=False, sep="\t", encoding="utf-16")
    units = {"dbh_cm": "in", "height_m": "ft"}
    return {"trees": {"path": "t.tsv", "delimiter": "\t", "encoding": "utf-16", "units": units}}


def kobo(folder: Path) -> Section:
    """An export of KoboToolbox: groups in the names, trees in a repeat of their own."""
    longitude, latitude = degrees()
    plots = pd.DataFrame(
        {
            "start": "2020-07-01",
            "about/plot_id": PLOTS["plot_id"],
            "about/area_m2": EDGE**2,
            "_gps_latitude": latitude,
            "_gps_longitude": longitude,
            "_id": [901, 902, 903],
            "_index": [1, 2, 3],
        }
    )
    index = TREES["plot_id"].map(dict(zip("ABC", (1, 2, 3), strict=True)))
    names = {"species": "tree/species", "dbh_cm": "tree/dbh", "height_m": "tree/height"}
    trees = TREES.drop(columns="plot_id").rename(columns={**names, "tree_id": "tree/number"})
    trees = trees.assign(_index=np.arange(1, 13), _parent_table_name="form", _parent_index=index)
    workbook(folder / "k.xlsx", form=plots, tree=trees)
    return {
        "plots": {"path": "k.xlsx", "sheet": "form", "crs": "EPSG:4326"},
        "trees": {"path": "k.xlsx", "sheet": "tree", "join": {"sheet": "form"}},
    }


def odk(folder: Path) -> Section:
    """An export of ODK Central: one CSV per repeat, the mapping by the last part of the names."""
    PLOTS.assign(KEY=["uuid:1", "uuid:2", "uuid:3"]).to_csv(folder / "form.csv", index=False)
    key = TREES["plot_id"].map(dict(zip("ABC", ("uuid:1", "uuid:2", "uuid:3"), strict=True)))
    names = {"dbh_cm": "measure/d13", "height_m": "measure/h", "species": "what/sp"}
    trees = TREES.drop(columns="plot_id").rename(columns=names).assign(PARENT_KEY=key)
    trees.to_csv(folder / "form-tree.csv", index=False)
    mapped = {"dbh_cm": "d13", "height_m": "h", "species": "sp"}
    join = {"path": "form.csv", "on": {"PARENT_KEY": "KEY"}}
    return {
        "plots": {"path": "form.csv"},
        "trees": {"path": "form-tree.csv", "columns": mapped, "join": join},
    }


def a_sheet_per_plot(folder: Path) -> Section:
    sheets = {f"_{plot}": part.drop(columns="plot_id") for plot, part in TREES.groupby("plot_id")}
    workbook(folder / "t.xlsx", **sheets, _Sheet4=[])
    return {"trees": {"path": "t.xlsx", "sheet": "*", "columns": {"plot_id": "sheet"}}}


def a_sheet_per_year(folder: Path) -> Section:
    before = TREES.assign(dbh_cm=TREES["dbh_cm"] - 2)
    workbook(folder / "t.xlsx", _2015=before, _2020=TREES, notes=[["ask Ali"]])
    return {"trees": {"path": "t.xlsx", "sheet": [2015, 2020], "where": {"sheet": 2020}}}


def polygons(folder: Path) -> Section:
    layer = gpd.GeoDataFrame({"PLOT": PLOTS["plot_id"]}, geometry=squares(), crs=CRS)
    layer.to_file(folder / "p.gpkg")
    return {"plots": {"path": "p.gpkg"}, "trees": plain_trees(folder)}


def polygons_in_degrees(folder: Path) -> Section:
    layer = gpd.GeoDataFrame({"Plot_ID": PLOTS["plot_id"]}, geometry=squares(), crs=CRS)
    layer.to_crs("EPSG:4326").to_file(folder / "p.geojson", COORDINATE_PRECISION=15)
    return {"plots": {"path": "p.geojson"}, "trees": plain_trees(folder)}


def points(folder: Path) -> Section:
    places = [Point(e, n) for e, n in zip(PLOTS["easting"], PLOTS["northing"], strict=True)]
    layer = {"name": PLOTS["plot_id"], "size": EDGE**2}
    gpd.GeoDataFrame(layer, geometry=places, crs=CRS).to_file(folder / "p.shp")
    mapped = {"columns": {"plot_id": "name", "area_ha": "size"}, "units": {"area_ha": "m2"}}
    return {"plots": {"path": "p.shp", **mapped}, "trees": plain_trees(folder)}


def corners(folder: Path) -> Section:
    rows = [
        (plot, e, n)
        for plot, square in zip(PLOTS["plot_id"], squares(), strict=True)
        for e, n in list(square.exterior.coords)[:-1]
    ]
    table = pd.DataFrame(rows, columns=["plot", "X_UTM", "Y_UTM"])
    table.to_csv(folder / "corners.csv", index=False)
    return {"plots": {"path": "corners.csv"}, "plot_corners": True, "trees": plain_trees(folder)}


def wide_stems(folder: Path) -> Section:
    inches = TREES["dbh_cm"] / 2.54
    table = TREES.drop(columns="dbh_cm").assign(
        **{"D1 (in)": 0.6 * inches, "D2 (in)": 0.8 * inches}
    )
    table.to_csv(folder / "t.csv", index=False)
    return {"trees": {"path": "t.csv", "stems": ["D1 (in)", "D2 (in)"]}}


def texts(folder: Path) -> Section:
    """Cells that a person reads and a computer does not."""
    ways = (str, "{} cm".format, "~{}".format, lambda d: str(d).replace(".", ","))
    dbh = [ways[i % 4](d) for i, d in enumerate(TREES["dbh_cm"].tolist())]
    heights = [f"{h * 10:.0f} dm" for h in TREES["height_m"]]
    TREES.assign(dbh_cm=dbh, height_m=heights).to_csv(folder / "t.csv", index=False)
    return {"trees": {"path": "t.csv", "repair": True}}


def plain_trees(folder: Path) -> Section:
    TREES.to_csv(folder / "trees.csv", index=False)
    return {"path": "trees.csv"}


HABITS: list[Callable[[Path], Section]] = [
    *(french, spanish_below_a_title, units_in_a_second_row, inches_and_feet, national, kobo, odk),
    *(a_sheet_per_plot, a_sheet_per_year, polygons, polygons_in_degrees, points, corners),
    *(wide_stems, texts),
]


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.__name__)
def test_every_habit_gives_the_plots_of_the_plain_sheet(
    tmp_path: Path, habit: Callable[[Path], Section]
) -> None:
    PLOTS.to_csv(tmp_path / "plots.csv", index=False)
    plain = biomass(tmp_path, {"plots": {"path": "plots.csv"}, "trees": plain_trees(tmp_path)})
    assert plain["n_trees"].tolist() == [4, 4, 4] and (plain["agb_mg_ha"] > 0).all()
    found = biomass(tmp_path, {"plots": {"path": "plots.csv"}, **habit(tmp_path)})
    pd.testing.assert_frame_equal(found, plain, check_exact=False, rtol=2e-9, check_dtype=False)


def survey(folder: Path, **sections: Any) -> Any:
    PLOTS.to_csv(folder / "plots.csv", index=False)
    full = {"plots": {"path": "plots.csv"}, "trees": {"path": "t.csv"}, **sections}
    return survey_inventory(InventorySettings.model_validate(full), folder, CRS)


def problems(folder: Path, **sections: Any) -> str:
    return "\n".join(map(str, survey(folder, **sections).problems))


def test_names_taken_for_granted_are_told(tmp_path: Path) -> None:
    TREES.rename(columns={"dbh_cm": "DAP (mm)"}).to_csv(tmp_path / "t.csv", index=False)
    told = [f"{note.where}: {note.what}" for note in survey(tmp_path).notes]
    assert "t.csv, column DAP (mm): is taken as dbh_cm" in told
    assert "t.csv, column DAP (mm): its unit is taken from the header: mm" in told


def test_two_usual_names_are_a_question(tmp_path: Path) -> None:
    table = TREES.rename(columns={"dbh_cm": "DBH", "height_m": "HT"})
    table.assign(Diameter=1.0, Height=2.0).to_csv(tmp_path / "t.csv", index=False)
    found = survey(tmp_path)
    assert "several columns may be dbh_cm: DBH, Diameter" in str(found.problems[0])
    assert "map one: inventory.trees.columns.dbh_cm" in str(found.problems[0])
    found = survey(tmp_path, trees={"path": "t.csv", "columns": {"dbh_cm": "DBH"}})
    assert found.problems == [] and found.trees["height_m"].isna().all()


def test_a_mapping_is_believed_to_be_whole(tmp_path: Path) -> None:
    TREES.rename(columns={"height_m": "HT"}).to_csv(tmp_path / "t.csv", index=False)
    assert survey(tmp_path).trees["height_m"].notna().all()
    mapped = {"path": "t.csv", "columns": {"dbh_cm": "dbh_cm"}}
    assert survey(tmp_path, trees=mapped).trees["height_m"].isna().all()


def test_an_area_without_its_unit_is_not_taken(tmp_path: Path) -> None:
    TREES.assign(Area=400).to_csv(tmp_path / "t.csv", index=False)
    assert "the area of the plots is not known" in problems(tmp_path, plots=None)
    TREES.assign(**{"Area (m²)": 400}).to_csv(tmp_path / "t.csv", index=False)
    settings = {"trees": {"path": "t.csv"}}
    inventory = read_inventory(InventorySettings.model_validate(settings), tmp_path, None)
    assert inventory.plots["area_ha"].tolist() == pytest.approx([0.04] * 3)


def test_repairs_are_listed_counted_and_only_where_told(tmp_path: Path) -> None:
    dbh = ["12,4", "~13", "4.9 in", "1,234", "12-13", *TREES["dbh_cm"].astype(str)[5:]]
    TREES.assign(dbh_cm=dbh).to_csv(tmp_path / "t.csv", index=False)
    PLOTS.to_csv(tmp_path / "plots.csv", index=False)
    sections = {"plots": {"path": "plots.csv"}, "trees": {"path": "t.csv"}}
    plain = read_inventory(InventorySettings.model_validate(sections), tmp_path, CRS)
    assert plain.rejected["row"].tolist() == [2, 3, 4, 5, 6] and plain.repaired.empty
    sections["trees"] = {"path": "t.csv", "repair": True}
    mended = read_inventory(InventorySettings.model_validate(sections), tmp_path, CRS)
    assert mended.rejected["value"].tolist() == ["1,234", "12-13"]
    assert mended.repaired.to_numpy().tolist() == [
        ["t.csv", 2, "dbh_cm", "12,4", 12.4, "a decimal comma"],
        ["t.csv", 3, "dbh_cm", "~13", 13.0, "a mark of doubt"],
        ["t.csv", 4, "dbh_cm", "4.9 in", 12.446, "the unit in"],
    ]
    note = next(n for n in survey(tmp_path, **sections).notes if "repaired" in n.what)
    assert "3 cells are repaired" in note.what and "'12,4' as 12.4 (row 2" in note.what
    known = [12.4, 13.0, 12.446]
    share = mended.losses.set_index("plot_id")["stem_share"]
    assert share["A"] == 0.25 and mended.trees["dbh_cm"][:3].tolist() == pytest.approx(known)


def test_repaired_diameters_count_among_the_losses(tmp_path: Path) -> None:
    """Plot A: diameters 30 and 40, the thinner without a height: 900 / 2500 of Σd² is lost."""
    table = TREES[TREES["tree_id"] <= 2].assign(dbh_cm=["30,0", "40,0"] * 3)
    table["height_m"] = table["height_m"].mask(table.index == 0)
    table.to_csv(tmp_path / "t.csv", index=False)
    losses = survey(tmp_path, trees={"path": "t.csv", "repair": True}).losses
    assert losses["basal_area_share"].tolist() == [0.36]


def test_stems_are_repaired_one_by_one(tmp_path: Path) -> None:
    table = TREES.drop(columns="dbh_cm").assign(d1="30", d2="40,0")
    table.to_csv(tmp_path / "t.csv", index=False)
    source = {"path": "t.csv", "stems": ["d1", "d2"], "repair": True}
    assert survey(tmp_path, trees=source).trees["dbh_cm"].tolist() == pytest.approx([50.0] * 12)
    del source["repair"]
    assert "does not hold numbers" in problems(tmp_path, trees=source)


def test_rows_are_counted_as_the_sheets_count_them(tmp_path: Path) -> None:
    faulty = TREES.assign(dbh_cm=TREES["dbh_cm"].where(TREES["tree_id"] != 3, "?"))
    parts = {
        f"_{plot}": [["Trees"], list(part.columns), *part.to_numpy().tolist()]
        for plot, part in faulty.groupby("plot_id")
    }
    workbook(tmp_path / "t.xlsx", **parts)
    source = {"path": "t.xlsx", "sheet": ["A", "B", "C"], "header_rows": 2}
    settings = {"plots": {"path": "plots.csv"}, "trees": source}
    PLOTS.to_csv(tmp_path / "plots.csv", index=False)
    inventory = read_inventory(InventorySettings.model_validate(settings), tmp_path, CRS)
    found = inventory.rejected[["file", "row", "column"]].to_numpy().tolist()
    column = "Trees/dbh_cm"
    assert found == [[f"t.xlsx [{plot}]", 5, column] for plot in "ABC"]
    repeated = {
        f"_{plot}": [*rows, rows[2]] for plot, rows in zip("ABC", parts.values(), strict=True)
    }
    workbook(tmp_path / "t.xlsx", **repeated)
    assert "A / 1 (t.xlsx [A], rows 3, 7)" in problems(tmp_path, trees=source)


def test_sheets_of_two_years_are_two_dates(tmp_path: Path) -> None:
    a_sheet_per_year(tmp_path)
    found = problems(tmp_path, trees={"path": "t.xlsx", "sheet": [2015, 2020]})
    assert "keep one with inventory.trees.where: {sheet: 2020}" in found


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ({"sheet": "from"}, "no sheet 'from'"),
        ({"sheet": "form", "on": "_id"}, "no column '_id' (join.on)"),
        ({"sheet": "form", "on": {"_parent_index": "_id"}}, "is a _id of k.xlsx [form]"),
        ({"sheet": "form", "on": {"_parent_index": "about/area_m2"}}, "is not unique: 400"),
        ({"sheet": "tree"}, "no usual key"),
    ],
)
def test_joins_that_cannot_be(tmp_path: Path, join: Section, message: str) -> None:
    sections = kobo(tmp_path)
    if join == {"sheet": "tree"}:
        plain_trees(tmp_path)
        sections["trees"] = {"path": "trees.csv", "join": {"path": "k.xlsx", "sheet": "tree"}}
    sections["trees"]["join"].update(join)
    assert message in problems(tmp_path, **sections)


def test_trees_of_no_form_are_rejected(tmp_path: Path) -> None:
    sections = kobo(tmp_path)
    book = openpyxl.load_workbook(tmp_path / "k.xlsx")
    page = book["tree"]
    page.cell(3, page.max_column).value = 77
    book.save(tmp_path / "k.xlsx")
    settings = InventorySettings.model_validate(sections)
    rejected = read_inventory(settings, tmp_path, CRS).rejected
    assert rejected[["row", "column", "reason"]].to_numpy().tolist() == [
        [3, "about/plot_id", "missing"]
    ]


def test_polygons_without_a_crs_of_the_project_are_measured_on_the_ellipsoid(
    tmp_path: Path,
) -> None:
    """UTM is 0.9996 times true at its middle line: 400 m² on the map are 400 / 0.9996² m²."""
    sections = polygons(tmp_path)
    settings = InventorySettings.model_validate(sections)
    plots = read_inventory(settings, tmp_path, None).plots
    assert plots["area_ha"].tolist() == pytest.approx([0.04 / 0.9996**2] * 3, rel=1e-7)
    for without_true_areas in ("EPSG:4326", "EPSG:3857"):
        plots = read_inventory(settings, tmp_path, without_true_areas).plots
        assert plots["area_ha"].tolist() == pytest.approx([0.04 / 0.9996**2] * 3, rel=1e-7)


def test_polygons_with_holes_and_bays(tmp_path: Path) -> None:
    ring = box(0, 0, 20, 20).difference(box(5, 5, 15, 15))
    bay = box(0, 0, 30, 30).difference(box(2, 2, 30, 28))
    shapes = [ring, bay, MultiPolygon([box(0, 0, 10, 10), box(20, 0, 30, 10)])]
    placed = gpd.GeoSeries(shapes, crs=CRS).translate(5e5, 3.75e6)
    gpd.GeoDataFrame({"plot": ["A", "B", "C"]}, geometry=placed).to_file(tmp_path / "p.gpkg")
    sections = {"plots": {"path": "p.gpkg"}, "trees": plain_trees(tmp_path)}
    plots = read_inventory(InventorySettings.model_validate(sections), tmp_path, CRS).plots
    assert plots["area_ha"].tolist() == pytest.approx([0.03, 0.0172, 0.02])
    assert placed[1].contains(Point(plots["easting"][1], plots["northing"][1]))


def test_polygons_that_are_none(tmp_path: Path) -> None:
    bow = Polygon([(0, 0), (20, 20), (20, 0), (0, 20)])
    placed = gpd.GeoSeries([bow, box(0, 0, 2000, 2000), None], crs=CRS).translate(5e5, 3.75e6)
    gpd.GeoDataFrame({"plot": ["A", "B", "C"]}, geometry=placed).to_file(tmp_path / "p.gpkg")
    found = problems(tmp_path, plots={"path": "p.gpkg"}, trees=plain_trees(tmp_path))
    assert "p.gpkg, row 2: the polygon of the plot crosses itself" in found
    assert "p.gpkg, row 3: the polygon of the plot encloses 400 ha" in found
    assert "row 4" not in found  # no position either: rejected


def test_the_remedy_for_cells_that_can_be_repaired(tmp_path: Path) -> None:
    TREES.assign(dbh_cm=[f"{d} cm" for d in TREES["dbh_cm"]]).to_csv(tmp_path / "t.csv")
    assert "set inventory.trees.repair: true" in problems(tmp_path)


def test_stems_of_two_units(tmp_path: Path) -> None:
    TREES.assign(**{"D (in)": 1, "D (cm)": 1}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match="do not agree in their unit"):
        read_inventory(
            InventorySettings(
                trees={"path": "t.csv", "stems": ["D (in)", "D (cm)"]}, plot_area_ha=0.1
            ),
            tmp_path,
            None,
        )
