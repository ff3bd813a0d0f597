from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

from phytomass.errors import InputError
from phytomass.grid import grid_of_raster, same_grid
from phytomass.landscape import (
    LANDSAT_BANDS,
    SENTINEL2_BANDS,
    Landscape,
    LandscapeSettings,
    simulate,
    write_landscape,
)

EXPECTED = {
    "dem.tif",
    *(f"sentinel2_{y}{m:02d}.tif" for y in (2015, 2020) for m in (6, 7, 8)),
    *(f"sentinel1_{y}{m:02d}.tif" for y in (2015, 2020) for m in (5, 6, 7, 8)),
    *(
        f"{n}_{y}.tif"
        for n in ("landsat8", "vod", "forest_mask", "truth/agb")
        for y in (2015, 2020)
    ),
    *("plots.csv", "trees.csv", "zones.gpkg"),
}

DIGEST = """
import hashlib, sys
from pathlib import Path
from phytomass.landscape import LandscapeSettings, simulate, write_landscape
folder = Path(sys.argv[1])
write_landscape(simulate(LandscapeSettings(rows=50, cols=60, n_sites=2)), folder)
for path in sorted(p for p in folder.rglob("*") if p.is_file()):
    print(path.relative_to(folder), hashlib.sha256(path.read_bytes()).hexdigest())
"""


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def folder(small: Landscape, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("landscape")
    write_landscape(small, made)
    return made


def test_the_files_are_those_promised(folder: Path) -> None:
    assert set(digests(folder)) == EXPECTED


def test_same_seed_same_bytes_and_another_seed_other_bytes(
    small: Landscape, folder: Path, tmp_path: Path
) -> None:
    write_landscape(simulate(small.settings), tmp_path / "again")
    assert digests(tmp_path / "again") == digests(folder)
    other = small.settings.model_copy(update={"random_state": 99})
    write_landscape(simulate(other), tmp_path / "other")
    same = {n for n, d in digests(tmp_path / "other").items() if digests(folder)[n] == d}
    assert same == set()


def test_same_bytes_in_processes_with_other_hash_seeds(tmp_path: Path) -> None:
    said = []
    for seed in ("1", "2"):
        target = tmp_path / seed
        done = subprocess.run(
            [sys.executable, "-c", DIGEST, str(target)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(done.stdout)
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == len(EXPECTED)


def test_bands_are_named_and_data_types_nodata_and_grids_are_right(
    small: Landscape, folder: Path
) -> None:
    wanted = {
        "dem.tif": (("elevation_m",), "float32", -9999, 10),
        "sentinel2_202007.tif": (SENTINEL2_BANDS, "uint16", 0, 10),
        "sentinel1_201505.tif": (("VV", "VH"), "float32", -9999, 10),
        "landsat8_2020.tif": (tuple(LANDSAT_BANDS), "uint16", 0, 30),
        "vod_2015.tif": (("vod",), "float32", -9999, 500),
        "forest_mask_2020.tif": (("forest",), "uint8", 255, 10),
        "truth/agb_2015.tif": (("agb_mg_ha",), "float32", -9999, 10),
    }
    for name, (bands, kind, nodata, pixel) in wanted.items():
        with rasterio.open(folder / name) as image:
            assert image.descriptions == bands, name
            assert set(image.dtypes) == {kind}, name
            assert image.nodata == nodata, name
            assert image.res == (pixel, pixel), name
            assert image.crs.to_epsg() == 32646
            assert (image.transform.c, image.transform.f) == (620_000, 3_290_000)
            assert image.compression.value == "DEFLATE"
            assert image.width * pixel >= small.settings.cols * 10
    assert same_grid(grid_of_raster(folder / "dem.tif"), small.grid)


def test_what_is_read_is_what_was_simulated(small: Landscape, folder: Path) -> None:
    def read(name: str) -> np.ndarray:
        with rasterio.open(folder / name) as image:
            return image.read()

    assert np.array_equal(read("sentinel2_202006.tif"), small.sentinel2[2020, 6])
    assert np.array_equal(read("sentinel1_202006.tif"), small.sentinel1[2020, 6])
    assert np.array_equal(read("landsat8_2015.tif"), small.landsat8[2015])
    truth, mask = read("truth/agb_2020.tif")[0], read("forest_mask_2020.tif")[0]
    assert np.allclose(truth, small.forest.agb_mg_ha[2020], rtol=1e-6)
    assert set(np.unique(mask)) == {0, 1}
    assert np.array_equal(truth > 0, mask == 1)
    for path in folder.rglob("*.tif"):
        with rasterio.open(path) as image:
            assert np.isfinite(image.read()).all(), path.name


def test_field_sheets_have_no_truth_in_them(small: Landscape, folder: Path) -> None:
    plots = pd.read_csv(folder / "plots.csv")
    assert list(plots.columns) == [
        *("plot_id", "site", "easting", "northing", "radius_m", "elevation_m", "survey_year")
    ]
    trees = pd.read_csv(folder / "trees.csv")
    assert list(trees.columns) == ["tree_id", "plot_id", "species", "dbh_cm", "height_m"]
    pd.testing.assert_frame_equal(trees, small.trees, check_dtype=False)


def test_zones_divide_the_landscape_and_hold_no_clock(small: Landscape, folder: Path) -> None:
    zones = gpd.read_file(folder / "zones.gpkg")
    assert zones["name"].is_unique
    assert 3 <= len(zones) <= 4
    assert zones.crs.to_epsg() == 32646
    assert zones.area.sum() == pytest.approx(120 * 110 * 100)
    assert zones.union_all().area == pytest.approx(120 * 110 * 100)
    database = sqlite3.connect(folder / "zones.gpkg")
    stamps = database.execute("SELECT last_change FROM gpkg_contents").fetchall()
    database.close()
    assert stamps == [("2020-12-31T00:00:00.000Z",)]


def test_arrays_of_a_landscape_cannot_be_changed(small: Landscape) -> None:
    with pytest.raises(ValueError, match="read-only"):
        small.terrain.elevation_m[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        small.forest.agb_mg_ha[2020][0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        small.sentinel2[2020, 6][0, 0, 0] = 0


def test_a_folder_that_is_a_file_is_refused(small: Landscape, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="cannot write here"):
        write_landscape(small, tmp_path / "taken")


def test_the_default_landscape_is_small_enough_to_carry(small: Landscape, folder: Path) -> None:
    """Under 40 MB for 400 × 400 pixels, by the bytes a pixel of the small one takes."""
    per_pixel = sum(p.stat().st_size for p in folder.glob("sent*.tif")) / (120 * 110)
    default = LandscapeSettings()
    assert per_pixel * default.rows * default.cols < 40e6
