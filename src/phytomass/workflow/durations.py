"""How long steps will take, about: from what they took before, else from a table of rates."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import prod

import numpy as np

from phytomass.models import ModelSettings
from phytomass.models.build import grid_of, patch_of
from phytomass.models.records.tables import STACK, record_of
from phytomass.validation import SPLITS
from phytomass.workflow.preflight.findings import Sizes
from phytomass.workflow.project import Project

REFERENCE_S = 0.0175
"""Seconds of one round of `machine_factor`'s task on the machine that the rates are of."""

ROUNDS = 8

PLOTS, PREDICTORS, PATCH = 150, 20, 11
"""What the rates of `rates.csv` were estimated for."""

COMPILING_S = 4.0
"""Seconds to compile the error chain, once per run."""

S_PER_TREE_DRAW = 1.5e-8
S_PER_READ = 2e-7
"""Per pixel, band and date of the stack."""
S_PER_COUNT = 3e-7
"""Per pixel of the map, to sum it up."""
REPORT_S = 10.0
START_S = 1.0
SHARE_RUNS = 17
"""Times that the error chain is run again for the shares of its sources."""

SPREAD = 2.0
"""Factor around an estimate from rates: networks, caches and other work on the machine differ."""

AGAIN = 1.5
"""Factor around what a step took before."""


@dataclass(frozen=True)
class Duration:
    """About how long something takes.

    Parameters
    ----------
    low, high : float
        Seconds.
    how : str
        ``as before`` or ``from rates``.
    """

    low: float
    high: float
    how: str

    def __str__(self) -> str:
        low, high = in_words(self.low), in_words(self.high)
        number, unit = low.split(" ")
        return f"about {number if high.endswith(f' {unit}') else low} to {high}"


def in_words(seconds: float) -> str:
    """Return a time in the unit that people use for it.

    Examples
    --------
    >>> [in_words(s) for s in (0.4, 12, 130, 9000)]
    ['1 s', '12 s', '2 min', '2.5 h']
    """
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.2g} h"


def joined(parts: list[Duration]) -> Duration:
    """Return how long several steps take together."""
    return Duration(sum(p.low for p in parts), sum(p.high for p in parts), "together")


def before(seconds: float) -> Duration:
    """Return what a step takes that took so long before, on about the same input."""
    return Duration(seconds / AGAIN, seconds * AGAIN, "as before")


def machine_factor() -> float:
    """Return how much slower this machine is now than that of the rates, by a task of 0.2 s.

    The task is part Python, part sorting, part matrix products, and is timed on the average of its
    rounds, so that other work on the machine counts.
    """
    matrix = np.linspace(0.0, 1.0, 90_000).reshape(300, 300)
    values = np.sin(np.arange(200_000.0))
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        total = 0.0
        for i in range(60_000):
            total += i * 1e-9
        np.sort(values), np.exp(values), matrix @ matrix
    return max((time.perf_counter() - begun) / ROUNDS / REFERENCE_S, 0.2)


def from_rates(
    step: str, project: Project, sizes: Sizes, workers: int = 1, factor: float = 1.0
) -> Duration:
    """Estimate a step from the sizes of its task and the rates of `rates.csv`.

    Fits are counted as the comparison makes them (sets × folds × combinations of the grid × inner
    folds) and weighed by the plots, predictors, trees or patch of each model; the stack by its
    pixels, bands and dates; the plots by their trees and draws. A factor of `SPREAD` each way
    stands for all that is not counted.

    Parameters
    ----------
    step : str
        Name of the step.
    project : Project
        Its settings.
    sizes : Sizes
        How large the task is.
    workers : int
        Threads or processes.
    factor : float
        See `machine_factor`.
    """
    seconds = START_S + _work(step, project, sizes, workers)
    return Duration(factor * seconds / SPREAD, factor * seconds * SPREAD, "from rates")


def _work(step: str, project: Project, sizes: Sizes, workers: int) -> float:
    dates = 2 if project.earlier_predictors() is not None else 1
    if step == "plots":
        draws = project.errors.draws
        runs = draws + SHARE_RUNS * min(draws, 1000)
        return (COMPILING_S + S_PER_TREE_DRAW * sizes.n_trees * runs) if sizes.n_trees else 0.0
    if step == "stack":
        return S_PER_READ * sizes.n_pixels * sizes.n_reads
    if step == "compare":
        return _folds(project) * _candidates(project, sizes) / workers
    if step == "map":
        return _maps(project, sizes, dates) / workers
    return S_PER_COUNT * sizes.n_pixels * dates if step == "account" else REPORT_S


def _folds(project: Project) -> int:
    settings = project.validation
    kinds = [SPLITS[split] for split in settings.splits]
    return sum(kind.folds(settings) * kind.repeats(settings) for kind in kinds)


def _candidates(project: Project, sizes: Sizes) -> float:
    """Return the seconds of fitting every model on every predictor set once, tuned."""
    inner = project.validation.inner_splits
    return sum(
        _tuned(model, sizes.n_plots, n, inner)
        for n in sizes.sets.values()
        for model in project.models
    )


def _tuned(model: ModelSettings, n_plots: int, n_predictors: int, inner: int) -> float:
    combinations = prod(len(values) for values in grid_of(model).values())
    if model.search.method == "halving":
        combinations = model.search.candidates
    searched = combinations * inner if combinations > 1 else 0
    own = _fit(model, n_plots, n_predictors)
    return own + searched * own * _in_search(model)


def _in_search(model: ModelSettings) -> float:
    """Return the share of the trees that are grown while a grid is searched."""
    fewer = record_of(model.name).search
    trees = _trees(model)
    return min(float(str(fewer["n_estimators"])) / trees, 1.0) if "n_estimators" in fewer else 1.0


def _fit(model: ModelSettings, n_plots: int, n_predictors: int) -> float:
    if model.name == STACK:
        return sum(_fit(member, n_plots, n_predictors) for member in model.members) * 4
    rate = rates()[model.name]
    size = {
        "plots": n_plots / PLOTS,
        "predictors": n_predictors * (1 + len(model.neighbourhood)) / PREDICTORS,
        "patch": (patch_of(model) / PATCH) ** 2,
        "trees": _trees(model) / float(str(record_of(model.name).defaults.get("n_estimators", 1))),
    }
    return float(rate["fit_s"]) * prod(size[name] for name in rate["grows_with"].split())


def _trees(model: ModelSettings) -> float:
    values = {**record_of(model.name).defaults, **model.parameters}
    return float(str(values.get("n_estimators", 1)))


def _maps(project: Project, sizes: Sizes, dates: int) -> float:
    """Return the seconds of the final fits and the maps: one, or one per candidate of the truth."""
    n = max(sizes.sets.values(), default=0)
    slowest = max(
        _tuned(m, sizes.n_plots, n, project.validation.inner_splits) for m in project.models
    )
    pixels = sizes.n_pixels * 1e-6
    one = slowest + dates * pixels * max(_with_members(m, project) for m in project.models)
    if project.truth is None or project.truth.models == "map":
        return one
    every = sum(_predict(model) for model in project.models) * len(sizes.sets)
    return one + _candidates(project, sizes) + pixels * every


def _with_members(model: ModelSettings, project: Project) -> float:
    """Return the microseconds of a pixel under all members; a forest is its members."""
    asked = project.map.members
    members = record_of(model.name).members if asked is None else asked
    return _predict(model) * (1 if model.name == "random_forest" else 1 + members)


def _predict(model: ModelSettings) -> float:
    if model.name == STACK:
        return sum(_predict(member) for member in model.members)
    return float(rates()[model.name]["predict_us"])


@cache
def rates() -> Mapping[str, Mapping[str, str]]:
    """Return the rates by model: fit_s, grows_with, predict_us."""
    text = files("phytomass.workflow").joinpath("rates.csv").read_text(encoding="utf-8")
    return {row["model"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
