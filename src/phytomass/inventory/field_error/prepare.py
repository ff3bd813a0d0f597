"""From tables of trees and plots to the arrays of the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry import (
    AllometricEquation,
    density_of_species,
    genus_of,
    group_of,
    load_equations,
)
from phytomass.draws.philox import item_keys
from phytomass.errors import InputError, Problem, nearest
from phytomass.inventory.field_error.kernel import TREE
from phytomass.inventory.field_error.shared import DENSITY_BOUNDS, Density, ErrorModel
from phytomass.inventory.groups import carbon_groups, plot_fractions

NEEDED = ("tree_id", "plot_id", "dbh_cm", "accepted_species", "equation_id", "agb_kg")
KG_PER_MG = 1000.0
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Plan:
    """The trees, sorted, and what their indices stand for.

    Parameters
    ----------
    trees : array of TREE
        In the order of segment and key, whatever the order of the table.
    candidates : tuple
        For each `group` of trees, the equations that a draw may take.
    densities : tuple
        For each `species` of trees.
    segment_plot, segment_group : array of int
        For each segment, the row of the plot and the carbon group.
    groups : tuple of str
        The carbon groups: ``all``, or ``conifer``, ``broadleaf`` and ``other``.
    agb_mg_ha, carbon_fraction : array, shape (n_plots,)
        The point estimate, and the carbon fraction of its trees.
    """

    trees: NDArray[np.void]
    candidates: tuple[tuple[AllometricEquation, ...], ...]
    densities: tuple[Density, ...]
    segment_plot: NDArray[np.int64]
    segment_group: NDArray[np.int64]
    groups: tuple[str, ...]
    agb_mg_ha: NDArray[np.float64]
    carbon_fraction: NDArray[np.float64]


def plan_of(trees: pd.DataFrame, plots: pd.DataFrame, model: ErrorModel) -> Plan:
    """Check the tables and lay the trees out for the kernel.

    Raises
    ------
    InputError
        With every problem at once.
    """
    _check(trees, plots)
    trees = trees.reset_index(drop=True)
    place = pd.Index(plots["plot_id"].astype(str)).get_indexer(
        pd.Index(trees["plot_id"].astype(str))
    )
    weight = _weights(trees, plots, place)
    groups, group = carbon_groups(trees, model.carbon)
    segment_of = place * len(groups) + group
    used, segment = np.unique(segment_of, return_inverse=True)
    candidates, equation_group = _candidates(trees, model)
    densities, kind, own_sd = _densities(trees, model)
    rows = np.zeros(len(trees), TREE)
    rows["key"] = item_keys(trees["plot_id"], trees["tree_id"])
    rows["segment"], rows["group"], rows["species"] = segment, equation_group, kind
    rows["weight"] = weight / KG_PER_MG
    _fill_diameters(rows, trees, model)
    _fill_heights(rows, trees, model)
    rows["rho_sd"] = own_sd
    rows["rho_low"], rows["rho_high"] = DENSITY_BOUNDS
    mass = trees["agb_kg"].to_numpy(dtype=float) * weight / KG_PER_MG
    agb = np.bincount(place, mass, minlength=len(plots)).astype(float)
    order = np.lexsort((rows["key"], rows["segment"]))
    plot_of, group_of_segment = used // len(groups), used % len(groups)
    fraction = plot_fractions(trees, mass, place, len(plots), model.carbon)
    trees_and_laws = (rows[order], candidates, densities)
    return Plan(*trees_and_laws, plot_of, group_of_segment, groups, agb, fraction)


def _check(trees: pd.DataFrame, plots: pd.DataFrame) -> None:
    missing = [c for c in NEEDED if c not in trees]
    if missing:
        remedy = "use the table that phytomass.allometry.tree_biomass returns"
        raise InputError(f"no column {', '.join(missing)}", where="trees", remedy=remedy)
    problems = []
    ids = trees[["plot_id", "tree_id"]].astype(str)
    twice = ids[ids.duplicated()]
    if len(twice):
        text = ", ".join(f"{r.tree_id} (plot {r.plot_id})" for r in twice.head(SHOWN).itertuples())
        problems.append(
            Problem("trees", f"{len(twice)} repeated ids, e.g. {text}", "number the trees")
        )
    known = set(plots["plot_id"].astype(str))
    strange = sorted(set(ids["plot_id"]) - known)
    if strange:
        problems.append(Problem("trees", f"plots that are not there: {', '.join(strange[:SHOWN])}"))
    for column in ("dbh_cm", "agb_kg"):
        values = trees[column].to_numpy(dtype=float)
        lost = trees[
            ~(np.isfinite(values) & (values >= 0)) | ((column == "dbh_cm") & (values == 0))
        ]
        if len(lost):
            what = f"{len(lost)} trees without {column}, e.g. {lost['tree_id'].iloc[0]}"
            problems.append(Problem("trees", what, "complete them or leave them out"))
    if problems:
        raise InputError.of(problems)


def _weights(
    trees: pd.DataFrame, plots: pd.DataFrame, place: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return trees per hectare that each tree stands for."""
    if "per_ha" in trees:
        weight = trees["per_ha"].to_numpy(dtype=float)
    elif "area_ha" in plots:
        area = plots["area_ha"].to_numpy(dtype=float)[place]
        weight = 1.0 / np.where(area > 0, area, np.nan)
    else:
        raise InputError("no area_ha", where="plots", remedy="give it, or per_ha for each tree")
    bad = ~(np.isfinite(weight) & (weight > 0))
    if bad.any():
        tree = trees.loc[bad].iloc[0]
        what = f"{int(bad.sum())} trees whose plot has no area, e.g. {tree['tree_id']}"
        raise InputError(what, where="plots", remedy="give area_ha, or per_ha for each tree")
    return np.asarray(weight, dtype=float)


def _candidates(
    trees: pd.DataFrame, model: ErrorModel
) -> tuple[tuple[tuple[AllometricEquation, ...], ...], NDArray[np.int64]]:
    """Return the sets of equations, and for each tree which set."""
    settings = model.allometry
    equations = load_equations(
        None if settings.equations is None else model.root / settings.equations
    )
    unknown = [i for i in model.errors.alternatives if i not in equations]
    if unknown:
        hint = nearest(unknown[0], list(equations), n=2)
        raise InputError(f"no equation {unknown[0]!r}", where="errors.alternatives", remedy=hint)
    has_height = np.isfinite(_column(trees, "height_m"))
    names = trees["accepted_species"].unique().tolist()
    densities = density_of_species(names, settings, model.root).set_index("species")
    dense = set(densities.index[densities["wood_density"].notna()])
    keys = list(
        zip(trees["accepted_species"], trees["equation_id"], has_height.tolist(), strict=True)
    )
    sets: dict[tuple[AllometricEquation, ...], int] = {}
    index: dict[tuple[str, str, bool], int] = {}
    for key in dict.fromkeys(keys):
        found = _candidates_of(key, model, equations, key[0] in dense)
        index[key] = sets.setdefault(found, len(sets))
    return tuple(sets), np.array([index[key] for key in keys], dtype=np.int64)


def _candidates_of(
    key: tuple[str, str, bool],
    model: ErrorModel,
    equations: dict[str, AllometricEquation],
    has_density: bool,
) -> tuple[AllometricEquation, ...]:
    """Return the chosen equation, and what the next rungs of the ladder would give."""
    name, chosen, has_height = key
    settings, ids = model.allometry, [chosen]
    if model.errors.on("equation_choice"):
        group = group_of(name)
        ids += [e for g, e in settings.groups.items() if g == group]
        ids += [] if settings.fallback is None else [settings.fallback]
        ids += list(model.errors.alternatives)
    has_stress = settings.environmental_stress is not None

    def computable(e: AllometricEquation) -> bool:
        lacks_height = e.needs_height and not has_height
        lacks_density = e.needs_density and not has_density
        return not (lacks_height or lacks_density or (e.needs_stress and not has_stress))

    others = [equations[i] for i in dict.fromkeys(ids[1:]) if i != chosen]
    return (equations[chosen], *(e for e in others if computable(e)))


def _densities(
    trees: pd.DataFrame, model: ErrorModel
) -> tuple[tuple[Density, ...], NDArray[np.int64], NDArray[np.float64]]:
    """Return the kinds of wood, the kind of each tree, and each tree's own SD."""
    names = trees["accepted_species"]
    table = density_of_species(names.unique().tolist(), model.allometry, model.root)
    by_name = table.set_index("species")
    mean = names.map(by_name["wood_density"]).to_numpy(dtype=float)
    sd = names.map(by_name["wood_density_sd"]).to_numpy(dtype=float)
    level = names.map(by_name["level"]).to_numpy(dtype=object)
    if "wood_density" in trees:
        given = trees["wood_density"].to_numpy(dtype=float)
        mean = np.where(np.isfinite(given), given, mean)
    if "wood_density_sd" in trees:
        given = _column(trees, "wood_density_sd")
        sd = np.where(np.isfinite(given), given, sd)
    if "wood_density_level" in trees:
        stated = trees["wood_density_level"].to_numpy(dtype=object)
        level = np.where(stated == "", level, stated)
    keys = list(zip(names, mean.tolist(), sd.tolist(), level.tolist(), strict=True))
    keys = [(n, m, s if s == s else -1.0, lev) for n, m, s, lev in keys]  # NaN is no dict key
    kinds = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    densities = tuple(_density_of(key, model) for key in kinds)
    kind = np.array([kinds[key] for key in keys], dtype=np.int64)
    own_sd = np.array([d.tree_sd for d in densities])[kind]
    return densities, kind, own_sd


def _density_of(key: tuple[str, float, float, str], model: ErrorModel) -> Density:
    name, mean, sd, level = key
    errors = model.errors
    if not np.isfinite(mean):
        return Density(name, 1.0, 0.0, 0.0)  # no candidate reads it
    rung = level if level in {"species", "genus", "family", "plot", "own"} else "species"
    own = errors.wood_density_sd
    if name in own or genus_of(name) in own:
        sd = own.get(name, own.get(genus_of(name), 0.0))
    elif sd < 0:
        sd = errors[f"density_sd_{rung}"]
    if not errors.on("wood_density"):
        return Density(name, mean, 0.0, 0.0)
    common = 0.0 if errors.preset == "biomass_r" else errors[f"density_common_{rung}"]
    return Density(name, mean, sd * common**0.5, sd * (1 - common) ** 0.5)


def _fill_diameters(rows: NDArray[np.void], trees: pd.DataFrame, model: ErrorModel) -> None:
    errors, d = model.errors, trees["dbh_cm"].to_numpy(dtype=float)
    rows["d"], rows["d_low"], rows["d_high"] = d, np.minimum(0.1, 0.5 * d), np.maximum(500.0, 2 * d)
    if errors.preset == "biomass_r":
        rows["d_low"], rows["d_high"] = 0.1, 500.0
    if not errors.on("dbh"):
        return
    rows["d_sd"] = errors["dbh_slope"] * d + errors["dbh_constant"]
    rows["gross_share"] = errors["gross_share"]
    rows["d_gross_sd"] = errors["gross_sd"]
    if errors.preset == "phytomass":
        gross = np.minimum(errors["gross_sd"], errors["gross_relative"] * d)
        rows["d_gross_sd"] = np.maximum(gross, rows["d_sd"])


def _fill_heights(rows: NDArray[np.void], trees: pd.DataFrame, model: ErrorModel) -> None:
    errors, height = model.errors, _column(trees, "height_m")
    known = np.isfinite(height) & (height > 0)
    rows["h"] = np.where(known, height, 1.0)
    rows["h_low"], rows["h_high"] = 0.01, 200.0
    modelled = _column(trees, "height_sd_log")
    from_model = known & np.isfinite(modelled)
    rows["h_log"] = from_model
    rows["h_slope"] = np.where(known, np.nan_to_num(_column(trees, "height_slope")), 0.0)
    if not errors.on("height"):
        return
    if errors.preset == "biomass_r" and known.any():
        rows["h_low"] = np.where(known & ~from_model, 1.3, 0.01)
        rows["h_high"] = np.where(from_model, 200.0, height[known].max() + 15.0)
    measured = errors["height_cv"] * rows["h"]
    if errors.preset == "biomass_r":
        measured = np.full(len(rows), errors["height_sd_biomass"])
    given = _column(trees, "height_sd_m")
    measured = np.where(np.isfinite(given), given, measured)
    rows["h_sd"] = np.where(from_model, modelled, np.where(known, measured, 0.0))


def _column(trees: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in trees:
        return np.full(len(trees), np.nan)
    return trees[name].to_numpy(dtype=float)
