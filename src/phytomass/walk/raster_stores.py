"""Results as GeoTIFFs: one with all bands, a Cloud-Optimised one, or a folder of these."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rioxarray
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.files import whole_file, write_json
from phytomass.grid import Block, grid_of, grid_of_raster
from phytomass.rasters import open_raster, pixels_of
from phytomass.walk.geotiff import new_raster, write_cog
from phytomass.walk.store import REMEDY, Band, Bands, Store, Values, linked, no_stack
from phytomass.walk.tiles import encoded, lay_out, tiles_in

INDEX = "stack.json"
"""Names the predictors of a folder in order."""
AGAIN = "delete it and run: phytomass stack"


@dataclass(frozen=True)
class Parts(Store):
    """Blocks as small GeoTIFFs whose encoded tiles become those of a large one."""

    @property
    def _parts(self) -> Path:
        return self.folder / "parts"

    def _part(self, block: Block) -> Path:
        return self._parts / f"{block.row}-{block.col}.tif"

    def create(self) -> None:
        """Make the folder, without a block in it."""
        self._parts.mkdir(parents=True)

    def there(self) -> bool:
        """Tell whether all that was ever written to the folder is still in it."""
        return self._parts.is_dir()

    def write(self, block: Block, values: Values) -> None:
        """Keep one block of the lattice."""
        unnamed = [Band("")] * len(self.bands)
        with (
            whole_file(self._part(block)) as beside,
            new_raster(beside, block.grid, unnamed) as out,
        ):
            out.write(values.astype(np.float32, copy=False))

    def _sizes(self, bands: Sequence[int]) -> NDArray[np.int64]:
        return np.array([tiles_in(self._part(block))[1][bands] for block in self.lattice])

    def _head(self, path: Path, bands: Sequence[int], tags: dict[str, str]) -> None:
        with new_raster(path, self.lattice.grid, [self.bands[b] for b in bands], tags, empty=True):
            pass


@dataclass(frozen=True)
class GeoTiff(Parts):
    """One GeoTIFF with all bands; each part is removed when its tiles are in it."""

    @property
    def _whole(self) -> Path:
        return self.folder / "whole.tif"

    @property
    def _layout(self) -> Path:
        return self.folder / "sizes.json"

    def there(self) -> bool:
        """Tell whether all that was ever written to the folder is still in it."""
        return super().there() and (self._whole.is_file() or not self._layout.is_file())

    def finish(self, target: Path) -> None:
        """Make the result of all blocks, whole or not at all; broken off, it can be done again."""
        bands = range(len(self.bands))
        if not self._layout.is_file():
            sizes = self._sizes(bands)
            self._head(self._whole, bands, dict(self.tags))
            lay_out(self._whole, sizes)
            write_json(self._layout, {"sizes": sizes.tolist()})
        with self._whole.open("r+b") as out:
            offsets, _ = tiles_in(self._whole)
            for number, block in enumerate(self.lattice):
                part = self._part(block)
                if not part.is_file():
                    continue  # its tiles are in place
                out.seek(offsets[number])
                out.writelines(encoded(part, bands))
                out.flush()
                part.unlink()
        linked(self._whole, target)

    @staticmethod
    def describe(path: Path) -> tuple[GeoBox, tuple[str, ...]]:
        """Return grid and band names of a finished result."""
        with open_raster(path) as source:
            grid, names = grid_of(source, str(path)), source.descriptions
        if not all(names) or len(set(names)) < len(names):
            raise InputError("bands need distinct names (descriptions)", where=str(path))
        return grid, tuple(names)

    @staticmethod
    @contextmanager
    def open(path: Path, names: Sequence[str]) -> Iterator[Bands]:
        """Open some bands of a finished result for reading block by block."""
        with open_raster(path) as dataset:
            order = list(dataset.descriptions)
            yield OpenRasters([dataset], [order.index(name) + 1 for name in names])

    @staticmethod
    def to_xarray(path: Path) -> xr.Dataset:
        """Open a finished result with one lazily read variable per band."""
        names = GeoTiff.describe(path)[1]
        return xr.Dataset({name: _lazy(path, i) for i, name in enumerate(names, 1)})


@dataclass(frozen=True)
class Cogs(Parts):
    """A folder with one Cloud-Optimised GeoTIFF per band."""

    def finish(self, target: Path) -> None:
        """Make the result of all blocks, whole or not at all; broken off, it can be done again."""
        made = self.folder / "cogs"
        for number, band in enumerate(self.bands):
            path = made / f"{band.name}.tif"
            if not path.is_file():
                self._write(path, [number])
        write_json(made / INDEX, {"predictors": [band.name for band in self.bands]})
        linked(made, target)

    def _write(self, path: Path, numbers: Sequence[int]) -> None:
        """Write some bands: GDAL makes a Cloud-Optimised GeoTIFF only of a finished raster."""
        plain, known = self.folder / "band.tif", dict(self.tags)
        bands = [self.bands[number] for number in numbers]
        if len(bands) == 1:  # what is said of one band is said of the file
            known = {**bands[0].tags, **known}
            bands = [replace(bands[0], known={})]
        replace(self, bands=tuple(bands))._head(plain, range(len(bands)), known)
        lay_out(plain, self._sizes(numbers))
        with plain.open("ab") as out:
            for block in self.lattice:
                out.writelines(encoded(self._part(block), numbers))
        with whole_file(path) as whole:
            write_cog(plain, whole)
        plain.unlink()

    @staticmethod
    def describe(path: Path) -> tuple[GeoBox, tuple[str, ...]]:
        """Return grid and band names of a finished result."""
        try:
            index = json.loads((path / INDEX).read_text(encoding="utf-8"))
            names = tuple(str(name) for name in index["predictors"])
            first = names[0]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise no_stack(path, error) from error
        absent = [name for name in names if not (path / f"{name}.tif").is_file()]
        if absent:
            raise InputError(f"{absent[0]}.tif is missing", where=str(path), remedy=REMEDY)
        return grid_of_raster(path / f"{first}.tif"), names

    @staticmethod
    @contextmanager
    def open(path: Path, names: Sequence[str]) -> Iterator[Bands]:
        """Open some bands of a finished result for reading block by block."""
        with ExitStack() as held:
            files = [held.enter_context(open_raster(path / f"{name}.tif")) for name in names]
            yield OpenRasters(files, [1])

    @staticmethod
    def to_xarray(path: Path) -> xr.Dataset:
        """Open a finished result with one lazily read variable per band."""
        names = Cogs.describe(path)[1]
        return xr.Dataset({name: _lazy(path / f"{name}.tif", 1) for name in names})


@dataclass(frozen=True)
class Cog(Cogs):
    """One Cloud-Optimised GeoTIFF with the first band, and one with the others, if there are any."""

    def finish(self, target: Path) -> None:
        """Make the result of all blocks, whole or not at all; broken off, it can be done again."""
        made, rest = self.folder / "cog.tif", self.folder / "rest.tif"
        if not made.is_file():
            self._write(made, [0])
        others = range(1, len(self.bands))
        if others and not rest.is_file():
            self._write(rest, others)
        if others:
            linked(rest, beside(target))
        linked(made, target)


def beside(target: Path) -> Path:
    """Return where the uncertainty of a map lies: `agb_uncertainty.tif` beside `agb.tif`."""
    return target.with_name(f"{target.stem}_uncertainty{target.suffix}")


@dataclass(frozen=True)
class OpenRasters:
    """The same bands of some open rasters."""

    datasets: Sequence[Any]
    indexes: Sequence[int]

    def read(self, block: Block) -> Values:
        """Read a block."""
        parts = []
        for dataset in self.datasets:
            with pixels_of(Path(dataset.name).name, AGAIN):
                parts.append(dataset.read(list(self.indexes), window=block.window))
        values: Values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return values


def _lazy(path: Path, band: int) -> xr.DataArray:
    array = rioxarray.open_rasterio(path, chunks=None, masked=True)
    assert isinstance(array, xr.DataArray)  # noqa: S101  # one subdataset, one array
    return array.sel(band=band, drop=True)
