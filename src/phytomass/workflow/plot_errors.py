"""Standard errors and draws of the plots, on their way to training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.errors import InputError, Problem
from phytomass.experiments import TrainingSettings
from phytomass.inventory import Inventory
from phytomass.models import ModelSettings, Training, members_of
from phytomass.workflow.load import OpenProject
from phytomass.workflow.project import Project
from phytomass.workflow.reads import Results

SE = "agb_se_mg_ha"
DRAWS = "plot_draws.zarr"


def with_errors(
    samples: Training,
    results: Results,
    training: TrainingSettings,
    models: Sequence[ModelSettings],
) -> Training:
    """Give samples the standard errors and draws that models train with.

    Raises
    ------
    InputError
        If plots lack a standard error or draws.
    """
    if training.weights == "standard_errors":
        samples = replace(samples, y_se=_errors_of(results.table("plots"), samples.plot_id))
    if training.draws:
        most = max(members_of(model) for model in models)
        samples = replace(samples, y_draws=_draws_of(results, samples.plot_id, most))
    return samples


def _errors_of(plots: pd.DataFrame, ids: NDArray[np.str_]) -> NDArray[np.float64]:
    problems = missing_errors(plots[plots["plot_id"].isin(ids)], "plots.csv")
    if problems:
        raise InputError.of(problems)
    by_id = plots.set_index("plot_id")[SE]
    return by_id.reindex(pd.Index(ids.tolist())).to_numpy(np.float64)


def _draws_of(results: Results, ids: NDArray[np.str_], kept: int) -> NDArray[np.float32]:
    """Read as many draws as the largest ensemble has members."""
    store = results.folder / DRAWS
    if not store.is_dir():
        raise InputError("no draws of the plots", where=str(store), remedy=CHAIN)
    draws = results.draws(DRAWS).first(kept).take([str(plot) for plot in ids])
    return np.asarray(draws.values, dtype=np.float32)


CHAIN = (
    "give inventory.trees, whose errors phytomass draws, or a column agb_se_mg_ha of the plots "
    "(inventory.plots.columns)"
)


def missing_errors(plots: pd.DataFrame, where: str) -> list[Problem]:
    """Return what keeps plots from being weighted by their standard errors."""
    if SE not in plots:
        what = "training.weights: standard_errors, and the plots have none"
        return [Problem(where, what, CHAIN)]
    bad = plots.loc[~np.isfinite(plots[SE].to_numpy(np.float64)), "plot_id"].astype(str).tolist()
    if not bad:
        return []
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    what = f"no standard error for {len(bad)} plots: {', '.join(bad[:5])}{more}"
    return [Problem(f"{where}, column {SE}", what, "complete it, or set training.weights: none")]


def check_training(opened: OpenProject, inventory: Inventory) -> None:
    """Check that the errors a project trains with will be there; nothing is drawn.

    Raises
    ------
    InputError
        With one problem per setting that has nothing to work with.
    """
    project = opened.project
    trees, where = inventory.trees, project.inventory.file_of_plots
    drawn = trees is not None and "agb_kg" not in trees
    problems = []
    if project.training.weights == "standard_errors" and not drawn:
        problems += missing_errors(inventory.plots, where)
    if project.training.draws:
        problems += _draw_problems(project, drawn)
    if problems:
        raise InputError.of(problems)


def _draw_problems(project: Project, drawn: bool) -> list[Problem]:
    where, members = "training.draws", max(members_of(model) for model in project.models)
    if not members:
        return [Problem(where, "no network among `models` learns draws", "set it to false")]
    if not drawn:
        what = "the plots have no draws"
        return [Problem(where, what, "give inventory.trees without their mass, or set it to false")]
    if project.errors.draws < members:
        what = f"errors.draws is {project.errors.draws}, the largest ensemble has {members} members"
        return [Problem(where, what, "raise errors.draws")]
    return []
