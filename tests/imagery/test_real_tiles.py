"""Real tiles: bands as another reader sees them, indices worked out by hand, forest of land cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from phytomass.features import build_stack
from phytomass.grid import Block, grid_of_raster
from phytomass.imagery import MaskSettings, PredictorSettings, open_mask

# the offset of −1000 is still to be added where no band holds anything darker than 1000
TILES = {"282D_485L_3_3": "applied", "38D_378R_2_3": "applied", "433D_629L_3_1": "pending"}
BANDS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]
DARK = ("B2", "B3", "B4")
"""Bands in which a scene of vegetation or water holds dark pixels."""
INDICES = ["NDVI", "SAVI", "NBR", "NDMI", "RENDVI_B8B6", "VH_VV"]
# tile 433D, (row, column): from the stored numbers there less 1000, B4 264, B6 2379, B8 2845, B11 992,
# B12 415, VV −9.5546875 and VH −14.2265625 dB; and B4 348, B6 1663, B8 2390, B11 1339, B12 720,
# VV −7.5 and VH −16.421875 dB
BY_HAND = {
    (100, 57): [2581 / 3109, 0.38715 / 0.8109, 2430 / 3260, 1853 / 3837, 466 / 5224, -4.671875],
    (31, 200): [2042 / 2738, 0.3063 / 0.7738, 1670 / 3110, 1051 / 3729, 727 / 4053, -8.921875],
}


def stack_of(tiles: Path, tile: str, folder: Path) -> dict[str, np.ndarray]:
    settings = {
        "rasters": {
            "s2": {
                "files": str(tiles / f"S2L2A/{tile}.tif"),
                "product": "sentinel-2-l2a",
                "bands": {band: i for i, band in enumerate(BANDS, 1)},
                "boa_offset": TILES[tile],
                "mask": "none",
            },
            "s1": {
                "files": str(tiles / f"S1RTC/{tile}.tif"),
                "product": "sentinel-1-rtc",
                "bands": {"VV": 1, "VH": 2},
                "decibel": True,
            },
        },
        "indices": INDICES,
    }
    grid = grid_of_raster(tiles / f"S2L2A/{tile}.tif")
    stack = PredictorSettings.model_validate(settings)
    build_stack(stack, grid, tiles, folder / "predictors.tif")
    with rasterio.open(folder / "predictors.tif") as built:
        assert built.transform.almost_equals(grid.transform)
        return dict(zip(built.descriptions, built.read(), strict=True))


@pytest.mark.parametrize("tile", list(TILES))
def test_bands_are_those_that_rasterio_reads(data: Path, tmp_path: Path, tile: str) -> None:
    tiles = data / "sentinel_tiles"
    layers = stack_of(tiles, tile, tmp_path)
    offset = {"applied": 0, "pending": 1000}[TILES[tile]]
    with rasterio.open(tiles / f"S2L2A/{tile}.tif") as source:
        for i, band in enumerate(BANDS, 1):
            stored = source.read(i)
            dark = np.quantile(stored, 0.001)
            assert (dark > 1000) == (TILES[tile] == "pending") or band not in DARK, (band, dark)
            value = (stored - offset) / 10_000
            expected = np.where(stored == 0, np.nan, value).astype(np.float32)
            assert np.array_equal(layers[band], expected, equal_nan=True), band
    with rasterio.open(tiles / f"S1RTC/{tile}.tif") as source:
        for i, band in enumerate(("VV", "VH"), 1):
            assert np.abs(layers[band] - source.read(i)).max() < 1e-5
    for name, layer in layers.items():
        assert np.isfinite(layer).mean() > 0.99, name


def test_indices_at_two_pixels_are_those_worked_out_by_hand(data: Path, tmp_path: Path) -> None:
    layers = stack_of(data / "sentinel_tiles", "433D_629L_3_1", tmp_path)
    for pixel, expected in BY_HAND.items():
        found = [float(layers[name][pixel]) for name in INDICES]
        assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(("tile", "share"), [("282D_485L_3_3", 0.37), ("433D_629L_3_1", 0.21)])
def test_the_forest_of_land_cover(data: Path, tile: str, share: float) -> None:
    """The shares are those of the catalogue of the data."""
    path = data / f"sentinel_tiles/LULC/{tile}.tif"
    grid = grid_of_raster(path)
    with open_mask(MaskSettings(path=path, values=[2]), data, grid) as mask:
        forest = mask(Block(0, 0, *grid.shape))
        part = mask(Block(30, 190, 5, 20))
    assert forest.mean() == pytest.approx(share, abs=0.005)
    assert np.array_equal(part, forest[30:35, 190:210])
