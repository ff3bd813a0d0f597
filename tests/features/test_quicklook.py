"""Pictures of predictors, and a season that is all cloud."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from PIL import Image

from phytomass.errors import InputError
from phytomass.features import build_stack, write_quicklooks
from phytomass.imagery import PredictorSettings
from tests.conftest import coordinate_image, write_raster


def test_bright_is_high_and_no_data_is_transparent(tmp_path: Path, grid: GeoBox) -> None:
    image = coordinate_image(grid)
    image[0, :10] = np.nan
    write_raster(tmp_path / "c.tif", image, grid, ["easting", "northing"])
    settings = PredictorSettings.model_validate({"rasters": {"c": {"files": "c.tif"}}})
    stack, _ = build_stack(settings, grid, tmp_path, tmp_path / "p.tif")
    paths = write_quicklooks(stack, tmp_path / "looks", side=30)
    assert [path.name for path in paths] == ["quicklook_easting.png", "quicklook_northing.png"]
    assert sorted((tmp_path / "looks").iterdir()) == paths
    grey, alpha = np.moveaxis(np.asarray(Image.open(paths[0])), 2, 0)
    assert grey.shape == (20, 30)
    assert grey[-1, 0] == 0
    assert grey[-1, -1] == 255
    assert (alpha[:5] == 0).all()
    assert (alpha[5:] == 255).all()


def test_a_season_that_is_all_cloud_leaves_nothing_behind(tmp_path: Path, grid: GeoBox) -> None:
    for day in ("20200601", "20200701"):
        bands = np.stack([np.full(grid.shape, 2000), np.full(grid.shape, 9)]).astype(np.uint16)
        write_raster(tmp_path / f"{day}.tif", bands, grid, ["B4", "SCL"])
    source = {
        "files": "2020*.tif",
        "product": "sentinel-2-l2a",
        "boa_offset": "applied",
        "composite": "median",
    }
    settings = PredictorSettings.model_validate({"rasters": {"s2": source}})
    with pytest.raises(InputError, match=r"no valid pixel.*B4.*2020\*\.tif|B4.*no valid pixel"):
        build_stack(settings, grid, tmp_path, tmp_path / "out/p.tif")
    assert not list((tmp_path / "out").iterdir())
