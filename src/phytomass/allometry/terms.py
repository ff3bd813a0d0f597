"""An equation as a sum of terms in ln D, ln H and ln ρ, in cm, m and kg, and its drawn versions.

ln m = t0 + t1 L + t2 L² + t3 L³ + t4 ln H + t5 ln ρ with L = ln D, or, for a linear equation,
m = t0 + t1 D² H. All forms of this room are one of the two, so that one loop computes them all.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from phytomass.allometry.equations import AllometricEquation
from phytomass.errors import InputError
from phytomass.units import convert

Array = NDArray[np.float64]

N_TERMS = 6

_TERMS: dict[str, tuple[dict[int, float], ...]] = {
    "power_d": ({0: 1.0}, {1: 1.0}),
    "power_d2h": ({0: 1.0}, {1: 2.0, 4: 1.0}),
    "power_rhod2h": ({0: 1.0}, {1: 2.0, 4: 1.0, 5: 1.0}),
    "power_d_h": ({0: 1.0}, {1: 1.0}, {4: 1.0}),
    "log_polynomial_d": ({0: 1.0}, {1: 1.0}, {2: 1.0}, {3: 1.0}),
    "power_rho_d": ({0: 1.0}, {5: 1.0}, {1: 1.0}),
    "density_polynomial_d": ({0: 1.0}, {1: 1.0}, {2: 1.0}, {3: 1.0}),
    "chave2014_no_height": ({0: 1.0}, {}, {5: 1.0}, {1: 1.0}, {2: 1.0}),
    "linear_d2h": ({0: 1.0}, {1: 1.0}),
}
"""Form → for each coefficient, which terms it enters with which factor (E is added apart)."""

_FIXED = {"density_polynomial_d": (5, 1.0)}
"""Form → a term that no coefficient stands for, and its value."""


def is_linear(equation: AllometricEquation) -> bool:
    """Whether the mass itself, not its logarithm, is a sum of terms."""
    return equation.form == "linear_d2h"


def beta_of(equation: AllometricEquation) -> Array:
    """Return the coefficients as they enter linearly: ln a of a power law, the others as they are.

    Examples
    --------
    >>> from phytomass.allometry import load_equations
    >>> beta_of(load_equations()["chave2014"]).round(3)
    array([-2.699,  0.976])
    """
    beta = np.array(equation.coefficients, dtype=float)
    if equation.form.startswith("power"):
        if beta[0] <= 0:
            raise InputError("a is not above zero", where=f"equation {equation.id}")
        beta[0] = log(beta[0])
    return beta


def terms_of(equation: AllometricEquation, beta: Array, stress: float | None = None) -> Array:
    """Return the terms of (drawn) coefficients, in cm, m and kg.

    Parameters
    ----------
    equation : AllometricEquation
    beta : array, shape (p,) or (p, n)
        As from `beta_of`, one column per draw.
    stress : float, optional
        E of the site, where the form reads it.

    Returns
    -------
    array, shape (6,) or (6, n)

    Examples
    --------
    >>> from phytomass.allometry import load_equations
    >>> equation = load_equations()["chave2014"]
    >>> terms_of(equation, beta_of(equation)).round(3)
    array([-2.699,  1.952,  0.   ,  0.   ,  0.976,  0.976])
    """
    terms = np.zeros((N_TERMS, *beta.shape[1:]))
    for coefficient, entries in zip(beta, _TERMS[equation.form], strict=True):
        for term, factor in entries.items():
            terms[term] += factor * coefficient
    if equation.form in _FIXED:
        term, value = _FIXED[equation.form]
        terms[term] += value
    if equation.needs_stress:
        if stress is None:
            raise InputError("needs the environmental stress E", where=f"equation {equation.id}")
        terms[0] += beta[1] * stress
    return _in_house_units(equation, terms)


def _in_house_units(equation: AllometricEquation, terms: Array) -> Array:
    cm = convert(1.0, equation.dbh_unit, "length_cm")
    m = convert(1.0, equation.height_unit, "length_m")
    kg = convert(1.0, equation.agb_unit, "mass_kg")
    out = terms.copy()
    if is_linear(equation):
        out[0], out[1] = terms[0] * kg, terms[1] * kg / (cm**2 * m)
        return out
    shift, t = log(cm), terms
    out[0] = t[0] - t[1] * shift + t[2] * shift**2 - t[3] * shift**3 - t[4] * log(m) + log(kg)
    out[1] = t[1] - 2 * t[2] * shift + 3 * t[3] * shift**2
    out[2] = t[2] - 3 * t[3] * shift
    return out
