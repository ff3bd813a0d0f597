"""The map's engines against their models' own `predict`, on Finland's predictors and on random rows.

    PHYTOMASS_DATA=... python benchmarks/map_engines.py [--trees 3000] [--rounds 3] [--pixels 16384]

Everything is measured interleaved in one process, two threads on both sides (scikit-learn's
`n_jobs=2` for forests; two halves of the rows for both engines and SVR). Ratios are of wall time
and, for a busy machine, of processor time; the least of the rounds counts. One block of 256 × 256
pixels is predicted by the engines, `--pixels` of it by scikit-learn.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from threadpoolctl import threadpool_limits

from phytomass.features import PredictorStack, build_stack
from phytomass.grid import grid_from_bounds, grid_of_raster
from phytomass.imagery import PredictorSettings
from phytomass.mapping import (
    PixelErrors,
    Walking,
    engine_for,
    predict_ensemble_map,
    predict_map,
)
from phytomass.models import ModelSettings, Training, build_model, fit_members, joined
from phytomass.validation import LocalBand
from phytomass.walk.workers import Workers

EXAMPLE = Path(__file__).parents[1] / "examples/finland/project.yaml"


def finland() -> tuple[np.ndarray, np.ndarray]:
    """Return predictors (p, rows, cols) and reference biomass."""
    data = Path(os.environ["PHYTOMASS_DATA"]) / "finland"
    asked = yaml.safe_load(EXAMPLE.read_text())["predictors"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "data").symlink_to(data)
        grid = grid_of_raster(data / "agb_truth.tif")
        settings = PredictorSettings.model_validate(asked)
        build_stack(settings, grid, root, root / "predictors.tif")
        with rasterio.open(root / "predictors.tif") as source:
            values = source.read()
    with rasterio.open(data / "agb_truth.tif") as source:
        return values, source.read(1).astype(np.float64)


def measured(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the least wall and processor seconds of each way."""
    best = dict.fromkeys(ways, (np.inf, np.inf))
    for _ in range(rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = tuple(map(min, best[name], spent))  # type: ignore[assignment]
    return best


def compare(label: str, model: Any, values: np.ndarray, pixels: int, rounds: int) -> None:
    use = np.isfinite(values).all(axis=0)
    engine = engine_for(model, [], [(values[:, :16, :16], use[:16, :16])])
    rows = values[:, use].T.astype(np.float64)[:pixels]
    halves = [use & (np.arange(len(use)) % 2 == k)[:, None] for k in range(2)]
    parallel = hasattr(model, "n_jobs")
    with ThreadPoolExecutor(2) as threads, threadpool_limits(1):

        def own() -> np.ndarray:
            if parallel:
                return model.predict(rows)
            return np.concatenate(list(threads.map(model.predict, np.array_split(rows, 2))))

        def fast() -> None:
            list(threads.map(lambda half: engine.predict(values, half), halves))

        off = np.abs(engine.predict(values, use)[: len(rows)] - own()).max()
        found = measured({"own": own, "fast": fast}, rounds)
    share = len(rows) / use.sum()
    ratios = [a / share / b for a, b in zip(found["own"], found["fast"], strict=True)]
    seconds = found["fast"][0]
    print(
        f"{label:44} wall {ratios[0]:6.1f} x, processor {ratios[1]:6.1f} x, off {off:.1e}, "
        f"{seconds:.2f} s per block ({type(getattr(engine, 'core', engine)).__name__})",
        flush=True,
    )


def with_uncertainty(values: np.ndarray, plots: Training, trees: int, rounds: int) -> None:
    """Say what the layers of uncertainty and the sums of all members cost beside the mean alone."""
    forest = RandomForestRegressor(trees, max_features=1 / 3, n_jobs=2, random_state=0)
    found = fit_members(forest, plots, 100, jobs=2)
    whole, errors = joined(found.estimators), PixelErrors(LocalBand.fit(found.held_out, plots.y))
    with tempfile.TemporaryDirectory() as folder:
        side = values.shape[1]
        grid = grid_from_bounds("EPSG:32635", 10, (0, 0, 10 * side, 10 * side))
        bands = {f"b{i}": one for i, one in enumerate(values[:, :, :side])}
        stack = PredictorStack.write(f"{folder}/stack.tif", bands, grid)
        target, walking = f"{folder}/agb.tif", Walking(Workers(2))

        def mean() -> None:
            predict_map(whole, stack, stack.names, None, target, walking=walking)

        def everything() -> None:
            predict_ensemble_map(
                whole, found.estimators, stack, stack.names, None, target, errors=errors,
                walking=walking,
            )  # fmt: skip

        spent = measured({"mean": mean, "all": everything}, rounds)
    ratios = [one / two for one, two in zip(spent["all"], spent["mean"], strict=True)]
    print(
        f"mean, se, sd, interval and sums of 100 members, {trees} trees, {len(plots)} plots: "
        f"wall {ratios[0]:.2f} x, processor {ratios[1]:.2f} x the mean alone",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pixels", type=int, default=16_384)
    options = parser.parse_args()
    values, agb = finland()
    use, rng = np.isfinite(values).all(axis=0), np.random.default_rng(1)
    rows, cols = np.nonzero(use & np.isfinite(agb))
    plots = rng.permutation(len(rows))[:1000]
    X, y = values[:, rows[plots], cols[plots]].T.astype(np.float64), agb[rows[plots], cols[plots]]
    with_uncertainty(values, Training.of(X, y), options.trees, options.rounds)
    normal = rng.normal(X.mean(axis=0), X.std(axis=0), size=(*values.shape[1:], len(values)))
    fields = {"Finland": values, "random rows": normal.astype(np.float32).transpose(2, 0, 1)}
    forest: dict[str, Any] = {"random_state": 0, "n_jobs": 2, "max_features": 1 / 3}
    boosted = GradientBoostingRegressor(n_estimators=500, max_depth=4, random_state=0)
    models = {
        "random forest, 300 plots": (RandomForestRegressor(options.trees, **forest), 300),
        "random forest, 1 000 plots": (RandomForestRegressor(options.trees, **forest), 1000),
        "extra trees, 1 000 plots": (ExtraTreesRegressor(options.trees // 10, **forest), 1000),
        "gradient boosting, 1 000 plots": (boosted, 1000),
        "svr, 1 000 plots": (build_model(ModelSettings(name="svr")), 1000),
        "mlr, 1 000 plots": (build_model(ModelSettings(name="mlr")), 1000),
    }
    for name, (model, n) in models.items():
        model.fit(X[:n], y[:n])
        for field, block in fields.items():
            compare(f"{name}, {field}", model, block[:, :256, :256], options.pixels, options.rounds)


if __name__ == "__main__":
    main()
