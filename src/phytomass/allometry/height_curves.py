"""Curves of height on diameter that are fitted in metres, and what their coefficients are worth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Array = NDArray[np.float64]


def _michaelis(p: Array, d: Array) -> Array:
    return np.asarray(p[0] * d / (p[1] + d))


def _weibull(p: Array, d: Array) -> Array:
    return np.asarray(p[0] * (1 - np.exp(-((d / p[1]) ** p[2]))))


CURVES: dict[str, Callable[[Array, Array], Array]] = {
    "michaelis": _michaelis,
    "weibull": _weibull,
}
"""Form → H from coefficients and diameters."""


def _michaelis_gradient(p: Array, d: Array) -> Array:
    return np.column_stack([d / (p[1] + d), -p[0] * d / (p[1] + d) ** 2])


def _weibull_gradient(p: Array, d: Array) -> Array:
    power = (d / p[1]) ** p[2]
    left = np.exp(-power)
    return np.column_stack(
        [1 - left, -p[0] * left * p[2] * power / p[1], p[0] * left * power * np.log(d / p[1])]
    )


GRADIENTS: dict[str, Callable[[Array, Array], Array]] = {
    "michaelis": _michaelis_gradient,
    "weibull": _weibull_gradient,
}
"""Form → the derivatives of H by the coefficients, one column each."""


def inverse_root(design: Array) -> Array:
    """Return R with R R' = (X'X)⁻¹; directions that the trees do not tell get none of it."""
    _, s, rotation = np.linalg.svd(design, full_matrices=False)
    safe = np.where(s > s.max() * 1e-10, s, np.inf)
    return np.asarray(rotation.T / safe)


def curve_fit(form: str, d: Array, h: Array) -> Array:
    """Return the coefficients of a curve by least squares of H."""
    top, middle = float(h.max()), float(np.median(d))
    start = [1.3 * top, middle] if form == "michaelis" else [1.1 * top, middle, 0.9]
    low = [1e-3] * len(start)
    high = [1e3, 1e5] if form == "michaelis" else [1e3, 1e5, 10.0]
    curve = CURVES[form]

    def residual(p: Array) -> Array:
        return curve(p, d) - h

    found = least_squares(
        residual, start, bounds=(low, high), x_scale=start, xtol=1e-12, ftol=1e-12
    )
    return np.asarray(found.x, dtype=float)
