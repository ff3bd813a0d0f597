"""What else could be done with 300 plots: each idea on spatial blocks, and against the truth.

    python benchmarks/finland_ideas.py --work FOLDER [--ideas forest,forest_means,…] [--jobs 2]
        [--landscape SEED]

Cases: `examples/finland_months` (PHYTOMASS_DATA names the folder of the data), or with --landscape
the demo's simulated landscape of a seed with its own predictors. For each idea it prints R² on
spatial blocks of the plots (training plots whose 11 × 11 patch overlaps a test plot's are left
out), which is what ideas are chosen by, and R² against the truth raster on all pixels that are not
plots at 10, 20 and 40 m, which only reports. Means and stacks combine the held-out predictions of
ideas that ran before (in the same folder); their weights for a block come from the other blocks.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import rasterio
from numpy.typing import NDArray
from research_models import (
    KrigedResiduals,
    Kriging,
    TunedResNet,
    gaussian_process,
    harmonics,
    principal,
)
from threadpoolctl import threadpool_limits

from phytomass.accounting import truth_scores
from phytomass.experiments.patches import apart
from phytomass.features import PredictorStack, extract_samples
from phytomass.grid import cells_at
from phytomass.mapping import predict_array
from phytomass.models import ModelSettings, NeighbourhoodRegressor, Training, build_model
from phytomass.models.patch_cnn import PatchRegressor
from phytomass.models.stack.weights import Weighing, lines_of, weights_of
from phytomass.validation import ValidationSettings, make_folds, r2
from phytomass.workflow import STEPS, load_project, make_demo, run_steps
from phytomass.workflow.inputs import read_plots

Array = NDArray[np.float64]
SIDE = 11
EXAMPLE = Path(__file__).parents[1] / "examples" / "finland_months"


@dataclass
class Case:
    """Predictors of every pixel, the plots on them, the folds, and the truth."""

    name: str
    names: tuple[str, ...]
    field: NDArray[np.float32]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    y: Array
    folds: list[Any]
    units: NDArray[np.str_]
    truth: Array
    inside: NDArray[np.bool_]

    def patches(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        h = SIDE // 2
        around = np.pad(field, ((0, 0), (h, h), (h, h)), mode="symmetric")
        cut = [
            around[:, r : r + SIDE, c : c + SIDE] for r, c in zip(self.rows, self.cols, strict=True)
        ]
        return np.stack(cut)


def finland(work: Path) -> Case:
    folder = work / "finland"
    folder.mkdir(exist_ok=True)
    (folder / "project.yaml").write_text((EXAMPLE / "project.yaml").read_text())
    if not (folder / "data").exists():
        (folder / "data").symlink_to(Path(os.environ["PHYTOMASS_DATA"]).resolve() / "finland")
    return read_case("finland", folder, "data/agb_truth.tif", None)


def landscape(work: Path, seed: int) -> Case:
    folder = work / f"landscape_{seed}"
    make_demo(folder, seed=seed)
    return read_case(folder.name, folder, "data/truth/agb_2020.tif", "data/forest_mask_2020.tif")


def read_case(name: str, folder: Path, truth: str, mask: str | None) -> Case:
    opened = load_project(folder)
    for _ in run_steps(opened, STEPS, ["plots", "stack"]):
        pass
    stack = PredictorStack.open(opened.results / "predictors.tif")
    plots = read_plots(opened.results)
    samples = extract_samples(stack, plots, missing="drop", patch=SIDE).samples
    settings = ValidationSettings(splits=["spatial_blocks"])
    seed = opened.project.random_state
    folds = make_folds(
        "spatial_blocks", samples.positions, samples.y, samples.groups, settings, seed
    )
    rows, cols, _ = cells_at(stack.grid, *samples.positions.T)
    with rasterio.open(stack.path) as source:
        field = source.read().astype(np.float32)
    with rasterio.open(folder / truth) as source:
        reference = source.read(1, masked=True).astype(np.float64).filled(np.nan)
    inside = np.ones(reference.shape, dtype=bool)
    if mask is not None:
        with rasterio.open(folder / mask) as source:
            inside = source.read(1) == 1
    kept = apart(folds, samples, SIDE)
    return Case(
        name,
        stack.names,
        field,
        rows,
        cols,
        samples.y,
        list(kept.folds),
        folds.units,
        reference,
        inside,
    )


Factory = Callable[[Case, int], Any]
View = Callable[[Case], NDArray[np.float32]]


def everything(case: Case) -> NDArray[np.float32]:
    return case.field


def season(case: Case) -> NDArray[np.float32]:
    return case.field[[not re.search(r"_\d\d$", name) for name in case.names]]


def placed(case: Case) -> NDArray[np.float32]:
    """Append row and column, for kriging."""
    where = np.indices(case.truth.shape).astype(np.float32)
    return np.concatenate([case.field, where])


def settled(**settings: Any) -> Factory:
    """Make a model of the package, as a project file names it."""
    chosen = ModelSettings.model_validate({"grid": {}, **settings})

    def make(_: Case, jobs: int) -> Any:
        model = build_model(chosen, random_state=1)
        if isinstance(model["model"], PatchRegressor):
            model["model"].set_params(n_jobs=jobs)
        return model

    return make


def light(**settings: Any) -> Factory:
    """Make a light network (three members of constant width) with something new to it."""

    def make(case: Case, jobs: int) -> Any:
        basic = {"patch": SIDE, "growth": 1, "n_members": 3, "random_state": 1, "n_jobs": jobs}
        field = case.field if settings.get("pretrain") else None
        return TunedResNet(field=field, **{**basic, **settings})

    return make


FOREST = {"name": "random_forest", "parameters": {"n_estimators": 500, "min_samples_leaf": 2}}
SVR = {"name": "svr", "parameters": {"C": 1.0}}
XGB = {"name": "xgboost"}
IDEAS: dict[str, tuple[View, Factory]] = {
    "forest_season": (season, settled(**FOREST)),
    "forest": (everything, settled(**FOREST)),
    "forest_3": (everything, settled(**FOREST, neighbourhood=[3])),
    "forest_means": (everything, settled(**FOREST, neighbourhood=[3, 7])),
    "forest_3_7_11": (everything, settled(**FOREST, neighbourhood=[3, 7, 11])),
    "svr": (everything, settled(**SVR)),
    "svr_means": (everything, settled(**SVR, neighbourhood=[3, 7])),
    "xgboost_means": (everything, settled(**XGB, neighbourhood=[3, 7])),
    "gp_means": (everything, lambda *_: NeighbourhoodRegressor(gaussian_process(30), (1, 3, 7))),
    "harmonics_forest": (lambda c: harmonics(c.field, c.names), settled(**FOREST)),
    "harmonics_svr": (lambda c: harmonics(c.field, c.names), settled(**SVR)),
    "season_harmonics_forest_means": (
        lambda c: np.concatenate([season(c), harmonics(c.field, c.names)]),
        settled(**FOREST, neighbourhood=[3, 7]),
    ),
    "pca_forest_means": (
        lambda c: principal(c.field, 30),
        settled(**FOREST, neighbourhood=[3, 7]),
    ),
    "pca_svr_means": (lambda c: principal(c.field, 30), settled(**SVR, neighbourhood=[3, 7])),
    "kriging": (placed, lambda *_: Kriging()),
    "forest_means_kriged": (
        placed,
        lambda *_: KrigedResiduals(
            build_model(ModelSettings.model_validate({**FOREST, "neighbourhood": [3, 7]}))
        ),
    ),
    "resnet": (everything, settled(name="resnet")),
    "resnet_light": (everything, light()),
    "light_12_members": (everything, light(n_members=12)),
    "light_sqrt": (everything, light(target="sqrt")),
    "light_mixup": (everything, light(mixup=0.4)),
    "light_band_dropout": (everything, light(band_dropout=0.2)),
    "light_pca": (lambda c: principal(c.field, 30), light()),
    "light_harmonics": (
        lambda c: np.concatenate([season(c), harmonics(c.field, c.names)]),
        light(),
    ),
    "light_pretrained_masked": (everything, light(pretrain="centre")),
    "light_pretrained_bands": (everything, light(pretrain="bands")),
    "light_no_dropout": (everything, light(dropout=0.0)),
    "light_160_epochs": (everything, light(epochs=160)),
    "light_patch_7": (everything, light(patch=7)),
}
MIXES = (
    ("forest", "resnet"),
    ("forest_means", "resnet"),
    ("forest", "forest_means", "resnet"),
    ("forest", "svr", "resnet"),
    ("forest_means", "gp_means", "resnet"),
    ("forest_means_kriged", "resnet"),
    ("forest", "resnet_light"),
    ("forest_means", "resnet_light"),
    ("forest", "svr", "resnet_light"),
    ("forest", "resnet_light", "light_pretrained_bands"),
    ("forest", "svr"),
)
"""What is averaged, from ideas that have run."""


@dataclass
class Outcome:
    """Held-out predictions of the plots, the map, and the seconds of processor time."""

    held_out: Array
    map: Array
    seconds: float


def run_idea(case: Case, idea: str, jobs: int) -> Outcome:
    view, factory = IDEAS[idea]
    begin = time.process_time()
    field = view(case)
    patches = case.patches(field)
    held_out = np.full(len(case.y), np.nan)
    with threadpool_limits(1):
        for fold in case.folds:
            units = case.units[fold.train]
            fitted = fit(factory(case, jobs), patches[fold.train], case.y[fold.train], units)
            held_out[fold.test] = np.ravel(fitted.predict(seen(fitted, patches[fold.test])))
        final = fit(factory(case, jobs), patches, case.y, case.units)
        predicted = whole_map(final, field)
    return Outcome(held_out, np.maximum(predicted, 0), time.process_time() - begin)


def sees_patches(model: Any) -> bool:
    last = model[-1] if hasattr(model, "steps") else model
    return hasattr(last, "predict_field")


def seen(model: Any, patches: NDArray[np.float32]) -> NDArray[Any]:
    middle = SIDE // 2
    return patches if sees_patches(model) else patches[:, :, middle, middle].astype(np.float64)


def fit(model: Any, patches: NDArray[np.float32], y: Array, units: NDArray[np.str_]) -> Any:
    return Training.of(seen(model, patches), y, units).fit(model)


def whole_map(model: Any, field: NDArray[np.float32]) -> Array:
    if sees_patches(model):
        last = model[-1] if hasattr(model, "steps") else model
        return predict_array(last, field)
    complete = np.isfinite(field).all(axis=0)
    result = np.full(complete.shape, np.nan)
    result[complete] = np.ravel(model.predict(field[:, complete].T.astype(np.float64)))
    return result


def line(case: Case, name: str, outcome: Outcome) -> str:
    trained = np.zeros(case.truth.shape, dtype=bool)
    trained[case.rows, case.cols] = True
    exclude = trained | ~case.inside
    side = [10.0, 20.0, 40.0]
    against = truth_scores(outcome.map, case.truth, exclude, side, 10.0)["r2"]
    blocks = r2(case.y, outcome.held_out)
    figures = " / ".join(f"{value:.3f}" for value in against)
    return f"| {case.name} | {name} | {blocks:.3f} | {figures} | {outcome.seconds:.0f} |"


def mixed(case: Case, parts: list[Outcome], rule: Weighing, lined: bool) -> tuple[Outcome, Array]:
    """Combine ideas: for each block by weights from the other blocks, for the map by all."""
    held = np.column_stack([part.held_out for part in parts])
    tests = [np.isin(np.arange(len(case.y)), fold.test) for fold in case.folds]
    result = np.full(len(case.y), np.nan)

    def combined(learn: NDArray[np.bool_], folds: list[NDArray[np.bool_]]) -> tuple[Array, Array]:
        seen, y = held[learn], case.y[learn]
        parts = [fold[learn] for fold in folds]
        lines = lines_of(seen, y, parts) if lined else np.array([[0.0], [1.0]])
        weights = weights_of(lines[0] + lines[1] * seen, y, parts, rule)
        return lines, weights

    for own in tests:
        lines, weights = combined(~own, [test for test in tests if test is not own])
        result[own] = (lines[0] + lines[1] * held[own]) @ weights
    lines, weights = combined(np.ones(len(case.y), dtype=bool), tests)
    maps = np.stack([part.map for part in parts], axis=-1)
    predicted = np.maximum((lines[0] + lines[1] * maps) @ weights, 0)
    return Outcome(result, predicted, sum(part.seconds for part in parts)), weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps results")
    parser.add_argument("--ideas", default=",".join(IDEAS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--landscape", type=int, help="seed of a simulated landscape")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.landscape is None:
        case = finland(options.work)
    else:
        case = landscape(options.work, options.landscape)
    print("| case | idea | R² on blocks | R² against the truth at 10 / 20 / 40 m | CPU s |")
    print("|---|---|---|---|---|")
    for idea in options.ideas.split(","):
        kept = options.work / f"{case.name}-{idea}.npz"
        if idea and not kept.exists():
            outcome = run_idea(case, idea, options.jobs)
            np.savez(kept, **outcome.__dict__)
        if idea:
            alone = read(kept)
            print(line(case, idea, alone), flush=True)
            on_line = mixed(case, [alone], "equal", lined=True)[0]
            print(line(case, f"{idea}, on its line", on_line), flush=True)
    for ideas in MIXES:
        files = [options.work / f"{case.name}-{idea}.npz" for idea in ideas]
        if all(file.exists() for file in files):
            parts = [read(file) for file in files]
            for rule, lined in product(get_args(Weighing), (False, True)):
                outcome, weights = mixed(case, parts, rule, lined)
                shares = ", ".join(f"{weight:.2f}" for weight in weights)
                name = f"{rule}{', lines' if lined else ''}: {' + '.join(ideas)} ({shares})"
                print(line(case, name, outcome), flush=True)


def read(path: Path) -> Outcome:
    with np.load(path) as kept:
        return Outcome(kept["held_out"], kept["map"], float(kept["seconds"]))


if __name__ == "__main__":
    main()
