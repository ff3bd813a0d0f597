"""The correction of a map by plots that the model did not see, and its linear values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    """A number with what each plot adds to its error; parts are added and scaled together.

    Parameters
    ----------
    value : float
    linear : array, shape (n,)
        Linear values, with their weights: the variance of their sum under the design is that of
        the number (`Design.variance`), and what two parts share cancels or adds up in them.

    Examples
    --------
    >>> one = Part(10.0, np.array([1.0, -1.0]))
    >>> (one + one * 0.5).value, (one - one).linear
    (15.0, array([0., 0.]))
    """

    value: float
    linear: Array

    def __add__(self, other: Part) -> Part:
        return Part(self.value + other.value, self.linear + other.linear)

    def __sub__(self, other: Part) -> Part:
        return Part(self.value - other.value, self.linear - other.linear)

    def __mul__(self, share: float) -> Part:
        return Part(self.value * share, self.linear * share)


def held_out(drawn: ArrayLike, units: ArrayLike) -> NDArray[np.bool_]:
    """Tell which members left out the whole unit (site, cluster) of each plot, shape (k, n).

    Parameters
    ----------
    drawn : array of int, shape (k, n)
        How often each plot was in the bootstrap of each member.
    units : array of int, shape (n,)
        Unit of each plot, counted from 0.

    Examples
    --------
    >>> held_out([[1, 0, 0], [0, 0, 2]], [0, 0, 1])
    array([[False, False,  True],
           [ True,  True, False]])
    """
    times, of = np.asarray(drawn, np.float64), np.asarray(units, np.intp)
    seen = np.zeros((len(times), int(of.max()) + 1))
    np.add.at(seen.T, of, times.T)
    return np.asarray(seen[:, of] == 0, np.bool_)


def held_out_mean(weights: ArrayLike, left: ArrayLike) -> Part:
    """Return the mean residual of plots that members of an ensemble did not see.

    ``c = (1/K) Σ_k [Σ_i w_i (y_i − f_k(x_i)) / Σ_i w_i]``, the inner sums over the plots that
    member k left out, so that the mean over the map of the members plus c is, member by member,
    of one model. Linear values are ``w_i (e_i − ē) / Σ w`` with e the mean residual of a plot
    over the members that left it out.

    Parameters
    ----------
    weights : array, shape (n,)
        Of the plots; those with 0 do not count.
    left : array, shape (k, n)
        Residuals; NaN where the member saw the plot, or its prediction is missing.

    Raises
    ------
    InputError
        If no plot was left out by any member.

    References
    ----------
    Särndal, Swensson and Wretman (1992), chapter 6; Breidt and Opsomer (2017, Stat. Sci.
    32:190-205), section 4, for models of any kind.

    Examples
    --------
    >>> found = held_out_mean([1.0, 1.0], [[2.0, np.nan], [np.nan, 4.0], [2.0, 4.0]])
    >>> found.value, found.linear
    (3.0, array([-0.5,  0.5]))
    """
    w, residuals = np.asarray(weights, np.float64), np.asarray(left, np.float64)
    known = np.isfinite(residuals) & (w > 0)
    used = known.any(axis=0)
    if not used.any():
        raise InputError(
            "no plot was left out by any member of the ensemble",
            remedy="more members, or more sites, for the map's ensemble",
        )
    values, some = np.where(known, residuals, 0.0), known.any(axis=1)
    weight = known @ w
    of_members = (values @ w)[some] / weight[some]
    each = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    share = np.where(used, w, 0.0) / w[used].sum()
    return Part(float(of_members.mean()), share * np.where(used, each - share @ each, 0.0))
