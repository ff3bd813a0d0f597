"""How far the trees of one site lie together from an equation: the random effect of the site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from phytomass.errors import InputError

Array = NDArray[np.float64]

LOG_RATIO = (-14.0, 6.0)
"""Bounds of ln(site variance / tree variance); below is none, above only sites."""


@dataclass(frozen=True)
class SiteSpread:
    """Two standard deviations of one residual.

    Parameters
    ----------
    site_sd, tree_sd : float
        Of what the trees of a site share, and of a tree about its site.
    sites : int
        Degrees of freedom of `site_sd` plus one: the number of sites, if one mean was taken off.
    """

    site_sd: float
    tree_sd: float
    sites: int


def site_spread(
    residual: ArrayLike, site: ArrayLike, within: ArrayLike | None = None
) -> SiteSpread:
    """Split a residual of ln(AGB) into what the sites share and what is the trees' own, by REML.

    residual = mean + u_site + e, u normal with SD τ, e with SD σ; τ and σ maximise the restricted
    likelihood (Patterson and Thompson 1971, Biometrika 58 545-554).

    Parameters
    ----------
    residual : array, shape (n,)
        ln(weighed mass) less ln of the equation's.
    site : array, shape (n,)
        Name of each tree's site.
    within : array, shape (n,), optional
        Larger unit (a country) that gets a mean of its own: τ is then that between its sites.

    Returns
    -------
    SiteSpread

    Raises
    ------
    InputError
        For fewer than three sites, or sites of one tree only.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(np.arange(200), 20)
    >>> found = site_spread(rng.normal(0, 0.2, 200)[site] + rng.normal(0, 0.3, 4000), site)
    >>> round(found.site_sd, 1), round(found.tree_sd, 1), found.sites
    (0.2, 0.3, 200)
    """
    y = np.asarray(residual, dtype=float)
    names, place = np.unique(np.asarray(site).astype(str), return_inverse=True)
    larger = np.zeros(len(y), np.int64)
    if within is not None:
        larger = np.unique(np.asarray(within).astype(str), return_inverse=True)[1]
    means = np.eye(larger.max() + 1)[larger] if len(y) else np.zeros((0, 1))
    freedom = len(names) - means.shape[1]
    if freedom < 2 or len(names) == len(y):
        what = f"{len(names)} sites with {len(y)} trees tell no site effect"
        raise InputError(what, where="site_spread", remedy="three or more sites of several trees")
    table = np.column_stack([means, y])
    count = np.bincount(place).astype(float)
    sums = np.stack([np.bincount(place, column) for column in table.T], axis=1)
    square = table.T @ table

    def likelihood(log_ratio: float) -> tuple[float, float]:
        ratio = np.exp(log_ratio)
        left = square - sums.T @ (sums * (ratio / (1 + ratio * count))[:, None])
        x, xy = left[:-1, :-1], left[:-1, -1]
        variance = (left[-1, -1] - xy @ np.linalg.solve(x, xy)) / (len(y) - len(x))
        value = (len(y) - len(x)) * np.log(variance) + np.log1p(ratio * count).sum()
        return float(value + np.linalg.slogdet(x)[1]), float(variance)

    best = minimize_scalar(lambda r: likelihood(r)[0], bounds=LOG_RATIO, method="bounded")
    variance = likelihood(best.x)[1]
    tau = float(np.sqrt(variance * np.exp(best.x)))
    return SiteSpread(tau, float(np.sqrt(variance)), freedom + 1)
