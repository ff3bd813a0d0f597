"""Peak memory and time of a map of 5 000 × 5 000 pixels from 14 predictors, with its uncertainty.

    python benchmarks/map_memory.py [--trees 50] [--side 5000] [--workers 2] [--members 20]

The stack is written first, in a process of its own, so that the peak is the map's alone.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from phytomass.features import PredictorStack
from phytomass.grid import blocks_of, grid_from_bounds
from phytomass.mapping import PixelErrors, Walking, predict_ensemble_map, predict_map
from phytomass.models import Training, fit_members, joined
from phytomass.validation import LocalBand
from phytomass.walk.geotiff import new_raster
from phytomass.walk.store import Band
from phytomass.walk.workers import Workers

BANDS = 14


def write_stack(path: Path, side: int) -> None:
    grid = grid_from_bounds("EPSG:32643", 10, (0, 0, side * 10, side * 10))
    names = [f"p{i}" for i in range(BANDS)]
    rng = np.random.default_rng(1)
    with new_raster(path, grid, [Band(name) for name in names]) as out:
        for block in blocks_of(grid.shape):
            values = rng.normal(size=(BANDS, block.rows, block.cols)).astype(np.float32)
            out.write(values, window=block.window)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=5000)
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--members", type=int, default=20, help="0: the mean alone")
    parser.add_argument("--stack", type=Path)
    options = parser.parse_args()
    if options.stack:
        write_stack(options.stack, options.side)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictors.tif"
        command = [sys.executable, __file__, "--side", str(options.side), "--stack", str(path)]
        subprocess.run(command, check=True)
        rng = np.random.default_rng(2)
        X = rng.normal(size=(300, BANDS))
        forest = RandomForestRegressor(options.trees, min_samples_leaf=2, max_features=1 / 3)
        plots = Training.of(X, 100 + 30 * X[:, 0] + rng.normal(size=300) * 20)
        forest.fit(X, plots.y)
        members = fit_members(forest, plots, options.members) if options.members else None
        stack = PredictorStack.open(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        clock = time.perf_counter()
        target = Path(folder) / "agb.tif"
        walking = Walking(Workers(options.workers))
        if members is None:
            predict_map(forest, stack, stack.names, None, target, walking=walking)
        else:
            errors = PixelErrors(LocalBand.fit(forest.predict(X), plots.y))
            whole = joined(members.estimators)
            predict_ensemble_map(
                whole, members.estimators, stack, stack.names, None, target, errors=errors,
                walking=walking,
            )  # fmt: skip
        seconds = time.perf_counter() - clock
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        pixels = options.side**2
        print(f"stack {path.stat().st_size / 1e9:.2f} GB, {BANDS} bands of {options.side}²")
        print(f"peak memory {peak:.0f} MB (before mapping {before:.0f} MB)")
        print(f"{seconds:.0f} s, {pixels / seconds / 1e3:.0f} thousand pixels per second, ")
        print(
            f"forest of {options.trees} trees, {options.members} members, {options.workers} workers"
        )


if __name__ == "__main__":
    main()
