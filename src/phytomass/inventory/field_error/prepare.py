"""From tables of trees and plots to the arrays of the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from phytomass.allometry import HEIGHT_LOADS, STRESS, density_of_species, families_of, genus_of
from phytomass.draws.philox import item_keys
from phytomass.errors import InputError, Problem
from phytomass.inventory.field_error.candidates import (
    candidates_of,
    centres,
    column_of,
    numbered,
)
from phytomass.inventory.field_error.kernel import TREE
from phytomass.inventory.field_error.settings import ErrorSettings
from phytomass.inventory.field_error.shared import (
    DENSITY_BOUNDS,
    Candidates,
    Density,
    ErrorModel,
)
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
    candidates : tuple of Candidates
        For each `group` of trees, the equations that a draw may take.
    sites : tuple of str
        For each `group` of trees, the site whose effect they have; empty for that of the project.
    height_models : tuple
        For each `h_model` of trees, its name and degrees of freedom.
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
    candidates: tuple[Candidates, ...]
    sites: tuple[str, ...]
    height_models: tuple[tuple[str, float], ...]
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
    candidates, equation_group = candidates_of(trees, model)
    densities, kind, own_sd = _densities(trees, model)
    rows = np.zeros(len(trees), TREE)
    rows["key"] = item_keys(
        *(trees[name].to_numpy(dtype=object) for name in ("plot_id", "tree_id"))
    )
    site_group, some, sites = _by_site(trees, plots, place, (equation_group, candidates), model)
    rows["segment"], rows["group"], rows["species"] = segment, site_group, kind
    mean_density = np.array([d.mean for d in densities])[kind]
    centre = centres(trees, candidates, equation_group, mean_density, model)
    rows["weight"] = weight / KG_PER_MG * _ratio(trees["agb_kg"].to_numpy(dtype=float), centre)
    _fill_diameters(rows, trees["dbh_cm"].to_numpy(dtype=float), model.errors)
    _fill_heights(rows, trees, model)
    height_models = _fill_height_models(rows, trees)
    rows["rho_sd"] = own_sd
    if not isinstance(model.allometry.environmental_stress, float):
        rows["stress"] = np.nan_to_num(column_of(trees, STRESS))
    rows["rho_low"], rows["rho_high"] = DENSITY_BOUNDS
    mass = trees["agb_kg"].to_numpy(dtype=float) * weight / KG_PER_MG
    agb = np.bincount(place, mass, minlength=len(plots)).astype(float)
    _sort(rows)
    plot_of, group_of_segment = used // len(groups), used % len(groups)
    fraction = plot_fractions(trees, mass, place, len(plots), model.carbon)
    trees_and_laws = (rows, some, sites, height_models, densities)
    return Plan(*trees_and_laws, plot_of, group_of_segment, groups, agb, fraction)


def _sort(rows: NDArray[np.void]) -> None:
    """Order trees by segment and key, a column at a time: a sorted copy would be as large again."""
    order = np.lexsort((rows["key"], rows["segment"]))
    for name in TREE.names or ():
        rows[name] = rows[name][order]


def ensemble_biomass(trees: pd.DataFrame, model: ErrorModel) -> pd.DataFrame:
    """Return the trees with the mass to print: with `equation_choice: ensemble` the candidates' mean.

    Parameters
    ----------
    trees : DataFrame
        From `phytomass.allometry.tree_biomass`.
    model : ErrorModel

    Returns
    -------
    DataFrame
        The same rows; agb_kg is the mean of the candidates weighted by their chances, and reason
        ends with their names and chances.
    """
    if model.errors.equation_choice != "ensemble" or trees.empty:
        return trees
    candidates, group = candidates_of(trees, model)
    densities, kind, _ = _densities(trees, model)
    rho = np.array([d.mean for d in densities])[kind]
    mass = centres(trees, candidates, group, rho, model)
    names = np.array([f"; mean of {c}" if len(c.equations) > 1 else "" for c in candidates])
    return trees.assign(
        agb_kg=np.where(np.isfinite(mass), mass, trees["agb_kg"].to_numpy(dtype=float)),
        reason=trees["reason"].astype(str) + names[group],
    )


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
    strange = sorted(set(ids["plot_id"].unique()) - known)
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


def _by_site(
    trees: pd.DataFrame,
    plots: pd.DataFrame,
    place: NDArray[np.intp],
    laws: tuple[NDArray[np.int64], tuple[Candidates, ...]],
    model: ErrorModel,
) -> tuple[NDArray[np.int64], tuple[Candidates, ...], tuple[str, ...]]:
    """Split the groups of trees by site where each has its own effect."""
    group, candidates = laws
    if model.errors.site_effect_of == "project":
        return group, candidates, ("",) * len(candidates)
    ids = plots["plot_id"].astype(str).to_numpy(dtype=object)
    site = np.full(len(trees), "", dtype=object)
    for found in (
        plots["site"].astype(str).to_numpy(dtype=object)[place] if "site" in plots else site,
        trees["site"].fillna("").astype(str).to_numpy(dtype=object) if "site" in trees else site,
    ):
        site = np.where(found == "", site, found)
    if len(trees) and ((site == "") | (site == ids[place])).all():
        remedy = "give a column site to the plots or the trees, or leave errors.site_effect_of out"
        raise InputError("no plot or tree has a site", where="errors.site_effect_of", remedy=remedy)
    site = np.where(site == "", ids[place], site)
    kind, first = numbered(pd.DataFrame({"group": group, "site": site}))
    of = tuple(candidates[number] for number in first["group"])
    return kind, of, tuple(first["site"])


def _ratio(printed: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what moves a tree's draws to the printed mass; one where there is no centre."""
    known = np.isfinite(centre) & (centre > 0) & (printed > 0)
    return np.asarray(np.where(known, printed / np.where(known, centre, 1.0), 1.0))


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


def _densities(
    trees: pd.DataFrame, model: ErrorModel
) -> tuple[tuple[Density, ...], NDArray[np.int64], NDArray[np.float64]]:
    """Return the kinds of wood, the kind of each tree, and each tree's own SD."""
    names = trees["accepted_species"]
    species_names, families = names.unique().tolist(), families_of(trees)
    table = density_of_species(species_names, model.allometry, model.root, families)
    by_name = table.set_index("species")
    mean = names.map(by_name["wood_density"]).to_numpy(dtype=float)
    sd = names.map(by_name["wood_density_sd"]).to_numpy(dtype=float)
    level = names.map(by_name["level"]).to_numpy(dtype=object)
    if "wood_density" in trees:
        given = trees["wood_density"].to_numpy(dtype=float)
        mean = np.where(np.isfinite(given), given, mean)
    if "wood_density_sd" in trees:
        given = column_of(trees, "wood_density_sd")
        sd = np.where(np.isfinite(given), given, sd)
    if "wood_density_level" in trees:
        stated = trees["wood_density_level"].to_numpy(dtype=object)
        level = np.where(stated == "", level, stated)
    kinds = {"name": names.to_numpy(dtype=object), "mean": mean, "sd": sd, "level": level}
    kind, first = numbered(pd.DataFrame(kinds))
    rows = first.itertuples(index=False, name=None)
    densities = tuple(_density_of(name, rho, s, rung, model) for name, rho, s, rung in rows)
    own_sd = np.array([d.tree_sd for d in densities])[kind]
    return densities, kind, own_sd


def _density_of(name: str, mean: float, sd: float, level: str, model: ErrorModel) -> Density:
    errors = model.errors
    if not np.isfinite(mean):
        return Density(name, 1.0, 0.0, 0.0)  # no candidate reads it
    rung = level if level in {"species", "genus", "family", "plot", "own"} else "species"
    own = errors.wood_density_sd
    if name in own or genus_of(name) in own:
        sd = own.get(name, own.get(genus_of(name), 0.0))
    elif np.isnan(sd):
        sd = errors[f"density_sd_{rung}"]
    if not errors.on("wood_density"):
        return Density(name, mean, 0.0, 0.0)
    common = 0.0 if errors.preset == "biomass_r" else errors[f"density_common_{rung}"]
    return Density(name, mean, sd * common**0.5, sd * (1 - common) ** 0.5)


def diameter_sd(dbh_cm: NDArray[np.float64], errors: ErrorSettings) -> NDArray[np.float64]:
    """Return the SD of a diameter's measurement, cm, gross errors included.

    Examples
    --------
    >>> diameter_sd(np.array([10.0, 30.0]), ErrorSettings()).round(3)
    array([0.471, 1.072])
    """
    rows = np.zeros(len(dbh_cm), TREE)
    _fill_diameters(rows, np.asarray(dbh_cm, dtype=float), errors)
    share = rows["gross_share"]
    variance = (1 - share) * rows["d_sd"] ** 2 + share * rows["d_gross_sd"] ** 2
    return np.asarray(np.sqrt(variance), dtype=float)


def _fill_diameters(rows: NDArray[np.void], d: NDArray[np.float64], errors: ErrorSettings) -> None:
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
    errors, height = model.errors, column_of(trees, "height_m")
    known = np.isfinite(height) & (height > 0)
    rows["h"] = np.where(known, height, 1.0)
    rows["h_low"], rows["h_high"] = 0.01, 200.0
    modelled = column_of(trees, "height_sd_log")
    from_model = known & np.isfinite(modelled)
    rows["h_log"] = from_model
    rows["h_slope"] = np.where(known, np.nan_to_num(column_of(trees, "height_slope")), 0.0)
    if not errors.on("height"):
        return
    if errors.preset == "biomass_r" and known.any():
        rows["h_low"] = np.where(known & ~from_model, 1.3, 0.01)
        rows["h_high"] = np.where(from_model, 200.0, height[known].max() + 15.0)
    measured = errors["height_cv"] * rows["h"]
    if errors.preset == "biomass_r":
        measured = np.full(len(rows), errors["height_sd_biomass"])
    given = column_of(trees, "height_sd_m")
    measured = np.where(np.isfinite(given), given, measured)
    rows["h_sd"] = np.where(from_model, modelled, np.where(known, measured, 0.0))


def _fill_height_models(
    rows: NDArray[np.void], trees: pd.DataFrame
) -> tuple[tuple[str, float], ...]:
    """Point each height that a model filled in to that model; return names and freedoms."""
    rows["h_model"] = -1
    loads = np.column_stack([column_of(trees, name) for name in HEIGHT_LOADS])
    some = np.flatnonzero(np.isfinite(loads).all(axis=1))
    if not len(some):
        return ()
    names = trees["height_source"].iloc[some].astype(str)
    known = {name: name.removeprefix("model:").replace("/", "-") for name in names.unique()}
    of_row, models = pd.factorize(names.map(known))
    rows["h_model"][some] = of_row
    freedom = column_of(trees, "height_freedom")[some]
    first = np.unique(of_row, return_index=True)[1]
    for number in range(len(HEIGHT_LOADS)):
        rows[f"h_load_{number + 1}"][some] = loads[some, number]
    return tuple(zip(models.tolist(), freedom[first].tolist(), strict=True))
