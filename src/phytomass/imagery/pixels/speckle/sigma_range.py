"""The range of the improved sigma filter: solved for any number of looks, and centred without bias."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import gamma

from phytomass.errors import InputError

PUBLISHED_SHARE = 0.9
"""Share ξ of speckle within the range that Lee et al. (2009) recommend."""
_TABLE = "sigma_centres.csv"


class SigmaRange(NamedTuple):
    """The sigma range of unit-mean speckle: its limits, and its standard deviation within."""

    low: float
    high: float
    spread: float


@cache
def sigma_range(looks: float, share: float = PUBLISHED_SHARE) -> SigmaRange:
    """Solve the parameters of the improved sigma filter for any number of looks.

    Parameters
    ----------
    looks : float
        Equivalent number of looks L ≥ 0.5; need not be whole.
    share : float
        Probability ξ that speckle falls into the range, between 0 and 1.

    Returns
    -------
    SigmaRange
        I₁ and I₂ with P(I₁ ≤ I ≤ I₂) = ξ and E[I | I₁ ≤ I ≤ I₂] = 1 for a gamma-distributed I
        of unit mean and shape L; and the standard deviation within the range.

    Notes
    -----
    Lee et al. 2009, doi:10.1109/TGRS.2008.2002881, tabulate one to four looks; E[Iᵏ] over a
    range of a gamma density is a gamma probability of shape L + k.

    Examples
    --------
    >>> [round(v, 3) for v in sigma_range(4.0)]  # 0.378, 2.094 and 0.3991 in the paper
    [0.377, 2.089, 0.399]
    """
    if not (looks >= 0.5 and 0 < share < 1):
        raise InputError(f"no sigma range for {looks} looks and a share of {share}")
    plain, first = gamma(looks, scale=1 / looks), gamma(looks + 1, scale=1 / looks)
    second = gamma(looks + 2, scale=1 / looks)

    def upper(low: float) -> float:
        return float(plain.ppf(plain.cdf(low) + share))

    def excess(low: float) -> float:
        return float(first.cdf(upper(low)) - first.cdf(low)) / share - 1

    highest = float(plain.ppf((1 - share) * (1 - 1e-12)))
    low = float(brentq(excess, 0.0, highest, xtol=1e-14))
    high = upper(low)
    square = (1 + 1 / looks) * float(second.cdf(high) - second.cdf(low)) / share
    return SigmaRange(low, high, float(np.sqrt(square - 1)))


@cache
def load_centres() -> pd.DataFrame:
    """Return the table of centre factors: window × looks, each with its bias before and source.

    Examples
    --------
    >>> load_centres().columns.tolist()
    ['window', 'looks', 'factor', 'bias_percent', 'se_percent', 'source']
    """
    with files("phytomass.imagery").joinpath(_TABLE).open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    if not (table["factor"].between(0.8, 1.25) & (table["looks"] >= 1)).all():
        raise InputError("a factor is not near 1, or of less than one look", where=_TABLE)
    return table


def centre_factor(looks: float, window: int) -> float:
    """Return the factor on the range's centre that lets two passes keep the mean.

    Parameters
    ----------
    looks : float
        Equivalent number of looks; between those of the table linearly in 1/L, toward 1 for
        many looks; below one look that of one.
    window : int
        Odd side of the window in pixels; beyond the table that of the largest.

    Notes
    -----
    The range is centred on an estimate of the very pixels it selects, so that even its second
    centre is a little off. `phytomass.imagery.pixels.speckle.sigma_centres` solves the factor on simulated
    independent speckle.

    Examples
    --------
    >>> 0.9 < centre_factor(4.4, 7) < 1.0 and round(centre_factor(1e9, 7), 6) == 1.0
    True
    """
    table = load_centres()
    widths = np.sort(table["window"].unique())
    width = widths[np.searchsorted(widths, min(window, widths[-1]))]
    rows = table[table["window"] == width].sort_values("looks", ascending=False)
    noise = np.concatenate([[0.0], 1 / rows["looks"].to_numpy()])
    return float(np.interp(1 / looks, noise, np.concatenate([[1.0], rows["factor"].to_numpy()])))
