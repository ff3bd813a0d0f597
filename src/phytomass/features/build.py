"""Computing a stack: block by block on any workers, resumably, into the store that is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass import tables
from phytomass.errors import InputError
from phytomass.features.layers import Layer
from phytomass.features.sources import (
    WholeGrid,
    check_stack,
    open_sources,
    refuse_empty,
    refuse_unscaled,
    source_files,
)
from phytomass.features.stack import PredictorStack
from phytomass.files import full_disk_named, write_csv
from phytomass.grid import Block
from phytomass.imagery import PredictorSettings
from phytomass.progress import Progress, silent
from phytomass.walk.geotiff import CACHE_MB
from phytomass.walk.journal import Journal
from phytomass.walk.kinds import STORES, store_for
from phytomass.walk.lattice import Lattice
from phytomass.walk.moments import Moments
from phytomass.walk.store import Band
from phytomass.walk.workers import Pool, Workers

Array = NDArray[np.float64]
KEPT = "; the finished part of the stack is kept"
_NOT_OURS = {"sets", "missing_at_plots", "leave_out", "store"}
"""Settings that change nothing in the blocks."""


@dataclass(frozen=True)
class Blocks:
    """The computed blocks of a stack, in a folder of their own.

    Parameters
    ----------
    journal : Journal
        Which blocks are there, with the moments of every predictor, and the store they are in.
    layers : tuple of Layer
        The predictors.
    """

    journal: Journal
    layers: tuple[Layer, ...]

    @property
    def lattice(self) -> Lattice:
        """The blocks."""
        return self.journal.store.lattice

    def table(self) -> pd.DataFrame:
        """Return one row per predictor with its provenance and its statistics over the grid."""
        found = [Moments()] * len(self.layers)
        for note in self.journal.notes():  # joined in the order of the lattice, whoever was first
            found = [sums + Moments(*part) for sums, part in zip(found, note, strict=True)]
        pixels = self.lattice.grid.shape[0] * self.lattice.grid.shape[1]
        rows = zip(self.layers, found, strict=True)
        return pd.DataFrame([layer.row() | _statistics(sums, pixels) for layer, sums in rows])

    def finish(self, target: Path) -> tuple[PredictorStack, pd.DataFrame]:
        """Make them a stack in the store they were computed for.

        Parameters
        ----------
        target : Path
            What the store ends in: a Zarr store in `.zarr`, one GeoTIFF in `.tif`, a folder with
            one Cloud-Optimised GeoTIFF per predictor in nothing. A table of the layers (`.csv`,
            same name) is written beside it.

        Raises
        ------
        InputError
            If they were computed for another store.
        DiskFullError
            If there is no room for it; nothing stands at `target` then.
        """
        store = self.journal.store
        if STORES[store_for(target)] is not type(store):
            raise InputError(
                f"the blocks were computed for {type(store).__name__}", where=str(target)
            )
        table = self.table()
        target.parent.mkdir(parents=True, exist_ok=True)
        with full_disk_named(target.parent, KEPT):
            store.finish(target)
            write_csv(target.with_suffix(".csv"), tables.table("predictors").kept(table))
        return PredictorStack.open(target), table


def compute_blocks(
    settings: PredictorSettings,
    grid: GeoBox,
    root: Path,
    folder: Path,
    *,
    store: str | None = None,
    workers: Workers | None = None,
    progress: Progress = silent,
) -> Blocks:
    """Compute all predictors block by block; go on with what an earlier call left unfinished.

    Every block is computed and written by itself, so memory is that of one block per worker, and
    values and bytes are the same for any workers. What is in the folder is used again only if
    settings, grid, version and the source files (names, sizes, times) are the same.

    Parameters
    ----------
    settings, grid, root
        As in `build_stack`.
    folder : Path
        Where finished blocks are kept; it stays when the work is broken off, and is removed
        when the input turns out to be bad.
    store : str, optional
        `geotiff`, `zarr` or `cogs`; as in the settings if absent.
    workers : Workers, optional
        Who computes; one thread if absent.
    progress : callable
        Called with (what, done, total) per finished task.

    Raises
    ------
    InputError
        As `build_stack`.
    WorkersError
        If workers cannot be reached, or are lost.
    DiskFullError
        If there is no room for the blocks.
    """
    layers = check_stack(settings, root, grid)
    bands = tuple(Band(layer.name, layer.unit, layer.row()) for layer in layers)
    kept = STORES[store or settings.store](folder.resolve(), Lattice(grid), bands)
    blocks = Blocks(Journal(kept), tuple(layers))
    with (
        (workers or Workers()).pool() as pool,
        full_disk_named(folder.parent, KEPT),
        blocks.journal.removed_if_bad(),
    ):
        blocks.journal.begin(_request(settings, grid, root))
        _compute(blocks.journal, settings, root, pool, progress)
        table = blocks.table()
        refuse_empty([la for la, n in zip(layers, table["valid_share"], strict=True) if n == 0])
    return blocks


def build_stack(
    settings: PredictorSettings,
    grid: GeoBox,
    root: Path,
    target: Path,
    *,
    workers: Workers | None = None,
    progress: Progress = silent,
) -> tuple[PredictorStack, pd.DataFrame]:
    """Compute all predictors and write them as one GeoTIFF, one Zarr store or a folder of COGs.

    Parameters
    ----------
    settings : PredictorSettings
        Sources, indices and terrain.
    grid : GeoBox
        The project's grid.
    root : Path
        Folder that relative paths start from.
    target : Path
        A GeoTIFF (`.tif`), a Zarr store (`.zarr`), or a folder of Cloud-Optimised GeoTIFFs (no
        suffix); a table of the layers (`.csv`, same name) is written beside it.
    workers : Workers, optional
        Who computes; one thread if absent.
    progress : callable
        Called with (what, done, total) as blocks are finished.

    Returns
    -------
    stack : PredictorStack
        The stack, float32.
    table : DataFrame
        One row per predictor: name, sensor, kind, formula, source, unit, mean, sd, min, max,
        valid_share.

    Raises
    ------
    InputError
        As `check_stack`; also if a predictor has no data at all, or reflectance is not in 0-1
        where an index needs it.
    WorkersError, DiskFullError
        As `compute_blocks`; finished blocks stay in a hidden folder beside the target, and the
        next call goes on with them.
    """
    folder = target.with_name(f".{target.name}.unfinished")
    blocks = compute_blocks(
        settings, grid, root, folder, store=store_for(target), workers=workers, progress=progress
    )
    finished = blocks.finish(target)
    shutil.rmtree(folder)
    return finished


def write_zarr(
    settings: PredictorSettings,
    grid: GeoBox,
    root: Path,
    target: Path,
    *,
    scheduler: str = "threads",
    workers: int = 1,
) -> xr.Dataset:
    """Compute all predictors, write them as one Zarr store, and open it lazily.

    Parameters
    ----------
    settings, grid, root, target
        As in `build_stack`.
    scheduler : str
        `threads`, `processes`, or the address of a `dask.distributed` scheduler.
    workers : int
        Threads or processes.

    Returns
    -------
    Dataset
        Dimensions y and x, pixel centres in the CRS of the grid.
    """
    stack, _ = build_stack(settings, grid, root, target, workers=Workers(workers, scheduler))
    return stack.to_xarray()


def _request(settings: PredictorSettings, grid: GeoBox, root: Path) -> dict[str, Any]:
    """Return all that the values of the blocks depend on."""
    files = [
        [str(path), path.stat().st_size, path.stat().st_mtime_ns]
        for path in source_files(settings, root)
    ]
    return {
        "version": version("phytomass"),
        "settings": settings.model_dump(mode="json", exclude=_NOT_OURS),
        "grid": [str(grid.crs), list(grid.transform), list(grid.shape)],
        "files": files,
    }


def _compute(
    journal: Journal, settings: PredictorSettings, root: Path, pool: Pool, progress: Progress
) -> None:
    if not journal.missing():
        return
    grid, root = journal.store.lattice.grid, root.resolve()
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MB), open_sources(settings, root, grid) as sources:
        known = sources.whole_grid()
    journal.walk(
        compute_part,
        (journal, settings, root, known),
        pool,
        "predictors",
        progress,
        squares=True,
    )


def compute_part(
    journal: Journal,
    settings: PredictorSettings,
    root: Path,
    known: WholeGrid,
    part: Sequence[Block],
) -> int:
    """Compute some blocks and keep them, with the moments of every predictor.

    Returns
    -------
    int
        How many.
    """
    journal.refuse_unseen()
    with (
        full_disk_named(journal.folder.parent, KEPT),
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        open_sources(settings, root, journal.store.lattice.grid, known) as sources,
    ):
        for window, blocks in journal.store.lattice.windows(part, sources.side):
            values = sources.block(window)
            for block in blocks:
                top, left = block.row - window.row, block.col - window.col
                inner = np.s_[top : top + block.rows, left : left + block.cols]
                _keep(journal, settings, block, {name: v[inner] for name, v in values.items()})
    return len(part)


def _keep(
    journal: Journal, settings: PredictorSettings, block: Block, values: dict[str, Array]
) -> None:
    refuse_unscaled(settings, values)
    layers = [values[band.name] for band in journal.store.bands]
    moments = [astuple(Moments.of(layer[np.isfinite(layer)])) for layer in layers]
    journal.keep(block, np.stack(layers, dtype=np.float32, casting="same_kind"), moments)


def _statistics(sums: Moments, pixels: int) -> dict[str, float]:
    if not sums.n:
        return {"valid_share": 0.0}
    ends = {"min": sums.low, "max": sums.high}
    return {"mean": sums.mean, "sd": sums.sd, **ends, "valid_share": sums.n / pixels}
