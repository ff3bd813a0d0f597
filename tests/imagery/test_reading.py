"""Raster sources: bands, nodata, cloud limits, composites, other grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block, blocks_of
from phytomass.imagery import (
    MaskSettings,
    RasterSource,
    check_mask,
    composite,
    open_mask,
    open_source,
)
from tests.conftest import coordinate_image, write_raster


def read(source: RasterSource, root: Path, grid: GeoBox) -> dict[str, np.ndarray]:
    with open_source("s", source, root, grid) as reader:
        return reader.read(Block(0, 0, *grid.shape))


def test_an_image_of_its_coordinates_comes_out_where_it_should(
    tmp_path: Path, grid: GeoBox
) -> None:
    write_raster(tmp_path / "c.tif", coordinate_image(grid), grid, ["easting", "northing"])
    with open_source("s", RasterSource(files="c.tif"), tmp_path, grid) as reader:
        for block in blocks_of(grid.shape, 17):
            values = reader.read(block)
            expected = coordinate_image(grid)[:, *block.slices]
            assert np.array_equal(np.stack([values["easting"], values["northing"]]), expected)


@pytest.mark.parametrize("kernel", ["nearest", "bilinear"])
def test_a_coarser_grid_is_resampled_to_the_right_place(
    tmp_path: Path, grid: GeoBox, kernel: str
) -> None:
    coarse = grid.zoom_out(2).pad(2)
    write_raster(tmp_path / "c.tif", coordinate_image(coarse), coarse, ["easting", "northing"])
    values = read(RasterSource(files="c.tif", resample=kernel), tmp_path, grid)
    off = np.abs(np.stack([values["easting"], values["northing"]]) - coordinate_image(grid))
    assert off.max() <= (5.001 if kernel == "nearest" else 0.01)


def test_classes_are_not_averaged_where_values_are(tmp_path: Path, grid: GeoBox) -> None:
    coarse = grid.zoom_out(2).pad(2)
    classes = np.zeros(coarse.shape)
    classes[:, ::2] = 10  # between its neighbours a kernel would find classes 2.5 and 7.5
    clear = np.arange(coarse.shape[1], dtype=float) * np.ones(coarse.shape)
    write_raster(tmp_path / "c.tif", np.stack([clear, classes]), coarse, ["value", "class"])
    kept = {
        limits: np.isfinite(
            read(
                RasterSource(
                    files="c.tif",
                    resample="bilinear",
                    bands={"value": "value"},
                    keep_where={"class": limits},
                ),
                tmp_path,
                grid,
            )["value"]
        ).mean()
        for limits in ((1, 9), (0, 0), (10, 10))
    }
    assert kept == {(1, 9): 0.0, (0, 0): 0.5, (10, 10): 0.5}


def test_another_grid_is_an_error_that_shows_both(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "c.tif", coordinate_image(grid.pad(1)), grid.pad(1), ["a", "b"])
    with pytest.raises(InputError, match=r"42 × 62 pixels.*40 × 60 pixels.*resample"):
        read(RasterSource(files="c.tif"), tmp_path, grid)


def test_nodata_scale_and_offset(tmp_path: Path, grid: GeoBox) -> None:
    raw = np.full(grid.shape, 5000, np.int16)
    raw[0, 0], raw[0, 1] = -9999, 0
    write_raster(tmp_path / "a.tif", raw, grid, ["B4"], nodata=-9999)
    source = RasterSource(files="a.tif", scale=0.0001, offset=-0.1, nodata=0)
    b4 = read(source, tmp_path, grid)["B4"]
    assert np.isnan(b4[0, :2]).all()
    assert np.allclose(b4[1:], 0.4)


def test_bands_are_found_by_name_in_any_order(tmp_path: Path, grid: GeoBox) -> None:
    image = coordinate_image(grid)
    write_raster(tmp_path / "a_1.tif", image, grid, ["e", "n"])
    write_raster(tmp_path / "a_2.tif", image[::-1], grid, ["n", "e"])
    source = RasterSource(files="a_*.tif", composite="mean", bands={"north": "n"})
    assert np.allclose(read(source, tmp_path, grid)["north"], image[1])


def test_cloudy_dates_are_left_out_of_the_composite(tmp_path: Path, grid: GeoBox) -> None:
    for date, (value, cloud) in enumerate([(10.0, 0), (20.0, 100), (30.0, 20)]):
        bands = np.stack([np.full(grid.shape, value), np.full(grid.shape, cloud, float)])
        write_raster(tmp_path / f"s_{date}.tif", bands, grid, ["B4", "cloud"])
    source = RasterSource(files="s_*.tif", composite="mean", keep_where={"cloud": (0, 20)})
    values = read(source, tmp_path, grid)
    assert list(values) == ["B4"]
    assert np.allclose(values["B4"], 20.0)  # the mean of 10 and 30


def test_several_files_need_a_rule(tmp_path: Path, grid: GeoBox) -> None:
    for date in "12":
        write_raster(tmp_path / f"s_{date}.tif", np.ones(grid.shape), grid)
    with pytest.raises(InputError, match="composite: median"):
        read(RasterSource(files=["s_1.tif", "s_2.tif"]), tmp_path, grid)


def test_a_missing_band_offers_the_nearest(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "a.tif", coordinate_image(grid), grid, ["B08", "B04"])
    with pytest.raises(InputError, match=r"no band 'B8'.*did you mean 'B08'"):
        read(RasterSource(files="a.tif", bands=["B8"]), tmp_path, grid)


def test_a_missing_file_offers_the_nearest(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "sentinel2.tif", np.ones(grid.shape), grid)
    with pytest.raises(
        InputError, match=r"no such file: sentinel_2\.tif → did you mean 'sentinel2"
    ):
        read(RasterSource(files="sentinel_2.tif"), tmp_path, grid)


values_with_gaps = arrays(
    np.float64,
    st.tuples(st.integers(1, 7), st.just(5)),
    elements=st.one_of(st.floats(-40, 40), st.just(np.nan)),
)


@given(values_with_gaps, st.sampled_from(["median", "mean"]))
def test_composites_agree_with_numpy(dates: np.ndarray, how: str) -> None:
    result = composite(dates, how)
    for pixel in range(dates.shape[1]):
        seen = dates[:, pixel][np.isfinite(dates[:, pixel])]
        if not seen.size:
            assert np.isnan(result[pixel])
        else:
            assert result[pixel] == pytest.approx(getattr(np, how)(seen), abs=1e-12)


@given(values_with_gaps)
@settings(max_examples=50)
def test_decibels_are_averaged_as_power(dates: np.ndarray) -> None:
    result = composite(dates, "mean", decibel=True)
    power = np.where(np.isfinite(dates), 10 ** (dates / 10), np.nan)
    for pixel in np.flatnonzero(np.isfinite(dates).any(axis=0)):
        expected = np.nanmean(power[:, pixel])
        assert 10 ** (result[pixel] / 10) == pytest.approx(expected)


def test_too_few_observations_have_no_data() -> None:
    dates = np.array([[1.0, 1.0], [2.0, np.nan], [3.0, np.nan]])
    result = composite(dates, "median", min_observations=2)
    assert result[0] == 2.0
    assert np.isnan(result[1])


def test_mask_by_class_and_by_threshold(tmp_path: Path, grid: GeoBox) -> None:
    classes = np.zeros(grid.shape, np.uint8)
    classes[:10], classes[10:15], classes[39] = 1, 2, 255
    write_raster(tmp_path / "m.tif", classes, grid, nodata=255)
    by_class = MaskSettings(path="m.tif", values=[1, 2])
    assert check_mask(by_class, tmp_path, grid) == 15 * 60
    assert check_mask(MaskSettings(path="m.tif", at_least=2), tmp_path, grid) == 5 * 60
    with open_mask(by_class, tmp_path, grid) as mask:
        assert mask(Block(14, 0, 2, 1)).ravel().tolist() == [True, False]


def test_a_mask_that_hides_everything_is_an_error(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "m.tif", np.zeros(grid.shape, np.uint8), grid)
    with pytest.raises(InputError, match=r"m\.tif.*hides everything.*values \[3\]"):
        check_mask(MaskSettings(path="m.tif", values=[3]), tmp_path, grid)


def test_numbers_that_are_no_decibels_are_refused(tmp_path: Path, grid: GeoBox) -> None:
    for name, value in (("a", -12.0), ("b", 3000.0)):
        write_raster(tmp_path / f"{name}.tif", np.full(grid.shape, value, np.float32), grid)
    settings = {"files": ["a.tif", "b.tif"], "decibel": True, "composite": "mean"}
    source = RasterSource.model_validate(settings)
    with (
        open_source("s1", source, tmp_path, grid) as reader,
        pytest.raises(
            InputError, match=r"b\.tif .*s1\): a value of 3000 is no backscatter in decibels"
        ),
    ):
        reader.read(Block(0, 0, 5, 5))
