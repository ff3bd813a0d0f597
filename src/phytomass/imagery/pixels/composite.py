"""Several dates of one image become one, pixel by pixel over the valid dates."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError
from phytomass.imagery.pixels.sorting_network import quantile_rows
from phytomass.imagery.pixels.stored import Array, Scaling, Stored, mean_rows

PERCENTILE = re.compile(r"^p(\d{1,2}|100)$")


def quantile_of(how: str) -> float | None:
    """Return the quantile a rule stands for (`p25` is 0.25, the median 0.5), None for others.

    Examples
    --------
    >>> quantile_of("p25"), quantile_of("median"), quantile_of("mean")
    (0.25, 0.5, None)
    """
    if how == "median":
        return 0.5
    found = PERCENTILE.match(how)
    return int(found[1]) / 100 if found else None


def composite(
    dates: Stored,
    how: str,
    *,
    scaling: Scaling | None = None,
    decibel: bool = False,
    min_observations: int = 1,
) -> Array:
    """Composite the dates of a season, each band by itself.

    Parameters
    ----------
    dates : array, shape (n_dates, ...)
        Values as they are stored; NaN, and the lowest of a type of whole numbers, where a date has
        none (cloud, nodata).
    how : str
        ``median``, ``mean`` or a percentile ``p0`` … ``p100`` of the valid dates; between two
        dates linearly, so that the median of an even count is the mean of the middle two.
    scaling : Scaling, optional
        What the values mean; themselves if absent.
    decibel : bool
        True when they mean dB: the statistic is taken of linear power and returned in dB.
    min_observations : int
        Pixels with fewer valid dates are NaN.

    Returns
    -------
    array, shape (...)

    Raises
    ------
    InputError
        For an unknown rule.

    Examples
    --------
    >>> composite(np.array([[1.0, np.nan], [3.0, np.nan], [8.0, 5.0]]), "median")
    array([3., 5.])
    >>> composite(np.array([[0.0], [10.0]]), "mean", decibel=True).round(3)  # mean of 1 and 10
    array([7.404])
    >>> composite(np.array([[1.0], [2.0], [6.0]]), "p25")
    array([1.5])
    """
    scaling = replace(scaling or Scaling(), decibel=decibel or (scaling or Scaling()).decibel)
    if how == "mean":
        result = mean_rows(dates, scaling, min_observations)
    else:
        quantile = quantile_of(how)
        if quantile is None:
            raise InputError(
                f"unknown composite {how!r}", remedy="use median, mean, or a percentile like p25"
            )
        result = quantile_rows(dates, quantile, scaling, min_observations)
    if decibel:
        with np.errstate(divide="ignore", invalid="ignore"):
            result = 10 * np.log10(result)
    return result


def chosen_date(
    dates: Array, how: Literal["medoid", "best"], score: Array | None = None
) -> NDArray[np.int64]:
    """Choose one date per pixel, so that its bands stay together as one observed spectrum.

    Parameters
    ----------
    dates : array, shape (n_dates, bands, rows, cols)
        Values; a date counts at a pixel only where all its bands are valid.
    how : {"medoid", "best"}
        The medoid is the date whose spectrum has the smallest sum of Euclidean distances to
        those of the other dates (Flood 2013, doi:10.3390/rs5126481); the best is the date with
        the highest score. Of equals the first is taken.
    score : array, shape (n_dates, rows, cols), optional
        For "best"; NaN excludes a date.

    Returns
    -------
    array of int, shape (rows, cols)
        Position of the chosen date, −1 where no date is valid.

    Examples
    --------
    >>> dates = np.array([1.0, 9.0, 2.0]).reshape(3, 1, 1, 1)
    >>> chosen_date(dates, "medoid")
    array([[2]])
    """
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(dates).all(axis=1))
    if how == "best":
        if score is None:
            raise InputError("a best-pixel composite needs a score", where="composite")
        ranked = np.where(valid & np.isfinite(score), score, -np.inf)
        position = ranked.argmax(axis=0)
        return np.where(np.isneginf(ranked.max(axis=0)), -1, position)
    cost = np.where(valid, 0.0, np.inf)
    spectra = np.where(valid[:, None], dates, 0.0)
    for one in range(len(dates)):
        for other in range(one + 1, len(dates)):
            distance = np.sqrt(((spectra[one] - spectra[other]) ** 2).sum(axis=0))
            both = np.where(valid[one] & valid[other], distance, 0.0)
            cost[one] += both
            cost[other] += both
    return np.where(valid.any(axis=0), cost.argmin(axis=0), -1)


def take_date(dates: Array, position: NDArray[np.int64]) -> Array:
    """Return each pixel's values at its chosen date; NaN where the position is −1.

    Parameters
    ----------
    dates : array, shape (n_dates, bands, rows, cols)
        Values.
    position : array of int, shape (rows, cols)
        From `chosen_date`.
    """
    index = np.maximum(position, 0)[None, None]
    taken = np.take_along_axis(dates, index, axis=0)[0]
    return np.where(position >= 0, taken, np.nan)
