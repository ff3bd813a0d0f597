"""Units that look wrong: by what the file calls a column, and by how tall trees of a diameter are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from phytomass.errors import Problem
from phytomass.inventory.columns import Reading
from phytomass.inventory.headers import read_header
from phytomass.units import FACTORS

Array = NDArray[np.float64]

SIZES = {"dbh_cm": ("length_cm", "cm"), "height_m": ("length_m", "m")}

FEWEST = 30
"""Trees with both sizes that a verdict on their units needs."""

TALLEST, LOWEST = 1.7, 0.25
"""Medians of height over the usual height that are believed. In the 54 sites of the pantropical
harvest data (Chave et al. 2014) with 20 trees or more they lie between 0.36 and 1.43; their heights
in feet read as metres would lie between 1.18 and 4.7, nine of ten above 1.7."""

NAMES = {"ft": "feet", "in": "inches", "dm": "decimetres", "cm": "centimetres", "mm": "millimetres"}
WORDS = {"dbh_cm": "diameters", "height_m": "heights"}
CHANGE = 0.2
"""What a unit that must be changed counts against a reading, in logarithms of height."""

READINGS = tuple(
    (height, diameter)
    for height, diameter in product(("m", "ft", "dm"), ("cm", "in", "mm"))
    if (height, diameter) != ("m", "cm")
)
"""Units of height and diameter that trees out of proportion are tried in."""


MOST = 1e6
"""Larger diameters and heights are mistakes of another kind, told elsewhere."""


def usual_height(dbh_cm: ArrayLike) -> Array:
    """Return the height that trees of a diameter commonly have: 1.3 + 2.6 D^0.6, in metres.

    A curve through the middle of temperate and tropical forests (D 10 cm: 12 m, 50 cm: 28 m), good
    for telling metres from feet and for nothing finer.

    Examples
    --------
    >>> usual_height([10.0, 50.0]).round(0)
    array([12., 28.])
    """
    return 1.3 + 2.6 * np.asarray(dbh_cm, dtype=float) ** 0.6


def doubtful_units(trees: pd.DataFrame, reading: Reading) -> list[Problem]:
    """Return warnings about units of heights and diameters.

    Parameters
    ----------
    trees : DataFrame
        Trees in use: dbh_cm, height_m (NaN where unknown), as the project's units make them.
    reading : Reading
        The list of trees, with the units that the project declares.
    """
    named = _by_header(reading)
    return named or _by_proportion(trees, reading)


def _by_header(reading: Reading) -> list[Problem]:
    """Tell of units that a header may name (``dbh_m``), and that were not taken for it."""
    found = []
    for name, (quantity, default) in SIZES.items():
        header = reading.found.get(name, "")
        written, read_as = read_header(header).unit, reading.source.units.get(name, default)
        if header != name and written in FACTORS[quantity] and written != read_as:
            what = f"the header says {written}, and it is read as {read_as}"
            remedy = f"set {reading.key}.units.{name}: {written}, or rename the column"
            found.append(Problem(reading.place(name), what, remedy))
    return found


def _by_proportion(trees: pd.DataFrame, reading: Reading) -> list[Problem]:
    if "height_m" not in trees or "dbh_cm" not in trees:
        return []
    known = trees[
        trees["dbh_cm"].between(0, MOST, "neither") & trees["height_m"].between(0, MOST, "neither")
    ]
    if len(known) < FEWEST:
        return []
    d, h = (known[name].to_numpy(dtype=float) for name in ("dbh_cm", "height_m"))
    ratio = float(np.median(h / usual_height(d)))
    if LOWEST < ratio < TALLEST:
        return []
    most = "least" if ratio >= TALLEST else "most"
    what = (
        f"median height {np.median(h):.3g} m at a median diameter of {np.median(d):.3g} cm: half of "
        f"the {len(known)} trees are at {most} {ratio:.2g} times as tall as trees of their diameter "
        "usually are"
    )
    return [Problem(reading.place("height_m"), what, _remedy(d, h, reading))]


def _remedy(d: Array, h: Array, reading: Reading) -> str:
    """Name the units that bring the trees closest to the usual proportion."""
    tall, thick = FACTORS["length_m"], FACTORS["length_cm"]
    off = {
        units: abs(np.log(np.median(tall[units[0]] * h / usual_height(thick[units[1]] * d))))
        for units in READINGS
        if not _declared(units, reading)
    }
    # among readings about as good, the one that changes fewer units
    best = min(off, key=lambda units: off[units] + CHANGE * _changed(units), default=("m", "cm"))
    if off.get(best, np.inf) > np.log(TALLEST):
        return f"check {reading.key}.units.height_m and {reading.key}.units.dbh_cm"
    found = {"dbh_cm": best[1], "height_m": best[0]}
    wrong = {name: unit for name, unit in found.items() if unit != SIZES[name][1]}
    words = " and ".join(f"{WORDS[name]} are {NAMES[unit]}" for name, unit in wrong.items())
    lines = " and ".join(f"{reading.key}.units.{name}: {unit}" for name, unit in wrong.items())
    return f"if {words}, set {lines}"


def _changed(units: tuple[str, str]) -> int:
    return (units[0] != "m") + (units[1] != "cm")


def _declared(units: tuple[str, str], reading: Reading) -> bool:
    """Tell whether a reading changes a unit that the project declares."""
    given = reading.source.units
    return ("height_m" in given and units[0] != "m") or ("dbh_cm" in given and units[1] != "cm")
