"""The forest or plantation mask on the project's grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import geometry_mask

from phytomass.errors import InputError
from phytomass.grid import Block, describe_grid, grid_of, same_grid
from phytomass.imagery.settings import MaskSettings
from phytomass.rasters import open_raster, pixels_of
from phytomass.vectors import read_polygons
from phytomass.walk.lattice import Lattice

Mask = Callable[[Block], NDArray[np.bool_]]


def area_mask(path: Path, grid: GeoBox) -> Mask:
    """Return the pixels whose centre lies in the polygons of a file.

    Raises
    ------
    InputError
        If the file cannot be read, has no CRS or no polygon, or lies off the grid.
    """
    shapes = read_polygons(path, str(path), str(grid.crs)).geometry
    if not shapes.intersects(grid.extent.geom).any():
        raise InputError(
            "has no polygon on the grid", where=str(path), remedy="check its CRS and extent"
        )

    def read(block: Block) -> NDArray[np.bool_]:
        shift = grid.transform @ Affine.translation(block.col, block.row)
        inside = geometry_mask(shapes, (block.rows, block.cols), shift, invert=True)
        return np.asarray(inside, dtype=bool)

    return read


@contextmanager
def open_mask(
    settings: MaskSettings | None, root: Path, grid: GeoBox, area: Path | None = None
) -> Iterator[Mask]:
    """Open a mask; give a function from block to booleans (True is forest).

    Without settings every pixel is True. Pixels where the mask has no data are False, and so are
    pixels outside the polygons of `area`, where given.

    Raises
    ------
    InputError
        If the file is on another grid or lacks the band.
    """
    if area is not None:
        within = area_mask(root / area, grid)
        with open_mask(settings, root, grid) as mask:
            yield lambda block: mask(block) & within(block)
        return
    if settings is None:
        yield lambda block: np.ones((block.rows, block.cols), dtype=bool)
        return
    path = root / settings.path
    with open_raster(path, f"{settings.path} (mask)") as dataset:
        own = grid_of(dataset, f"{settings.path} (mask)")
        if not same_grid(own, grid):
            raise InputError(
                f"is on another grid: {describe_grid(own)}; the project's is {describe_grid(grid)}",
                where=f"{settings.path} (mask)",
                remedy="resample the mask to the grid by nearest neighbour",
            )
        if not 1 <= settings.band <= dataset.count:
            raise InputError(
                f"no band {settings.band}, it has {dataset.count}",
                where=f"{settings.path} (mask)",
                remedy="set mask.band",
            )

        def read(block: Block) -> NDArray[np.bool_]:
            with pixels_of(f"{settings.path} (mask)"):
                raw = dataset.read(settings.band, window=block.window, masked=True)
            values = raw.filled(0)
            if settings.values is not None:
                inside = np.isin(values, settings.values)
            else:
                inside = values >= settings.at_least
            return np.asarray(inside & ~np.ma.getmaskarray(raw), dtype=bool)

        yield read


@dataclass(frozen=True)
class MappedArea:
    """The pixels that are mapped, as what any worker can open for itself.

    Parameters
    ----------
    settings, root, grid, area
        As in `open_mask`.
    """

    settings: MaskSettings | None
    root: Path
    grid: GeoBox
    area: Path | None = None

    def open(self) -> AbstractContextManager[Mask]:
        """Open it (see `open_mask`)."""
        return open_mask(self.settings, self.root, self.grid, self.area)

    @property
    def files(self) -> list[Path]:
        """Files that it is read from."""
        paths = (self.settings.path if self.settings else None, self.area)
        return [self.root / path for path in paths if path is not None]

    @property
    def rule(self) -> dict[str, Any]:
        """What tells its pixels from others, beside the grid and the contents of the files."""
        settings = self.settings.model_dump(mode="json") if self.settings else None
        return {"mask": settings, "area": self.area and str(self.area)}


def check_mask(settings: MaskSettings, root: Path, grid: GeoBox, area: Path | None = None) -> int:
    """Return the number of forest pixels.

    Raises
    ------
    InputError
        If the mask hides everything.
    """
    with open_mask(settings, root, grid, area) as mask:
        count = sum(int(mask(block).sum()) for block in Lattice(grid))
    if count == 0:
        rule = (
            f"values {settings.values}" if settings.values is not None else f"≥ {settings.at_least}"
        )
        raise InputError(
            f"hides everything: no pixel matches {rule}",
            where=f"{settings.path} (mask)",
            remedy="check mask.values or mask.at_least against the raster's classes",
        )
    return count
