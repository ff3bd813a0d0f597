"""How many plots a wanted precision takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from phytomass.errors import InputError

Array = NDArray[np.float64]


def plots_needed(
    sd: ArrayLike,
    area_ha: ArrayLike,
    mean: float,
    *,
    plot_ha: float,
    precision: float = 0.1,
    level: float = 0.9,
) -> NDArray[np.int64]:
    """Return how many plots each stratum needs, shared out after Neyman (1934).

    ``n = N t² (Σ w s)² / (N E² + t² Σ w s²)`` and ``n_h = n w_h s_h / Σ w s``, with w the shares of
    the strata in the area, N the plots that the area holds, E the half-width wanted and t of the
    normal distribution: the A/R methodological tool "Calculation of the number of sample plots for
    measurements within A/R CDM project activities" (version 2.1.0), equations 1 and 2. At least two
    plots in each stratum: one has no variance.

    Parameters
    ----------
    sd : array, shape (n_strata,)
        Standard deviation of the plots of each stratum, in the unit of the mean.
    area_ha : array, shape (n_strata,)
        Hectares of each stratum.
    mean : float
        Of the whole area.
    plot_ha : float
        Hectares of a plot.
    precision : float
        Half-width wanted, as a share of the mean.
    level : float
        Level of that half-width.

    Returns
    -------
    array of int, shape (n_strata,)

    Raises
    ------
    InputError
        For a mean that is not above zero.

    Examples
    --------
    >>> plots_needed([40.0], [1000.0], 100.0, plot_ha=0.1)
    array([44])
    >>> plots_needed([10.0, 40.0], [800.0, 200.0], 60.0, plot_ha=0.1)
    array([10, 10])
    """
    spread, size = np.atleast_1d(np.asarray(sd, float)), np.atleast_1d(np.asarray(area_ha, float))
    if not mean > 0:
        raise InputError(f"no relative precision of a mean of {mean:g}")
    share, whole = size / size.sum(), size.sum() / plot_ha
    t, error = float(stats.norm.ppf((1 + level) / 2)), precision * mean
    parts = share * spread
    if parts.sum() == 0:
        return np.full(len(parts), 2, np.int64)
    squares = float((share * spread**2).sum())
    n = whole * t**2 * parts.sum() ** 2 / (whole * error**2 + t**2 * squares)
    wanted = np.ceil(np.round(n * parts / parts.sum(), 9)).astype(np.int64)
    return np.asarray(np.maximum(np.minimum(wanted, np.ceil(size / plot_ha).astype(np.int64)), 2))
