"""Errors, files, draws, units and the grid."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from phytomass.draws import seed_of, stream
from phytomass.errors import InputError
from phytomass.files import whole_file, write_csv, write_text
from phytomass.grid import (
    blocks_of,
    cells_at,
    grid_from_bounds,
    grid_of_raster,
    pixel_area_ha,
    same_grid,
)
from phytomass.units import FACTORS, convert
from tests.conftest import coordinate_image, write_raster


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as beside:
        beside.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_an_unwritable_folder_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_csv_keeps_ten_digits(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", pd.DataFrame({"a": [1234.567890123, np.nan]}))
    assert (tmp_path / "a.csv").read_text() == 'a\n1234.56789\n""\n'


def test_streams_depend_on_seed_and_name_only() -> None:
    first = stream(7, "a", 1).random(3)
    stream(7, "b").random(1000)
    assert np.array_equal(first, stream(7, "a", 1).random(3))
    assert not np.array_equal(first, stream(8, "a", 1).random(3))
    assert seed_of(7, "a") != seed_of(7, "b")


@given(
    st.sampled_from([(q, u) for q, table in FACTORS.items() for u in table]),
    st.floats(1e-6, 1e6),
)
def test_units_round_trip(unit: tuple[str, str], value: float) -> None:
    quantity, name = unit
    assert convert(value, name, quantity) / FACTORS[quantity][name] == pytest.approx(value)


def test_unknown_unit_offers_the_nearest() -> None:
    with pytest.raises(InputError, match=r"inch.*use one of cm, mm, m, in, ft"):
        convert(1.0, "inch", "length_cm")


def test_points_fall_into_the_pixel_that_shows_their_coordinates(grid: GeoBox) -> None:
    image = coordinate_image(grid)
    rng = np.random.default_rng(0)
    easting, northing = rng.uniform(500_000, 500_600, 500), rng.uniform(3_800_000, 3_800_400, 500)
    rows, cols, inside = cells_at(grid, easting, northing)
    assert inside.all()
    assert np.abs(image[0, rows, cols] - easting).max() <= 5
    assert np.abs(image[1, rows, cols] - northing).max() <= 5


def test_points_outside_and_nan_are_not_inside(grid: GeoBox) -> None:
    easting = np.array([499_999.9, 500_600.0, 500_000.0, np.nan])
    northing = np.array([3_800_200.0, 3_800_200.0, 3_800_400.0, 3_800_200.0])
    assert cells_at(grid, easting, northing)[2].tolist() == [False, False, True, False]


def test_blocks_cover_each_pixel_once() -> None:
    seen = np.zeros((517, 300), dtype=int)
    for block in blocks_of(seen.shape):
        seen[block.slices] += 1
    assert (seen == 1).all()


def test_grids_differ_by_crs_shape_and_shift(grid: GeoBox) -> None:
    assert same_grid(grid, GeoBox(grid.shape, grid.transform, grid.crs))
    assert not same_grid(grid, grid.pad(1))
    assert not same_grid(grid, GeoBox(grid.shape, grid.transform, "EPSG:32644"))
    shifted = grid_from_bounds("EPSG:32643", 10, (500_010, 3_800_000, 500_610, 3_800_400))
    assert not same_grid(grid, shifted)


def test_area_of_a_pixel_in_feet_and_degrees() -> None:
    feet = grid_from_bounds("EPSG:2263", 100, (0, 0, 1000, 1000))  # US survey feet
    assert pixel_area_ha(feet) == pytest.approx(100**2 * 0.3048006096**2 * 1e-4)
    with pytest.raises(InputError, match="projected CRS"):
        pixel_area_ha(grid_from_bounds("EPSG:4326", 0.1, (0, 0, 1, 1)))


def test_a_raster_without_crs_names_the_remedy(tmp_path: Path, grid: GeoBox) -> None:
    path = write_raster(tmp_path / "a.tif", np.ones(grid.shape, np.float32), grid, crs=None)
    with pytest.raises(InputError, match=r"a\.tif: has no coordinate reference system.*gdal_edit"):
        grid_of_raster(path)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_whole_file_has_the_permissions_of_any_new_file(
    tmp_path: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "a")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode
