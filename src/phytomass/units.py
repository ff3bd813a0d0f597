"""Unit conversion to the units of the tables: cm, m, kg, ha, Mg/ha.

Factors are exact by definition (international yard and pound, 1959) unless noted.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError, nearest

FACTORS: dict[str, dict[str, float]] = {
    "length_cm": {"cm": 1.0, "mm": 0.1, "m": 100.0, "in": 2.54, "ft": 30.48},
    "length_m": {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254, "dm": 0.1},
    "mass_kg": {"kg": 1.0, "g": 1e-3, "Mg": 1e3, "t": 1e3, "lb": 0.45359237},
    "area_ha": {"ha": 1.0, "m2": 1e-4, "km2": 100.0, "acre": 0.40468564224},
    "density_g_cm3": {"g/cm3": 1.0, "kg/m3": 1e-3, "t/m3": 1.0},
    "per_area_ha": {"1/ha": 1.0, "1/acre": 1 / 0.40468564224, "1/m2": 1e4},
    "mass_per_area_mg_ha": {
        "Mg/ha": 1.0,
        "t/ha": 1.0,
        "kg/m2": 10.0,
        "kg/ha": 1e-3,
        "g/m2": 1e-2,
        "lb/acre": 0.45359237e-3 / 0.40468564224,
        "short_ton/acre": 0.90718474 / 0.40468564224,
    },
}
"""Quantity → unit → factor to the quantity's own unit (the last part of its name)."""

CO2_PER_C = 44.0 / 12.0
"""Mass of CO₂ per mass of carbon (IPCC 2006 Guidelines, Vol. 4, Ch. 4)."""


@overload
def convert(value: float, unit: str, quantity: str) -> float: ...
@overload
def convert(value: NDArray[np.float64], unit: str, quantity: str) -> NDArray[np.float64]: ...
def convert(
    value: float | NDArray[np.float64], unit: str, quantity: str
) -> float | NDArray[np.float64]:
    """Convert to the house unit of a quantity.

    Parameters
    ----------
    value : float or array
        In `unit`.
    unit : str
        A key of ``FACTORS[quantity]``.
    quantity : str
        A key of ``FACTORS``.

    Raises
    ------
    InputError
        For an unknown unit; names the allowed ones.

    Examples
    --------
    >>> round(convert(10.0, "in", "length_cm"), 9)
    25.4
    >>> round(convert(1.0, "lb/acre", "mass_per_area_mg_ha"), 9)
    0.001120851
    """
    table = FACTORS[quantity]
    if unit not in table:
        hint = nearest(unit, list(table))
        raise InputError(
            f"unknown unit {unit!r} for {quantity}",
            remedy=f"use one of {', '.join(table)}" + (f"; {hint}" if hint else ""),
        )
    return value * table[unit]
