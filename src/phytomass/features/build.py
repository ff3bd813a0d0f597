"""Computing a stack: block by block on any workers, resumably; then one GeoTIFF or Zarr store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass import tables
from phytomass.errors import InputError
from phytomass.features.cogs import write_cogs
from phytomass.features.cube import create_store, open_bands, write_block
from phytomass.features.layers import Layer
from phytomass.features.raster import CACHE_MB, new_raster
from phytomass.features.sources import (
    WholeGrid,
    check_stack,
    open_sources,
    refuse_empty,
    refuse_unscaled,
    source_files,
)
from phytomass.features.stack import PredictorStack
from phytomass.features.workers import Pool, Workers
from phytomass.files import full_disk_named, whole_file, write_csv, write_text
from phytomass.grid import Block, blocks_of
from phytomass.imagery import PredictorSettings
from phytomass.progress import Progress, silent

KEPT = "; the finished part of the stack is kept"
MOST_PER_TASK = 8
"""Blocks of one task: its files are opened once."""
_REQUEST = "request.json"
_NOT_OURS = {"sets", "missing_at_plots", "leave_out", "store"}
"""Settings that change nothing in the blocks."""
Summary = tuple[int, float, float, float, float]
"""Count, sum, sum of squares, least and greatest value."""


@dataclass(frozen=True)
class Blocks:
    """The computed blocks of a stack, in a folder of their own.

    Parameters
    ----------
    folder : Path
        Holds the store, and one small file for each finished block.
    grid : GeoBox
        The grid.
    layers : tuple of Layer
        The predictors.
    """

    folder: Path
    grid: GeoBox
    layers: tuple[Layer, ...]

    @property
    def store(self) -> Path:
        """The Zarr store they are in."""
        return self.folder / "blocks.zarr"

    def missing(self) -> list[Block]:
        """Return the blocks that are not there yet."""
        return [b for b in blocks_of(self.grid.shape) if not _mark(self.folder, b).is_file()]

    def table(self) -> pd.DataFrame:
        """Return one row per predictor with its provenance and its statistics over the grid."""
        marks = [_mark(self.folder, block) for block in blocks_of(self.grid.shape)]
        done = [json.loads(mark.read_text(encoding="utf-8")) for mark in marks]
        pixels = self.grid.shape[0] * self.grid.shape[1]
        rows = [
            layer.row() | _statistics([block[layer.name] for block in done], pixels)
            for layer in self.layers
        ]
        return pd.DataFrame(rows)

    def finish(self, target: Path) -> tuple[PredictorStack, pd.DataFrame]:
        """Make them a stack, in the way that the suffix of the target says.

        Parameters
        ----------
        target : Path
            `.zarr`: a Zarr store; `.tif`: one GeoTIFF; without a suffix: a folder with one
            Cloud-Optimised GeoTIFF per predictor. A table of the layers (`.csv`, same name) is
            written beside it.

        Raises
        ------
        DiskFullError
            If there is no room for it; nothing stands at `target` then.
        """
        table = self.table()
        target.parent.mkdir(parents=True, exist_ok=True)
        with full_disk_named(target.parent, KEPT):
            if target.suffix == ".tif":
                self._write_raster(target)
            else:
                made = self.store if target.suffix == ".zarr" else self._write_cogs()
                if target.exists():
                    shutil.rmtree(target)
                made.rename(target)
            write_csv(target.with_suffix(".csv"), tables.table("predictors").kept(table))
        return PredictorStack.open(target), table

    def _write_cogs(self) -> Path:
        folder = self.folder / "cogs"
        shutil.rmtree(folder, ignore_errors=True)
        write_cogs(self.store, self.grid, self.layers, folder)
        return folder

    def _write_raster(self, target: Path) -> None:
        names = [layer.name for layer in self.layers]
        bands = open_bands(self.store, names)
        with (
            whole_file(target) as beside,
            new_raster(beside, self.grid, names, [layer.unit for layer in self.layers]) as out,
        ):
            for band, layer in enumerate(self.layers, 1):
                said = {key: text for key, text in layer.row().items() if text and key != "name"}
                out.update_tags(band, **said)
            for block in blocks_of(self.grid.shape):
                for band, values in enumerate(bands.read(block), 1):
                    out.write(values, band, window=block.window)


def compute_blocks(
    settings: PredictorSettings,
    grid: GeoBox,
    root: Path,
    folder: Path,
    *,
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
    with (workers or Workers()).pool() as pool, full_disk_named(folder.parent, KEPT):
        blocks = Blocks(folder, grid, tuple(layers))
        with _removed_if_bad(folder):
            _prepare(blocks, settings, root)
            _compute(blocks, settings, root, pool, progress)
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
    blocks = compute_blocks(settings, grid, root, folder, workers=workers, progress=progress)
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


@contextmanager
def _removed_if_bad(folder: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _mark(folder: Path, block: Block) -> Path:
    return folder / f"done-{block.row}-{block.col}.json"


def _prepare(blocks: Blocks, settings: PredictorSettings, root: Path) -> None:
    """Make an empty store, unless one for the same request is there already."""
    grid = blocks.grid
    files = [
        [str(path), path.stat().st_size, path.stat().st_mtime_ns]
        for path in source_files(settings, root)
    ]
    request = json.dumps(
        {
            "version": version("phytomass"),
            "settings": settings.model_dump(mode="json", exclude=_NOT_OURS),
            "grid": [str(grid.crs), list(grid.transform), list(grid.shape)],
            "files": files,
        }
    )
    state = blocks.folder / _REQUEST
    same = state.is_file() and state.read_text(encoding="utf-8") == request
    if same and blocks.store.is_dir():
        return
    shutil.rmtree(blocks.folder, ignore_errors=True)
    try:
        blocks.folder.mkdir(parents=True)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise InputError(f"cannot write here ({error})", where=str(blocks.folder.parent)) from error
    create_store(blocks.store, grid, blocks.layers)
    write_text(state, request)


def _compute(
    blocks: Blocks, settings: PredictorSettings, root: Path, pool: Pool, progress: Progress
) -> None:
    missing = blocks.missing()
    if not missing:
        return
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        open_sources(settings, root, blocks.grid) as sources,
    ):
        known = sources.whole_grid()
    grid = _Grid.of(blocks.grid)
    size = min(max(len(missing) // (2 * pool.size), 1), MOST_PER_TASK)
    parts = [missing[i : i + size] for i in range(0, len(missing), size)]
    tasks = [(settings, grid, root.resolve(), blocks.folder.resolve(), known, p) for p in parts]
    total = len(list(blocks_of(blocks.grid.shape)))
    done = total - len(missing)
    for finished in pool.run(compute_part, tasks):
        done += finished
        progress("predictors", done, total)


@dataclass(frozen=True)
class _Grid:
    """A grid in a form that every worker can be sent."""

    shape: tuple[int, int]
    transform: tuple[float, ...]
    crs: str

    @classmethod
    def of(cls, grid: GeoBox) -> _Grid:
        return cls((grid.shape[0], grid.shape[1]), tuple(grid.transform)[:6], str(grid.crs))

    def open(self) -> GeoBox:
        return GeoBox(self.shape, Affine(*self.transform), self.crs)


def compute_part(
    settings: PredictorSettings,
    grid: _Grid,
    root: Path,
    folder: Path,
    known: WholeGrid,
    part: Sequence[Block],
) -> int:
    """Compute some blocks and write them; the mark of each comes after its values.

    Returns
    -------
    int
        How many.
    """
    if not (folder / _REQUEST).is_file():
        raise InputError(
            "a worker does not see this folder",
            where=str(folder),
            remedy="workers of a cluster need the project's folders under the same paths",
        )
    store = folder / "blocks.zarr"
    with (
        full_disk_named(folder.parent, KEPT),
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        open_sources(settings, root, grid.open(), known) as s,
    ):
        for block in part:
            values = s.block(block)
            refuse_unscaled(settings, values)
            write_block(store, block, values)
            summary = {name: _summary(layer) for name, layer in values.items()}
            write_text(_mark(folder, block), json.dumps(summary))
    return len(part)


def _summary(values: NDArray[np.float64]) -> Summary:
    good = values[np.isfinite(values)]
    if not good.size:
        return 0, 0.0, 0.0, np.inf, -np.inf
    low, high = float(good.min()), float(good.max())
    return good.size, float(good.sum()), float((good**2).sum()), low, high


def _statistics(parts: Sequence[Summary], pixels: int) -> dict[str, float]:
    """Join the summaries of the blocks, always in the order of the lattice."""
    n, total, squares, low, high = 0, 0.0, 0.0, np.inf, -np.inf
    for part in parts:
        n, total, squares = n + part[0], total + part[1], squares + part[2]
        low, high = min(low, part[3]), max(high, part[4])
    if not n:
        return {"valid_share": 0.0}
    mean = total / n
    sd = float(np.sqrt(max(squares / n - mean**2, 0.0)))
    return {"mean": mean, "sd": sd, "min": low, "max": high, "valid_share": n / pixels}
