"""Cloud-Optimised GeoTIFFs: one of them, and a stack as a folder with one per predictor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.features.cube import open_bands
from phytomass.features.layers import Layer
from phytomass.features.raster import CACHE_MB, new_raster, refuse_torn
from phytomass.files import whole_file, write_json
from phytomass.grid import BLOCK, Block, blocks_of, grid_of_raster
from phytomass.rasters import open_raster, pixels_of

INDEX = "stack.json"
"""Names the predictors of a folder in order."""


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
                    blocksize=BLOCK,
                    compress="deflate",
                    predictor="floating_point",
                    overview_resampling="average",
                    num_threads=1,
                )
            refuse_torn(whole)
        finally:
            blocks.unlink(missing_ok=True)


def write_cogs(store: Path, grid: GeoBox, layers: Sequence[Layer], folder: Path) -> None:
    """Write every predictor of a Zarr store as a Cloud-Optimised GeoTIFF of its own.

    Parameters
    ----------
    store : Path
        The store, as `create_store` makes it.
    grid : GeoBox
        Its grid.
    layers : sequence of Layer
        The predictors; what is known of each becomes tags of its file.
    folder : Path
        Gets ``<predictor>.tif`` for each, and at last an index with their order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        bands = open_bands(store, [layer.name])
        said = {key: text for key, text in layer.row().items() if text and key != "name"}
        target = folder / f"{layer.name}.tif"
        with cog_writer(target, grid, layer.name, layer.unit or "1", said) as out:
            for block in blocks_of(grid.shape):
                out.write(bands.read(block)[0], 1, window=block.window)
    write_json(folder / INDEX, {"predictors": [layer.name for layer in layers]})


def is_cogs(folder: Path) -> bool:
    """Tell whether a folder is a stack of Cloud-Optimised GeoTIFFs."""
    return (folder / INDEX).is_file()


def describe_cogs(folder: Path) -> tuple[GeoBox, tuple[str, ...]]:
    """Return the grid and the predictors of a folder.

    Raises
    ------
    InputError
        If its index cannot be read, or a file is missing.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        names = tuple(str(name) for name in index["predictors"])
        first = names[0]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"is no stack of predictors ({error})", where=str(folder), remedy="run: phytomass stack"
        ) from error
    absent = [name for name in names if not (folder / f"{name}.tif").is_file()]
    if absent:
        raise InputError(
            f"{absent[0]}.tif is missing", where=str(folder), remedy="run: phytomass stack"
        )
    return grid_of_raster(folder / f"{first}.tif"), names


@dataclass(frozen=True)
class CogBands:
    """Open files of a folder."""

    datasets: Sequence[Any]

    def read(self, block: Block) -> NDArray[np.float32]:
        """Read a block: array of shape (bands, rows, cols), NaN where there are no data."""
        layers = []
        for dataset in self.datasets:
            with pixels_of(Path(dataset.name).name, "delete it and run: phytomass stack"):
                layers.append(dataset.read(1, window=block.window))
        values: NDArray[np.float32] = np.stack(layers)
        return values


@contextmanager
def open_cogs(folder: Path, names: Sequence[str]) -> Iterator[CogBands]:
    """Open the named predictors of a folder for reading block by block."""
    with ExitStack() as held:
        yield CogBands([held.enter_context(open_raster(folder / f"{name}.tif")) for name in names])
