"""Bad zones and study areas of every kind: `check` says what is wrong with which feature."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from phytomass.accounting.zones import read_zones
from tests.inputs.project import GRID, Case

Spoil = Callable[[Path], None]
BOUNDS = GRID.boundingbox
AREA = box(BOUNDS.left, BOUNDS.bottom, BOUNDS.right, BOUNDS.top)


def raw(content: bytes) -> Spoil:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def layer(shapes: list[Any], crs: str | None = "EPSG:32643", **columns: list[Any]) -> Spoil:
    def write(path: Path) -> None:
        path.unlink(missing_ok=True)
        columns.setdefault("name", [f"zone {i}" for i in range(len(shapes))])
        geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)

    return write


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def sheet(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["name", "easting"])
    book.save(path)


def no_geometry(path: Path) -> None:
    layer([Point(0, 0)])(path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE gpkg_contents SET data_type='attributes'")
        database.execute("DELETE FROM gpkg_geometry_columns")


def two_layers(path: Path) -> None:
    for name in ("north", "south"):
        frame = geopandas.GeoDataFrame({"name": [1]}, geometry=[AREA], crs="EPSG:32643")
        frame.to_file(path, layer=name)


def jagged(vertices: int) -> Polygon:
    angle = np.linspace(0, 2 * np.pi, vertices)
    return Polygon(np.column_stack([500_200 + 90 * np.cos(angle), 3_800_150 + 90 * np.sin(angle)]))


def geojson(coordinates: Any) -> Spoil:
    geometry = {"type": "Polygon", "coordinates": coordinates}
    feature = {"type": "Feature", "properties": {"name": "a"}, "geometry": geometry}
    return raw(json.dumps({"type": "FeatureCollection", "features": [feature]}).encode())


with np.errstate(invalid="ignore"):
    NOT_A_NUMBER = Polygon([(0, 0), (np.nan, 1), (2, 2), (0, 0)])
SERVER = b"<OGRWFSDataSource><URL>http://127.0.0.1:9/</URL></OGRWFSDataSource>"

KINDS: dict[str, tuple[str, Spoil, str]] = {
    "absent": (".gpkg", lambda path: None, "no such file"),
    "no bytes": (".gpkg", raw(b""), r"is empty \(0 bytes\)"),
    "junk": (".gpkg", raw(b"no polygons" * 9), r"cannot be read: it is no \.gpkg file"),
    "login page": (".geojson", raw(b"<!doctype html>"), r"it is no \.geojson file"),
    "a server's description": (".kml", raw(SERVER), "cannot be read|holds no polygon"),
    "truncated": (".gpkg", lambda p: (layer([AREA] * 99)(p), cut(p))[0], "cannot be read"),
    "GeoJSON cut off": (".geojson", raw(b'{"type": "FeatureCollection", "fea'), "cannot be read"),
    "folder": (".gpkg", folder, "is a folder"),
    "pipe": (".gpkg", pipe, "is a pipe or a device"),
    "CSV": (".csv", raw(b"name,easting\na,1\n"), r"no file of features that can be read: \.csv"),
    "workbook": (".xlsx", sheet, r"no file of features that can be read: \.xlsx"),
    "without a suffix": ("", raw(b"a"), "no file of features"),
    "table without geometry": (".gpkg", no_geometry, "is a table without polygons"),
    "several layers": (".gpkg", two_layers, "has 2 layers"),
    "no features": (
        ".geojson",
        raw(b'{"type":"FeatureCollection","features":[]}'),
        "no polygon|table",
    ),
    "points": (".gpkg", layer([Point(500_100, 3_800_100)]), "holds Point, no polygon"),
    "lines": (".gpkg", layer([LineString([(0, 0), (1, 1)])]), "holds LineString, no polygon"),
    "empty polygons": (".gpkg", layer([Polygon(), MultiPolygon()]), "no polygon"),
    "no geometry in a row": (".gpkg", layer([None]), "no polygon"),
    "no numbers": (".gpkg", layer([AREA, NOT_A_NUMBER]), "coordinates of feature 2 are no numbers"),
    "without CRS": (".shp", layer([AREA], None), "has no CRS"),
    "outside its CRS": (
        ".gpkg",
        layer([box(1e30, 1e30, 2e30, 2e30)], "EPSG:4326"),
        "have no place in|no polygon on the grid|cannot be brought",
    ),
    "elsewhere": (".gpkg", layer([box(0, 0, 9, 9)]), "no polygon on the grid|PASSES"),
    "600 000 vertices": (
        ".gpkg",
        layer([jagged(600_000)]),
        r"has 600 000 vertices; at most 500 000.*simplify.*LIMIT_POLYGON_VERTICES=600000",
    ),
    "rings of two points": (".geojson", geojson([[[75, 34], [75, 35]]]), "no polygon|table|cannot"),
    "rings of text": (".geojson", geojson([[["a", "b"]]]), "no polygon|cannot|table"),
    "FlatGeobuf junk": (".fgb", raw(b"fgb\x03fgb\x01" + bytes(200)), "cannot be read|layers"),
    "shapefile junk": (".shp", raw(b"\x00\x00\x27\x0a" + bytes(200)), r"bad\.shp"),
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60_000])


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
@pytest.mark.parametrize("role", ["zones", "study_area"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_check_says_what_is_wrong_with_polygons(kind: str, role: str, tmp_path: Path) -> None:
    suffix, spoil, message = KINDS[kind]
    case = Case(tmp_path)
    spoil(case.rename(role, f"bad{suffix}"))
    found = "\n".join(case.problems(role))
    assert re.search(message, found or "PASSES"), found
    assert "bad" in found or (kind == "elsewhere" and role == "study_area")


NAMES: dict[str, tuple[dict[str, list[Any]], str]] = {
    "none": ({"name": ["a", None]}, "a zone has no name .feature 2"),
    "blank": ({"name": ["a", "  "]}, "a zone has no name .feature 2"),
    "no number": ({"name": [1.0, float("nan")]}, "a zone has no name .feature 2"),
    "taken": ({"name": ["a", "all"]}, "the name 'all' is taken"),
    "other column": ({"nam": ["a", "b"], "name": [None, None]}, "a zone has no name"),
}


@pytest.mark.parametrize("kind", list(NAMES))
def test_check_says_which_zone_has_no_name(kind: str, tmp_path: Path) -> None:
    columns, message = NAMES[kind]
    case = Case(tmp_path)
    layer(
        [box(500_000, 3_800_000, 500_100, 3_800_300), box(500_200, 3_800_000, 500_300, 3_800_300)],
        **columns,
    )(case.path("zones"))
    found = "\n".join(case.problems("zones"))
    assert re.search(message, found), found


def test_a_bow_tie_is_mended_and_two_parts_of_one_name_are_one_zone(tmp_path: Path) -> None:
    left, top = BOUNDS.left, BOUNDS.top
    bow = Polygon([(left, top), (left + 100, top - 100), (left + 100, top), (left, top - 100)])
    path = tmp_path / "zones.gpkg"
    layer([bow, box(left + 200, top - 50, left + 300, top)], name=["a", "a"])(path)
    zones = read_zones(path, "name", GRID)
    assert zones.names == ("a",)
    assert zones.shapes[0].area == pytest.approx(2 * 100 * 100 / 4 + 50 * 100)
