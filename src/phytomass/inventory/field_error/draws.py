"""Draws of plot biomass: all trees under every draw, kept as plot × draw."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from phytomass.carbon import log_normal
from phytomass.errors import InputError
from phytomass.inventory.field_error.kernel import simulate
from phytomass.inventory.field_error.plot_draws import PlotDraws
from phytomass.inventory.field_error.prepare import Plan, plan_of
from phytomass.inventory.field_error.shared import (
    ErrorModel,
    choice_draws,
    drawn_density,
    drawn_group,
    drawn_terms,
)
from phytomass.philox import item_keys, key_of, normals
from phytomass.progress import Progress, silent

Array = NDArray[np.float64]

BLOCK = 512
"""Draws of one call of the kernel: its working arrays fit the first cache of a core."""

STEP_BYTES = 64_000_000
"""Memory for the sums of one step of draws."""

PLOT_CHUNK, DRAW_CHUNK = 256, 1024
"""Shape of a block of the written array."""


def plot_draws(
    trees: pd.DataFrame,
    plots: pd.DataFrame,
    model: ErrorModel,
    *,
    random_state: int,
    store: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> PlotDraws:
    """Draw the biomass of plots with the whole error of its trees.

    Draw k has one value of every shared error (coefficients, choice of equation, wood density of
    a species, carbon fraction, root:shoot) for all plots, and one of every other error for each
    tree. A number depends only on the seed, its source, the name of the tree (plot_id and
    tree_id) and the draw: not on other trees, row order, block size or `workers`.

    Parameters
    ----------
    trees : DataFrame
        From `phytomass.allometry.tree_biomass`; optionally per_ha (trees per hectare that a row
        stands for; else 1 / area_ha), height_sd_m (SD of a measured height), height_sd_log and
        height_slope (SD of ln height, and d ln H / d ln D, of a height from a model).
    plots : DataFrame
        plot_id, and area_ha unless the trees have per_ha. A plot without trees is a true zero.
    model : ErrorModel
        The sections of the project file.
    random_state : int
        The project's seed.
    store : path, optional
        Folder `….zarr` for the draws; without it they stay in memory (4 bytes each).
    workers : int, optional
        Threads; the number of processors if left out. The result does not depend on it.
    progress : callable
        Told how many draws are done.

    Raises
    ------
    InputError
        For trees without id, diameter, biomass or plot, repeated ids, and plots without area.

    Examples
    --------
    >>> from phytomass.allometry import AllometrySettings, tree_biomass
    >>> from phytomass.inventory.field_error import ErrorSettings
    >>> allometry = AllometrySettings(fallback="chave2014")
    >>> trees = pd.DataFrame({"tree_id": ["1", "2"], "plot_id": ["A", "A"], "dbh_cm": [20.0, 30.0],
    ...                       "species": ["Melia azedarach"] * 2, "height_m": [12.0, 15.0]})
    >>> plots = pd.DataFrame({"plot_id": ["A", "B"], "area_ha": [0.1, 0.1]})
    >>> model = ErrorModel(allometry, errors=ErrorSettings(draws=2000))
    >>> draws = plot_draws(tree_biomass(trees, allometry), plots, model, random_state=1)
    >>> draws.table()[["plot_id", "agb_mg_ha", "agb_se_mg_ha"]].round(1)
      plot_id  agb_mg_ha  agb_se_mg_ha
    0       A        ...           ...
    1       B        0.0           0.0
    """
    plan = plan_of(trees, plots, model)
    n = model.errors.draws
    fractions, truncated = carbon_fraction_draws(model, random_state, range(n), plan.groups)
    used = np.unique(plan.segment_group)
    ids = plots["plot_id"].astype(str).tolist()
    counts = np.zeros(2, np.int64)
    with _target(store, (len(ids), n), ids, bool(model.carbon.carbon_fractions)) as arrays:
        for draws in _steps(n, len(plan.segment_plot)):
            sums, step_counts = _segment_sums(plan, model, random_state, draws, workers)
            counts += step_counts
            _write(arrays, sums, plan, model, (random_state, ids, draws))
            progress("draws of plot biomass", draws.stop, n)
    if store is not None:
        found = zarr.open_group(str(store), mode="r")
        arrays = {name: found[name] for name in arrays}
    return PlotDraws(
        plot_id=tuple(ids),
        point_agb_mg_ha=plan.agb_mg_ha,
        point_carbon_fraction=plan.carbon_fraction,
        agb_mg_ha=arrays["agb_mg_ha"],
        agc_mg_ha=arrays.get("agc_mg_ha"),
        carbon_fraction=fractions[-1],
        root_z=root_draws(model, random_state, range(n)),
        model=model,
        random_state=random_state,
        drawn_again=int(counts[0]),
        below_zero=int(counts[1]),
        fractions_truncated=int(truncated[used].sum()),
    )


def _steps(n: int, n_segments: int) -> Iterator[range]:
    """Cut the draws into steps of bounded memory; whole chunks of the written array if possible."""
    size = max(STEP_BYTES // (8 * max(n_segments, 1)), BLOCK)
    size = size // DRAW_CHUNK * DRAW_CHUNK if size >= DRAW_CHUNK else BLOCK
    for first in range(0, n, size):
        yield range(first, min(first + size, n))


def _segment_sums(
    plan: Plan, model: ErrorModel, random_state: int, draws: range, workers: int | None
) -> tuple[Array, NDArray[np.int64]]:
    """Return the biomass of each segment under each draw of a step, Mg/ha."""
    keys = np.array(
        [key_of(random_state, "measurement", model.campaign), key_of(random_state, "tree")],
        dtype=np.uint64,
    )

    def block(part: range) -> tuple[Array, NDArray[np.int64]]:
        theta, linear = _theta(plan, model, random_state, part)
        on = model.errors.on("wood_density")
        rho = drawn_density(plan.densities, on, random_state, part)
        out = np.zeros((len(plan.segment_plot), len(part)))
        if len(plan.trees) == 0:
            return out, np.zeros(2, np.int64)
        return out, simulate(plan.trees, keys, np.int64(part.start), theta, linear, rho, out)

    parts = [draws[i : i + BLOCK] for i in range(0, len(draws), BLOCK)]
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        results = list(pool.map(block, parts))
    counts = np.array([c for _, c in results], dtype=np.int64).sum(axis=0)
    return np.concatenate([out for out, _ in results], axis=1), counts


def _theta(
    plan: Plan, model: ErrorModel, random_state: int, draws: range
) -> tuple[Array, NDArray[np.bool_]]:
    equations = {e.id: e for group in plan.candidates for e in group}
    terms = {i: drawn_terms(e, model, random_state, draws) for i, e in equations.items()}
    groups = [drawn_group(c, terms, choice_draws(c, random_state, draws)) for c in plan.candidates]
    theta = np.ascontiguousarray(groups) if groups else np.zeros((0, 8, len(draws)))
    return theta, np.array([(g[7] > 0).any() for g in groups], dtype=np.bool_)


def _write(
    arrays: dict[str, Any],
    sums: Array,
    plan: Plan,
    model: ErrorModel,
    where: tuple[int, list[str], range],
) -> None:
    """Add the segments up to plots, put the error of the plot area on them, and store them."""
    random_state, ids, draws = where
    columns = slice(draws.start, draws.stop)
    fractions, _ = carbon_fraction_draws(model, random_state, draws, plan.groups)
    on, cv = model.errors.on("plot_area"), model.errors["plot_area_cv"]
    for first in range(0, len(ids), PLOT_CHUNK):
        rows = slice(first, min(first + PLOT_CHUNK, len(ids)))
        inside = (plan.segment_plot >= rows.start) & (plan.segment_plot < rows.stop)
        agb = np.zeros((rows.stop - rows.start, len(draws)))
        agc = np.zeros_like(agb)
        for segment in np.flatnonzero(inside):
            row = plan.segment_plot[segment] - rows.start
            agb[row] += sums[segment]
            if "agc_mg_ha" in arrays:
                agc[row] += sums[segment] * fractions[plan.segment_group[segment]]
        if on and cv > 0:
            z = normals(random_state, "plot area", item_keys(ids[rows]), draws)
            factor = log_normal(1.0, cv, z)
            agb, agc = agb * factor, agc * factor
        arrays["agb_mg_ha"][rows, columns] = agb.astype(np.float32)
        if "agc_mg_ha" in arrays:
            arrays["agc_mg_ha"][rows, columns] = agc.astype(np.float32)


def carbon_fraction_draws(
    model: ErrorModel, random_state: int, draws: range, groups: tuple[str, ...]
) -> tuple[Array, NDArray[np.int64]]:
    """Return the carbon fraction of each group under each draw; one draw for all its trees.

    Returns
    -------
    fractions : array, shape (n_groups, n_draws)
        What is drawn below 0 or above 1 is set to 0 or 1.
    truncated : array of int, shape (n_groups,)
        How many of them were.
    """
    carbon = model.carbon
    z = normals(random_state, "carbon fraction", item_keys(groups), draws)
    out = np.empty(z.shape)
    for row, group in enumerate(groups):
        factor = carbon.fraction_of(group)
        sd = carbon.sd_of(factor, "carbon_fraction") if model.errors.on("carbon_fraction") else 0.0
        out[row] = factor.value + sd * z[row]
    truncated = ((out < 0.0) | (out > 1.0)).sum(axis=1)
    return np.clip(out, 0.0, 1.0), truncated


def root_draws(model: ErrorModel, random_state: int, draws: range) -> Array:
    """Return how many standard deviations the root:shoot ratio is off, one number per draw."""
    z = normals(random_state, "root shoot", item_keys(["root shoot"]), draws)[0]
    return z if model.errors.on("root_shoot") else np.zeros_like(z)


@contextmanager
def _target(
    store: Path | None, shape: tuple[int, int], ids: list[str], with_carbon: bool
) -> Iterator[dict[str, Any]]:
    """Give arrays to write to; those in a folder appear under its name only when all is done."""
    names = ("agb_mg_ha", "agc_mg_ha") if with_carbon else ("agb_mg_ha",)
    if store is None:
        yield {name: np.zeros(shape, np.float32) for name in names}
        return
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=store.parent, prefix=f".{store.stem}-", suffix=".zarr"))
    except OSError as error:
        raise InputError(f"cannot write here ({error.strerror})", where=str(store)) from error
    try:
        group = zarr.open_group(str(beside), mode="w")
        group.attrs.update({"plot_id": ids, "unit": "Mg/ha dry mass (agb), Mg C/ha (agc)"})
        chunks = (min(PLOT_CHUNK, shape[0]), min(DRAW_CHUNK, shape[1]))
        yield {
            name: group.create_array(
                name, shape=shape, chunks=chunks, dtype="float32", dimension_names=("plot", "draw")
            )
            for name in names
        }
        if store.exists():
            shutil.rmtree(store)
        beside.rename(store)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
