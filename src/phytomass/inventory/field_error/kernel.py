"""The inner loop of the error model: every tree under every draw, added up per segment.

Compiled by numba. One call walks over all trees for one block of draws; blocks are independent
columns of the result, so threads never add to the same number, and the sum over the trees of a
segment always runs in the order of `TREE` rows.

Loops over draws are short, one step each: a processor then works at many draws at once, while one
long loop would have it wait for the end of each polynomial.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from phytomass.draws.philox import (
    MASK,
    box_muller,
    fast_exp,
    fast_log,
    fma,
    philox,
    radius,
    turn,
    unit,
)

TREE = np.dtype(
    [
        ("key", "u8"),  # address of the tree's own numbers
        ("segment", "i8"),  # row of the result it is added to
        ("group", "i8"),  # row of the drawn coefficients
        ("species", "i8"),  # row of the drawn wood densities
        ("weight", "f8"),  # Mg/ha per kg
        ("d", "f8"),  # cm
        ("d_sd", "f8"),
        ("d_gross_sd", "f8"),
        ("gross_share", "f8"),
        ("d_low", "f8"),
        ("d_high", "f8"),
        ("h", "f8"),  # m; 1 where the equations read none
        ("h_sd", "f8"),  # m, or of ln(height) where h_log
        ("h_log", "f8"),  # 1: height from a model, log-normal with mean h
        ("h_slope", "f8"),  # d ln(h) / d ln(d) of a height from a model
        ("h_model", "i8"),  # row of the drawn height models, or -1
        ("h_load_1", "f8"),  # change of ln(height) per drawn coefficient of that model
        ("h_load_2", "f8"),
        ("h_load_3", "f8"),
        ("h_low", "f8"),
        ("h_high", "f8"),
        ("rho_sd", "f8"),  # g/cm³, the tree's own part
        ("rho_low", "f8"),
        ("rho_high", "f8"),
        ("stress", "f8"),  # E of the plot, where plots differ in it
    ]
)
"""One tree as the kernel sees it."""

THETA = 9
"""Rows of drawn coefficients: ln m = t0 + t1 L + t2 L² + t3 L³ + t4 ln H + t5 ln ρ + t6 z + t8 E with
L = ln D; where t7 is 1 the equation is linear, m = (t0 + t1 D² H) · exp(t2 + t6 z)."""

ATTEMPTS = 1000
"""Repeated draws of a number outside its bounds before it is set to the bound."""


@njit(inline="always", error_model="numpy", cache=True)
def _words(key: Any, item: Any, draw: Any, attempt: Any) -> Any:  # pragma: no cover
    mask, shift = np.uint64(MASK), np.uint64(32)
    return philox(
        np.uint64(draw), np.uint64(attempt), item & mask, item >> shift, key & mask, key >> shift
    )


@njit(inline="always", error_model="numpy", cache=True)
def _diameter(tree: Any, z: Any, word: Any) -> Any:  # pragma: no cover
    sd = tree.d_gross_sd if unit(word) < tree.gross_share else tree.d_sd
    return tree.d + sd * z


@njit(inline="always", error_model="numpy", cache=True)
def _height(tree: Any, z: Any) -> Any:  # pragma: no cover
    shift = tree.h_sd * z
    if tree.h_log > 0.0:
        return tree.h * fast_exp(shift - 0.5 * tree.h_sd * tree.h_sd)
    return tree.h + shift


@njit(inline="always", error_model="numpy", cache=True)
def _within(tree: Any, d: Any, h: Any, rho: Any) -> Any:  # pragma: no cover
    return (
        (tree.d_low <= d <= tree.d_high)
        and (tree.h_low <= h <= tree.h_high)
        and (tree.rho_low <= rho <= tree.rho_high)
    )


@njit(error_model="numpy", cache=True)
def _again(tree: Any, keys: Any, draw: Any, common: Any, values: Any) -> Any:  # pragma: no cover
    """Repeat what lies outside its bounds (values: d, h, rho); return how often."""
    count = 0
    for attempt in range(1, ATTEMPTS + 1):
        bad_d = not (tree.d_low <= values[0] <= tree.d_high)
        bad_h = not (tree.h_low <= values[1] <= tree.h_high)
        bad_rho = not (tree.rho_low <= values[2] <= tree.rho_high)
        if not (bad_d or bad_h or bad_rho):
            return count
        count += 1
        w0, w1, w2, _ = _words(keys[0], tree.key, draw, attempt)
        z_d, z_h = box_muller(w0, w1)
        w0, w1, _, _ = _words(keys[1], tree.key, draw, attempt)
        z_rho, _ = box_muller(w0, w1)
        if bad_d:
            values[0] = _diameter(tree, z_d, w2)
        if bad_h:
            values[1] = _height(tree, z_h)
        if bad_rho:
            values[2] = common + tree.rho_sd * z_rho
    values[0] = min(max(values[0], tree.d_low), tree.d_high)
    values[1] = min(max(values[1], tree.h_low), tree.h_high)
    values[2] = min(max(values[2], tree.rho_low), tree.rho_high)
    return count


@njit(error_model="numpy", cache=True)
def _pairs(u: Any, v: Any) -> None:  # pragma: no cover
    """Turn uniform numbers into independent normal ones, in place."""
    for k in range(u.size):
        u[k] = radius(u[k])
    for k in range(u.size):
        r = u[k]
        cosine, sine = turn(v[k])
        u[k] = r * cosine
        v[k] = r * sine


@njit(error_model="numpy", cache=True)
def _measured(
    tree: Any, keys: Any, first: Any, rho: Any, d: Any, h: Any, r: Any, sd: Any
) -> Any:  # pragma: no cover
    """Fill diameter, height and wood density of one tree; return whether any is out of bounds."""
    # A field that is read within a loop might be what the loop writes: no vectors then.
    key, item = keys[0], tree.key
    centre, d_sd, gross_sd, share = tree.d, tree.d_sd, tree.d_gross_sd, tree.gross_share
    middle, h_sd, rho_sd, common = tree.h, tree.h_sd, tree.rho_sd, rho[tree.species]
    for k in range(d.size):
        w0, w1, w2, _ = _words(key, item, first + k, 0)
        d[k] = unit(w0)
        h[k] = unit(w1)
        sd[k] = gross_sd if unit(w2) < share else d_sd
    _pairs(d, h)
    for k in range(d.size):
        d[k] = centre + sd[k] * d[k]
        r[k] = common[k] + rho_sd * r[k]
    if tree.h_log > 0.0:
        half = 0.5 * h_sd * h_sd
        for k in range(d.size):
            h[k] = middle * fast_exp(h_sd * h[k] - half)
    else:
        for k in range(d.size):
            h[k] = middle + h_sd * h[k]
    return (
        _outside(d, tree.d_low, tree.d_high)
        or _outside(h, tree.h_low, tree.h_high)
        or _outside(r, tree.rho_low, tree.rho_high)
    )


@njit(error_model="numpy", cache=True)
def _outside(values: Any, low: Any, high: Any) -> Any:  # pragma: no cover
    """Return whether a value is out of its bounds."""
    count = 0
    for value in values:
        count += 1 if (value < low) | (value > high) else 0
    return count > 0


@njit(error_model="numpy", cache=True)
def _own(tree: Any, key: Any, first: Any, z_rho: Any, z: Any) -> None:  # pragma: no cover
    """Fill the numbers that stay with a tree over time: its wood and its residual."""
    item = tree.key
    for k in range(z.size):
        w0, w1, _, _ = _words(key, item, first + k, 0)
        z_rho[k] = unit(w0)
        z[k] = unit(w1)
    _pairs(z_rho, z)


@njit(error_model="numpy", cache=True)
def _lift(tree: Any, bend: Any, lift: Any) -> None:  # pragma: no cover
    """Fill how far the drawn height model moves ln(height), with a mean factor of one."""
    if tree.h_model < 0:
        lift[:] = 0.0
        return
    a, b, c = tree.h_load_1, tree.h_load_2, tree.h_load_3
    half, z = 0.5 * (a * a + b * b + c * c), bend[tree.h_model]
    for k in range(lift.size):
        lift[k] = a * z[0, k] + b * z[1, k] + c * z[2, k] - half


@njit(error_model="numpy", cache=True)
def _logs(values: Any) -> None:  # pragma: no cover
    for k in range(values.size):
        values[k] = fast_log(values[k])


@njit(inline="always", error_model="numpy", cache=True)
def _logs_of(
    tree: Any, t: Any, k: Any, x: Any, h: Any, lift: Any, r: Any, z: Any, ln_d0: Any
) -> Any:  # pragma: no cover
    """Return the logarithms of height and mass under draw k, of the logarithms of d, h and rho."""
    ln_h = h[k] + tree.h_slope * (x - ln_d0) + lift[k]
    intercept = fma(t[8, k], tree.stress, t[0, k])
    ln_m = fma(x, fma(x, fma(x, t[3, k], t[2, k]), t[1, k]), intercept)
    return ln_h, fma(t[4, k], ln_h, fma(t[5, k], r[k], fma(t[6, k], z[k], ln_m)))


@njit(error_model="numpy", cache=True)
def _add_mass(
    tree: Any, t: Any, d: Any, h: Any, lift: Any, r: Any, z: Any, out: Any
) -> Any:  # pragma: no cover
    """Add the tree's mass to its segment."""
    ln_d0, weight = np.log(tree.d), tree.weight
    for values in (d, h, r):
        _logs(values)
    for k in range(d.size):
        h[k] = _logs_of(tree, t, k, d[k], h, lift, r, z, ln_d0)[1]
    for k in range(d.size):
        out[k] += weight * fast_exp(h[k])


@njit(error_model="numpy", cache=True)
def _add_mixed(
    tree: Any, t: Any, d: Any, h: Any, lift: Any, r: Any, z: Any, out: Any
) -> Any:  # pragma: no cover
    """Add the same where some draws choose a linear equation; count masses below zero."""
    ln_d0, weight = np.log(tree.d), tree.weight
    for values in (d, h, r):
        _logs(values)
    for k in range(d.size):
        ln_h, ln_m = _logs_of(tree, t, k, d[k], h, lift, r, z, ln_d0)
        linear = t[7, k] > 0.0
        h[k] = fast_exp(2.0 * d[k] + ln_h if linear else ln_m)
    negative = 0
    for k in range(d.size):
        mass = t[0, k] + t[1, k] * h[k]
        linear = t[7, k] > 0.0
        negative += 1 if linear & (mass < 0.0) else 0
        mass = max(mass, 0.0) * fast_exp(t[2, k] + t[6, k] * z[k])
        out[k] += weight * (mass if linear else h[k])
    return negative


@njit(nogil=True, error_model="numpy", cache=True)
def simulate(
    trees: Any, keys: Any, first: Any, theta: Any, linear: Any, rho: Any, bend: Any, out: Any
) -> Any:  # pragma: no cover
    """Add every tree under the draws first … first + n to `out`; return counts.

    Parameters
    ----------
    trees : array of TREE, shape (n_trees,)
    keys : array of uint64, shape (2,)
        What is drawn anew at each measurement, and what stays with a tree.
    first : int
        The first draw.
    theta : array, shape (n_groups, THETA, n)
    linear : array of bool, shape (n_groups,)
        Whether any draw of the group is a linear equation.
    rho : array, shape (n_species, n)
        Wood density of each species, g/cm³.
    bend : array, shape (n_models, 3, n)
        Standard coefficients of each height model.
    out : array, shape (n_segments, n)
        Mg/ha, added to.

    Returns
    -------
    array of int64, shape (2,)
        Numbers drawn again because they were out of bounds; masses below zero.
    """
    n = out.shape[1]
    d, h, r, z = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    values, lift, sd = np.empty(3), np.zeros(n), np.empty(n)
    counts = np.zeros(2, np.int64)
    for i in range(trees.size):
        tree = trees[i]
        _own(tree, keys[1], first, r, z)
        if _measured(tree, keys, first, rho, d, h, r, sd):
            for k in range(n):
                if _within(tree, d[k], h[k], r[k]):
                    continue
                values[0], values[1], values[2] = d[k], h[k], r[k]
                counts[0] += _again(tree, keys, first + k, rho[tree.species, k], values)
                d[k], h[k], r[k] = values[0], values[1], values[2]
        _lift(tree, bend, lift)
        row = out[tree.segment]
        if linear[tree.group]:
            counts[1] += _add_mixed(tree, theta[tree.group], d, h, lift, r, z, row)
        else:
            _add_mass(tree, theta[tree.group], d, h, lift, r, z, row)
    return counts
