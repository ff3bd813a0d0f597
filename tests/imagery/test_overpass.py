"""Tiles, rows and frames of one overpass are one date, wherever they overlap."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block, blocks_of
from phytomass.imagery import RasterSource, open_source, scenes_of
from phytomass.imagery.scenes.listing import Scene
from phytomass.imagery.scenes.overpass import first_complete, moment_of, of_one_overpass, overpasses
from tests.cli.test_bad_input import run
from tests.conftest import coordinate_image, write_raster
from tests.workflow.small import write_project

EAST, NORTH = 500_000, 3_800_000
LEFT, RIGHT = slice(0, 40), slice(20, 60)  # columns of two tiles that share twenty


def source(**settings: object) -> RasterSource:
    return RasterSource.model_validate(settings)


def read(settings: RasterSource, root: Path, grid: GeoBox) -> dict[str, np.ndarray]:
    with open_source("s", settings, root, grid) as reader:
        whole = reader.read(Block(0, 0, *grid.shape))
        for block in blocks_of(grid.shape, 17):
            for name, values in reader.read(block).items():
                assert np.array_equal(values, whole[name][block.slices], equal_nan=True), name
    return whole


def coordinates(grid: GeoBox) -> np.ndarray:
    """Easting and northing from the grid's corner in metres, above 0."""
    return coordinate_image(grid) - [[[EAST]], [[NORTH]]]


def s2_tile(
    root: Path, grid: GeoBox, columns: slice, name: str, moment: str, add: int = 0, cloud: int = 0
) -> None:
    """Write one granule of a Sentinel-2 datatake on its own part of the grid."""
    part = grid[:, columns]
    safe = f"S2A_MSIL2A_{moment}_N0214_R022_{name}_{moment}.SAFE"
    folder = root / safe / "GRANULE" / "L2A" / "IMG_DATA" / "R10m"
    easting, northing = coordinates(part) + add
    classes = np.full(part.shape, 4)
    classes[:cloud] = 9
    for band, values in (("B04", easting), ("B08", northing), ("SCL", classes)):
        path = folder / f"{name}_{moment}_{band}_10m.jp2"
        write_raster(path, values.astype(np.uint16), part)


def s2_source(**changes: object) -> RasterSource:
    settings: dict[str, object] = {
        "files": "*.SAFE",
        "product": "sentinel-2-l2a",
        "resample": "nearest",
        "dilate_m": 0,
        "extras": ["count", "date"],
    }
    return source(**{**settings, **changes})


def test_two_tiles_of_one_day_are_one_image_in_its_place(tmp_path: Path, grid: GeoBox) -> None:
    for name, columns in (("T43SFT", LEFT), ("T43SGT", RIGHT)):
        s2_tile(tmp_path, grid, columns, name, "20200701T101031")
    values = read(s2_source(), tmp_path, grid)  # one date: no rule to composite by is needed
    assert np.allclose(values["B4"] * 10_000, coordinates(grid)[0])
    assert np.allclose(values["B8"] * 10_000, coordinates(grid)[1])
    assert (values["s_count"] == 1).all()
    assert (values["s_date"] == (date(2020, 7, 1) - date(1970, 1, 1)).days).all()
    assert len(scenes_of("s", s2_source(), tmp_path)) == 2


def test_an_overlap_does_not_weigh_twice_in_a_season(tmp_path: Path, grid: GeoBox) -> None:
    for name, columns in (("T43SFT", LEFT), ("T43SGT", RIGHT)):
        s2_tile(tmp_path, grid, columns, name, "20200701T101031", add=900)
        s2_tile(tmp_path, grid, columns, name, "20200711T101031", add=100)
    s2_tile(tmp_path, grid, RIGHT, "T43SGT", "20200721T101031", add=300)
    values = read(s2_source(composite="median", min_observations=2), tmp_path, grid)
    expected = np.where(np.arange(60) < 20, 500, 300) + coordinates(grid)[0]
    assert np.allclose(values["B4"] * 10_000, expected)
    assert np.array_equal(values["s_count"][0], np.where(np.arange(60) < 20, 2, 3))
    three = read(s2_source(composite="median", min_observations=3), tmp_path, grid)
    assert np.array_equal(np.isnan(three["B4"][0]), np.arange(60) < 20)
    for how in ("medoid", "best"):
        chosen = read(s2_source(composite=how), tmp_path, grid)
        assert chosen["s_count"].max() == 3


def test_the_first_complete_tile_is_taken(tmp_path: Path, grid: GeoBox) -> None:
    s2_tile(tmp_path, grid, LEFT, "T43SFT", "20200701T101031", add=1000, cloud=10)
    s2_tile(tmp_path, grid, RIGHT, "T43SGT", "20200701T101031", add=2000)
    values = read(s2_source(), tmp_path, grid)
    added = values["B4"] * 10_000 - coordinates(grid)[0]
    assert np.allclose(added[10:, :40], 1000)  # by name T43SFT comes before T43SGT
    assert np.allclose(added[:10, 20:], 2000)  # where it is cloudy the other is taken
    assert np.isnan(added[:10, :20]).all()
    assert np.array_equal(np.isnan(values["B8"]), np.isnan(values["B4"]))


def test_landsat_rows_of_one_path(tmp_path: Path, grid: GeoBox) -> None:
    for row, lines in (("036", slice(0, 25)), ("037", slice(15, 40))):
        part = grid[lines, :]
        scene = f"LC08_L2SP_151{row}_20200701_20200913_02_T1"
        easting = coordinates(part)[0] + 10_000
        for band, values in (
            ("SR_B4", easting),
            ("QA_PIXEL", np.full(part.shape, 64)),
            ("QA_RADSAT", np.zeros(part.shape)),
        ):
            write_raster(tmp_path / f"{scene}_{band}.TIF", values.astype(np.uint16), part)
    settings = source(
        files="*.TIF",
        product="landsat-c2-l2",
        resample="nearest",
        extras=["count"],
        bands=["SR_B4"],
    )
    values = read(settings, tmp_path, grid)
    assert np.allclose((values["SR_B4"] + 0.2) / 2.75e-5 - 10_000, coordinates(grid)[0])
    assert (values["s_count"] == 1).all()


@pytest.mark.parametrize("speckle", [None, "lee", "improved_sigma", "quegan"])
def test_radar_frames_have_no_gap_between_them(
    tmp_path: Path, grid: GeoBox, speckle: str | None
) -> None:
    """The margin is cut along the border of the overpass, not where a frame meets the next."""
    for second, orbit, columns in ((0, "032823", slice(0, 31)), (25, "032823", slice(29, 60))):
        part = grid[:, columns]
        moment = f"20200601T0055{second:02}_20200601T0055{second + 25:02}"
        name = f"S1A_IW_GRDH_1SDV_{moment}_{orbit}_03CD5A_asc.tif"
        write_raster(tmp_path / name, np.full((2, *part.shape), 0.1), part, ["VV", "VH"])
    settings = source(
        files="S1A*.tif",
        product="sentinel-1-grd",
        resample="nearest",
        border_m=50,
        bands=["VV", "VH"],
        extras=["count"],
        speckle={"filter": speckle} if speckle else None,
    )
    values = read(settings, tmp_path, grid)
    assert np.allclose(values["VV"], -10)
    assert (values["s_count"] == 1).all()
    power = np.full((2, 40, 31), 0.1)
    power[:, :, :4] = 0  # no data west of the first frame
    first = next(tmp_path.glob("S1A*T005500*"))
    write_raster(first, power, grid[:, slice(0, 31)], ["VV", "VH"])
    cut = read(settings, tmp_path, grid)["VV"]
    assert np.array_equal(np.isnan(cut).all(axis=0), np.arange(60) < 4 + 5)
    assert np.isfinite(cut[:, 9:]).all()


def scene(name: str, day: date | None = date(2020, 7, 1), **tags: str) -> Scene:
    return Scene(name, day, {}, {key.replace("__", ":"): value for key, value in tags.items()})


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("S2A_MSIL2A_20200701T101031_N0214_R022_T43SFT", "S2A_MSIL2A_20200701T101031_N0214_R022_T43SGT", True),
        ("S2A_MSIL2A_20200701T101031_N0214_R022_T43SFT", "S2B_MSIL2A_20200701T101031_N0214_R022_T43SGT", False),
        ("S2A_MSIL2A_20200701T101031_N0214_R022_T43SFT", "S2A_MSIL2A_20200701T102000_N0214_R065_T43SGT", False),
        ("S2A_20200701T101031_T43SFT", "S2A_20200701T102030_T43SFT", True),
        ("S2A_20200701T101031_T43SFT", "S2A_20200701T102100_T43SFT", False),
        ("LC08_L2SP_151036_20200701_20200913_02_T1", "LC08_L2SP_151037_20200701_20200913_02_T1", True),
        ("LC08_L2SP_151036_20200701_20200913_02_T1", "LC08_L2SP_152036_20200701_20200913_02_T1", False),
        ("LC08_L2SP_151036_20200701_20200913_02_T1", "LC09_L2SP_151037_20200701_20200913_02_T1", False),
        ("s1_20200701_asc", "s1_20200701_desc", False),
        ("s1_20200701_asc_1", "s1_20200701_asc_2", True),
    ],
)  # fmt: skip
def test_what_is_one_overpass(one: str, other: str, together: bool) -> None:
    assert of_one_overpass(scene(one), scene(other)) is together
    assert of_one_overpass(scene(other), scene(one)) is together


def test_what_the_tags_of_a_catalogue_say() -> None:
    tags = {"platform": "sentinel-2a", "sat__relative_orbit": "22"}
    one = scene("a", datetime="2020-07-01T10:10:31+00:00", **tags)
    assert of_one_overpass(one, scene("b", datetime="2020-07-01T10:11:31Z", **tags))
    assert not of_one_overpass(one, scene("b", datetime="2020-07-01T11:51:31Z", **tags))
    other = {**tags, "platform": "Sentinel-2B"}
    assert not of_one_overpass(one, scene("b", datetime="2020-07-01T10:11:31Z", **other))
    named = scene("S2A_MSIL2A_x_R022_T43SFT", datetime="2020-07-01T12:10:31+02:00")
    assert of_one_overpass(one, named)
    assert moment_of(named) == moment_of(one)


def test_scenes_without_a_day_stay_apart_and_midnight_does_not_part() -> None:
    assert len(overpasses([scene("a", None), scene("b", None)])) == 2
    late = scene("S1A_20200701T235950", date(2020, 7, 1))
    early = scene("S1A_20200702T000015", date(2020, 7, 2))
    assert overpasses([late, early]) == [[late, early]]


def test_a_pixel_is_never_put_together_from_two_scenes() -> None:
    layers = np.full((2, 3, 1, 1), np.nan)
    layers[0, 0], layers[1, :2] = 1.0, 2.0
    assert np.array_equal(first_complete(layers)[:, 0, 0], [1, np.nan, np.nan], equal_nan=True)
    layers[1, 2] = 2.0
    assert first_complete(layers)[:, 0, 0].tolist() == [2, 2, 2]


def test_two_dates_still_need_a_rule(tmp_path: Path, grid: GeoBox) -> None:
    for moment in ("20200701T101031", "20200711T101031"):
        s2_tile(tmp_path, grid, LEFT, "T43SFT", moment)
    with pytest.raises(InputError, match=r"2 dates and no rule.*medoid"):
        read(s2_source(), tmp_path, grid)


def test_the_list_of_scenes_names_each_file(
    tmp_path: Path, grid: GeoBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, columns in (("T43SFT", LEFT), ("T43SGT", RIGHT)):
        s2_tile(tmp_path, grid, columns, name, "20200701T101031")
    write_raster(tmp_path / "grid.tif", np.ones(grid.shape), grid)
    project = {
        "name": "Two tiles",
        "period": "2020",
        "grid": {"like": "grid.tif"},
        "inventory": {
            "plots": {"path": "none.csv", "columns": {"plot_id": "a"}},
            "plot_area_ha": 0.1,
        },
        "predictors": {
            "rasters": {"s2": s2_source().model_dump(mode="json", exclude_defaults=True)}
        },
    }
    write_project(tmp_path, project)
    assert run(monkeypatch, "stack", str(tmp_path), "--quiet") == 0
    listed = pd.read_csv(tmp_path / "results/scenes.csv")
    assert listed["scene"].tolist() == ["T43SFT_20200701T101031", "T43SGT_20200701T101031"]
    assert listed["date"].tolist() == ["2020-07-01"] * 2
