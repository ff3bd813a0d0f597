"""Draws of plot biomass: all trees under every draw, kept as plot × draw."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.carbon import log_normal
from phytomass.draws import Draws
from phytomass.draws.philox import item_keys, key_of, normals
from phytomass.draws.store import (
    DRAW_CHUNK,
    ITEM_CHUNK,
    Layout,
    Meaning,
    Target,
    in_memory,
    new_store,
)
from phytomass.inventory.field_error.kernel import THETA, simulate
from phytomass.inventory.field_error.plot_draws import PlotDraws
from phytomass.inventory.field_error.prepare import Plan, plan_of
from phytomass.inventory.field_error.register import (
    carbon_fraction_draws,
    fraction_names,
    shared_draws,
)
from phytomass.inventory.field_error.shared import (
    ErrorModel,
    drawn_density,
    drawn_terms,
    height_draws,
)
from phytomass.progress import Progress, silent
from phytomass.walk.workers import Workers

Array = NDArray[np.float64]

BLOCK = 512
"""Draws of one call of the kernel: its working arrays fit the first cache of a core."""

STEP_BYTES = 200_000_000
"""Memory for the sums of one step of draws: a whole chunk of draws of 20 000 plots."""

AGB, AGC = "agb_mg_ha", "agc_mg_ha"
UNIT = "Mg/ha dry mass (agb), Mg C/ha (agc)"


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

    Draw k has one value of every shared error (site effect, coefficients, choice of equation,
    height model, wood density of a species, carbon fraction, root:shoot) for all plots, and one of every other error for each
    tree. A number depends only on the seed, its source, the name of the tree (plot_id and
    tree_id) and the draw: not on other trees, row order, block size or `workers`.

    Parameters
    ----------
    trees : DataFrame
        From `phytomass.allometry.tree_biomass`; optionally per_ha (trees per hectare that a row
        stands for; else 1 / area_ha), height_sd_m (SD of a measured height), and for a height from
        a model the columns that `phytomass.allometry.fill_heights` adds. agb_kg is the centre of
        a tree's draws.
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

    Returns
    -------
    PlotDraws
        `agb` are the `Draws` of aboveground biomass; `pool` gives any other pool, `table` the
        standard error and bounds of all.

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
    n, counts = model.errors.draws, np.zeros(2, np.int64)
    progress("draws of plot biomass", 0, n)
    plan = plan_of(trees, plots, model)
    workers = workers or os.cpu_count() or 1
    layout = _layout(plan, plots["plot_id"].astype(str).tolist(), model, random_state)
    writing = nullcontext(in_memory(layout)) if store is None else new_store(store, layout)
    with writing as target:
        for draws in _steps(n, len(plan.segment_plot)):
            sums, step_counts = _segment_sums(plan, model, random_state, draws, workers)
            counts += step_counts
            _write(target, sums, plan, model, (layout, draws, workers))
            progress("draws of plot biomass", draws.stop, n)
        _finish(target, plan, model, random_state, counts)
    if store is not None:
        return PlotDraws.open(store, model.carbon)
    agb, agc = (_draws_in(target, name, layout) for name in (AGB, AGC))
    assert agb is not None  # noqa: S101  # every layout has it
    return PlotDraws(agb, agc, model.carbon, **target.attributes["counts"])


def _layout(plan: Plan, ids: list[str], model: ErrorModel, random_state: int) -> Layout:
    date = model.date or model.campaign
    quantities = {AGB: Meaning("AGB", "dry_mass", "Mg/ha", date)}
    if model.carbon.carbon_fractions:
        quantities[AGC] = Meaning("AGB", "C", "Mg C/ha", date)
    shared = tuple(shared_draws(plan, model, random_state, range(1)))
    return Layout(tuple(ids), model.errors.draws, quantities, shared, random_state)


def _draws_in(target: Target, name: str, layout: Layout) -> Draws | None:
    if name not in target.values:
        return None
    meaning = vars(layout.quantities[name])
    return Draws(
        target.point[name], target.values[name], layout.ids, **meaning,
        random_state=layout.random_state, shared=target.shared(),
    )  # fmt: skip


def _finish(
    target: Target, plan: Plan, model: ErrorModel, random_state: int, counts: NDArray[np.int64]
) -> None:
    """Write what is known without errors, and how often draws met their bounds."""
    target.point[AGB][:] = plan.agb_mg_ha
    if AGC in target.point:
        target.point[AGC][:] = plan.agb_mg_ha * plan.carbon_fraction
    every = range(model.errors.draws)
    _, truncated = carbon_fraction_draws(model, random_state, every, plan.groups)
    target.attributes["unit"] = UNIT
    target.attributes["counts"] = {
        "drawn_again": int(counts[0]),
        "below_zero": int(counts[1]),
        "fractions_truncated": int(truncated[np.unique(plan.segment_group)].sum()),
    }


def _steps(n: int, n_segments: int) -> Iterator[range]:
    """Cut the draws into steps of bounded memory; whole chunks of the written array if possible."""
    size = max(STEP_BYTES // (8 * max(n_segments, 1)), BLOCK)
    size = size // DRAW_CHUNK * DRAW_CHUNK if size >= DRAW_CHUNK else BLOCK
    for first in range(0, n, size):
        yield range(first, min(first + size, n))


def _segment_sums(
    plan: Plan, model: ErrorModel, random_state: int, draws: range, workers: int
) -> tuple[list[Array], NDArray[np.int64]]:
    """Return the biomass of each segment under each draw of a step, Mg/ha, in blocks of draws."""
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
        first = np.int64(part.start)
        bend = _bend(plan, model, random_state, part)
        return out, simulate(plan.trees, keys, first, theta, linear, rho, bend, out)

    parts = [draws[i : i + BLOCK] for i in range(0, len(draws), BLOCK)]
    with Workers(workers).pool() as pool:
        results = list(pool.run(block, [(part,) for part in parts], ordered=True))
    counts = np.array([c for _, c in results], dtype=np.int64).sum(axis=0)
    return [out for out, _ in results], counts


def _theta(
    plan: Plan, model: ErrorModel, random_state: int, draws: range
) -> tuple[Array, NDArray[np.bool_]]:
    terms: dict[tuple[str, str], Array] = {}
    groups = []
    for group, site in zip(plan.candidates, plan.sites, strict=True):
        some = (e for e in group.equations if (e.id, site) not in terms)
        terms |= {(e.id, site): drawn_terms(e, model, random_state, draws, site) for e in some}
        here = {e.id: terms[e.id, site] for e in group.equations}
        groups.append(group.terms(here, random_state, draws))
    theta = np.ascontiguousarray(groups) if groups else np.zeros((0, THETA, len(draws)))
    return theta, np.array([(g[7] > 0).any() for g in groups], dtype=np.bool_)


def _bend(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Array:
    on = model.errors.on("height_model")
    bends = [height_draws(name, df, on, random_state, draws) for name, df in plan.height_models]
    return np.ascontiguousarray(bends) if bends else np.zeros((0, 3, len(draws)))


def _write(
    target: Target,
    sums: list[Array],
    plan: Plan,
    model: ErrorModel,
    where: tuple[Layout, range, int],
) -> None:
    """Add the segments up to plots, put the error of the plot area on them, and store them."""
    layout, draws, workers = where
    columns, n = slice(draws.start, draws.stop), len(layout.ids)
    shared = shared_draws(plan, model, layout.random_state, draws)
    target.write_shared(shared, columns)
    weights = _weights_of(plan, shared, AGC in target.values)
    firsts = range(0, len(draws), BLOCK)
    cv = model.errors["plot_area_cv"] if model.errors.on("plot_area") else 0.0

    def write(rows: slice) -> None:
        factor: Array | float = 1.0
        if cv > 0:
            items = item_keys(layout.ids[rows])
            factor = log_normal(1.0, cv, normals(layout.random_state, "plot area", items, draws))
        inside = (plan.segment_plot >= rows.start) & (plan.segment_plot < rows.stop)
        for name, weight in weights.items():
            amount = np.zeros((rows.stop - rows.start, len(draws)))
            for segment in np.flatnonzero(inside):
                part = amount[plan.segment_plot[segment] - rows.start]
                for first, block in zip(firsts, sums, strict=True):
                    here = slice(first, first + block.shape[1])
                    part[here] += (
                        block[segment] if weight is None else block[segment] * weight[segment][here]
                    )
            target.values[name][rows, columns] = (amount * factor).astype(np.float32)

    tasks = [(slice(i, min(i + ITEM_CHUNK, n)),) for i in range(0, n, ITEM_CHUNK)]
    with Workers(workers).pool() as pool:
        for _ in pool.run(write, tasks):
            pass


def _weights_of(
    plan: Plan, shared: Mapping[str, Array], with_carbon: bool
) -> dict[str, list[Array] | None]:
    """Return what each segment is multiplied by, for each quantity that is written."""
    if not with_carbon:
        return {AGB: None}
    names = fraction_names(plan.groups)
    return {AGB: None, AGC: [shared[names[group]] for group in plan.segment_group]}
