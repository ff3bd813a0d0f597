"""Seasonal median and speckle filters beside the usual way, on files: time, ratio, peak memory.

    python benchmarks/imagery.py [--side 2048] [--dates 40] [--filter-side 4096] [--workers 2]
        [--compress deflate] [--only median]

Writes distinct random images to a temporary folder, block by block, then runs every way in a fresh
process of its own, several rounds in turn; for the median also what it takes to read the same
files and do nothing. Times are the best of the rounds, without imports and compilation, with
reading and writing: on the clock, and of the processor, which other work disturbs less. Peak memory
is that of the whole process. The results of both ways are compared. The median at its full size
needs 3 GB of disk, and the usual way memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from scipy.ndimage import uniform_filter

from phytomass.features import Workers, build_stack
from phytomass.grid import Block, blocks_of, grid_from_bounds
from phytomass.imagery import PredictorSettings
from phytomass.imagery.pixels.sorting_network import quantile_rows
from phytomass.imagery.pixels.speckle.filters import improved_sigma, lee, refined_lee
from phytomass.imagery.pixels.speckle.sigma_range import sigma_range
from phytomass.imagery.pixels.stored import Scaling
from phytomass.imagery.products.sensors import find_sensor

LOOKS = 4.4
BANDS = ["B2", "B3", "B4", "B8", "B11", "B12"]
PRODUCT = "sentinel-2-l2a"
HALO = 3


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def new_image(path: Path, side: int, bands: list[str], dtype: str, compress: str = "none") -> Any:
    grid = grid_of(side)
    out = rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=len(bands), dtype=dtype,
        crs=str(grid.crs), transform=grid.transform, tiled=True, blockxsize=256, blockysize=256,
        compress=compress,
    )  # fmt: skip
    out.descriptions = tuple(bands)
    return out


def grid_of(side: int) -> Any:
    west, north = 500_000, 3_900_000
    return grid_from_bounds("EPSG:32643", 10, (west, north - 10 * side, west + 10 * side, north))


def write_season(folder: Path, side: int, dates: int, compress: str = "none") -> None:
    """Write reflectance of every date, 40 % of it under clouds of 320 m."""
    for date in range(dates):
        rng = np.random.default_rng(date)
        name = np.datetime64("2020-01-05") + 9 * date
        path = folder / f"s2_{str(name).replace('-', '')}.tif"
        with new_image(path, side, [*BANDS, "SCL"], "uint16", compress) as out:
            for block in blocks_of((side, side)):
                shape = (block.rows, block.cols)
                cloud = np.kron(rng.random((8, 8)) < 0.4, np.ones((32, 32), bool))
                cloud = cloud[: block.rows, : block.cols]
                out.write(np.where(cloud, 9, 4), 7, window=block.window)
                for band in range(1, 7):
                    out.write(rng.integers(1, 6000, shape), band, window=block.window)


def write_radar(folder: Path, side: int) -> None:
    rng = np.random.default_rng(1)
    with new_image(folder / "power.tif", side, ["VV"], "float32") as out:
        for block in blocks_of((side, side)):
            power = rng.gamma(LOOKS, 1 / LOOKS, (block.rows, block.cols))
            out.write(power.astype(np.float32), 1, window=block.window)


def season(how: str, dilate_m: float) -> PredictorSettings:
    source = {
        "files": "s2_*.tif",
        "product": PRODUCT,
        "bands": BANDS,
        "boa_offset": "applied",
        "dilate_m": dilate_m,
        "composite": how,
    }
    return PredictorSettings.model_validate({"rasters": {"s2": source}})


def ours(
    folder: Path, target: Path, side: int, workers: int, how: str = "median", dilate_m: float = 0
) -> None:
    """As `phytomass stack` does it."""
    settings, out = season(how, dilate_m), target / "out.tif"
    build_stack(settings, grid_of(side), folder, out, workers=Workers(workers))


def plain_reading(folder: Path, target: Path, side: int, workers: int) -> None:
    """Read every band of every file once, in windows of 512², and do nothing."""

    def read(path: Path) -> None:
        with rasterio.open(path) as source:
            for block in blocks_of(source.shape, 512):
                source.read(window=block.window)

    with rasterio.Env(GDAL_CACHEMAX=256), ThreadPoolExecutor(workers) as pool:
        list(pool.map(read, sorted(folder.glob("s2_*.tif"))))


def usual_median(folder: Path, target: Path, side: int, workers: int) -> None:
    """As tutorials do it: xarray and Dask, chunks of 256² with all dates together."""
    import dask
    import rioxarray
    import xarray as xr

    rule = find_sensor(PRODUCT).classes
    assert rule is not None
    images = [
        rioxarray.open_rasterio(path, chunks={"band": -1, "x": 256, "y": 256})
        for path in sorted(folder.glob("s2_*.tif"))
    ]
    stack = xr.concat(images, "time").chunk({"time": -1})
    classes = stack.isel(band=6, drop=True)
    values = stack.isel(band=slice(0, 6)).astype("float32") * np.float32(1e-4)
    clear = values.where(~classes.isin(rule.reject) & (stack.isel(band=slice(0, 6)) != 0))
    result = clear.median("time", skipna=True).to_dataset(name="median")
    with dask.config.set(scheduler="threads", num_workers=workers):
        result.drop_encoding().to_zarr(target / "median.zarr", mode="w", consolidated=False)


def filtered(folder: Path, target: Path, work: Callable[[np.ndarray], np.ndarray]) -> None:
    """Filter block by block with a halo, as the stack does: memory is that of a block."""
    with (
        rasterio.Env(GDAL_CACHEMAX=64),
        rasterio.open(folder / "power.tif") as source,
        new_image(target / "out.tif", source.width, ["VV"], "float32") as out,
    ):
        for block in blocks_of(source.shape):
            top, left = min(block.row, HALO), min(block.col, HALO)
            rows = min(block.row + block.rows + HALO, source.height) - block.row + top
            cols = min(block.col + block.cols + HALO, source.width) - block.col + left
            around = Block(block.row - top, block.col - left, rows, cols)
            values = work(source.read(1, window=around.window).astype(np.float64))
            inner = values[top : top + block.rows, left : left + block.cols]
            out.write(inner.astype(np.float32), 1, window=block.window)


def whole(folder: Path, target: Path, work: Callable[[np.ndarray], np.ndarray]) -> None:
    with rasterio.open(folder / "power.tif") as source:
        values = work(source.read(1).astype(np.float64))
        with new_image(target / "out.tif", source.width, ["VV"], "float32") as out:
            out.write(values.astype(np.float32), 1)


def scipy_lee(power: np.ndarray, window: int = 7) -> np.ndarray:
    mean = uniform_filter(power, window)
    variance = np.maximum(uniform_filter(power**2, window) - mean**2, 0)
    signal = np.maximum(variance - mean**2 / LOOKS, 0) / (1 + 1 / LOOKS)
    return mean + signal / np.maximum(variance, 1e-30) * (power - mean)


def sigma_with_arrays(power: np.ndarray) -> np.ndarray:
    """The improved sigma filter without its point targets, as whole-array code does it."""
    limits = sigma_range(LOOKS)
    first = scipy_lee(power, 3)
    edge = np.pad(power, HALO, mode="reflect")
    total, squares, n = np.zeros_like(power), np.zeros_like(power), np.zeros_like(power)
    rows, cols = power.shape
    for dy in range(7):
        for dx in range(7):
            part = edge[dy : dy + rows, dx : dx + cols]
            inside = (part >= limits.low * first) & (part <= limits.high * first)
            total += np.where(inside, part, 0)
            squares += np.where(inside, part**2, 0)
            n += inside
    mean = total / np.maximum(n, 1)
    variance = np.maximum(squares / np.maximum(n, 1) - mean**2, 0)
    signal = np.maximum(variance - mean**2 * limits.spread**2, 0) / (1 + limits.spread**2)
    return mean + signal / np.maximum(variance, 1e-30) * (power - mean)


BRIGHT = 3.0
FILTERS: dict[str, tuple[Callable[..., None], Callable[[np.ndarray], np.ndarray]]] = {
    "lee": (filtered, lambda z: lee(z, LOOKS)),
    "refined lee": (filtered, lambda z: refined_lee(z, LOOKS)),
    "improved sigma": (filtered, lambda z: improved_sigma(z, LOOKS, BRIGHT)),
    "improved sigma, one pass": (
        filtered,
        lambda z: improved_sigma(z, LOOKS, BRIGHT, bias_correction=False),
    ),
    "lee, scipy": (whole, scipy_lee),
    "improved sigma, arrays": (whole, sigma_with_arrays),
}
SEASONS: dict[str, Callable[..., None]] = {
    "median": ours,
    "median, xarray + dask": usual_median,
    "plain reading": plain_reading,
    "median, clouds grown by 60 m": partial(ours, dilate_m=60),
    "mean": partial(ours, how="mean"),
    "p25": partial(ours, how="p25"),
}
BESIDE = {
    "median": list(SEASONS)[1:],
    "lee": ["lee, scipy"],
    "refined lee": [],
    "improved sigma": [],
    "improved sigma, one pass": ["improved sigma, arrays"],
}


def child(way: str, folder: Path, target: Path, side: int, workers: int) -> None:
    """Do one thing once, after a warm-up on a small image; print seconds and peak memory."""
    with tempfile.TemporaryDirectory() as small:
        little = Path(small)
        warm = little / "out"
        warm.mkdir()
        if way in SEASONS:
            write_season(little, 64, 3)
            SEASONS[way](little, warm, 64, 1)
        else:
            write_radar(little, 64)
            FILTERS[way][0](little, warm, FILTERS[way][1])
    before, clock, busy = peak_gb(), time.perf_counter(), time.process_time()
    if way in SEASONS:
        SEASONS[way](folder, target, side, workers)
    else:
        FILTERS[way][0](folder, target, FILTERS[way][1])
    seconds, busy = time.perf_counter() - clock, time.process_time() - busy
    print(json.dumps({"seconds": seconds, "busy": busy, "peak": peak_gb(), "before": before}))


def measured(way: str, folder: Path, side: int, workers: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as target:
        command = [sys.executable, __file__, "--child", way, "--folder", str(folder)]
        command += ["--target", target, "--side", str(side), "--workers", str(workers)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{way} failed: {done.stderr.strip().splitlines()[-1:]}")
            return dict.fromkeys(("peak", "before", "mean"), np.nan) | {
                "seconds": np.inf,
                "busy": np.inf,
            }
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return result | {"mean": mean_of(Path(target))}


def mean_of(target: Path) -> float:
    """Return the mean of a result, to see that both ways computed the same."""
    import zarr

    if (target / "median.zarr").is_dir():
        store = zarr.open_group(target / "median.zarr", mode="r")
        return float(np.nanmean(store["median"][:], dtype=np.float64))
    if not (target / "out.tif").is_file():
        return np.nan
    with rasterio.open(target / "out.tif") as source:
        return float(np.nanmean(source.read(), dtype=np.float64))


def compare(folder: Path, own: list[str], side: int, workers: int, rounds: int) -> None:
    ways = [way for one in own for way in (one, *BESIDE[one])]
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            runs[way].append(measured(way, folder, side, workers))
    for one in own:
        least = {key: min(run[key] for run in runs[one]) for key in ("seconds", "busy")}
        for way in (one, *BESIDE[one]):
            seconds, busy = (min(run[key] for run in runs[way]) for key in least)
            peak = max(run["peak"] for run in runs[way])
            above = max(run["peak"] - run["before"] for run in runs[way])
            mean = runs[way][0]["mean"]
            print(
                f"| {way} | {seconds:.2f} | {seconds / least['seconds']:.2f} | {busy:.2f} "
                f"| {busy / least['busy']:.2f} | {peak:.2f} | {above:.2f} | {mean:.6f} |",
                flush=True,
            )


def kernel(dates: int, side: int, rounds: int) -> None:
    """Compare the medians alone, of an array in memory: no files, masks or bands to read."""
    import dask.array
    import xarray as xr

    rng = np.random.default_rng(1)
    scaling = Scaling(scale=1e-4)
    stored = rng.integers(1, 6000, (dates, 6, side, side)).astype(np.uint16)
    stored[np.broadcast_to(rng.random((dates, 1, side, side)) < 0.4, stored.shape)] = 0
    values = scaling(stored)
    lazy = xr.DataArray(dask.array.from_array(values, chunks=(-1, 1, 64, 64)), dims=list("tbyx"))
    ways: dict[str, Callable[[], Any]] = {
        "ours, of stored integers": lambda: quantile_rows(stored, 0.5, scaling),
        "ours, of float64": lambda: quantile_rows(values, 0.5),
        "numpy nanmedian": lambda: np.nanmedian(values, axis=0),
        "xarray + dask": lambda: lazy.median("t", skipna=True).compute(scheduler="sync"),
    }
    times = dict.fromkeys(ways, np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(
            quantile_rows(stored, 0.5, scaling), ways["numpy nanmedian"](), equal_nan=True
        )
        for _ in range(rounds):
            for name, work in ways.items():
                clock = time.perf_counter()
                work()
                times[name] = min(times[name], time.perf_counter() - clock)
    print(f"\nmedian alone, {dates} dates × 6 bands × {side}² in memory, one thread")
    for name, seconds in times.items():
        print(f"| {name} | {seconds:.2f} | {seconds / min(times.values()):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--dates", type=int, default=40)
    parser.add_argument("--filter-side", type=int, default=4096)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compress", default="none", help="of the season's files")
    parser.add_argument("--only", choices=("median", "filters"), help="a part of it")
    parser.add_argument("--folder", type=Path, help="where to write (default: temporary)")
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.folder, options.target, options.side, options.workers)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        folder = Path(made)
        if options.only != "filters":
            write_season(folder, options.side, options.dates, options.compress)
        if options.only != "median":
            write_radar(folder, options.filter_side)
        print(
            f"{options.dates} dates × 6 bands × {options.side}² with mask, {options.workers} threads"
            f"; 7 × 7 filters on {options.filter_side}², one thread; best of {options.rounds}\n"
        )
        print("| way | s | ratio | processor s | ratio | peak, GB | above start, GB | mean |")
        print("|---|---|---|---|---|---|---|---|")
        if options.only != "filters":
            compare(folder, ["median"], options.side, options.workers, options.rounds)
        if options.only != "median":
            filters = [way for way in BESIDE if way != "median"]
            compare(folder, filters, options.filter_side, 1, options.rounds)
    kernel(options.dates, options.side // 8, options.rounds)


if __name__ == "__main__":
    main()
