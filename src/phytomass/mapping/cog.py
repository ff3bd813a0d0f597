"""Writing maps as Cloud-Optimised GeoTIFFs, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from odc.geo.geobox import GeoBox

from phytomass.features.raster import CACHE_MB, new_raster, refuse_torn
from phytomass.files import whole_file


@contextmanager
def cog_writer(
    target: Path, grid: GeoBox, description: str, unit: str, tags: dict[str, str]
) -> Iterator[Any]:
    """Open a one-band float32 raster to write to; it becomes a COG at `target` on success.

    Parameters
    ----------
    target : Path
        The Cloud-Optimised GeoTIFF.
    grid : GeoBox
        Its grid.
    description, unit : str
        Name and unit of the band, kept in the file.
    tags : dict of str
        Further tags of the file.
    """
    with whole_file(target) as whole:
        blocks = whole.with_suffix(".blocks.tif")
        try:
            with new_raster(blocks, grid, [description], [unit]) as out:
                out.update_tags(**tags)
                yield out
            with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
                rasterio.shutil.copy(
                    blocks,
                    whole,
                    driver="COG",
                    compress="deflate",
                    predictor="floating_point",
                    overview_resampling="average",
                    num_threads=1,
                )
            refuse_torn(whole)
        finally:
            blocks.unlink(missing_ok=True)
