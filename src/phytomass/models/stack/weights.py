"""Lines and weights of a stack, from predictions of plots that its members did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from phytomass.errors import InputError

Array = NDArray[np.float64]
Weighing = Literal["shrunk", "free", "equal"]

SHRINKAGES = (np.inf, 16.0, 4.0, 1.0, 0.25, 0.0)
"""Pulls towards equal weights that are tried, the strongest first."""

AS_THEY_ARE: Array = np.array([[0.0], [1.0]])
"""Intercept and slope of a line that changes nothing."""


def calibration(predictions: Array, target: Array, plot_weight: Array | None = None) -> Array:
    """Return the line that each member's predictions need to have the right spread.

    The slope b of the observed on the held-out predictions is above 1 where a member predicts too
    close to the mean, as averages of networks do, and below 1 where it over-fits. What n plots
    leave uncertain is taken back towards 1: ``1 + (b - 1) max(0, 1 - (se / (b - 1))²)`` with the
    standard error se of the slope. A member that goes against the target gets slope 0: the mean.

    Parameters
    ----------
    predictions : array, shape (n, members)
        Held-out predictions.
    target : array, shape (n,)
        Observed.
    plot_weight : array, shape (n,), optional
        Weight of each plot's squared error.

    Returns
    -------
    array, shape (2, members)
        Intercepts, in units of the target, and slopes.

    References
    ----------
    Copas 1983, J. R. Stat. Soc. B 45, 311-354 (regression, prediction and shrinkage; from memory).

    Examples
    --------
    >>> target = np.arange(50.0)
    >>> held = np.column_stack([0.5 * target + 3, target])
    >>> calibration(held, target).round(6).tolist()
    [[-6.0, 0.0], [2.0, 1.0]]
    """
    w = _relative(plot_weight, len(target))
    middle, mean = w @ predictions / w.sum(), w @ target / w.sum()
    centred, wanted = predictions - middle, target - mean
    square = w @ centred**2
    spread = square > 1e-20 * np.maximum(w @ predictions**2, 1e-300)
    b = np.divide((w * wanted) @ centred, square, out=np.zeros(len(square)), where=spread)
    left = w @ (wanted[:, None] - b * centred) ** 2 / max(1, len(target) - 2)
    variance = np.divide(left, square, out=np.zeros(len(square)), where=spread)
    share = np.divide(variance, (b - 1) ** 2, out=np.ones(len(square)), where=b != 1)
    slope = np.where(spread & (b > 0), 1 + (b - 1) * np.maximum(0, 1 - share), 0.0)
    lines: Array = np.vstack([mean - slope * middle, slope])
    return lines


def _relative(plot_weight: Array | None, n: int) -> Array:
    return np.ones(n) if plot_weight is None else plot_weight / plot_weight.mean()


def lines_of(
    predictions: Array,
    target: Array,
    parts: Sequence[NDArray[np.bool_]],
    plot_weight: Array | None = None,
) -> Array:
    """Return the lines of those members that gain by one; the others stay as they are.

    A line counts as a gain where, found without each part and judged on it, it lowers the squared
    error: blocks of plots may each have a bias that a line found on the others makes worse.

    Parameters
    ----------
    predictions, target, plot_weight
        As for `calibration`.
    parts : sequence of array of bool, shape (n,)
        The inner folds.

    Returns
    -------
    array, shape (2, members)
        Intercepts and slopes: those of `calibration`, or 0 and 1.

    Examples
    --------
    >>> target = np.arange(50.0)
    >>> parts = [np.arange(50) % 5 == fold for fold in range(5)]
    >>> lines_of(np.column_stack([0.5 * target + 3, target]), target, parts).round(6).tolist()
    [[-6.0, 0.0], [2.0, 1.0]]
    """
    w = _relative(plot_weight, len(target))
    gain = (predictions - target[:, None]) ** 2
    for part in parts:
        a, b = calibration(predictions[~part], target[~part], w[~part])
        gain[part] -= (a + b * predictions[part] - target[part, None]) ** 2
    lines: Array = np.where(w @ gain > 0, calibration(predictions, target, w), AS_THEY_ARE)
    return lines


def convex_weights(
    predictions: Array,
    target: Array,
    plot_weight: Array | None = None,
    *,
    shrinkage: float = 0.0,
) -> Array:
    """Return the weights, not negative and of sum 1, whose mean comes closest to the target.

    They minimise ``mean((y - P w)²) + shrinkage · s² · |w - 1/m|²`` with m members and s² the mean
    variance between their predictions of a plot, so that the shrinkage has no unit.

    Parameters
    ----------
    predictions, target, plot_weight
        As for `calibration`.
    shrinkage : float
        Pull towards equal weights; 0 is none, infinity makes them equal.

    Returns
    -------
    array, shape (members,)

    Examples
    --------
    >>> held = np.array([[0.0, 4.0], [0.0, 8.0], [0.0, 12.0]])
    >>> target = np.array([1.0, 2.0, 3.0])
    >>> convex_weights(held, target)
    array([0.75, 0.25])
    >>> convex_weights(held, target, shrinkage=np.inf)
    array([0.5, 0.5])
    """
    n, members = predictions.shape
    if np.isinf(shrinkage):
        return np.full(members, 1 / members)
    w = _relative(plot_weight, n)
    pull = shrinkage * w @ predictions.var(axis=1)
    predictions, target = np.sqrt(w)[:, None] * predictions, np.sqrt(w) * target
    scale = float(np.sqrt((target**2).mean())) or 1.0
    pull = np.sqrt(pull) / scale
    # the sum is one more equation, so heavy that rounding alone breaks it
    heavy = 1e4 * np.sqrt(n)
    left = np.vstack(
        [predictions / scale, pull * np.eye(members), np.full((1, members), heavy)],
    )
    right = np.concatenate([target / scale, np.full(members, pull / members), [heavy]])
    found, _ = nnls(left, right)
    weights: Array = found / found.sum()
    return weights.round(12)


def weights_of(
    predictions: Array,
    target: Array,
    parts: Sequence[NDArray[np.bool_]],
    rule: Weighing = "shrunk",
    *,
    plot_weight: Array | None = None,
) -> Array:
    """Return the weights of a stack's members.

    Few plots cannot tell good weights from lucky ones. The rule ``shrunk`` therefore pulls them
    towards equal ones as far as the plots allow: weights of each strength of `SHRINKAGES` are
    found without each part and judged on it, and of all strengths whose squared error is within
    one standard error (of the paired difference, over plots) of the lowest, the strongest wins.

    Parameters
    ----------
    predictions, target, parts, plot_weight
        As for `lines_of`.
    rule : {"shrunk", "free", "equal"}
        As above; no shrinkage; or equal weights.

    Raises
    ------
    InputError
        For an unknown rule.

    References
    ----------
    Breiman, Friedman, Olshen & Stone 1984, Classification and Regression Trees, section 3.4.3 (the
    rule of one standard error; from memory).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = rng.normal(size=60)
    >>> good, alike = (y + 0.5 * rng.normal(size=60) for _ in range(2))
    >>> parts = [np.arange(60) % 5 == fold for fold in range(5)]
    >>> weights_of(np.column_stack([good, alike]), y, parts)
    array([0.5, 0.5])
    """
    if rule not in get_args(Weighing):
        raise InputError(
            f"no rule of weights {rule!r}",
            where="weights",
            remedy=f"use {', '.join(get_args(Weighing))}",
        )
    if rule == "equal":
        return np.full(predictions.shape[1], 1 / predictions.shape[1])
    plot_weight = _relative(plot_weight, len(target))
    strength = 0.0 if rule == "free" else _strongest(predictions, target, parts, plot_weight)
    return convex_weights(predictions, target, plot_weight, shrinkage=strength)


def _strongest(
    predictions: Array, target: Array, parts: Sequence[NDArray[np.bool_]], w: Array
) -> float:
    errors = np.empty((len(SHRINKAGES), len(target)))
    for row, strength in enumerate(SHRINKAGES):
        for part in parts:
            weights = convex_weights(
                predictions[~part], target[~part], w[~part], shrinkage=strength
            )
            errors[row, part] = w[part] * (predictions[part] @ weights - target[part]) ** 2
    more = errors - errors[np.argmin(errors.mean(axis=1))]
    within = more.mean(axis=1) <= more.std(axis=1) / np.sqrt(len(target))
    return SHRINKAGES[int(np.argmax(within))]
