"""Stacks as Zarr stores: one float32 array per predictor, one chunk per block of the lattice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.features.layers import Layer
from phytomass.grid import BLOCK, Block

CRS_VARIABLE = "spatial_ref"
"""Where the CF conventions, GDAL and rioxarray look for the CRS of the arrays."""


def create_store(path: Path, grid: GeoBox, layers: Sequence[Layer]) -> None:
    """Create a store without values, with the provenance of every predictor.

    Parameters
    ----------
    path : Path
        The folder; what is there is replaced.
    grid : GeoBox
        Its grid; dimensions are y and x, pixel centres in its CRS.
    layers : sequence of Layer
        The predictors: their name, sensor, kind, formula, source and unit become attributes.
    """
    rows, cols = grid.shape
    store = zarr.open_group(path, mode="w")
    store.attrs.update(
        {
            "crs": str(grid.crs),
            "transform": list(grid.transform)[:6],
            "predictors": [layer.name for layer in layers],
            "phytomass": version("phytomass"),
        }
    )
    affine = grid.transform
    centres = {
        "y": affine.f + affine.e * (np.arange(rows) + 0.5),
        "x": affine.c + affine.a * (np.arange(cols) + 0.5),
    }
    for name, values in centres.items():
        array = store.create_array(name, data=values, dimension_names=[name])
        array.attrs["standard_name"] = f"projection_{name}_coordinate"
    reference = store.create_array(CRS_VARIABLE, data=np.array(0, dtype=np.int64))
    assert grid.crs is not None  # noqa: S101  # grids without CRS are refused when read
    geotransform = " ".join(f"{v!r}" for v in affine.to_gdal())
    reference.attrs.update({"crs_wkt": grid.crs.to_wkt(), "GeoTransform": geotransform})
    for layer in layers:
        array = store.create_array(
            layer.name,
            shape=(rows, cols),
            chunks=(min(BLOCK, rows), min(BLOCK, cols)),
            dtype="float32",
            fill_value=np.nan,
            dimension_names=["y", "x"],
        )
        array.attrs.update({**layer.row(), "grid_mapping": CRS_VARIABLE})


def write_block(path: Path, block: Block, values: Mapping[str, NDArray[np.float64]]) -> None:
    """Write one block of every predictor: one chunk each, so that writers never meet."""
    store = zarr.open_group(path, mode="r+")
    for name, layer in values.items():
        store[name][block.slices] = layer.astype(np.float32)  # type: ignore[index]


def describe_store(path: Path) -> tuple[GeoBox, tuple[str, ...]]:
    """Return the grid and the predictors of a store.

    Raises
    ------
    InputError
        If the folder is no store that `create_store` made.
    """
    try:
        store = zarr.open_group(path, mode="r")
        attributes: dict[str, Any] = dict(store.attrs)
        names = [str(name) for name in attributes["predictors"]]
        array: Any = store[names[0]]
        grid = GeoBox(array.shape, Affine(*attributes["transform"]), attributes["crs"])
        others = [name for name in names if getattr(store[name], "shape", None) != array.shape]
        if others:
            raise ValueError(f"{others[0]} has another shape")
    except (OSError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"is no stack of predictors ({error})",
            where=str(path),
            remedy="run: phytomass stack",
        ) from error
    return grid, tuple(names)


@dataclass(frozen=True)
class StoreBands:
    """Open arrays of a store."""

    path: Path
    arrays: Sequence[Any]

    def read(self, block: Block) -> NDArray[np.float32]:
        """Read a block: array of shape (bands, rows, cols), NaN where there are no data.

        Raises
        ------
        InputError
            If a chunk is damaged.
        """
        try:
            layers = [array[block.slices] for array in self.arrays]
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"cannot be read to its end ({error})",
                where=str(self.path),
                remedy="delete it and run: phytomass stack",
            ) from error
        values: NDArray[np.float32] = np.stack(layers)
        return values


def open_bands(path: Path, names: Sequence[str]) -> StoreBands:
    """Open the named arrays of a store for reading block by block."""
    store = zarr.open_group(path, mode="r")
    return StoreBands(path, [store[name] for name in names])
