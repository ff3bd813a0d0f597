"""The inner loop of the error model: every tree under every draw, added up per segment.

Compiled by numba. One call walks over all trees for one block of draws; blocks are independent
columns of the result, so threads never add to the same number, and the sum over the trees of a
segment always runs in the order of `TREE` rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from phytomass.draws.philox import MASK, box_muller, fast_exp, fast_log, philox, unit

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
def _measured(
    tree: Any, keys: Any, first: Any, rho: Any, d: Any, h: Any, r: Any
) -> Any:  # pragma: no cover
    """Fill diameter, height and wood density of one tree for a block of draws."""
    # A field that is read within a loop might be what the loop writes: no vectors then.
    key, item = keys[0], tree.key
    centre, d_sd, gross_sd, share = tree.d, tree.d_sd, tree.d_gross_sd, tree.gross_share
    middle, h_sd, rho_sd, common = tree.h, tree.h_sd, tree.rho_sd, rho[tree.species]
    for k in range(d.size):
        w0, w1, w2, _ = _words(key, item, first + k, 0)
        z_d, z_h = box_muller(w0, w1)
        d[k] = centre + (gross_sd if unit(w2) < share else d_sd) * z_d
        h[k] = h_sd * z_h
    if tree.h_log > 0.0:
        half = 0.5 * h_sd * h_sd
        for k in range(d.size):
            h[k] = middle * fast_exp(h[k] - half)
    else:
        for k in range(d.size):
            h[k] = middle + h[k]
    for k in range(d.size):
        r[k] = common[k] + rho_sd * r[k]
    return (
        _outside(d, tree.d_low, tree.d_high)
        + _outside(h, tree.h_low, tree.h_high)
        + _outside(r, tree.rho_low, tree.rho_high)
    )


@njit(error_model="numpy", cache=True)
def _outside(values: Any, low: Any, high: Any) -> Any:  # pragma: no cover
    """Count the values out of their bounds."""
    count = 0
    for value in values:
        count += 1 if (value < low) | (value > high) else 0
    return count


@njit(error_model="numpy", cache=True)
def _own(tree: Any, key: Any, first: Any, z_rho: Any, z: Any) -> None:  # pragma: no cover
    """Fill the numbers that stay with a tree over time: its wood and its residual."""
    item = tree.key
    for k in range(z.size):
        w0, w1, _, _ = _words(key, item, first + k, 0)
        a, b = box_muller(w0, w1)
        z_rho[k] = a
        z[k] = b


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
def _add_mass(
    tree: Any, t: Any, d: Any, h: Any, lift: Any, r: Any, z: Any, out: Any
) -> Any:  # pragma: no cover
    """Add the tree's mass to its segment."""
    ln_d0, stress = np.log(tree.d), tree.stress
    for k in range(d.size):
        x = fast_log(d[k])
        ln_h = fast_log(h[k]) + tree.h_slope * (x - ln_d0) + lift[k]
        ln_m = t[0, k] + x * (t[1, k] + x * (t[2, k] + x * t[3, k]))
        ln_m += t[4, k] * ln_h + t[5, k] * fast_log(r[k]) + t[6, k] * z[k]
        ln_m += t[8, k] * stress
        out[k] += tree.weight * fast_exp(ln_m)


@njit(error_model="numpy", cache=True)
def _add_mixed(
    tree: Any, t: Any, d: Any, h: Any, lift: Any, r: Any, z: Any, out: Any
) -> Any:  # pragma: no cover
    """Add the same where some draws choose a linear equation; count masses below zero."""
    ln_d0, stress = np.log(tree.d), tree.stress
    negative = 0
    for k in range(d.size):
        x = fast_log(d[k])
        ln_h = fast_log(h[k]) + tree.h_slope * (x - ln_d0) + lift[k]
        if t[7, k] > 0.0:
            mass = t[0, k] + t[1, k] * fast_exp(2.0 * x + ln_h)
            negative += 1 if mass < 0.0 else 0
            mass = max(mass, 0.0) * fast_exp(t[2, k] + t[6, k] * z[k])
        else:
            ln_m = t[0, k] + x * (t[1, k] + x * (t[2, k] + x * t[3, k]))
            ln_m += t[4, k] * ln_h + t[5, k] * fast_log(r[k]) + t[6, k] * z[k]
            ln_m += t[8, k] * stress
            mass = fast_exp(ln_m)
        out[k] += tree.weight * mass
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
    values, lift = np.empty(3), np.zeros(n)
    counts = np.zeros(2, np.int64)
    for i in range(trees.size):
        tree = trees[i]
        _own(tree, keys[1], first, r, z)
        if _measured(tree, keys, first, rho, d, h, r) > 0:
            for k in range(n):
                values[0], values[1], values[2] = d[k], h[k], r[k]
                again = _again(tree, keys, first + k, rho[tree.species, k], values)
                if again > 0:
                    counts[0] += again
                    d[k], h[k], r[k] = values[0], values[1], values[2]
        _lift(tree, bend, lift)
        row = out[tree.segment]
        if linear[tree.group]:
            counts[1] += _add_mixed(tree, theta[tree.group], d, h, lift, r, z, row)
        else:
            _add_mass(tree, theta[tree.group], d, h, lift, r, z, row)
    return counts
