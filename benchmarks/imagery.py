"""Seasonal median and speckle filters beside the usual way: ratios, and peak memory.

    python benchmarks/imagery.py median [--side 2048] [--dates 40]
    python benchmarks/imagery.py speckle [--side 4096]

Each way is timed in turn, several rounds, on one thread; the ratio is that of the best rounds.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.ndimage import uniform_filter

from phytomass.imagery.network import quantile_rows
from phytomass.imagery.sigma_range import sigma_range
from phytomass.imagery.speckle import improved_sigma, lee, refined_lee

LOOKS = 4.4


def best(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the shortest time of each way in seconds, taken in turn."""
    times = dict.fromkeys(ways, np.inf)
    for _ in range(rounds):
        for name, work in ways.items():
            clock = time.perf_counter()
            work()
            times[name] = min(times[name], time.perf_counter() - clock)
    return times


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def scene_block(rng: np.random.Generator, dates: int, side: int) -> np.ndarray:
    values = rng.random((dates, 6, side, side), dtype=np.float32)
    values[np.broadcast_to(rng.random((dates, 1, side, side)) < 0.4, values.shape)] = np.nan
    return values


def median(side: int, dates: int, block: int = 256) -> None:
    """Walk over the image block by block, as the stack does: memory is that of one block."""
    rng = np.random.default_rng(1)
    values = scene_block(rng, dates, block)
    quantile_rows(values[:, :, :8], 0.5)
    before = peak_gb()

    def ours() -> None:
        for _ in range((side // block) ** 2):
            quantile_rows(values, 0.5)

    def two_threads() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: quantile_rows(values, 0.5), range((side // block) ** 2)))

    clock = time.perf_counter()
    ours()
    one = time.perf_counter() - clock
    clock = time.perf_counter()
    two_threads()
    two = time.perf_counter() - clock
    print(f"{dates} dates × 6 bands × {side}²: {one:.2f} s on one thread, {two:.2f} s on two")
    print(f"peak memory {peak_gb():.2f} GB, {peak_gb() - before:.2f} above the one block of input")
    import dask.array
    import xarray as xr

    part = values[:, :1, :128, :128]
    lazy = xr.DataArray(dask.array.from_array(part, chunks=(-1, 1, 64, 64)), dims=list("tbyx"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = best(
            {
                "ours": lambda: quantile_rows(part, 0.5),
                "numpy": lambda: np.nanmedian(part, axis=0),
                "xarray + dask": lambda: lazy.median("t", skipna=True).compute(scheduler="sync"),
            },
            4,
        )
        assert np.array_equal(quantile_rows(part, 0.5), np.nanmedian(part, axis=0), equal_nan=True)
    for name, seconds in times.items():
        print(f"  {name}: {seconds * 1e3:.1f} ms, ratio {seconds / times['ours']:.0f}")


def scipy_lee(power: np.ndarray, window: int = 7) -> np.ndarray:
    mean = uniform_filter(power, window)
    variance = np.maximum(uniform_filter(power**2, window) - mean**2, 0)
    signal = np.maximum(variance - mean**2 / LOOKS, 0) / (1 + 1 / LOOKS)
    return mean + signal / np.maximum(variance, 1e-30) * (power - mean)


def sigma_with_arrays(power: np.ndarray, bright: float) -> np.ndarray:
    """The improved sigma filter without its point targets, as whole-array code does it."""
    limits = sigma_range(LOOKS)
    first = scipy_lee(power, 3)
    edge = np.pad(power, 3, mode="reflect")
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


def speckle(side: int, block: int = 256) -> None:
    """Filter block by block with a halo, as the stack does, beside code on whole arrays."""
    power = np.random.default_rng(1).gamma(LOOKS, 1 / LOOKS, (side, side))
    bright = float(np.quantile(power[:512], 0.98))

    def blockwise(work: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        out = np.empty_like(power)
        for top in range(0, side, block):
            for left in range(0, side, block):
                up, west = max(top - 3, 0), max(left - 3, 0)
                part = work(power[up : top + block + 3, west : left + block + 3])
                inner = part[top - up : top - up + block, left - west : left - west + block]
                out[top : top + block, left : left + block] = inner
        return out

    ours: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "Lee": lambda z: lee(z, LOOKS),
        "refined Lee": lambda z: refined_lee(z, LOOKS),
        "improved sigma": lambda z: improved_sigma(z, LOOKS, bright),
        "improved sigma, one pass": lambda z: improved_sigma(
            z, LOOKS, bright, bias_correction=False
        ),
    }
    for work in ours.values():
        work(power[:32, :32])
    before = peak_gb()
    for name, work in ours.items():
        seconds = best({name: lambda work=work: blockwise(work)}, 2)[name]
        print(f"{name}, 7 × 7 on {side}²: {seconds:.2f} s, {side**2 / seconds / 1e6:.0f} Mpx/s")
    print(f"peak memory {peak_gb() - before:.2f} GB above the image of {power.nbytes / 1e9:.2f} GB")
    usual = {
        "Lee with scipy": lambda: scipy_lee(power),
        "improved sigma with arrays": lambda: sigma_with_arrays(power, bright),
    }
    for name, seconds in best(usual, 1).items():
        print(f"  {name}: {seconds:.2f} s")
    print(f"  peak memory {peak_gb():.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["median", "speckle"])
    parser.add_argument("--side", type=int)
    parser.add_argument("--dates", type=int, default=40)
    options = parser.parse_args()
    if options.what == "median":
        median(options.side or 2048, options.dates)
    else:
        speckle(options.side or 4096)


if __name__ == "__main__":
    main()
