"""Bad tables of every kind in every role: `check` says file, row or column, and the remedy."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import geopandas
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import Point

from tests.inputs.project import FILES, Case, content_of_files, folder, pipe

Spoil = Callable[[Path], None]
TEXT_ROLES = ("plots", "trees", "equations", "densities")
SHEET_ROLES = ("plots", "trees")


def raw(content: bytes) -> Spoil:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def edited(change: Callable[[str], str], encoding: str = "utf-8") -> Spoil:
    """Change the text of the good file."""

    def write(path: Path) -> None:
        path.write_bytes(change(path.read_text(encoding="utf-8")).encode(encoding))

    return write


def frame(path: Path, role: str) -> pd.DataFrame:
    return pd.read_csv(BytesIO(content_of_files()[role]))


def workbook_bytes() -> bytes:
    book, content = openpyxl.Workbook(), BytesIO()
    book.active.append(["plot_id"])
    book.save(content)
    return content.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
NO_UTF_8 = r"byte 0x\w\w is not valid utf-8"

TEXTS: dict[str, tuple[Spoil, str]] = {
    "no bytes": (raw(b""), r"is empty \(0 bytes\)"),
    "line breaks only": (raw(b"\n\n\n"), "is empty or has no header"),
    "commas only": (raw(b",,,\n,,,\n"), "is empty or has no header"),
    "junk": (raw(bytes(range(128, 256)) * 9), NO_UTF_8),
    "NULs": (edited(lambda t: t[:-9] + "\x00" + t[-9:]), r"line \d+: holds a NUL character"),
    "UTF-16": (edited(str, "utf-16"), "is UTF-16"),
    "UTF-16 without a mark": (edited(str, "utf-16-le"), "holds a NUL character.*utf-16-le"),
    "UTF-32": (edited(str, "utf-32"), "is UTF-16|NUL|not valid"),
    "Windows": (
        edited(lambda t: t + "é", "cp1252"),
        rf"line \d+, byte \d+ of the line: {NO_UTF_8}",
    ),
    "columns of one name": (
        edited(lambda t: "\n".join(f"{row},{row}" for row in t.splitlines())),
        r"row 1: columns of the same name: \w+",
    ),
    "ragged": (edited(lambda t: t + "a,b,c,d,e,f,g,h,i,j,k,l\n"), r"row \d+: more cells than the"),
    "workbook": (raw(workbook_bytes()), "is a workbook or an archive"),
    "old workbook": (raw(OLE), "is an old or protected Excel file"),
    "web page": (raw(b"<!DOCTYPE html><p>log in"), "is a web page"),
    "PDF": (raw(b"%PDF-1.7"), "is a PDF"),
    "compressed": (raw(b"\x1f\x8b\x08" + bytes(90)), "is compressed"),
    "database": (raw(b"SQLite format 3\x00" + bytes(90)), "is a database"),
    "image": (raw(b"II*\x00" + bytes(90)), "is an image"),
    "folder": (folder, "is a folder"),
    "pipe": (pipe, "is a pipe or a device"),
    "100 000 columns": (
        raw((",".join(f"c{i}" for i in range(100_000)) + "\n").encode()),
        r"has 100 000 columns; at most 2 000.*LIMIT_TABLE_COLUMNS=100000",
    ),
    "no line breaks": (
        raw(b"plot_id" + b"x" * 1_500_000),
        r"has 1 500 007 bytes; at most 1 000 000.*LIMIT_TABLE_LINE_BYTES",
    ),
    "one cell of 200 000 letters": (edited(lambda t: t + "x" * 200_000), "field larger than"),
    "an open quote": (edited(lambda t: t + '"' + "a,b\n" * 60_000), "field larger than"),
    "cells of a text": (edited(lambda t: t.replace(",", ";")), "no column|separated by"),
    "other columns": (raw(b"a,b,c\n1,2,3\n"), "no column"),
}


@pytest.mark.parametrize("role", TEXT_ROLES)
@pytest.mark.parametrize("kind", list(TEXTS))
def test_check_says_what_is_wrong_with_a_text_table(kind: str, role: str, tmp_path: Path) -> None:
    case, (spoil, message) = Case(tmp_path), TEXTS[kind]
    spoil(case.path(role))
    found = "\n".join(case.problems(role))
    assert re.search(message, found), found
    assert FILES[role] in found
    assert "→" in found or "header" in found or "unknown column" in found


def cells(role: str, column: str, value: str) -> Callable[[Case], None]:
    """Write the same text into every cell of a column."""

    def change(case: Case) -> None:
        frame(case.folder, role).assign(**{column: value}).to_csv(case.path(role), index=False)

    return change


def first_cell(role: str, column: str, value: str) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        table = frame(case.folder, role).astype(object)
        table.loc[0, column] = value
        table.to_csv(case.path(role), index=False)

    return change


def crs(name: str) -> Callable[[Case], None]:
    return lambda case: case.content["inventory"]["plots"].update(crs=name)


def setting(role: str, **settings: str) -> Callable[[Case], None]:
    return lambda case: case.content["inventory"][role].update(settings)


CELLS: dict[str, tuple[Callable[[Case], None], str]] = {
    "diameters of 1e400": (cells("trees", "dbh_cm", "1e400"), "column dbh_cm: does not hold num"),
    "diameters of 1e300": (cells("trees", "dbh_cm", "1e300"), "median diameter 1e\\+300 cm"),
    "heights of 1e308": (cells("trees", "height_m", "1e308"), "height above 120 m"),
    "diameters of infinity": (cells("trees", "dbh_cm", "inf"), "does not hold numbers"),
    "diameters of no number": (cells("trees", "dbh_cm", "NaN"), "column dbh_cm: is empty"),
    "diameters in words": (cells("trees", "dbh_cm", "thick"), "does not hold numbers.*thick"),
    "diameters of 6 000 digits": (cells("trees", "dbh_cm", "9" * 6000), "does not hold numbers"),
    "diameters with underscores": (cells("trees", "dbh_cm", "1_0"), "does not hold numbers"),
    "errors as diameters": (cells("trees", "dbh_cm", "#REF!"), "does not hold numbers.*#REF!"),
    "errors as plots": (cells("plots", "plot_id", "#REF!"), "no plot can be used|more than once"),
    "eastings of 1e308": (cells("plots", "easting", "1e308"), "15 of 15 plots lie outside"),
    "northings of no number": (cells("plots", "northing", "n/a"), "column northing: is empty"),
    "no plot has an id": (cells("plots", "plot_id", ""), "column plot_id: is empty"),
    "one plot twice": (cells("plots", "plot_id", "A"), "the same plot id more than once"),
    "a plot nobody knows": (first_cell("trees", "plot_id", "=P1"), "trees of plots.*'=P1'"),
    "an unknown CRS": (crs("EPSG:999999"), "no coordinate reference system is called so"),
    "a CRS of heights": (crs("EPSG:5773"), "no horizontal coordinates"),
    "a CRS of the Moon": (crs("ESRI:104903"), "nothing leads|are not degrees"),
    "a CRS of junk": (crs("+proj=nonsense"), "no coordinate reference system is called so"),
    "an encoding that is none": (setting("trees", encoding="utf8x"), "no such encoding"),
    "an encoding of bytes": (setting("trees", encoding="hex"), "no such encoding"),
    "an encoding that rotates": (setting("trees", encoding="rot13"), "no such encoding"),
    "a sheet that is not there": (setting("trees", path="trees.xls"), "no such file"),
    "a name too long": (setting("trees", path="x" * 300 + ".csv"), "255 characters at most"),
    "a file as a folder": (setting("trees", path="plots.csv/trees.csv"), "no such file"),
    "an unknown kind": (setting("trees", path="dem.tif"), "unknown kind of file '.tif'"),
}


@pytest.mark.parametrize("kind", list(CELLS))
def test_check_says_what_is_wrong_with_cells_and_settings(kind: str, tmp_path: Path) -> None:
    case, (change, message) = Case(tmp_path), CELLS[kind]
    change(case)
    found = "\n".join(case.problems("" if "easting" in kind else "trees"))
    assert re.search(message, found), found


def with_part(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change one part of a workbook."""
    with zipfile.ZipFile(path) as parts:
        content = {part: parts.read(part) for part in parts.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        for part, data in content.items():
            parts.writestr(part, change(data) if part == name else data)


def in_sheet(find: bytes, put: bytes, part: str = "xl/worksheets/sheet1.xml") -> Spoil:
    return lambda path: with_part(path, part, lambda data: data.replace(find, put, 1))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def bomb(path: Path) -> None:
    with_part(path, "xl/worksheets/sheet1.xml", lambda data: data + b" " * 3_000_000)


def lied(path: Path) -> None:
    """Say that the sheet reaches to the last cell that any has."""
    with_part(
        path,
        "xl/worksheets/sheet1.xml",
        lambda data: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', data),
    )


def entities(path: Path) -> None:
    """Let a cell hold ten to the tenth of a letter, in a kilobyte."""
    names = "abcdefghijk"
    doubled = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise(names))
    kind = f'<!DOCTYPE x [<!ENTITY a "z">{doubled}]><worksheet'.encode()
    in_sheet(b"<worksheet", kind)(path)
    in_sheet(b"</sheetData>", b'<row><c t="str"><v>&k;</v></c></row></sheetData>')(path)


def formulas(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    for row in (3, 5):
        book.active.cell(row, 4).value = "=1+1"
    book.save(path)


def password(path: Path) -> None:
    path.write_bytes(OLE + "EncryptedPackage".encode("utf-16-le") + bytes(90))


def open_document(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr("content.xml", "<x/>")


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("photo.jpg", b"1")


def chart_only(path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_chartsheet("chart")
    book.remove(book.active)
    book.save(path)


def many_columns(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append([f"c{i}" for i in range(2100)])
    book.active.append(list(range(2100)))
    book.save(path)


ROW = b'<row r="99999999"><c r="A99999999"><v>1</v></c></row></sheetData>'
NEAR = b'<row r="3000000"/></sheetData>'
WORKBOOKS: dict[str, tuple[Spoil, str]] = {
    "text": (raw(b"plot_id,easting\nA,1\n"), "cannot be read as an Excel file"),
    "password": (password, "is protected by a password"),
    "old workbook": (raw(OLE), r"is an old Excel file \(\.xls\)"),
    "OpenDocument": (open_document, "is an OpenDocument sheet"),
    "archive": (archive, "cannot be read as an Excel file"),
    "cut off": (cut, "cannot be read as an Excel file"),
    "zip bomb": (bomb, r"has 3 \d+ \d+ bytes; at most 2 000 000.*LIMIT_TABLE_BYTES"),
    "broken XML": (in_sheet(b"</row>", b""), "cannot be read as an Excel file"),
    "an entity bomb": (entities, "cannot be read as an Excel file"),
    "cell beyond the last row": (in_sheet(b"</sheetData>", ROW), "has a cell A?9+… where no sheet"),
    "3 000 000 rows": (in_sheet(b"</sheetData>", NEAR), "has a cell 3000000… where no sheet"),
    "cell beyond the last column": (
        in_sheet(b'r="B2"', b'r="AAAAAAA2"'),
        "has a cell AAAAAAA2… where no sheet",
    ),
    "a lie about its size": (lied, "PASSES"),
    "formulas never calculated": (formulas, r"rows 3, 5: formulas that were never calculated"),
    "impossible date": (
        in_sheet(b"<sheetData>", b'<sheetData><row r="1"><c r="A1" t="d"><v>x</v></c></row>'),
        "cannot be read as an Excel file",
    ),
    "a number of 6 000 digits": (
        in_sheet(b"<v>", b"<v>" + b"9" * 6000),
        "cannot be read as an Excel file|column|PASSES",
    ),
    "no cell": (lambda path: openpyxl.Workbook().save(path), "sheet 'Sheet' is empty"),
    "a chart": (chart_only, "no sheet with cells|cannot be read"),
    "2 100 columns": (many_columns, "has 2 0?01 columns|has 2 100 columns"),
}


@pytest.mark.parametrize("role", SHEET_ROLES)
@pytest.mark.parametrize("kind", list(WORKBOOKS))
def test_check_says_what_is_wrong_with_a_workbook(
    kind: str, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHYTOMASS_LIMIT_TABLE_BYTES", "2e6")
    case, (spoil, message) = Case(tmp_path), WORKBOOKS[kind]
    path = case.rename(role, f"{role}.xlsx")
    frame(tmp_path, role).to_excel(path, index=False)
    spoil(path)
    found = "\n".join(case.problems(role))
    assert re.search(message, found or "PASSES"), found
    assert f"{role}.xlsx" in found or not found


def test_formulas_are_read_by_the_values_stored_with_them(tmp_path: Path) -> None:
    case = Case(tmp_path)
    path = case.rename("trees", "trees.xlsx")
    frame(tmp_path, "trees").to_excel(path, index=False)
    with_part(
        path,
        "xl/worksheets/sheet1.xml",
        lambda data: re.sub(rb'(<c r="D2"[^>]*>)', rb"\1<f>10+10</f>", data),
    )
    assert case.problems("trees") == []


def without_geometry(path: Path) -> None:
    geopandas.GeoDataFrame({"a": [1]}, geometry=[Point(0, 0)], crs=4326).to_file(path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE gpkg_contents SET data_type='attributes'")
        database.execute("DELETE FROM gpkg_geometry_columns")


def two_layers(path: Path) -> None:
    for name in "ab":
        geopandas.GeoDataFrame({"a": [1]}, geometry=[Point(0, 0)], crs=4326).to_file(
            path, layer=name
        )


def plain_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE plots (plot_id TEXT)")


def truncated(path: Path) -> None:
    geopandas.GeoDataFrame({"a": range(999)}, geometry=[Point(0, 0)] * 999, crs=4326).to_file(path)
    path.write_bytes(path.read_bytes()[:40_000])


VECTORS: dict[str, tuple[str, Spoil, str]] = {
    "junk": ("gpkg", raw(b"junk" * 99), r"cannot be read: it is no \.gpkg file"),
    "database of something else": ("gpkg", plain_database, "column|layers|cannot be read"),
    "truncated": ("gpkg", truncated, "cannot be read|no column"),
    "several layers": ("gpkg", two_layers, "has 2 layers → set layer: one of a, b"),
    "without geometry": ("gpkg", without_geometry, "no column 'plot_id'"),
    "GeoJSON of junk": ("geojson", raw(b'{"type": "FeatureCollection", "features": [{]}'), "read"),
    "GeoJSON of nothing": ("geojson", raw(b'{"type":"FeatureCollection","features":[]}'), "."),
    "shapefile without its parts": ("shp", raw(b"\x00\x00\x27\x0a" + bytes(200)), "plots.shp"),
    "FlatGeobuf junk": (
        "fgb",
        raw(b"fgb\x03fgb\x00" + bytes(90)),
        "cannot be read|no data|has 0 layers",
    ),
}


@pytest.mark.parametrize("kind", list(VECTORS))
def test_check_says_what_is_wrong_with_a_layer_of_plots(kind: str, tmp_path: Path) -> None:
    suffix, spoil, message = VECTORS[kind]
    case = Case(tmp_path)
    spoil(case.rename("plots", f"plots.{suffix}"))
    found = "\n".join(case.problems("plots"))
    assert re.search(message, found), found
    assert f"plots.{suffix}" in found
