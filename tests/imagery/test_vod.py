"""Vegetation optical depth from NetCDF on the EASE-Grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from phytomass.errors import InputError
from phytomass.grid import Block, blocks_of, grid_from_bounds
from phytomass.imagery import RasterSource, open_source
from phytomass.imagery.readers.vod import CELL, EDGE_X, EDGE_Y
from tests.conftest import coordinate_image

ROWS, COLS = 584, 1388
X = EDGE_X + CELL * (np.arange(COLS) + 0.5)
Y = EDGE_Y - CELL * (np.arange(ROWS) + 0.5)


@pytest.fixture
def wide() -> GeoBox:
    """A grid of 80 × 100 km: some nodes lie in it."""
    return grid_from_bounds("EPSG:32643", 1000, (450_000, 3_760_000, 550_000, 3_840_000))


def write(
    path: Path, values: np.ndarray, flags: float = 0, rmse: float = 3, degrees: bool = False
) -> Path:
    to_degrees = Transformer.from_crs("EPSG:6933", "EPSG:4326", always_xy=True)
    lon, lat = (
        to_degrees.transform(X, np.zeros(COLS))[0],
        to_degrees.transform(np.zeros(ROWS), Y)[1],
    )
    rows, cols = ("lat", "lon") if degrees else ("y", "x")
    data = {
        "Optical_Thickness_Nad": values,
        "Scene_Flags": np.full(values.shape, flags),
        "RMSE": np.full(values.shape, rmse),
    }
    dataset = xr.Dataset(
        {name: ((rows, cols), layer.astype(np.float32)) for name, layer in data.items()},
        coords={rows: lat if degrees else Y, cols: lon if degrees else X},
    )
    encoding = {"Optical_Thickness_Nad": {"_FillValue": np.float32(-9999)}}
    dataset.to_netcdf(path, engine="netcdf4", encoding=encoding)
    return path


def read(root: Path, grid: GeoBox, **settings: object) -> dict[str, np.ndarray]:
    source = RasterSource.model_validate({"files": "*.nc", "product": "smos-ic-vod", **settings})
    with open_source("vod", source, root, grid) as reader:
        whole = reader.read(Block(0, 0, *grid.shape))
        for block in blocks_of(grid.shape, 33):
            for name, values in reader.read(block).items():
                assert np.array_equal(values, whole[name][block.slices], equal_nan=True)
    return whole


def in_metres(grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    to_nodes = Transformer.from_crs(str(grid.crs), "EPSG:6933", always_xy=True)
    return to_nodes.transform(*coordinate_image(grid))


@pytest.mark.parametrize("degrees", [False, True])
@pytest.mark.parametrize("axis", ["east", "north"])
def test_an_image_of_its_coordinates(
    tmp_path: Path, wide: GeoBox, axis: str, degrees: bool
) -> None:
    image = np.broadcast_to(X / 1e6 if axis == "east" else (Y / 1e6)[:, None], (ROWS, COLS))
    write(tmp_path / "vod_20200601.nc", image, degrees=degrees)
    vod = read(tmp_path, wide)["vod"]
    east, north = in_metres(wide)
    expected = east if axis == "east" else north
    assert np.abs(vod * 1e6 - expected).max() < 0.002 * CELL  # a part of a node, in float32


@pytest.mark.parametrize("how", ["median", "mean", "p25"])
def test_an_image_of_its_coordinates_through_each_composite(
    tmp_path: Path, wide: GeoBox, how: str
) -> None:
    """Days differ by a constant; one of them has a gap that only that day leaves out."""
    east, north = in_metres(wide)
    row, col = np.abs(Y - north[40, 50]).argmin(), np.abs(X - east[40, 50]).argmin()
    for day, add in (("20200601", -0.1), ("20200602", 0.0), ("20200603", 0.1), ("20200604", 5.0)):
        image = np.broadcast_to(X / 1e6 + add, (ROWS, COLS)).copy()
        if add == 5.0:
            image[:] = np.nan
        image[row, col] = np.nan
        write(tmp_path / f"vod_{day}.nc", image)
    vod = read(tmp_path, wide, composite=how)["vod"]
    off = np.abs(vod + (0.05 if how == "p25" else 0.0) - east / 1e6)
    near = (np.abs(X[col] - east) < CELL / 2 - 1) & (np.abs(Y[row] - north) < CELL / 2 - 1)
    far = (np.abs(X[col] - east) > CELL) | (np.abs(Y[row] - north) > CELL)
    assert np.isnan(vod[near]).all()
    assert off[far].max() * 1e6 < 0.01 * CELL


def test_each_pixel_knows_its_cell(tmp_path: Path, wide: GeoBox) -> None:
    write(tmp_path / "vod_20200601.nc", np.zeros((ROWS, COLS)))
    cell = read(tmp_path, wide)["vod_cell"]
    east, north = in_metres(wide)
    ids = cell.astype(int)
    assert np.abs(X[ids % COLS] - east).max() <= CELL / 2
    assert np.abs(Y[ids // COLS] - north).max() <= CELL / 2
    assert np.array_equal(cell.astype(np.float32), cell)
    assert 12 <= len(np.unique(ids)) <= 30


def test_flagged_days_do_not_enter_the_season(tmp_path: Path, wide: GeoBox) -> None:
    for day, level, flags, rmse in (
        ("20200601", 0.4, 0, 3),
        ("20200602", 0.6, 1, 8),
        ("20200603", 9.0, 2, 3),
        ("20200604", 9.0, 0, 9),
        ("20200901", 9.0, 0, 3),
    ):
        write(tmp_path / f"vod_{day}.nc", np.full((ROWS, COLS), level), flags, rmse)
    vod = read(tmp_path, wide, composite="median", months=[6], min_observations=2)["vod"]
    assert np.allclose(vod, 0.5)
    vod = read(tmp_path, wide, composite="median", months=[6], min_observations=3)["vod"]
    assert np.isnan(vod).all()


def test_a_node_without_data_leaves_its_own_surroundings_empty(
    tmp_path: Path, wide: GeoBox
) -> None:
    values = np.full((ROWS, COLS), 0.5)
    east, north = in_metres(wide)
    row, col = np.abs(Y - north[40, 50]).argmin(), np.abs(X - east[40, 50]).argmin()
    values[row, col] = np.nan
    write(tmp_path / "vod_20200601.nc", values)
    vod = read(tmp_path, wide)["vod"]
    near = (np.abs(X[col] - east) < CELL / 2 - 1) & (np.abs(Y[row] - north) < CELL / 2 - 1)
    far = (np.abs(X[col] - east) > CELL / 2 + 1) | (np.abs(Y[row] - north) > CELL / 2 + 1)
    assert np.isnan(vod[near]).all()
    assert np.allclose(vod[far], 0.5)


def test_one_file_with_many_days(tmp_path: Path, wide: GeoBox) -> None:
    days = pd.date_range("2020-05-30", periods=4)
    values = np.arange(4.0)[:, None, None] * np.ones((1, ROWS, COLS))
    dims = ("time", "y", "x")
    xr.Dataset(
        {"VOD": (dims, values.astype(np.float32))}, coords={"time": days, "y": Y, "x": X}
    ).to_netcdf(tmp_path / "vod.nc", engine="netcdf4")
    vod = read(tmp_path, wide, composite="mean", mask="none", dates="2020-05-31/2020-06-01")["vod"]
    assert np.allclose(vod, 1.5)


def test_a_file_without_the_variable_is_an_error(tmp_path: Path, wide: GeoBox) -> None:
    path = write(tmp_path / "vod_20200601.nc", np.zeros((ROWS, COLS)))
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        renamed = dataset.rename({"Optical_Thickness_Nad": "OT"}).load()
    renamed.to_netcdf(path, engine="netcdf4")
    with pytest.raises(InputError, match=r"vod_20200601\.nc.*no variable.*OT"):
        read(tmp_path, wide)
    assert np.allclose(read(tmp_path, wide, bands={"vod": "OT"})["vod"], 0)
    path.write_bytes(b"no netcdf at all")
    with pytest.raises(InputError, match="cannot be read as NetCDF"):
        read(tmp_path, wide)


def rename(path: Path, **names: str) -> None:
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        renamed = dataset.rename(names).load()
    renamed.to_netcdf(path, engine="netcdf4")


def test_files_named_as_they_are_distributed(tmp_path: Path, wide: GeoBox) -> None:
    for day, level in (("20200601", 0.4), ("20200602", 0.5), ("20200702", 9.0)):
        name = f"SM_RE06_MIR_CDF3SA_{day}T000000_{day}T235959_105_001_8.DBL.nc"
        write(tmp_path / name, np.full((ROWS, COLS), level), degrees=True)
    vod = read(tmp_path, wide, composite="mean", months=[6])["vod"]
    assert np.allclose(vod, 0.45)


def test_each_variable_may_be_named_and_each_limit_set(tmp_path: Path, wide: GeoBox) -> None:
    for day, level, rmse in (("20200601", 0.4, 5), ("20200602", 0.6, 7)):
        path = write(tmp_path / f"vod_{day}.nc", np.full((ROWS, COLS), level), rmse=rmse)
        rename(path, Optical_Thickness_Nad="TAU_L", RMSE="DTB", Scene_Flags="SF")
    names = {"lvod": "TAU_L", "RMSE": "DTB", "Scene_Flags": "SF"}
    both = read(tmp_path, wide, composite="mean", bands=names)
    assert list(both) == ["lvod", "vod_cell"]
    assert np.allclose(both["lvod"], 0.5)
    strict = read(tmp_path, wide, composite="mean", bands=names, keep_where={"RMSE": [0, 6]})
    assert np.allclose(strict["lvod"], 0.4)
    own = read(
        tmp_path,
        wide,
        composite="mean",
        mask="none",
        bands={"vod": "TAU_L"},
        keep_where={"DTB": [6, 8]},
    )
    assert np.allclose(own["vod"], 0.6)


def test_an_unknown_flag_is_named_with_what_the_file_holds(tmp_path: Path, wide: GeoBox) -> None:
    path = write(tmp_path / "vod_20200601.nc", np.zeros((ROWS, COLS)))
    rename(path, RMSE="DTB")
    with pytest.raises(
        InputError,
        match=r"no variable 'RMSE' or .*it has Optical_Thickness_Nad, Scene_Flags, DTB"
        r".*bands: \{RMSE: NAME\}.*mask: none",
    ):
        read(tmp_path, wide)


def test_the_antimeridian_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "vod_20200601.nc", np.zeros((ROWS, COLS)))
    across = grid_from_bounds("EPSG:32601", 10_000, (100_000, 0, 400_000, 300_000))
    with pytest.raises(InputError, match="antimeridian"):
        read(tmp_path, across)
