"""Training an ensemble: members in threads, inner folds, Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import TYPE_CHECKING

import numpy as np

from phytomass.draws import seed_of
from phytomass.errors import InputError, Problem
from phytomass.models.patch_cnn.architecture import Architecture
from phytomass.models.patch_cnn.door import device_of, torch_threads
from phytomass.models.patch_cnn.inference import PRECISIONS, Ensemble
from phytomass.models.patch_cnn.learned import Learned, State
from phytomass.models.patch_cnn.patches import fingerprint
from phytomass.models.patch_cnn.targets import Scaling, Target
from phytomass.models.patch_cnn.training import Part, Schedule, train_member
from phytomass.models.search.groups import inner_parts
from phytomass.models.training import Training
from phytomass.progress import Progress
from phytomass.walk.workers import Workers

if TYPE_CHECKING:
    from phytomass.models.patch_cnn.estimators import PatchRegressor

FOLDS = 5
"""Inner folds of early stopping, and of the residuals that correct a transform's bias."""


def check_parameters(model: PatchRegressor) -> None:
    """Raise for parameters out of range; all of them at once.

    Raises
    ------
    InputError
        With one problem per parameter.
    """
    given = model.get_params()
    problems = [
        Problem(f"{model.kind}.{name}", f"is {given[name]}", f"use {low} or more")
        for name, low in (("n_members", 1), ("epochs", 1), ("batch_size", 2), ("n_jobs", 1))
        if given[name] < low
    ]
    problems += [
        Problem(f"{model.kind}.{name}", f"is {given[name]}", "use 0 or more")
        for name in ("learning_rate", "weight_decay", "noise")
        if not given[name] >= 0
    ]
    choices = {
        "likelihood": ("mse", "gaussian"),
        "on_interrupt": ("keep", "raise"),
        "precision": tuple(PRECISIONS),
    }
    problems += [
        Problem(f"{model.kind}.{name}", f"is {given[name]!r}", f"use {' or '.join(known)}")
        for name, known in choices.items()
        if given[name] not in known
    ]
    if problems:
        raise InputError.of(problems)


@dataclass(frozen=True, eq=False)
class _Job:
    plots: Training
    seed: int
    held: Part | None = None


def train_ensemble(
    model: PatchRegressor, net: Architecture, plots: Training, progress: Progress
) -> Learned:
    """Train the members of a network.

    Parameters
    ----------
    model : PatchRegressor
        Its parameters say how.
    net : Architecture
        What to train.
    plots : Training
        Patches of the side of the architecture, Mg/ha.
    progress : Progress
        Called per epoch of any member.
    """
    scaling = Scaling.of(plots.X)
    target = Target.of(plots.y, model.target, model.non_negative)
    scaled = replace(
        plots,
        X=scaling.apply(plots.X).astype(np.float32),
        y=target.forward(plots.y),
        weight=None if plots.weight is None else plots.weight / plots.weight.mean(),
    )
    needed = model.early_stopping or target.transform != "none"
    parts = inner_parts(plots.groups, FOLDS, model.random_state) if needed else []
    jobs = []
    for k in range(model.n_members):
        own = scaled
        if plots.y_draws is not None:
            drawn = plots.y_draws[:, k % plots.y_draws.shape[1]].astype(np.float64)
            own = replace(scaled, y=target.forward(drawn))
        held = parts[k % len(parts)] if model.early_stopping else None
        jobs.append(_Job(own, seed_of(model.random_state, "member", k), held))
    members, interrupted = _train_all(model, net, jobs, progress)
    if target.transform != "none":
        target = _with_residuals(model, net, target, (scaled, parts), progress)
    digest = fingerprint(plots.X, plots.y)
    return Learned(net, scaling, target, members, len(plots), digest, interrupted)


def _schedule(model: PatchRegressor) -> Schedule:
    return Schedule(
        model.epochs,
        model.batch_size,
        model.learning_rate,
        model.weight_decay,
        model.noise,
        model.symmetries,
    )


def _train_all(
    model: PatchRegressor, net: Architecture, jobs: list[_Job], progress: Progress
) -> tuple[list[State], bool]:
    """Train in threads; at Ctrl-C keep whole members, or what there is of the first ones."""
    stop, tick = Event(), _Ticker(progress, model.epochs * len(jobs))
    device, schedule = device_of(model.device), _schedule(model)

    def train(place: int, job: _Job) -> None:
        if stop.is_set():
            return
        state = train_member(
            net,
            schedule,
            job.plots,
            job.seed,
            device,
            lambda: tick() or stop.is_set(),
            job.held,
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
    model: PatchRegressor,
    net: Architecture,
    target: Target,
    split: tuple[Training, list[Part]],
    progress: Progress,
) -> Target:
    """Take the residuals of plots that networks of their own were not trained on."""
    plots, parts = split
    jobs = [
        _Job(plots.take(~held), seed_of(model.random_state, "residuals", fold))
        for fold, held in enumerate(parts)
    ]
    states, interrupted = _train_all(model, net, jobs, progress)
    if interrupted:
        raise KeyboardInterrupt
    device = device_of(model.device)
    residual = np.empty(len(plots))
    for held, state in zip(parts, states, strict=True):
        one = Ensemble(net, [state], device, "fp32", model.symmetries)
        out = one.patches(plots.X[held].astype(np.float64))
        residual[held] = plots.y[held] - out[0, 0]
    r, weight = residual * target.sd, plots.weight
    return replace(
        target,
        residual_mean=float(np.average(r, weights=weight)),
        residual_square=float(np.average(r**2, weights=weight)),
        residual_exp=float(np.average(np.exp(r), weights=weight)),
    )
