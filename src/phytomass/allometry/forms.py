"""The shapes an allometric equation can have: which numbers it needs and what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """What is known of the trees, each an array of shape (n,) in the equation's own units.

    Parameters
    ----------
    d, h : array
        Diameter at breast height and height.
    rho : array
        Wood density, g/cm³.
    e : array
        Environmental stress of the site (Chave et al. 2014), no unit.
    """

    d: Array
    h: Array
    rho: Array
    e: Array


@dataclass(frozen=True)
class Form:
    """One shape of equation.

    Parameters
    ----------
    formula : str
        As a person would write it.
    parameters : int
        How many of the coefficients a, b, c, … it takes.
    needs : tuple of str
        Which of ``d``, ``h``, ``rho``, ``e`` it reads.
    compute : callable
        From the measured values and the coefficients to aboveground biomass.
    """

    formula: str
    parameters: int
    needs: tuple[str, ...]
    compute: Callable[[Measured, tuple[float, ...]], Array]


def _power_d(m: Measured, c: tuple[float, ...]) -> Array:
    return c[0] * m.d ** c[1]


def _power_d2h(m: Measured, c: tuple[float, ...]) -> Array:
    return c[0] * (m.d**2 * m.h) ** c[1]


def _power_rhod2h(m: Measured, c: tuple[float, ...]) -> Array:
    return c[0] * (m.rho * m.d**2 * m.h) ** c[1]


def _power_d_h(m: Measured, c: tuple[float, ...]) -> Array:
    return c[0] * m.d ** c[1] * m.h ** c[2]


def _linear_d2h(m: Measured, c: tuple[float, ...]) -> Array:
    return c[0] + c[1] * (m.d**2 * m.h)


def _log_polynomial_d(m: Measured, c: tuple[float, ...]) -> Array:
    ln_d = np.log(m.d)
    return np.asarray(np.exp(c[0] + c[1] * ln_d + c[2] * ln_d**2 + c[3] * ln_d**3))


def _power_rho_d(m: Measured, c: tuple[float, ...]) -> Array:
    return np.asarray(c[0] * m.rho ** c[1] * m.d ** c[2])


def _density_polynomial_d(m: Measured, c: tuple[float, ...]) -> Array:
    return m.rho * _log_polynomial_d(m, c)


def _chave2014_no_height(m: Measured, c: tuple[float, ...]) -> Array:
    ln_d = np.log(m.d)
    stress_and_wood = c[1] * m.e + c[2] * np.log(m.rho)
    return np.asarray(np.exp(c[0] + stress_and_wood + c[3] * ln_d + c[4] * ln_d**2))


FORMS: dict[str, Form] = {
    "power_d": Form("a * D^b", 2, ("d",), _power_d),
    "power_d2h": Form("a * (D^2 H)^b", 2, ("d", "h"), _power_d2h),
    "power_rhod2h": Form("a * (rho D^2 H)^b", 2, ("d", "h", "rho"), _power_rhod2h),
    "power_d_h": Form("a * D^b * H^c", 3, ("d", "h"), _power_d_h),
    "linear_d2h": Form("a + b * D^2 H", 2, ("d", "h"), _linear_d2h),
    "log_polynomial_d": Form(
        "exp(a + b ln D + c (ln D)^2 + d (ln D)^3)", 4, ("d",), _log_polynomial_d
    ),
    "power_rho_d": Form("a * rho^b * D^c", 3, ("d", "rho"), _power_rho_d),
    "density_polynomial_d": Form(
        "rho * exp(a + b ln D + c (ln D)^2 + d (ln D)^3)", 4, ("d", "rho"), _density_polynomial_d
    ),
    "chave2014_no_height": Form(
        "exp(a + b E + c ln rho + d ln D + e (ln D)^2)", 5, ("d", "rho", "e"), _chave2014_no_height
    ),
}
"""Name of a form → the form. A new shape is one function and one line here."""
