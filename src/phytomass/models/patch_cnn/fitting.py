"""Training an ensemble: members in threads, inner folds, Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phytomass.draws import seed_of
from phytomass.errors import InputError, Problem
from phytomass.models.patch_cnn.door import device_of, torch_threads
from phytomass.models.patch_cnn.inference import PRECISIONS, Ensemble
from phytomass.models.patch_cnn.targets import Target
from phytomass.models.patch_cnn.training import Schedule, State, TrainingData, train_member
from phytomass.models.search.groups import inner_parts
from phytomass.progress import Progress
from phytomass.walk.workers import Workers

Array = NDArray[np.float64]
FOLDS = 5
"""Inner folds of early stopping, and of the residuals that correct a transform's bias."""

Plots = tuple[Array, Array, NDArray[Any], Array | None]
"""Target, weight, group and draws (n, draws) of the plots."""


def check_parameters(model: Any) -> None:
    """Raise for parameters out of range; all of them at once.

    Raises
    ------
    InputError
        With one problem per parameter.
    """
    problems = [
        Problem(f"{model.kind}.{name}", f"is {getattr(model, name)}", f"use {low} or more")
        for name, low in (("n_members", 1), ("epochs", 1), ("batch_size", 2), ("n_jobs", 1))
        if getattr(model, name) < low
    ]
    problems += [
        Problem(f"{model.kind}.{name}", f"is {getattr(model, name)}", "use 0 or more")
        for name in ("learning_rate", "weight_decay", "noise")
        if not getattr(model, name) >= 0
    ]
    choices = {
        "likelihood": ("mse", "gaussian"),
        "on_interrupt": ("keep", "raise"),
        "precision": tuple(PRECISIONS),
    }
    problems += [
        Problem(f"{model.kind}.{name}", f"is {getattr(model, name)!r}", f"use {' or '.join(known)}")
        for name, known in choices.items()
        if getattr(model, name) not in known
    ]
    if problems:
        raise InputError.of(problems)


@dataclass(frozen=True, eq=False)
class _Job:
    data: TrainingData
    seed: int


def train_ensemble(
    model: Any, patches: NDArray[np.floating], plots: Plots, progress: Progress
) -> None:
    """Train the members of a `PatchRegressor`; sets `members_`, `interrupted_` and the residuals."""
    y, weight, groups, draws = plots
    if draws is not None and (draws.ndim != 2 or len(draws) != len(y)):
        raise InputError(f"y_draws has shape {draws.shape}, expected ({len(y)}, draws)")
    scaled = model.scaling_.apply(patches).astype(np.float32)
    parts = inner_parts(groups, FOLDS, model.random_state) if _needs_parts(model) else []
    data = TrainingData(scaled, model.target_.forward(y), weight / weight.mean())
    jobs = []
    for k in range(model.n_members):
        own = data
        if draws is not None:
            own = replace(own, target=model.target_.forward(draws[:, k % draws.shape[1]]))
        if model.early_stopping:
            own = replace(own, held=parts[k % len(parts)])
        jobs.append(_Job(own, seed_of(model.random_state, "member", k)))
    states, model.interrupted_ = _train_all(model, jobs, progress)
    if model.target_.transform != "none":
        model.target_ = _with_residuals(model, data, parts, progress)
    model.members_ = states


def _needs_parts(model: Any) -> bool:
    return bool(model.early_stopping or model.target_.transform != "none")


def _schedule(model: Any) -> Schedule:
    return Schedule(
        model.epochs,
        model.batch_size,
        model.learning_rate,
        model.weight_decay,
        model.noise,
        model.symmetries,
    )


def _train_all(model: Any, jobs: list[_Job], progress: Progress) -> tuple[list[State], bool]:
    """Train in threads; at Ctrl-C keep whole members, or what there is of the first ones."""
    stop, tick = Event(), _Ticker(progress, model.epochs * len(jobs))
    device, schedule = device_of(model.device), _schedule(model)

    def train(place: int, job: _Job) -> None:
        if stop.is_set():
            return
        state = train_member(
            model.architecture_,
            schedule,
            job.data,
            job.seed,
            device,
            lambda: tick() or stop.is_set(),
        )
        done[place] = state, not stop.is_set()

    interrupted = False
    done: dict[int, tuple[State, bool]] = {}
    with torch_threads(1), Workers(min(model.n_jobs, len(jobs))).pool() as pool:
        try:
            for _ in pool.run(train, enumerate(jobs), stopped=stop):
                pass
        except KeyboardInterrupt:
            if model.on_interrupt == "raise":
                raise
            interrupted = True
    trained = [done[place] for place in sorted(done)]
    whole = [state for state, finished in trained if finished]
    states = whole or [state for state, _ in trained]
    if not states:
        raise KeyboardInterrupt
    return states, interrupted


class _Ticker:
    """Counts epochs of all members, from any thread."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.done, self.lock = progress, total, 0, Lock()

    def __call__(self) -> bool:
        with self.lock:
            self.done += 1
            self.progress("training", self.done, self.total)
        return False


def _with_residuals(
    model: Any, data: TrainingData, parts: list[NDArray[np.bool_]], progress: Progress
) -> Target:
    """Take the residuals of plots that networks of their own were not trained on."""
    jobs = []
    for fold, held in enumerate(parts):
        rest = TrainingData(data.patches[~held], data.target[~held], data.weight[~held])
        jobs.append(_Job(rest, seed_of(model.random_state, "residuals", fold)))
    states, interrupted = _train_all(model, jobs, progress)
    if interrupted:
        raise KeyboardInterrupt
    device = device_of(model.device)
    residual = np.empty(len(data.target))
    for held, state in zip(parts, states, strict=True):
        one = Ensemble(model.architecture_, [state], device, "fp32", model.symmetries)
        out = one.patches(data.patches[held].astype(np.float64))
        residual[held] = data.target[held] - out[0, 0]
    r = residual * model.target_.sd
    weight = data.weight
    target: Target = model.target_
    return replace(
        target,
        residual_mean=float(np.average(r, weights=weight)),
        residual_square=float(np.average(r**2, weights=weight)),
        residual_exp=float(np.average(np.exp(r), weights=weight)),
    )
