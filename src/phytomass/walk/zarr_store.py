"""Results as Zarr stores: one float32 array per band, one chunk per block of the lattice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from affine import Affine
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.walk.store import Bands, Store, Values, linked, no_stack

CRS_VARIABLE = "spatial_ref"
"""Where the CF conventions, GDAL and rioxarray look for the CRS of the arrays."""


@dataclass(frozen=True)
class Zarr(Store):
    """A Zarr store: every chunk is a file, so that writers never meet."""

    @property
    def _made(self) -> Path:
        return self.folder / "blocks.zarr"

    def create(self) -> None:
        """Make the folder, without a block in it; what is known of the bands becomes attributes."""
        grid = self.lattice.grid
        rows, cols = grid.shape
        store = zarr.open_group(self._made, mode="w")
        store.attrs.update(
            {
                "crs": str(grid.crs),
                "transform": list(grid.transform)[:6],
                "predictors": [band.name for band in self.bands],
                "phytomass": version("phytomass"),
                **self.tags,
            }
        )
        _place(store, grid)
        side = self.lattice.size
        for band in self.bands:
            array = store.create_array(
                band.name,
                shape=(rows, cols),
                chunks=(min(side, rows), min(side, cols)),
                dtype="float32",
                fill_value=np.nan,
                dimension_names=["y", "x"],
            )
            array.attrs.update({**band.known, "grid_mapping": CRS_VARIABLE})

    def there(self) -> bool:
        """Tell whether all that was ever written to the folder is still in it."""
        return self._made.is_dir()

    def write(self, block: Block, values: Values) -> None:
        """Keep one block of the lattice."""
        store = zarr.open_group(self._made, mode="r+")
        for band, layer in zip(self.bands, values, strict=True):
            store[band.name][block.slices] = layer  # type: ignore[index]

    def finish(self, target: Path) -> None:
        """Make the result of all blocks, whole or not at all; broken off, it can be done again."""
        for torn in self._made.rglob("*.partial"):  # zarr's own, of a writer that was killed
            torn.unlink()
        linked(self._made, target)

    @staticmethod
    def describe(path: Path) -> tuple[GeoBox, tuple[str, ...]]:
        """Return grid and band names of a finished result."""
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
            raise no_stack(path, error) from error
        return grid, tuple(names)

    @staticmethod
    @contextmanager
    def open(path: Path, names: Sequence[str]) -> Iterator[Bands]:
        """Open some bands of a finished result for reading block by block."""
        store = zarr.open_group(path, mode="r")
        yield OpenArrays(path, [store[name] for name in names])

    @staticmethod
    def to_xarray(path: Path) -> xr.Dataset:
        """Open a finished result with one lazily read variable per band."""
        opened: xr.Dataset = xr.open_zarr(path, consolidated=False, decode_coords="all")
        return opened


def _place(store: zarr.Group, grid: GeoBox) -> None:
    """Say where the arrays lie, as the CF conventions want it."""
    rows, cols = grid.shape
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


@dataclass(frozen=True)
class OpenArrays:
    """Open arrays of a store."""

    path: Path
    arrays: Sequence[Any]

    def read(self, block: Block) -> Values:
        """Read a block."""
        try:
            layers = [array[block.slices] for array in self.arrays]
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"cannot be read to its end ({error})",
                where=str(self.path),
                remedy="delete it and run: phytomass stack",
            ) from error
        values: Values = np.stack(layers)
        return values
