"""Time and disk of writing a stack of 2 048 × 2 048 pixels and 12 predictors, for each store.

    python benchmarks/stack_store.py [--side 2048] [--bands 12] [--workers 2] [--rounds 3]

The source is one uncompressed raster, read as it is, so that what is measured is the way from
computed blocks to the finished stack. Each run is a fresh process; the stores take turns. Printed
are the best and all wall times, the processor time, the most that lay on disk at once, and the peak
memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import rasterio

from phytomass.features import PredictorStack, Workers, build_stack
from phytomass.grid import blocks_of, grid_from_bounds
from phytomass.imagery import PredictorSettings

STORES = {"geotiff": "p.tif", "zarr": "p.zarr", "cogs": "p"}


def write_source(path: Path, side: int, bands: int) -> None:
    """Write smooth fields with noise, as reflectance and backscatter have them."""
    grid = grid_from_bounds("EPSG:32643", 10, (0, 0, side * 10, side * 10))
    rng = np.random.default_rng(1)
    with rasterio.open(
        path, "w", driver="GTiff", height=side, width=side, count=bands, dtype="float32",
        crs=str(grid.crs), transform=grid.transform, tiled=True, blockxsize=256, blockysize=256,
    ) as out:  # fmt: skip
        out.descriptions = tuple(f"p{i}" for i in range(bands))
        for block in blocks_of(grid.shape):
            row, col = np.mgrid[block.slices]
            wave = np.sin(row / 90.0) + np.cos(col / 70.0)
            noise = rng.normal(0, 0.05, (bands, block.rows, block.cols))
            values = np.round((wave + noise) * 1e4) / 1e4  # as of stored integers
            out.write(values.astype(np.float32), window=block.window)


def bytes_in(folder: Path) -> int:
    """Return the room of a folder's files; one with two names takes it once."""
    found: dict[int, int] = {}
    for parent, _, names in os.walk(folder):  # goes on where files vanish meanwhile
        for name in names:
            with suppress(FileNotFoundError):
                status = Path(parent, name).stat()
                found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def one_run(folder: Path, store: str, workers: int) -> dict[str, float]:
    source = next(folder.glob("source.tif"))
    settings = PredictorSettings.model_validate({"rasters": {"c": {"files": source.name}}})
    grid = PredictorStack.open(source).grid
    out = folder / "out"
    most, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            most[0] = max(most[0], bytes_in(out))

    watcher = threading.Thread(target=watch)
    watcher.start()
    clock, busy = time.perf_counter(), time.process_time()
    build_stack(settings, grid, folder, out / STORES[store], workers=Workers(workers))
    wall, cpu = time.perf_counter() - clock, time.process_time() - busy
    stop.set()
    watcher.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    done = bytes_in(out)
    return {"wall_s": wall, "cpu_s": cpu, "disk_mb": most[0] / 1e6, "left_mb": done / 1e6,
            "peak_mb": peak}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--bands", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "STORE"))
    options = parser.parse_args()
    if options.one:
        folder, store = options.one
        print(json.dumps(one_run(Path(folder), store, options.workers)))
        return
    found: dict[str, list[dict[str, float]]] = {store: [] for store in STORES}
    with tempfile.TemporaryDirectory() as made:
        write_source(Path(made, "source.tif"), options.side, options.bands)
        for _ in range(options.rounds):
            for store in STORES:
                command = [sys.executable, __file__, "--workers", str(options.workers)]
                told = subprocess.run(
                    [*command, "--one", made, store], check=True, capture_output=True, text=True
                )
                found[store].append(json.loads(told.stdout))
                subprocess.run(["rm", "-rf", f"{made}/out"], check=True)
    for store, runs in found.items():
        walls = ", ".join(f"{run['wall_s']:.2f}" for run in runs)
        best = min(runs, key=lambda run: run["wall_s"])
        print(
            f"{store}: {best['wall_s']:.2f} s wall ({walls}), {best['cpu_s']:.2f} s processor, "
            f"{best['left_mb']:.0f} MB written, {best['disk_mb']:.0f} MB at most on disk, "
            f"{best['peak_mb']:.0f} MB memory"
        )


if __name__ == "__main__":
    main()
