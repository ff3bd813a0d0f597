"""The predictor stack and the samples drawn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.features import (
    PredictorStack,
    build_stack,
    check_stack,
    extract_samples,
    predictor_sets,
)
from phytomass.grid import grid_from_bounds
from phytomass.imagery import PredictorSettings, extended, gradient, slope_deg
from tests.conftest import coordinate_image, write_raster


def coordinates(tmp_path: Path, grid: GeoBox) -> PredictorStack:
    write_raster(tmp_path / "c.tif", coordinate_image(grid), grid, ["easting", "northing"])
    settings = PredictorSettings(rasters={"c": {"files": "c.tif"}})
    return build_stack(settings, grid, tmp_path, tmp_path / "predictors.tif")[0]


def plots_at(easting: list[float], northing: list[float]) -> pd.DataFrame:
    ids = [f"P{i}" for i in range(len(easting))]
    return pd.DataFrame(
        {"plot_id": ids, "site": ids, "easting": easting, "northing": northing, "agb_mg_ha": 50.0}
    )


def test_plots_get_the_values_of_their_own_pixel(tmp_path: Path, grid: GeoBox) -> None:
    stack = coordinates(tmp_path, grid)
    rng = np.random.default_rng(1)
    plots = plots_at(
        list(rng.uniform(500_000, 500_600, 40)), list(rng.uniform(3_800_000, 3_800_400, 40))
    )
    samples = extract_samples(stack, plots).samples
    away = np.abs(samples.X - samples.positions).max(axis=0)
    assert (away <= (5, 5.25)).all()  # float32 holds northings to 0.25 m
    assert samples.plot_id.tolist() == plots["plot_id"].tolist()


def test_plots_outside_are_all_listed(tmp_path: Path, grid: GeoBox) -> None:
    stack = coordinates(tmp_path, grid)
    plots = plots_at([500_005, 600_000, 500_010, 0], [3_800_010, 3_800_010, 3_800_010, 0])
    with pytest.raises(InputError, match="2 of 4 plots lie outside the rasters: P1, P3"):
        extract_samples(stack, plots)


def test_missing_predictors_at_plots_are_named_or_dropped(tmp_path: Path, grid: GeoBox) -> None:
    image = coordinate_image(grid)
    image[1, :5] = np.nan
    write_raster(tmp_path / "c.tif", image, grid, ["easting", "northing"])
    settings = PredictorSettings(rasters={"c": {"files": "c.tif"}})
    stack, table = build_stack(settings, grid, tmp_path, tmp_path / "p.tif")
    assert table.set_index("name")["valid_share"].to_dict() == {"easting": 1.0, "northing": 0.875}
    plots = plots_at([500_005, 500_005], [3_800_395, 3_800_005])
    with pytest.raises(InputError, match="no data in northing at 1 plots: P0"):
        extract_samples(stack, plots)
    extraction = extract_samples(stack, plots, missing="drop")
    assert extraction.samples.plot_id.tolist() == ["P1"]
    assert extraction.left_out.to_dict("records") == [{"plot_id": "P0", "missing": "northing"}]


def test_terrain_has_no_seams_between_blocks(tmp_path: Path) -> None:
    grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 502_700, 3_803_000))
    z = np.cumsum(np.random.default_rng(3).normal(size=grid.shape), axis=0).astype(np.float32)
    write_raster(tmp_path / "dem.tif", z, grid)
    settings = PredictorSettings(terrain={"dem": "dem.tif"})
    stack, _ = build_stack(settings, grid, tmp_path, tmp_path / "p.tif")
    whole = slope_deg(*gradient(extended(z.astype(float)), (10, 10)))
    with rasterio.open(stack.path) as source:
        assert source.descriptions == ("elevation", "slope", "aspect_sin", "aspect_cos")
        assert np.array_equal(source.read(2), whole.astype(np.float32))


def test_statistics_of_the_table(tmp_path: Path) -> None:
    grid = grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 502_700, 3_803_000))
    values = np.random.default_rng(3).normal(10, 2, size=grid.shape)
    write_raster(tmp_path / "a.tif", values, grid, ["a"])
    settings = PredictorSettings(rasters={"a": {"files": "a.tif", "sensor": "optical"}})
    row = build_stack(settings, grid, tmp_path, tmp_path / "p.tif")[1].iloc[0]
    assert (row["mean"], row["sd"]) == pytest.approx((values.mean(), values.std()))
    assert (row["min"], row["max"]) == pytest.approx((values.min(), values.max()))


def reflectance(tmp_path: Path, grid: GeoBox, scale: float) -> PredictorSettings:
    bands = np.stack([np.full(grid.shape, 500), np.full(grid.shape, 3000)]).astype(np.uint16)
    write_raster(tmp_path / "s2.tif", bands, grid, ["B4", "B8"])
    raster = {"files": "s2.tif", "sensor": "optical", "scale": scale}
    return PredictorSettings(rasters={"s2": raster}, indices=["SAVI"])


def test_savi_of_unscaled_reflectance_is_refused(tmp_path: Path, grid: GeoBox) -> None:
    with pytest.raises(InputError, match=r"SAVI needs reflectance.*scale"):
        build_stack(reflectance(tmp_path, grid, 1.0), grid, tmp_path, tmp_path / "p.tif")
    assert not (tmp_path / "p.tif").exists()
    stack, _ = build_stack(reflectance(tmp_path, grid, 1e-4), grid, tmp_path, tmp_path / "p.tif")
    values, _ = stack.at(np.array([500_005.0]), np.array([3_800_005.0]))
    assert values["SAVI"][0] == pytest.approx(1.5 * 0.25 / 0.85, rel=1e-6)


def test_an_index_without_its_band_says_which(tmp_path: Path, grid: GeoBox) -> None:
    settings = reflectance(tmp_path, grid, 1e-4).model_copy(update={"indices": ["NDMI"]})
    with pytest.raises(InputError, match=r"index NDMI.*needs B11"):
        check_stack(settings, tmp_path, grid)


def test_an_empty_raster_is_an_error_that_names_it(tmp_path: Path, grid: GeoBox) -> None:
    write_raster(tmp_path / "a.tif", np.full(grid.shape, -1.0), grid, ["a"], nodata=-1)
    settings = PredictorSettings(rasters={"a": {"files": "a.tif"}})
    with pytest.raises(InputError, match=r"a \(a\.tif\): no valid pixel"):
        build_stack(settings, grid, tmp_path, tmp_path / "p.tif")


def test_default_sets_follow_the_sensors(tmp_path: Path, grid: GeoBox) -> None:
    settings = reflectance(tmp_path, grid, 1e-4)
    write_raster(tmp_path / "s1.tif", coordinate_image(grid), grid, ["VV", "VH"])
    write_raster(tmp_path / "dem.tif", coordinate_image(grid)[0], grid)
    rasters = settings.rasters | {"s1": {"files": "s1.tif", "sensor": "sar"}}
    settings = PredictorSettings(
        rasters=rasters, indices=["SAVI", "VH_VV"], terrain={"dem": "dem.tif", "derive": ["slope"]}
    )
    sets = predictor_sets(settings, check_stack(settings, tmp_path, grid))
    assert sets["optical"] == ["B4", "B8", "SAVI"]
    assert sets["sar"] == ["VV", "VH", "VH_VV"]
    assert set(sets["both"]) == {*sets["optical"], *sets["sar"]}
    assert set(sets["all"]) == {*sets["both"], "slope"}


def test_a_set_with_an_unknown_predictor_offers_the_nearest(tmp_path: Path, grid: GeoBox) -> None:
    settings = reflectance(tmp_path, grid, 1e-4).model_copy(update={"sets": {"mine": ["SAVY"]}})
    with pytest.raises(InputError, match=r"sets\.mine.*did you mean 'SAVI'"):
        predictor_sets(settings, check_stack(settings, tmp_path, grid))


def test_the_stack_opens_as_xarray(tmp_path: Path, grid: GeoBox) -> None:
    dataset = coordinates(tmp_path, grid).to_xarray()
    assert list(dataset) == ["easting", "northing"]
    assert dataset["easting"].rio.crs == grid.crs
    assert np.array_equal(dataset["easting"].values, coordinate_image(grid)[0].astype(np.float32))
