"""Errors that trees share: coefficients, choice of equation, wood density of a species.

Each has a name (an equation's id, a species) and not a row, so that the same draw meets it at
every plot and every date.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from phytomass.allometry import AllometricEquation, AllometrySettings
from phytomass.allometry.terms import beta_of, is_linear, terms_of
from phytomass.carbon import CarbonSettings
from phytomass.draws.philox import item_keys, normals, uniforms
from phytomass.inventory.field_error.kernel import THETA
from phytomass.inventory.field_error.settings import ErrorSettings

Array = NDArray[np.float64]

DENSITY_BOUNDS = (0.08, 1.39)
"""g/cm³: the lightest and the densest wood, the bounds of R BIOMASS."""


@dataclass(frozen=True)
class ErrorModel:
    """Everything that decides how the error of a plot is drawn.

    Parameters
    ----------
    allometry : AllometrySettings
    carbon : CarbonSettings
    errors : ErrorSettings
        The sections of those names of the project file.
    root : path
        The project's folder.
    campaign : str
        Name of the measurement, e.g. its year. Another campaign draws new measurement errors;
        the shared errors, and the residual and the wood of a tree, stay as they were.
    date : str
        When it was, for the description of the draws.

    Examples
    --------
    >>> model = ErrorModel(AllometrySettings(fallback="chave2014"), errors=ErrorSettings(draws=500))
    >>> model.errors.draws, model.carbon.carbon_fraction.value
    (500, 0.47)
    """

    allometry: AllometrySettings = field(default_factory=AllometrySettings)
    carbon: CarbonSettings = field(default_factory=CarbonSettings)
    errors: ErrorSettings = field(default_factory=ErrorSettings)
    root: Path = Path()
    campaign: str = ""
    date: str = ""


@dataclass(frozen=True)
class Density:
    """Wood density of a kind of tree: g/cm³, its spread, and how much of that is common.

    Parameters
    ----------
    name : str
        What the common error is named after: the accepted species.
    mean, common_sd, tree_sd : float
        The mean; the SD of the error that all its trees share; that of each tree.
    """

    name: str
    mean: float
    common_sd: float
    tree_sd: float


def drawn_terms(
    equation: AllometricEquation, model: ErrorModel, random_state: int, draws: range
) -> Array:
    """Return the drawn terms of one equation as the kernel reads them, shape (THETA, n).

    Coefficients are joint normal with the equation's covariance, the residual SD s is drawn with
    its degrees of freedom. An equation without statistics gets the priors of `parameters.csv`:
    s uniform; an error of its level of s/√n, growing with the distance of ln D from the centre
    of its trees. Where the printed constant holds the correction of logarithms, or might, the
    mean over residuals is the printed equation; where it surely does not, it is exp(s²/2) higher.
    """
    errors, out = model.errors, np.zeros((THETA, len(draws)))
    items = item_keys([equation.id] * 8, range(8))
    z = normals(random_state, "allometric parameters", items, draws)
    beta = np.repeat(beta_of(equation)[:, None], len(draws), axis=1)
    sigma, vary = equation.covariance_matrix(), errors.on("parameters")
    if sigma is not None and vary:
        lower = np.linalg.cholesky(sigma + 1e-12 * np.diag(np.diag(sigma)))
        beta += lower @ z[: len(beta)]
    out[:6] = terms_of(equation, beta, model.allometry.environmental_stress)
    u = uniforms(random_state, "residual spread", items[:1], draws)[0]
    s0, s = _residual_sd(equation, errors, z[7], u)
    if sigma is None and vary:
        _add_level_error(out, equation, errors, s, z[5:7])
    out[7] = float(is_linear(equation))
    shift = 2 if is_linear(equation) else 0
    if errors.on("residual"):
        out[6] = s
    if equation.correction == "absent":
        out[shift] += 0.0 if errors.on("residual") else 0.5 * s0**2
    elif errors.on("residual"):
        out[shift] -= 0.5 * (s0**2 if errors.preset == "biomass_r" else s**2)
    return out


def _residual_sd(
    equation: AllometricEquation, errors: ErrorSettings, z: Array, u: Array
) -> tuple[float, Array]:
    """Return the residual SD of ln(AGB) and its draws; χ² by Wilson and Hilferty (1931)."""
    low, high = errors["rse_low"], errors["rse_high"]
    s0 = (low + high) / 2 if equation.rse_log is None else equation.rse_log
    if not errors.on("parameters"):
        return s0, np.full(z.shape, s0)
    if equation.rse_log is None:
        return s0, low + (high - low) * u
    freedom = max((equation.n or errors["n_trees"]) - len(equation.coefficients), 2.0)
    part = 2 / (9 * freedom)
    ratio = np.maximum(1 - part + z * np.sqrt(part), 0.1) ** 3
    return s0, s0 / np.sqrt(ratio)


def _add_level_error(
    out: Array, equation: AllometricEquation, errors: ErrorSettings, s: Array, z: Array
) -> None:
    """Add the prior error of level and slope, with mean one at every diameter."""
    centre, spread = np.log(errors["centre_dbh"]), errors["spread_ln_dbh"]
    known = equation.dbh_range_cm
    if known is not None and np.isfinite(known[1]) and 0 < known[0] < known[1]:
        low, high = np.log(known)
        centre, spread = (low + high) / 2, (high - low) / np.sqrt(12)
    se = s / np.sqrt(equation.n or errors["n_trees"])
    slope, slope_se = se * z[1] / spread, se / spread
    level = se * z[0] - 0.5 * se**2
    if is_linear(equation):
        out[2] += level
        return
    out[0] += level - slope * centre - 0.5 * (slope_se * centre) ** 2
    out[1] += slope + slope_se**2 * centre
    out[2] -= 0.5 * slope_se**2


def drawn_group(
    candidates: tuple[AllometricEquation, ...], terms: dict[str, Array], u: Array
) -> Array:
    """Return the terms of the equation that each draw takes, all candidates alike.

    Parameters
    ----------
    candidates : tuple of AllometricEquation
    terms : mapping
        Equation id → array (THETA, n) from `drawn_terms`.
    u : array, shape (n,)
        Uniform numbers.
    """
    if len(candidates) == 1:
        return terms[candidates[0].id]
    chosen = chosen_candidate(u, len(candidates))
    drawn = np.choose(chosen[None, :], [terms[e.id] for e in candidates])
    return np.asarray(drawn, dtype=float)


def chosen_candidate(u: Array, n: int) -> NDArray[np.int64]:
    """Return which of n candidates each uniform number takes.

    Examples
    --------
    >>> chosen_candidate(np.array([0.1, 0.6, 1.0]), 2)
    array([0, 1, 1])
    """
    return np.minimum((u * n).astype(np.int64), n - 1)


def choice_draws(
    candidates: tuple[AllometricEquation, ...], random_state: int, draws: range
) -> Array:
    """Return the numbers that choose: shared by all species with the same candidates."""
    name = item_keys(["+".join(sorted(e.id for e in candidates))])
    return np.asarray(uniforms(random_state, "equation choice", name, draws)[0])


def drawn_density(
    densities: tuple[Density, ...], on: bool, random_state: int, draws: range
) -> Array:
    """Return the wood density of each kind of tree under each draw, shape (n_kinds, n).

    A normal number between `DENSITY_BOUNDS`, cut there without piling up at the bounds.
    """
    mean = np.array([d.mean for d in densities])[:, None]
    sd = np.array([d.common_sd for d in densities])[:, None]
    if not on or not densities:
        return np.repeat(mean, len(draws), axis=1)
    z = normals(random_state, "wood density", item_keys([d.name for d in densities]), draws)
    safe = np.maximum(sd, 1e-12)
    low, high = (ndtr((bound - mean) / safe) for bound in DENSITY_BOUNDS)
    drawn = mean + sd * ndtri(low + ndtr(z) * (high - low))
    return np.asarray(np.where(sd > 0, drawn, mean))
