"""The Zarr store: the same numbers on any scheduler, and going on after a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from phytomass.features import build_stack, write_zarr
from phytomass.features import cube as cube_module
from phytomass.grid import grid_from_bounds
from phytomass.imagery import PredictorSettings
from tests.conftest import coordinate_image, write_raster


@pytest.fixture
def large() -> GeoBox:
    return grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 504_000, 3_803_000))


@pytest.fixture
def settings(tmp_path: Path, large: GeoBox) -> PredictorSettings:
    image = coordinate_image(large) - np.array([[[500_000]], [[3_800_000]]])
    write_raster(tmp_path / "c.tif", image.astype(np.float32), large, ["e", "n"])
    for day in ("20200601_asc", "20200613_asc"):
        rng = np.random.default_rng(int(day[:8]))
        power = 0.1 * rng.gamma(4.4, 1 / 4.4, (2, *large.shape))
        power[:, 100:110, 200:300] = np.nan
        write_raster(tmp_path / f"s1_{day}.tif", power.astype(np.float32), large, ["VV", "VH"])
    return PredictorSettings.model_validate(
        {
            "rasters": {
                "c": {"files": "c.tif"},
                "s1": {
                    "files": "s1_*.tif",
                    "product": "sentinel-1-rtc",
                    "composite": "mean",
                    "speckle": {"filter": "improved_sigma"},
                },
            },
            "textures": [{"of": "VV", "measures": ["entropy"], "window": 3}],
        }
    )


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_the_same_numbers_on_any_scheduler(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings, scheduler: str
) -> None:
    build_stack(settings, large, tmp_path, tmp_path / "p.tif")
    store = write_zarr(
        settings, large, tmp_path, tmp_path / "p.zarr", scheduler=scheduler, workers=2
    )
    with rasterio.open(tmp_path / "p.tif") as stack:
        for name, values in zip(stack.descriptions, stack.read(), strict=True):
            assert np.array_equal(store[name].to_numpy(), values, equal_nan=True), name
    easting = coordinate_image(large)[0]
    assert np.allclose(store["e"] + 500_000, easting)
    assert np.allclose(store["x"], easting[0])
    assert store["VV"].attrs["unit"] == "dB"
    assert not list(tmp_path.glob(".p.zarr*"))


def test_a_broken_off_store_goes_on_and_is_not_there_before(
    tmp_path: Path, large: GeoBox, settings: PredictorSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = cube_module._write_chunk
    done: list[object] = []

    def stop(*arguments: object) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments[-1])
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(cube_module, "_write_chunk", stop)
    with pytest.raises(KeyboardInterrupt):
        write_zarr(settings, large, tmp_path, tmp_path / "p.zarr", scheduler="sync")
    assert not (tmp_path / "p.zarr").exists()
    monkeypatch.setattr(cube_module, "_write_chunk", lambda *a: (done.append(a[-1]), write(*a)))
    store = write_zarr(settings, large, tmp_path, tmp_path / "p.zarr", scheduler="sync")
    assert len(done) == len(set(done)) == 4
    assert np.isfinite(store["e"].to_numpy()).all()
