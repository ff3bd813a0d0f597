"""What single cells mean: no value, a number, or a number written in a way of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from phytomass.inventory.headers import spelled_unit
from phytomass.inventory.settings import Cell
from phytomass.units import FACTORS

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "#n/a", "nat"})

LOOSE = re.compile(
    r"(?P<about>~|≈|±|ca\.?|c\.|approx\.?|about|circa)?\s*(?P<number>[-+]?\d+(?:[.,]\d+)?)"
    r"\s*(?P<unit>[a-z²³/0-9^\"']*)\.?(?P<mark>[*?!]*)",
    re.IGNORECASE,
)
"""A number with a sign of doubt before or after it, and a unit."""

THOUSANDS = re.compile(r"[-+]?\d{1,3}[.,]\d{3}")
"""``1,234`` may be a thousand or one and a bit."""


def is_missing(cell: str, more: Sequence[str]) -> bool:
    """Tell whether a cell says that there is no value."""
    return cell.casefold() in MISSING or any(same_cell(cell, token) for token in more)


def same_cell(cell: str, value: Cell) -> bool:
    """Tell whether a cell is a value, whatever its capitals and however a number is written."""
    if cell.casefold() == str(value).casefold():
        return True
    try:
        return float(cell) == float(value)
    except ValueError:
        return False


def parse_number(cell: str, decimal: str) -> float:
    """Return the exact number a text stands for, NaN where it is none."""
    try:
        return np.nan if "_" in cell else float(cell.replace(decimal, "."))
    except ValueError:
        return np.nan


def mended(cell: str, decimal: str, unit: str, quantity: str) -> tuple[float, str]:
    """Return the number that a cell means, and what was mended; NaN where it may mean two things.

    Parameters
    ----------
    cell : str
        Not a number as it is.
    decimal : str
        The decimal sign of the file.
    unit : str
        Unit of the column in the file; a cell in another one of its quantity is converted to it.
    quantity : str
        Key of `phytomass.units.FACTORS`; empty where there is no unit.

    Examples
    --------
    >>> mended("12,4", ".", "cm", "length_cm")
    (12.4, 'a decimal comma')
    >>> mended("~5 in", ".", "cm", "length_cm")
    (12.7, 'a mark of doubt, the unit in')
    >>> mended("1,234", ".", "cm", "length_cm"), mended("12 or 13", ".", "cm", "length_cm")
    ((nan, ''), (nan, ''))
    """
    found = LOOSE.fullmatch(cell.strip())
    if found is None:
        return np.nan, ""
    number, spelled, why = found["number"], found["unit"], []
    other = "," if decimal == "." else "."
    if other in number:
        if THOUSANDS.fullmatch(number):
            return np.nan, ""
        why.append("a decimal comma" if other == "," else "a decimal point")
    value = float(number.replace(",", "."))
    if found["about"] or found["mark"]:
        why.append("a mark of doubt")
    if spelled:
        factors, own = FACTORS.get(quantity, {}), spelled_unit(spelled)
        if own not in factors or unit not in factors:
            return np.nan, ""
        value = value if own == unit else value * factors[own] / factors[unit]
        why.append(f"the unit {own}")
    return (float(f"{value:.12g}"), ", ".join(why)) if why else (np.nan, "")
