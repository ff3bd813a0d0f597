"""Real tiles in one command, and a growing season against a single month on the same folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from sklearn.ensemble import RandomForestRegressor

from phytomass.features import build_stack
from phytomass.grid import Block, grid_of_raster
from phytomass.imagery import MaskSettings, PredictorSettings, open_mask
from phytomass.imagery.pixels.slopes import IlluminationFit, flattened_reflectance, sun_incidence
from phytomass.imagery.pixels.terrain import extended, gradient, slope_deg
from tests.cli.test_bad_input import run
from tests.workflow.small import write_project

TILE = "433D_629L_3_1"
BANDS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]
TREES = 2


def tile_project(data: Path) -> dict[str, object]:
    tiles = data / "sentinel_tiles"
    return {
        "name": "One tile",
        "period": "2020",
        "grid": {"like": str(tiles / f"S2L2A/{TILE}.tif")},
        "inventory": {
            "plots": {"path": "none.csv", "columns": {"plot_id": "a"}},
            "plot_area_ha": 0.1,
        },
        "predictors": {
            "rasters": {
                "sentinel2": {
                    "files": str(tiles / f"S2L2A/{TILE}.tif"),
                    "product": "sentinel-2-l2a",
                    "bands": {band: i for i, band in enumerate(BANDS, 1)},
                    "boa_offset": "pending",  # no band holds anything darker than 1000
                    "mask": "none",
                },
                "sentinel1": {
                    "files": str(tiles / f"S1RTC/{TILE}.tif"),
                    "product": "sentinel-1-rtc",
                    "bands": {"VV": 1, "VH": 2},
                    "decibel": True,
                },
            },
            "indices": ["NDVI", "SAVI", "EVI", "VH_VV", "NDWI"],
            "terrain": {"dem": str(tiles / f"DEM/{TILE}.tif")},
            "textures": [{"of": "B8", "measures": ["contrast"], "window": 5}],
        },
        "mask": {"path": str(tiles / f"LULC/{TILE}.tif"), "values": [TREES]},
    }


def test_the_stack_of_a_real_tile_in_one_command(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, tile_project(data))
    assert run(monkeypatch, "stack", str(tmp_path), "--quiet") == 0
    tiles = data / "sentinel_tiles"
    with rasterio.open(tmp_path / "results/predictors.tif") as stack:
        layers = dict(zip(stack.descriptions, stack.read(), strict=True))
    with rasterio.open(tiles / f"S2L2A/{TILE}.tif") as source:
        reflectance = (source.read().astype(np.float64) - 1000) / 10_000
    for i, band in enumerate(BANDS):
        assert np.array_equal(layers[band], reflectance[i].astype(np.float32)), band
    with rasterio.open(tiles / f"S1RTC/{TILE}.tif") as source:
        decibel = source.read()
    assert np.abs(layers["VV"] - decibel[0]).max() < 1e-5  # through power and back, in float32
    assert np.abs(layers["VH"] - decibel[1]).max() < 1e-5
    for row, col in ((0, 0), (100, 57), (223, 223)):
        b2, b3, b4, b8 = (reflectance[i, row, col] for i in (1, 2, 3, 7))
        seen = {name: float(layer[row, col]) for name, layer in layers.items()}
        assert seen["NDVI"] == pytest.approx((b8 - b4) / (b8 + b4), abs=1e-6)
        assert seen["SAVI"] == pytest.approx(1.5 * (b8 - b4) / (b8 + b4 + 0.5), abs=1e-6)
        assert seen["EVI"] == pytest.approx(
            2.5 * (b8 - b4) / (b8 + 6 * b4 - 7.5 * b2 + 1), abs=1e-5
        )
        assert seen["NDWI"] == pytest.approx((b3 - b8) / (b3 + b8), abs=1e-6)
        assert seen["VH_VV"] == pytest.approx(decibel[1, row, col] - decibel[0, row, col], abs=1e-5)
    with rasterio.open(tiles / f"DEM/{TILE}.tif") as source:
        dem = source.read(1).astype(np.float64)
    assert np.allclose(layers["slope"], slope_deg(*gradient(extended(dem), (10, 10))), atol=1e-4)
    table = pd.read_csv(tmp_path / "results/predictors.csv").set_index("name")
    assert table.loc["B8_contrast", "kind"] == "texture"
    assert table.loc["VV", "unit"] == "dB"


def test_the_mask_of_a_real_tile_from_land_cover(data: Path) -> None:
    path = data / f"sentinel_tiles/LULC/{TILE}.tif"
    grid = grid_of_raster(path)
    with open_mask(MaskSettings(path=path, values=[TREES]), data, grid) as mask:
        forest = mask(Block(0, 0, *grid.shape))
    with rasterio.open(path) as source:
        assert np.array_equal(forest, source.read(1) == TREES)
    assert forest.mean() == pytest.approx(0.207, abs=5e-4)


def test_the_illumination_of_a_real_tile(data: Path) -> None:
    tiles = data / "sentinel_tiles"
    with rasterio.open(tiles / f"DEM/{TILE}.tif") as dem:
        east, north = gradient(extended(dem.read(1).astype(np.float64)), (10, 10))
    with rasterio.open(tiles / f"S2L2A/{TILE}.tif") as source:
        nir = (source.read(8) - 1000.0) / 10_000
    with rasterio.open(tiles / f"LULC/{TILE}.tif") as classes:
        forest = classes.read(1) == TREES
    zenith, azimuth = 56.0, 40.0  # of 14:37 UTC on 11 April, the day of the radar image
    cos_i, cos_s = sun_incidence(east, north, zenith, azimuth)
    before = np.corrcoef(nir[forest], cos_i[forest])[0, 1]
    assert before == pytest.approx(0.129, abs=0.001)
    for method, left in (("c", 0.01), ("scs_c", 0.01), ("minnaert", 0.08)):
        fit = IlluminationFit(method, float(np.cos(np.radians(zenith))))  # type: ignore[arg-type]
        fit.add(nir, cos_i, cos_s, forest)
        out = flattened_reflectance(nir, cos_i, cos_s, fit)
        used = forest & ~out.invalid
        assert abs(np.corrcoef(out.values[used], cos_i[used])[0, 1]) < left


def season(s2: str, s1: str) -> PredictorSettings:
    names = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    return PredictorSettings.model_validate(
        {
            "rasters": {
                "s2": {
                    "files": s2,
                    "product": "sentinel-2-l2a",
                    "boa_offset": "applied",
                    "keep_where": {"cloud_prob": [0, 20]},
                    "composite": "median",
                    "bands": {name: name for name in names},
                    "extras": ["count"],
                },
                "s1": {
                    "files": s1,
                    "sensor": "sar",
                    "composite": "mean",
                    "decibel": True,
                    "bands": ["VV_asc", "VH_asc", "VV_desc", "VH_desc"],
                },
            }
        }
    )


def scores(data: Path, folder: Path, settings: PredictorSettings) -> np.ndarray:
    """R² of a forest on five blocks of the chip, trained on the plots outside each block."""
    finland = data / "finland"
    grid = grid_of_raster(finland / "agb_truth.tif")
    stack, table = build_stack(settings, grid, finland, folder / "predictors.tif")
    names = [n for n, kind in zip(table["name"], table["kind"], strict=True) if kind != "helper"]
    plots = pd.read_csv(finland / "plots.csv")
    values, _ = stack.at(plots["easting_m"].to_numpy(), plots["northing_m"].to_numpy())
    good = values[names].notna().all(axis=1).to_numpy()
    X, y = values.loc[good, names].to_numpy(), plots.loc[good, "agb_Mg_ha"].to_numpy()
    block = (plots.loc[good, "easting_m"].to_numpy() - 500_000) // 520
    predicted = np.empty(len(y))
    for fold in np.unique(block):
        forest = RandomForestRegressor(150, max_features=1 / 3, min_samples_leaf=2, random_state=1)
        predicted[block == fold] = forest.fit(X[block != fold], y[block != fold]).predict(
            X[block == fold]
        )
    wrong = (y - predicted) ** 2
    return np.array([1 - wrong.sum() / ((y - y.mean()) ** 2).sum(), np.sqrt(wrong.mean()), len(y)])


def test_a_growing_season_against_a_single_month_on_the_same_folds(
    data: Path, tmp_path: Path
) -> None:
    whole = season("s2_month0[678].tif", "s1_month0[56789].tif")
    month = season("s2_month07.tif", "s1_month07.tif")
    of_season, of_month = scores(data, tmp_path, whole), scores(data, tmp_path, month)
    assert of_season[2] == of_month[2] == 300
    # figures of docs/imagery.md: July was clear here, so a season adds nothing to it
    assert of_season[0] == pytest.approx(0.558, abs=0.02)
    assert of_month[0] == pytest.approx(0.565, abs=0.02)
