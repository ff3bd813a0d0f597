"""Files broken at random: an `InputError` or a result, never a traceback, a hang or a stray file.

The slow tests do the same some thousand times.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.shutil import copy as raster_copy

from phytomass.allometry import load_equations, load_wood_density
from phytomass.errors import PhytomassError
from phytomass.features import refuse_truncated
from phytomass.grid import Block, grid_of_raster
from phytomass.imagery import RasterSource, open_source
from phytomass.inventory import InventorySettings, check_inventory
from phytomass.rasters import open_raster, pixels_of
from tests.conftest import write_raster
from tests.inputs.project import FILES, GRID, content_of_files

LONGEST_S = 30.0
"""Processor time that one broken file may take; a good one takes 0.05."""

Change = Callable[[bytes], bytes]
NASTY = st.sampled_from(
    [
        *(b"\x00", b'"', b",,", b"\n", b"\r", b"\xff\xfe", b"1e999", b"-0", b"=1", b"nan", b"'"),
        *(b"<", b";", b"\xef\xbb\xbf", b"9" * 20, b"inf", b"#REF!", b"\xed\xa0\x80"),
        "٣".encode(),
    ]
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "cut", "flip", "copy"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(NASTY, st.binary(min_size=1, max_size=6)),
    ),
    min_size=1,
    max_size=6,
)
Edits = list[tuple[str, float, bytes]]


def broken(content: bytes, edits: Edits, within: int | None = None) -> bytes:
    """Change bytes at random, within the first so many of them."""
    data = bytearray(content)
    for how, share, value in edits:
        at = int(share * min(len(data), within or len(data)))
        if how == "put":
            data[at:at] = value
        elif how == "cut":
            del data[at : at + 1 + value[0]]
        elif how == "copy":
            data[at:at] = data[at : at + 40]
        else:
            data[at : at + len(value)] = value
    return bytes(data)


def survives(folder: Path, work: Callable[[], object]) -> None:
    """Do the work: an error of ours or none, soon, and no file that was not there."""
    before, start = sorted(folder.iterdir()), time.process_time()
    try:
        work()
    except PhytomassError as error:
        assert str(error)
    assert time.process_time() - start < LONGEST_S
    assert sorted(folder.iterdir()) == before


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the good files."""
    folder = tmp_path_factory.mktemp("fuzz")
    for role, name in FILES.items():
        (folder / name).write_bytes(content_of_files()[role])
    for role in ("plots", "trees"):
        frame = pd.read_csv(BytesIO(content_of_files()[role]))
        frame.to_excel(folder / f"{role}.xlsx", index=False)
    write_raster(folder / "bytes.tif", np.ones((2, *GRID.shape), np.uint8), GRID, nodata=0)
    raster_copy(folder / "source.tif", folder / "cog.tif", driver="COG", compress="deflate")
    raster_copy(folder / "source.tif", folder / "plain.vrt", driver="VRT")
    raster_copy(folder / "source.tif", folder / "ascii.asc", driver="AAIGrid")
    for name in ("broken.csv", "broken.xlsx", "broken.gpkg", "broken.tif"):
        (folder / name).write_bytes(b"x")
    return folder


def check(place: Path, role: str, name: str) -> None:
    """Check an inventory one of whose tables is the broken one."""
    paths = {"plots": FILES["plots"], "trees": FILES["trees"], role: name}
    tables = {key: {"path": path} for key, path in paths.items()}
    described = InventorySettings.model_validate({**tables, "plot_area_ha": 0.1})
    check_inventory(described, place, "EPSG:32643")


def text_tables(place: Path, role: str, edits: Edits) -> None:
    (place / "broken.csv").write_bytes(broken(content_of_files()[role], edits))
    survives(place, lambda: check(place, role, "broken.csv"))


def other_tables(place: Path, edits: Edits) -> None:
    for role, read in (("equations", load_equations), ("densities", load_wood_density)):
        (place / "broken.csv").write_bytes(broken(content_of_files()[role], edits))
        survives(place, lambda read=read: read(place / "broken.csv"))


def random_bytes(place: Path, content: bytes) -> None:
    for suffix, role in ((".csv", "plots"), (".xlsx", "trees"), (".gpkg", "plots")):
        heads = {".xlsx": b"PK\x03\x04", ".gpkg": b"SQLite format 3\x00"}
        (place / f"broken{suffix}").write_bytes(heads.get(suffix, b"") + content + b"\n")
        survives(place, lambda role=role, suffix=suffix: check(place, role, f"broken{suffix}"))


def workbooks(place: Path, role: str, edits: Edits, *, inside: bool) -> None:
    content = (place / f"{role}.xlsx").read_bytes()
    path = place / "broken.xlsx"
    if not inside:
        path.write_bytes(broken(content, edits))
    else:
        with zipfile.ZipFile(BytesIO(content)) as parts, zipfile.ZipFile(path, "w") as out:
            names = parts.namelist()
            chosen = names[int(edits[0][1] * len(names))]
            for name in names:
                data = parts.read(name)
                out.writestr(name, broken(data, edits) if name == chosen else data)
    survives(place, lambda: check(place, role, "broken.xlsx"))


def layers(place: Path, edits: Edits) -> None:
    (place / "broken.gpkg").write_bytes(broken(content_of_files()["zones"], edits))
    survives(place, lambda: check(place, "plots", "broken.gpkg"))


def rasters(place: Path, name: str, edits: Edits) -> None:
    path = place / "broken.tif"
    path.write_bytes(broken((place / name).read_bytes(), edits, within=1024))

    def read() -> None:
        refuse_truncated(path)
        described = RasterSource.model_validate({"files": "broken.tif", "resample": "nearest"})
        with open_source("broken", described, place, GRID) as reader:
            reader.read(Block(0, 0, *GRID.shape))

    def look() -> None:
        grid_of_raster(path)
        with open_raster(path) as dataset, pixels_of(path.name):
            rows, cols = min(dataset.height, 64), min(dataset.width, 64)
            dataset.read(1, window=((0, rows), (0, cols)), masked=True)

    survives(place, read)
    survives(place, look)


RASTERS = st.sampled_from(["source.tif", "bytes.tif", "cog.tif", "plain.vrt", "ascii.asc"])
ROLES = st.sampled_from(["plots", "trees"])
FUZZ = {"suppress_health_check": list(HealthCheck), "deadline": None, "database": None}
IGNORED = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning",
    # rasterio cannot decode what GDAL says of a broken text, and says so on standard error
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@settings(max_examples=100, **FUZZ)
@given(role=ROLES, edits=EDITS)
def test_broken_text_tables(place: Path, role: str, edits: Edits) -> None:
    text_tables(place, role, edits)


@settings(max_examples=30, **FUZZ)
@given(edits=EDITS, content=st.binary(max_size=200))
def test_broken_tables_of_other_kinds(place: Path, edits: Edits, content: bytes) -> None:
    other_tables(place, edits)
    random_bytes(place, content)
    layers(place, edits)


@settings(max_examples=40, **FUZZ)
@given(role=ROLES, edits=EDITS, inside=st.booleans())
def test_broken_workbooks(place: Path, role: str, edits: Edits, inside: bool) -> None:
    workbooks(place, role, edits, inside=inside)


@IGNORED
@settings(max_examples=120, **FUZZ)
@given(name=RASTERS, edits=EDITS)
def test_broken_headers_of_rasters(place: Path, name: str, edits: Edits) -> None:
    rasters(place, name, edits)


@pytest.mark.slow
@IGNORED
@settings(max_examples=4000, **FUZZ)
@given(name=RASTERS, edits=EDITS)
def test_thousands_of_broken_headers(place: Path, name: str, edits: Edits) -> None:
    rasters(place, name, edits)


@pytest.mark.slow
@settings(max_examples=2000, **FUZZ)
@given(role=ROLES, edits=EDITS, inside=st.booleans(), content=st.binary(max_size=400))
def test_thousands_of_broken_tables(
    place: Path, role: str, edits: Edits, inside: bool, content: bytes
) -> None:
    text_tables(place, role, edits)
    other_tables(place, edits)
    workbooks(place, role, edits, inside=inside)
    random_bytes(place, content)
    layers(place, edits)
