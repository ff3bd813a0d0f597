"""Every error that trees, plots and dates share under a draw: what it is called, how it is drawn.

The one place to register another: a row of `SHARED`. Its draws are kept beside those of the
plots (`Draws.shared`, group ``shared`` of `plot_draws.zarr`) under its name, or under
``name/row`` where it has several, so that a later step can take the same draw k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from phytomass.allometry import AllometricEquation
from phytomass.carbon import DEAD_POOLS, Factor, log_normal, root_draws
from phytomass.draws.philox import item_keys, normals
from phytomass.inventory.field_error.prepare import Plan
from phytomass.inventory.field_error.shared import (
    ErrorModel,
    correction_draws,
    drawn_terms,
    height_draws,
    own_site_draws,
    site_draws,
    site_sd_of,
)

Array = NDArray[np.float64]
Drawn = dict[str, Array]


@dataclass(frozen=True)
class SharedError:
    """An error that all plots share under a draw.

    Parameters
    ----------
    name : str
        As it is kept: its arrays are called ``name`` or ``name/row``.
    unit : str
        Of its numbers.
    draw : callable
        Plan, model, seed and draws → row name → array, shape (len(draws),). Which rows there are
        must not depend on the draws; none where the source is switched off and nothing reads it.
    """

    name: str
    unit: str
    draw: Callable[[Plan, ErrorModel, int, range], Drawn]


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


def fraction_names(groups: tuple[str, ...]) -> list[str]:
    """Return what the carbon fractions are kept as; the last group has the general one.

    Examples
    --------
    >>> fraction_names(("all",)), fraction_names(("conifer", "other"))
    (['carbon_fraction'], ['carbon_fraction/conifer', 'carbon_fraction'])
    """
    return [*(f"carbon_fraction/{group}" for group in groups[:-1]), "carbon_fraction"]


def _carbon_fraction(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    fractions, _ = carbon_fraction_draws(model, random_state, draws, plan.groups)
    return dict(zip(fraction_names(plan.groups), fractions, strict=True))


def _root_shoot(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    z = normals(random_state, "root shoot", item_keys(["root shoot"]), draws)[0]
    return root_draws(model.carbon, z, model.errors.on("root_shoot"))


def _dead_matter(name: str) -> Callable[[Plan, ErrorModel, int, range], Drawn]:
    def draw(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
        factor: Factor | None = getattr(model.carbon, name)
        if factor is None:
            return {}
        sd = factor.sd
        if sd is None:
            sd = model.errors["dead_matter_cv"] * factor.value
        z = normals(random_state, "dead matter", item_keys([name]), draws)[0]
        return {name: log_normal(factor.value, sd if model.errors.on("dead_matter") else 0.0, z)}

    return draw


def _wood_density(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    names = sorted({d.name for d in plan.densities if d.common_sd > 0})
    z = normals(random_state, "wood density", item_keys(names), draws)
    return {f"wood_density/{name}": row for name, row in zip(names, z, strict=True)}


def _equations(plan: Plan) -> dict[str, AllometricEquation]:
    return dict(sorted({e.id: e for group in plan.candidates for e in group.equations}.items()))


def _site_effect(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    errors = model.errors
    read = errors.on("site_effect") and any(
        site_sd_of(e, errors)[0] > 0 for e in _equations(plan).values()
    )
    if not read:
        return {}
    names = sorted({site for site in plan.sites if site})
    own = own_site_draws(random_state, draws, names)
    by_name = {f"site_effect/{quote(name, safe='')}": z for name, z in zip(names, own, strict=True)}
    return {"site_effect": site_draws(random_state, draws)[0]} | by_name


def _correction(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    unknown = [e for e in _equations(plan).values() if e.correction == "unknown"]
    if not unknown or not model.errors.on("correction"):
        return {}
    return {"correction": correction_draws(unknown[0], model.errors, random_state, draws)}


def _height_model(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    if not model.errors.on("height_model"):
        return {}
    return {
        f"height_model/{name}/z{i}": row
        for name, freedom in plan.height_models
        for i, row in enumerate(height_draws(name, freedom, True, random_state, draws))
    }


def _coefficients(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    found: Drawn = {}
    for name, equation in _equations(plan).items():
        terms = drawn_terms(equation, model, random_state, draws)
        kept = [*range(7), *([8] if terms[8].any() else [])]
        found |= {f"coefficients/{name}/t{i}": terms[i] for i in kept}
    return found


def _equation_choice(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    return {
        f"equation_choice/{group.name}": group.draws(random_state, draws).astype(float)
        for group in plan.candidates
        if len(group.equations) > 1
    }


SHARED = (
    SharedError("carbon_fraction", "t C per t dry mass", _carbon_fraction),
    SharedError("root_shoot", "t BGB per t AGB, or a factor on Mokany's law", _root_shoot),
    *(SharedError(name, "t per t AGB", _dead_matter(name)) for name in DEAD_POOLS),
    SharedError("wood_density", "standard deviations, before the bounds", _wood_density),
    SharedError("site_effect", "standard deviations", _site_effect),
    SharedError("correction", "1: unknown corrections are absent", _correction),
    SharedError("height_model", "standard coefficients", _height_model),
    SharedError("equation_choice", "position among the equations of its name", _equation_choice),
    SharedError(
        "coefficients",
        "terms of ln mass, with site effect and correction: kernel.THETA",
        _coefficients,
    ),
)
"""All shared errors. A source that moves trees is read by the kernel as well (`draws._theta`)."""


def shared_draws(plan: Plan, model: ErrorModel, random_state: int, draws: range) -> Drawn:
    """Return every shared error under some draws, by name."""
    found: Drawn = {}
    for error in SHARED:
        found |= error.draw(plan, model, random_state, draws)
    return found
