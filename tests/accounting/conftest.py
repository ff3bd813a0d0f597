import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

ORIGIN = (500_000.0, 4_000_000.0)
CRS = "EPSG:32643"


def write_raster(
    path, values, *, resolution=10.0, crs=CRS, nodata=np.nan, dtype="float32", shift=0
):
    """Write one band, or a stack of bands."""
    bands = np.atleast_3d(values.T).T if values.ndim == 2 else values
    transform = Affine(resolution, 0, ORIGIN[0] + shift, 0, -resolution, ORIGIN[1])
    with rasterio.open(
        path, "w", driver="GTiff", height=bands.shape[1], width=bands.shape[2], count=len(bands),
        dtype=dtype, crs=crs, transform=transform, nodata=nodata,
    ) as target:  # fmt: skip
        target.write(bands.astype(dtype))
    return path


def cells(row0, row1, col0, col1, resolution=10.0):
    """Return the rectangle that covers these pixels of a raster of `write_raster`."""
    west, north = ORIGIN
    return box(
        west + col0 * resolution,
        north - row1 * resolution,
        west + col1 * resolution,
        north - row0 * resolution,
    )


def write_zones(path, shapes, column="name", crs=CRS):
    table = geopandas.GeoDataFrame(
        {column: list(shapes)}, geometry=list(shapes.values()), crs=CRS
    ).to_crs(crs)
    table.to_file(path)
    return path


def value(table, quantity, statistic=None, zone="all", pool="AGB", kind="dry_mass", period=None):
    """Return the one value that fits."""
    rows = table[
        (table["quantity"] == quantity)
        & (table["zone"] == zone)
        & (table["pool"] == pool)
        & (table["kind"] == kind)
    ]
    if statistic is not None:
        rows = rows[rows["statistic"] == statistic]
    if period is not None:
        rows = rows[rows["period"] == period]
    return rows["value"].item()


@pytest.fixture
def field():
    """A map larger than a block, with holes, that a float32 holds exactly."""
    rng = np.random.default_rng(0)
    values = np.round(rng.gamma(2, 40, size=(300, 270)), 0)
    values[rng.random(values.shape) < 0.2] = np.nan
    return values
