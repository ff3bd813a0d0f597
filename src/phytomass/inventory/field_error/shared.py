"""Errors that trees share: coefficients, choice of equation, wood density of a species.

Each has a name (an equation's id, a species) and not a row, so that the same draw meets it at
every plot and every date.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    equation: AllometricEquation,
    model: ErrorModel,
    random_state: int,
    draws: range,
    site: str = "",
) -> Array:
    """Return the drawn terms of one equation at a site as the kernel reads them, shape (THETA, n).

    Coefficients are joint normal with the equation's covariance, the residual SD s is drawn with
    its degrees of freedom. An equation without statistics gets the priors of `parameters.csv`:
    s uniform; an error of its level of s/√n, growing with the distance of ln D from the centre
    of its trees. The effect of the site is normal with SD τ, and the trees scatter about it with
    √(s² - τ²). Every one of these factors has mean one: the mean over all of them is the printed
    equation, times exp(s²/2) where its constant lacks the correction of logarithms.
    """
    errors, out = model.errors, np.zeros((THETA, len(draws)))
    items = item_keys([equation.id] * 8, range(8))
    z = normals(random_state, "allometric parameters", items, draws)
    beta = np.repeat(beta_of(equation)[:, None], len(draws), axis=1)
    sigma, vary = equation.covariance_matrix(), errors.on("parameters")
    if sigma is not None and vary:
        lower = np.linalg.cholesky(sigma + 1e-12 * np.diag(np.diag(sigma)))
        beta += lower @ z[: len(beta)]
    stress = model.allometry.environmental_stress
    by_plot = equation.needs_stress and not isinstance(stress, float)
    out[:6] = terms_of(equation, beta, stress if isinstance(stress, float) else 0.0)
    out[8] = beta[1] if by_plot else 0.0
    u = uniforms(random_state, "residual spread", items[:1], draws)[0]
    s0, s = _residual_sd(equation, errors, z[7], u)
    if sigma is None and vary:
        _add_level_error(out, equation, errors, s, z[5:7])
    out[7] = float(is_linear(equation))
    level = out[2 if is_linear(equation) else 0]
    tau, _ = site_sd_of(equation, errors)
    if errors.on("residual"):
        out[6] = np.sqrt(np.maximum(s**2 - tau**2, 0.0))
        level -= 0.5 * (s0**2 if errors.preset == "biomass_r" else out[6] ** 2)
    level += site_shift(equation, errors, random_state, draws, site)
    if equation.correction != "included" and not is_linear(equation):
        level += correction_draws(equation, errors, random_state, draws) * 0.5 * s**2
    return out


def site_sd_of(equation: AllometricEquation, errors: ErrorSettings) -> tuple[float, int]:
    """Return the SD of the site effect of an equation, and the sites behind it (0: not estimated).

    Examples
    --------
    >>> from phytomass.allometry import load_equations
    >>> site_sd_of(load_equations()["chave2014"], ErrorSettings())
    (0.169, 58)
    >>> site_sd_of(load_equations()["chave2014"], ErrorSettings(site_effect=0.1))
    (0.1, 0)
    """
    if errors.preset == "biomass_r" or errors.site_effect == "none":
        return 0.0, 0
    if errors.site_effect != "auto":
        return errors.site_effect, 0
    own = equation.site_sd
    sites = equation.sites or round(errors["n_sites"])
    return (errors["site_sd"] if own is None else own), sites


def site_draws(random_state: int, draws: range) -> Array:
    """Return the site effect in SDs and the number behind its spread, shape (2, n): one for all."""
    items = item_keys(["project"] * 2, range(2))
    return np.asarray(normals(random_state, "site effect", items, draws))


def own_site_draws(random_state: int, draws: range, sites: Sequence[str]) -> Array:
    """Return the effect of each of several sites in SDs, shape (n_sites, n)."""
    items = item_keys(["site"] * len(sites), sites)
    return np.asarray(normals(random_state, "site effect", items, draws))


def site_shift(
    equation: AllometricEquation,
    errors: ErrorSettings,
    random_state: int,
    draws: range,
    site: str = "",
) -> Array:
    """Return what the site adds to ln(AGB) under an equation, the same at all its plots and dates.

    τ z √(1 + 1/n) with τ drawn by its degrees of freedom n - 1: the site is a new one, and τ was
    estimated from n. With `site_effect_of: site` τ (z_site + z/√n): each site has its own effect
    (none without a name), and all share the error of the mean of the n. The mean of its
    exponential is one.
    """
    tau, sites = site_sd_of(equation, errors)
    if tau == 0 or not errors.on("site_effect"):
        return np.zeros(len(draws))
    z, spread = site_draws(random_state, draws)
    whole, share = errors.site_effect_of == "project", 1 / sites if sites else 0.0
    sd = np.full(len(z), tau)
    if sites:
        new = np.sqrt(1 + share) if whole else 1.0
        sd = tau * new / np.sqrt(chi_square_ratio(spread, sites - 1))
    if whole:
        return np.asarray(sd * z - 0.5 * sd**2)
    own = own_site_draws(random_state, draws, [site])[0] if site else 0.0
    effect, variance = own + z * np.sqrt(share), (1.0 if site else 0.0) + share
    return np.asarray(sd * effect - 0.5 * variance * sd**2)


def correction_draws(
    equation: AllometricEquation, errors: ErrorSettings, random_state: int, draws: range
) -> Array:
    """Return 1 where the constant of an equation lacks exp(s²/2), else 0; one coin for all unknown.

    Its chance is `correction_absent` of `parameters.csv`.
    """
    if equation.correction == "absent":
        return np.ones(len(draws))
    if equation.correction == "included" or not errors.on("correction"):
        return np.zeros(len(draws))
    u = uniforms(random_state, "correction", item_keys(["project"]), draws)[0]
    return np.asarray(u < errors["correction_absent"], dtype=float)


def chi_square_ratio(z: Array, freedom: float) -> Array:
    """Return χ²/freedom from standard normal numbers, by Wilson and Hilferty (1931)."""
    part = 2 / (9 * freedom)
    return np.asarray(np.maximum(1 - part + z * np.sqrt(part), 0.1) ** 3)


def _residual_sd(
    equation: AllometricEquation, errors: ErrorSettings, z: Array, u: Array
) -> tuple[float, Array]:
    """Return the residual SD of ln(AGB) and its draws."""
    low, high = errors["rse_low"], errors["rse_high"]
    s0 = (low + high) / 2 if equation.rse_log is None else equation.rse_log
    if not errors.on("parameters"):
        return s0, np.full(z.shape, s0)
    if equation.rse_log is None:
        return s0, low + (high - low) * u
    freedom = max((equation.n or errors["n_trees"]) - len(equation.coefficients), 2.0)
    return s0, s0 / np.sqrt(chi_square_ratio(z, freedom))


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


@dataclass(frozen=True)
class Candidates:
    """Equations of which each draw takes one.

    Parameters
    ----------
    equations : tuple of AllometricEquation
        The chosen one first.
    chances : tuple of float
        Of each; their sum is one.
    """

    equations: tuple[AllometricEquation, ...]
    chances: tuple[float, ...]

    def __str__(self) -> str:
        """Return the equations with their chances."""
        pairs = zip(self.equations, self.chances, strict=True)
        return " and ".join(f"{e.id} ({chance:.2f})" for e, chance in pairs)

    @property
    def name(self) -> str:
        """What the choice among them is kept as."""
        return "+".join(e.id for e in self.equations)

    def taken(self, u: Array) -> NDArray[np.int64]:
        """Return which equation each uniform number takes.

        Examples
        --------
        >>> from phytomass.allometry import load_equations
        >>> two = Candidates(tuple(load_equations().values())[:2], (0.5, 0.5))
        >>> two.taken(np.array([0.1, 0.6, 1.0]))
        array([0, 1, 1])
        """
        return np.searchsorted(np.cumsum(self.chances)[:-1], u, side="right")

    def draws(self, random_state: int, draws: range) -> NDArray[np.int64]:
        """Return which equation each draw takes: the same for all species with these candidates."""
        name = item_keys(["+".join(sorted(e.id for e in self.equations))])
        return self.taken(uniforms(random_state, "equation choice", name, draws)[0])

    def terms(self, terms: dict[str, Array], random_state: int, draws: range) -> Array:
        """Return the terms of the equation that each draw takes, from those of each equation.

        Parameters
        ----------
        terms : mapping
            Equation id → array (THETA, n) from `drawn_terms`.
        """
        if len(self.equations) == 1:
            return terms[self.equations[0].id]
        taken = self.draws(random_state, draws)
        drawn = np.choose(taken[None, :], [terms[e.id] for e in self.equations])
        return np.asarray(drawn, dtype=float)


def height_draws(name: str, freedom: float, on: bool, random_state: int, draws: range) -> Array:
    """Return the standard coefficients of a height model, shape (3, n): t with its freedom."""
    if not on:
        return np.zeros((3, len(draws)))
    z = normals(random_state, "height model", item_keys([name] * 4, range(4)), draws)
    return np.asarray(z[:3] / np.sqrt(chi_square_ratio(z[3], freedom)))


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
