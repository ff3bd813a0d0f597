"""The stack as a Zarr store, computed chunk by chunk with Dask, on threads, processes or a cluster."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.features.layers import Layer
from phytomass.features.sources import check_stack, open_sources, refuse_unscaled
from phytomass.files import write_text
from phytomass.grid import BLOCK, Block, blocks_of
from phytomass.imagery import PredictorSettings


def write_zarr(
    settings: PredictorSettings,
    grid: GeoBox,
    root: Path,
    target: Path,
    *,
    scheduler: str | None = "threads",
    workers: int = 1,
) -> xr.Dataset:
    """Compute all predictors and write them as one Zarr store of float32 arrays.

    Every chunk is computed and written by itself, so memory is that of one chunk per worker. The
    store appears under its name when all chunks are there. If the work is broken off, it goes on
    with the chunks that are missing, provided that settings and grid are the same.

    Parameters
    ----------
    settings, grid, root
        As in `build_stack`.
    target : Path
        The store, e.g. ``predictors.zarr``; an earlier one is replaced at the end.
    scheduler : {"threads", "processes", "sync"} or None
        Dask's scheduler; None takes the active one, e.g. a `dask.distributed` client's. Workers
        of a cluster need the same folders.
    workers : int
        Threads or processes.

    Returns
    -------
    Dataset
        The store, opened lazily; dimensions y and x, pixel centres in the CRS of the grid.

    Raises
    ------
    InputError
        As `check_stack`.
    """
    from dask.base import compute
    from dask.delayed import delayed

    layers = check_stack(settings, root, grid)
    partial = target.with_name(f".{target.name}.partial")
    _prepare(partial, settings, grid, layers)
    work = delayed(_write_chunk)
    tasks = [
        work(
            settings,
            (grid.shape[0], grid.shape[1]),
            list(grid.transform),
            str(grid.crs),
            root,
            partial,
            block,
        )
        for block in blocks_of(grid.shape)
        if not _mark(partial, block).exists()
    ]
    options = {} if scheduler is None else {"scheduler": scheduler, "num_workers": workers}
    compute(*tasks, **options)  # type: ignore[no-untyped-call]
    for mark in partial.glob(".done-*"):
        mark.unlink()
    (partial / _STATE).unlink()
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)
    store: xr.Dataset = xr.open_zarr(target, consolidated=False)
    return store


_STATE = ".request"


def _mark(partial: Path, block: Block) -> Path:
    return partial / f".done-{block.row}-{block.col}"


def _prepare(
    partial: Path, settings: PredictorSettings, grid: GeoBox, layers: Sequence[Layer]
) -> None:
    """Make an empty store, unless one for the same request is there already."""
    import zarr

    request = f"{settings.model_dump_json()}\n{grid.crs} {list(grid.transform)} {grid.shape}\n"
    state = partial / _STATE
    if state.is_file() and state.read_text(encoding="utf-8") == request:
        return
    if partial.exists():
        shutil.rmtree(partial)
    try:
        store = zarr.open_group(partial, mode="w")
    except OSError as error:
        raise InputError(f"cannot write here ({error})", where=str(partial.parent)) from error
    store.attrs.update({"crs": str(grid.crs), "transform": list(grid.transform)[:6]})
    affine, (rows, cols) = grid.transform, grid.shape
    centres = {
        "y": affine.f + affine.e * (np.arange(rows) + 0.5),
        "x": affine.c + affine.a * (np.arange(cols) + 0.5),
    }
    for name, values in centres.items():
        array = store.create_array(name, data=values, dimension_names=[name])
        array.attrs["units"] = "metre"
    for layer in layers:
        array = store.create_array(
            layer.name,
            shape=(rows, cols),
            chunks=(min(BLOCK, rows), min(BLOCK, cols)),
            dtype="float32",
            fill_value=np.nan,
            dimension_names=["y", "x"],
        )
        array.attrs.update(layer.row())
    write_text(state, request)


def _write_chunk(
    settings: PredictorSettings,
    shape: tuple[int, int],
    transform: list[float],
    crs: str,
    root: Path,
    partial: Path,
    block: Block,
) -> None:
    """Compute one chunk and write it; its mark comes last."""
    import zarr
    from affine import Affine

    grid = GeoBox(shape, Affine(*transform[:6]), crs)
    with open_sources(settings, root, grid) as sources:
        values: dict[str, Any] = sources.block(block)
    refuse_unscaled(settings, values)
    store = zarr.open_group(partial, mode="r+")
    for name, layer in values.items():
        store[name][block.slices] = layer.astype(np.float32)  # type: ignore[index]
    _mark(partial, block).touch()
