from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phytomass.report.content.layers import band_names, read_layer, summarise, values_at
from phytomass.report.sections.map_figures import colour_scale, nice_length
from tests.report.fabricate import NORTH, SIDE, WEST, write_raster


def test_statistics_of_a_raster_are_numpys(tmp_path: Path) -> None:
    values = np.random.default_rng(3).gamma(3, 30, (1100, 70)).astype(np.float32)
    values[40:300, 10:20] = np.nan
    write_raster(tmp_path / "a.tif", values[None], ["agb"])
    found = summarise(tmp_path / "a.tif", (20.0, 150.0), lambda low, high: np.arange(0.0, 201, 10))
    held = values[np.isfinite(values)].astype(np.float64)
    assert found.n == held.size
    assert found.mean == pytest.approx(held.mean(), rel=1e-12)
    assert found.sd == pytest.approx(held.std(), rel=1e-9)
    assert (found.low, found.high) == (held.min(), held.max())
    assert found.below == pytest.approx((held < 20).mean())
    assert found.above == pytest.approx((held > 150).mean())
    assert (
        found.counts.tolist() == np.histogram(held.clip(0, 200), np.arange(0, 201, 10))[0].tolist()
    )
    assert found.pixel_ha == pytest.approx(0.04)


def test_large_values_do_not_lose_their_spread(tmp_path: Path) -> None:
    values = np.full((40, 40), 1e6, dtype=np.float32)
    values[::2] += 1
    write_raster(tmp_path / "a.tif", values[None], ["agb"])
    assert summarise(tmp_path / "a.tif").sd == pytest.approx(0.5)


def test_a_raster_without_data_is_no_data(tmp_path: Path) -> None:
    write_raster(tmp_path / "a.tif", np.full((1, 5, 5), np.nan), ["agb"])
    found = summarise(tmp_path / "a.tif")
    assert found.n == 0
    assert np.isnan(found.mean)
    assert not read_layer(tmp_path / "a.tif").finite.size


def test_a_drawn_pixel_is_the_mean_of_the_pixels_with_data(tmp_path: Path) -> None:
    rows, cols = np.mgrid[0:40, 0:80].astype(float)
    values = 100 * rows + cols
    values[:4, :4] = np.nan
    values[4, 4] = np.nan
    write_raster(tmp_path / "a.tif", values[None], ["a"])
    layer = read_layer(tmp_path / "a.tif", most=20)
    assert layer.reduced == 4
    assert layer.values.shape == (10, 20)
    assert np.isnan(layer.values[0, 0])
    assert layer.values[1, 1] == pytest.approx(np.nanmean(values[4:8, 4:8]), rel=1e-6)
    assert layer.bounds == (WEST, NORTH - 40 * SIDE, WEST + 80 * SIDE, NORTH)
    assert layer.crs == "EPSG:32643"


def test_values_at_points_are_those_of_the_pixel_that_holds_them(tmp_path: Path) -> None:
    rows, cols = np.mgrid[0:6, 0:8].astype(float)
    rows[5, 7] = np.nan
    write_raster(tmp_path / "a.tif", np.array([rows, cols]), ["row", "col"])
    easting = WEST + SIDE * np.array([0.5, 3.99, 7.5, 100.0])
    northing = NORTH - SIDE * np.array([0.5, 2.01, 5.5, 1.0])
    found = values_at(tmp_path / "a.tif", easting, northing)
    assert found[:2].tolist() == [[0.0, 0.0], [2.0, 3.0]]
    assert np.isnan(found[2, 0])
    assert np.isnan(found[3]).all()
    assert band_names(tmp_path / "a.tif") == ["row", "col"]


@given(st.floats(min_value=1e-3, max_value=1e7))
def test_a_scale_bar_is_round_and_fits(most: float) -> None:
    length = nice_length(most)
    assert 0.4 * most <= length <= most * (1 + 1e-9)
    assert f"{length:.12e}"[0] in "125"


def test_colours_start_at_zero_unless_that_would_waste_them(tmp_path: Path) -> None:
    forest = np.linspace(0, 200, 400).reshape(1, 20, 20)
    dense = np.linspace(180, 260, 400).reshape(1, 20, 20)
    for name, values in (("forest", forest), ("dense", dense)):
        write_raster(tmp_path / f"{name}.tif", values, ["agb"])
    observed = np.array([0.0, 350.0])
    wide = colour_scale(read_layer(tmp_path / "forest.tif"), observed)
    narrow = colour_scale(read_layer(tmp_path / "dense.tif"), observed)
    assert wide.low == 0.0
    assert wide.extend == "max"
    assert narrow.low == pytest.approx(180.8, abs=0.1)
    assert narrow.extend == "both"
