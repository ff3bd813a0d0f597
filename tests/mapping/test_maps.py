"""Maps: the same as predicting each pixel, the same bytes on any number of workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from phytomass.errors import InputError
from phytomass.features import PredictorStack, build_stack
from phytomass.files import sha256_of
from phytomass.grid import Block, grid_from_bounds
from phytomass.imagery import PredictorSettings
from phytomass.mapping import MapRules, Walking, change_map, halo_of, predict_map, stac_item
from phytomass.walk.workers import Workers
from tests.conftest import write_raster

NAMES = ["b", "a"]


@pytest.fixture
def wide() -> GeoBox:
    return grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 506_000, 3_803_000))


@pytest.fixture
def stack(tmp_path: Path, wide: GeoBox) -> PredictorStack:
    bands = np.random.default_rng(5).normal(size=(2, *wide.shape)).astype(np.float32)
    bands[0, 10:20, 5] = np.nan
    write_raster(tmp_path / "x.tif", bands, wide, ["a", "b"])
    settings = PredictorSettings(rasters={"x": {"files": "x.tif"}})
    return build_stack(settings, wide, tmp_path, tmp_path / "predictors.tif")[0]


def everywhere(block: Block) -> np.ndarray:
    return np.ones((block.rows, block.cols), dtype=bool)


def training() -> tuple[pd.DataFrame, np.ndarray]:
    X = pd.DataFrame(np.random.default_rng(6).normal(size=(80, 2)), columns=NAMES)
    return X, (100 + 40 * X["a"] - 10 * X["b"]).to_numpy()


def test_the_map_is_the_prediction_of_each_pixel(tmp_path: Path, stack: PredictorStack) -> None:
    model = LinearRegression().fit(*training())
    rules = MapRules(minimum=None)
    predict_map(model, stack, NAMES, everywhere, tmp_path / "agb.tif", rules=rules)
    with rasterio.open(stack.path) as source, rasterio.open(tmp_path / "agb.tif") as result:
        a, b = source.read()
        agb = result.read(1)
        assert result.crs == source.crs
        assert result.transform == source.transform
    assert np.array_equal(np.isnan(agb), np.isnan(a))
    assert np.nanmax(np.abs(agb - (100 + 40 * a - 10 * b))) < 1e-3


def test_same_bytes_for_any_number_of_workers(tmp_path: Path, stack: PredictorStack) -> None:
    model = RandomForestRegressor(20, random_state=0).fit(*training())
    for workers in (1, 3):
        path = tmp_path / f"{workers}.tif"
        predict_map(model, stack, NAMES, None, path, walking=Walking(Workers(workers)))
    assert sha256_of(tmp_path / "1.tif") == sha256_of(tmp_path / "3.tif")


def test_counts_mask_minimum_and_training_range(tmp_path: Path, stack: PredictorStack) -> None:
    X, y = training()
    model = LinearRegression().fit(X, y)

    def left_half(block: Block) -> np.ndarray:
        return np.broadcast_to(np.arange(block.cols) + block.col < 300, (block.rows, block.cols))

    rules = MapRules(60.0, (float(y.min()), float(y.max())))
    counts = predict_map(model, stack, NAMES, left_half, tmp_path / "agb.tif", rules=rules)
    with rasterio.open(tmp_path / "agb.tif") as result:
        agb = result.read(1)
    assert np.isnan(agb[:, 300:]).all()
    assert (counts.masked, counts.without_predictors) == (300 * 300, 10)
    assert counts.mapped == np.isfinite(agb).sum() == 300 * 300 - 10
    assert counts.raised_to_minimum == (agb == 60).sum() > 0
    assert counts.above_training == (agb > y.max()).sum()
    assert np.nanmin(agb) == 60


def test_the_map_is_a_cog_with_units_and_nodata(tmp_path: Path, stack: PredictorStack) -> None:
    model = LinearRegression().fit(*training())
    predict_map(model, stack, NAMES, everywhere, tmp_path / "agb.tif", tags={"model": "mlr"})
    with rasterio.open(tmp_path / "agb.tif") as result:
        assert result.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert result.dtypes == ("float32",)
        assert np.isnan(result.nodata)
        assert (result.descriptions, result.units) == (("aboveground biomass",), ("Mg/ha",))
        assert result.tags()["model"] == "mlr"


def test_a_failed_map_leaves_the_earlier_one(tmp_path: Path, stack: PredictorStack) -> None:
    class Broken:
        def predict(self, X: np.ndarray) -> np.ndarray:
            raise RuntimeError("no")

    target = tmp_path / "agb.tif"
    target.write_bytes(b"earlier")
    with pytest.raises(RuntimeError):
        predict_map(Broken(), stack, NAMES, everywhere, target)
    assert target.read_bytes() == b"earlier"


def test_nothing_to_map_is_an_error(tmp_path: Path, stack: PredictorStack) -> None:
    model = LinearRegression().fit(*training())
    with pytest.raises(InputError, match="no pixel to map: 180000 are outside the mask"):
        predict_map(model, stack, NAMES, lambda b: ~everywhere(b), tmp_path / "agb.tif")


def test_predictors_are_found_by_name(tmp_path: Path, stack: PredictorStack) -> None:
    with pytest.raises(InputError, match="no predictor 'c'"), stack.reader(["c"]):
        pass


def test_change_only_where_both_dates_have_values(tmp_path: Path, grid: GeoBox) -> None:
    after, before = np.full(grid.shape, 90, np.float32), np.full(grid.shape, 60, np.float32)
    after[0], before[:, 0] = np.nan, np.nan
    write_raster(tmp_path / "after.tif", after, grid, nodata=np.nan)
    write_raster(tmp_path / "before.tif", before, grid, nodata=np.nan)
    change_map(tmp_path / "after.tif", tmp_path / "before.tif", tmp_path / "change.tif")
    with rasterio.open(tmp_path / "change.tif") as source:
        change = source.read(1)
    assert np.isnan(change[0]).all()
    assert np.isnan(change[:, 0]).all()
    assert (change[1:, 1:] == 30).all()


def test_stac_item_says_where_when_and_what(tmp_path: Path, grid: GeoBox) -> None:
    path = write_raster(tmp_path / "agb.tif", np.ones(grid.shape, np.float32), grid)
    item = stac_item(path, item_id="x", title="X", period="2016/2021-03", properties={"a": 1})
    read = pystac.Item.from_dict(item)
    assert read.properties["start_datetime"] == "2016-01-01T00:00:00Z"
    assert read.properties["end_datetime"] == "2021-03-31T23:59:59Z"
    west, south, east, north = read.bbox or []
    assert 74.99 < west < east < 75.02  # UTM zone 43's central meridian is 75° E
    assert 34.3 < south < north < 34.4
    assert read.assets["agb"].extra_fields["raster:bands"][0]["unit"] == "Mg/ha"


def test_a_pipeline_of_several_steps_is_a_pixel_model() -> None:
    X, y = training()
    scaled = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    search = GridSearchCV(scaled, {"linearregression__fit_intercept": [True]}, cv=3).fit(X, y)
    assert halo_of(scaled) == halo_of(search) == halo_of(make_pipeline(LinearRegression())) == 0


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("2020", "2020-01-01T00:00:00Z", "2020-12-31T23:59:59Z"),
        ("2020-12", "2020-12-01T00:00:00Z", "2020-12-31T23:59:59Z"),
        ("2016/2021", "2016-01-01T00:00:00Z", "2021-12-31T23:59:59Z"),
        ("2020-02/2020-02", "2020-02-01T00:00:00Z", "2020-02-29T23:59:59Z"),
    ],
)
def test_a_period_ends_with_its_last_month(
    tmp_path: Path, grid: GeoBox, period: str, start: str, end: str
) -> None:
    path = write_raster(tmp_path / "agb.tif", np.ones(grid.shape, np.float32), grid)
    item = stac_item(path, item_id="x", title="X", period=period, properties={})
    assert item["properties"]["start_datetime"] == start
    assert item["properties"]["end_datetime"] == end
