"""Do the intervals of single pixels hold? On pixels that were no plots, where the truth is known.

    PHYTOMASS_DATA=... python benchmarks/pixel_intervals.py finland [--samples 30] [--plots 300]
    python benchmarks/pixel_intervals.py landscapes [--seeds 30]

`finland`: many samples of pixels as plots, in each quadrant too; the map and its layers as
`predict_ensemble_map` writes them. `landscapes`: whole runs of simulated landscapes of 2 km × 2 km
with a field chain and a law of biomass of their own, both dates. Printed: the share of pixels whose
truth lies in the nominal 90 % interval, over all samples and for the worst of them, by decile of the
prediction, the mean width, and the interval score (Gneiting & Raftery 2007; lower is better).
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from map_engines import finland
from sklearn.model_selection import KFold, cross_val_predict

from phytomass.features import PredictorStack
from phytomass.grid import grid_from_bounds
from phytomass.landscape import LandscapeSettings, simulate, write_landscape
from phytomass.mapping import PixelErrors, predict_ensemble_map
from phytomass.models import ModelSettings, Training, build_model, fit_members, joined
from phytomass.validation import LocalBand
from phytomass.workflow import load_project, run
from phytomass.workflow.start import demo_project

LEVEL = 0.9
MODELS = {
    "forest": ModelSettings(name="random_forest", parameters={"n_estimators": 200}),
    "svr": ModelSettings(name="svr", parameters={"C": 60.0}),
    "mlr": ModelSettings(name="mlr"),
}


class Tally:
    """What came out of some samples."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float, np.ndarray]] = []

    def add(self, truth: np.ndarray, point: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        held = (truth >= low) & (truth <= high)
        order = np.argsort(point, kind="stable")
        miss = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
        score = (high - low) + 2 / (1 - LEVEL) * miss
        deciles = np.array([held[part].mean() for part in np.array_split(order, 10)])
        self.rows.append((held.mean(), (high - low).mean(), score.mean(), deciles))

    def say(self, label: str) -> None:
        cover = np.array([row[0] for row in self.rows])
        width, score = (np.mean([row[i] for row in self.rows]) for i in (1, 2))
        deciles = np.mean([row[3] for row in self.rows], axis=0)
        print(
            f"{label:24} {len(cover):3} samples: {cover.mean():.1%} "
            f"(SD {cover.std(ddof=1):.1%}, {cover.min():.1%} to {cover.max():.1%}; "
            f"{(np.abs(cover - LEVEL) <= 0.04).mean():.0%} within 4 points), "
            f"width {width:.0f}, score {score:.0f} Mg/ha; deciles "
            + " ".join(f"{share:.0%}" for share in deciles),
            flush=True,
        )


def layers(path: Path) -> list[np.ndarray]:
    """Return the map, low90 and high90."""
    with rasterio.open(path) as source:
        point = source.read(1).astype(np.float64)
    with rasterio.open(path.with_name(f"{path.stem}_uncertainty.tif")) as source:
        return [point, *source.read([3, 4]).astype(np.float64)]


def on_finland(samples: int, n: int) -> None:
    values, agb = finland()
    half = [slice(0, agb.shape[0] // 2), slice(agb.shape[0] // 2, agb.shape[0])]
    quadrants = {f"{'NS'[i]}{'WE'[j]}": (half[i], half[j]) for i in (0, 1) for j in (0, 1)}
    for key in MODELS:
        tallies = {name: Tally() for name in ("all", *quadrants)}
        for sample in range(samples):
            name = list(tallies)[sample % 5] if samples >= 10 and sample % 2 else "all"
            rows, cols = quadrants.get(name, (slice(None), slice(None)))
            one_sample(key, values[:, rows, cols], agb[rows, cols], n, sample, tallies[name])
        for name, tally in tallies.items():
            if len(tally.rows) > 1:
                tally.say(f"Finland, {key}, {name}, {n} plots")


def one_sample(
    key: str, values: np.ndarray, agb: np.ndarray, n: int, seed: int, tally: Tally
) -> None:
    rng = np.random.default_rng(seed)
    known = np.isfinite(values).all(axis=0) & np.isfinite(agb)
    rows, cols = np.nonzero(known)
    chosen = rng.choice(len(rows), n, replace=False)
    X = values[:, rows[chosen], cols[chosen]].T.astype(np.float64)
    plots = Training.of(X, agb[rows[chosen], cols[chosen]])
    model = build_model(MODELS[key], random_state=seed)
    held_out = cross_val_predict(model, X, plots.y, cv=KFold(10, shuffle=True, random_state=seed))
    members = fit_members(model, plots, 50, random_state=seed, jobs=2)
    whole = joined(members.estimators) or plots.fit(model)
    with tempfile.TemporaryDirectory() as folder:
        grid = grid_from_bounds("EPSG:32635", 10, (0, 0, 10 * agb.shape[1], 10 * agb.shape[0]))
        bands = {f"b{i}": one for i, one in enumerate(values)}
        stack = PredictorStack.write(f"{folder}/stack.tif", bands, grid)
        predict_ensemble_map(
            whole,
            members.estimators,
            stack,
            stack.names,
            None,
            f"{folder}/agb.tif",
            errors=PixelErrors(LocalBand.fit(held_out, plots.y, LEVEL)),
        )
        found = layers(Path(folder) / "agb.tif")
    known[rows[chosen], cols[chosen]] = False
    tally.add(agb[known], *(one[known] for one in found))


def projects(seeds: int) -> Iterator[Path]:
    """Simulate landscapes, run their projects with one model, and give their folders."""
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            settings = LandscapeSettings(random_state=seed, rows=200, cols=200)
            write_landscape(simulate(settings), folder / "data")
            text = re.sub(r"models:\n(?:  - .*\n)+", "", demo_project(seed))
            text = re.sub(r"^truth:\n(?:  .*\n)+", "", text, flags=re.MULTILINE)
            text += "\nmodels: [{name: random_forest, parameters: {n_estimators: 200}, grid: {}}]\n"
            text += "validation: {splits: [spatial_blocks]}\nerrors: {draws: 200}\n"
            (folder / "project.yaml").write_text(text)
            run(load_project(folder / "project.yaml"), ["map"])
            yield folder


def on_landscapes(seeds: int) -> None:
    tallies = {"agb": Tally(), "agb_before": Tally()}
    truths = {"agb": "agb_2020.tif", "agb_before": "agb_2015.tif"}
    for folder in projects(seeds):
        for name, tally in tallies.items():
            with rasterio.open(folder / "data/truth" / truths[name]) as source:
                truth = source.read(1, masked=True).astype(np.float64).filled(np.nan)
            found = layers(folder / "results" / f"{name}.tif")
            known = np.isfinite(truth) & np.isfinite(found[0])
            tally.add(truth[known], *(one[known] for one in found))
            print(f"  {name}: {tally.rows[-1][0]:.1%}", flush=True)
    for name, tally in tallies.items():
        tally.say(f"landscapes, {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("finland", "landscapes"))
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--plots", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=30)
    given = parser.parse_args()
    if given.what == "finland":
        on_finland(given.samples, given.plots)
    else:
        on_landscapes(given.seeds)


if __name__ == "__main__":
    main()
