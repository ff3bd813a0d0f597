"""Shared by all tests: small rasters, and the folder with real data where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import settings
from odc.geo.geobox import GeoBox

from phytomass.grid import grid_from_bounds
from tests.workflow.small import finished, project

__all__ = ["finished", "project"]  # fixtures

settings.register_profile("house", deadline=None)  # other work on the machine must not fail a test
settings.load_profile("house")


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder with real data; tests that use it are skipped without it."""
    folder = os.environ.get("PHYTOMASS_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PHYTOMASS_DATA does not name a folder with the real data")
    return Path(folder)


@pytest.fixture
def grid() -> GeoBox:
    """A grid of 40 × 60 pixels of 10 m."""
    return grid_from_bounds("EPSG:32643", 10, (500_000, 3_800_000, 500_600, 3_800_400))


def write_raster(
    path: Path,
    bands: np.ndarray,
    grid: GeoBox,
    names: Sequence[str] = (),
    nodata: float | None = None,
    crs: str | None = "grid",
) -> Path:
    """Write an array (bands, rows, cols) as a GeoTIFF."""
    bands = bands if bands.ndim == 3 else bands[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=bands.shape[1],
        width=bands.shape[2],
        count=len(bands),
        dtype=bands.dtype,
        crs=str(grid.crs) if crs == "grid" else crs,
        transform=grid.transform,
        nodata=nodata,
    ) as out:
        out.write(bands)
        if names:
            out.descriptions = tuple(names)
    return path


def coordinate_image(grid: GeoBox) -> np.ndarray:
    """Return an image of its own coordinates: easting and northing of each pixel's centre."""
    rows, cols = np.indices(grid.shape)
    affine = grid.transform
    easting = affine.c + affine.a * (cols + 0.5)
    northing = affine.f + affine.e * (rows + 0.5)
    return np.stack([easting, northing]).astype(np.float64)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A scheduler on loopback with two worker processes."""
    from distributed import LocalCluster  # most tests need none

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1"
    ) as made:
        yield str(made.scheduler_address)
