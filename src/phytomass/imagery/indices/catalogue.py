"""The public catalogue of spectral indices (`spyndex`): formulas by letter, on a product's bands."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from phytomass.errors import InputError, nearest
from phytomass.extras import require
from phytomass.imagery.pixels.formula import evaluate, names_in, parse

AMBIGUOUS = {
    "RENDVI": "two indices carry this name: write RENDVI_B8B6 (afforestation paper) or RENDVI_B6B5 (catalogue)",
    "RVI": "two indices carry this name: write RVI_VVVH (radar vegetation index) or B6 / B4 as a formula",
}
"""Names that mean something else elsewhere: refused, so that nobody gets the other one."""
RADAR = ("VV", "VH", "HH", "HV")


@cache
def entries() -> Mapping[str, Any]:
    """Return the catalogue: id → entry with formula, bands, long name and reference."""
    require("catalogs", "indices of the public catalogue", where="predictors.indices")
    import spyndex

    return dict(spyndex.indices.items())


@cache
def constants() -> Mapping[str, float]:
    """Return the catalogue's constants that have a usual value: name → value."""
    import spyndex

    usual = {name: constant.default for name, constant in spyndex.constants.items()}
    return {name: float(value) for name, value in usual.items() if value is not None}


class _Renamed(ast.NodeTransformer):
    """Puts expressions in the place of names."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = {name: parse(text) for name, text in places.items()}

    def visit_Name(self, node: ast.Name) -> ast.expr:  # ast's own name
        return self.places.get(node.id, node)


def formula_on_bands(name: str, letters: Mapping[str, str]) -> str:
    """Return a catalogue formula written with predictor names.

    Parameters
    ----------
    name : str
        Id in the catalogue.
    letters : mapping of str to str
        Catalogue letter → predictor name. Radar predictors are in dB and are turned back into
        power; constants get the catalogue's usual values.

    Raises
    ------
    InputError
        For an unknown or ambiguous name, or one that needs other bands or constants.

    Examples
    --------
    >>> formula_on_bands("NDWI", {"G": "B3", "N": "B8"})
    '(B3 - B8) / (B3 + B8)'
    """
    where = "predictors.indices"
    if name in AMBIGUOUS:
        raise InputError(f"no index named {name!r}", where=where, remedy=AMBIGUOUS[name])
    if name not in entries():
        raise InputError(
            f"no index named {name!r}", where=where, remedy=nearest(name, list(entries()))
        )
    formula = str(entries()[name].formula)
    places = {
        letter: f"10 ** ({band} / 10)" if letter in RADAR else band
        for letter, band in letters.items()
    }
    places |= {c: repr(value) for c, value in constants().items() if c not in places}
    missing = sorted(names_in(formula) - set(places))
    if missing:
        raise InputError(
            f"index {name} needs {', '.join(missing)}, which the product does not have",
            where=where,
            remedy="write the formula yourself: {name: …, formula: …}",
        )
    return ast.unparse(_Renamed(places).visit(parse(formula)))


def needs_reflectance(formula: str) -> bool:
    """Tell whether a formula's value changes when all bands are multiplied by one factor.

    Examples
    --------
    >>> needs_reflectance("(B8 - B4) / (B8 + B4)"), needs_reflectance("B8 - B4")
    (False, True)
    """
    names = sorted(names_in(formula))
    bands = {name: np.array([0.05 + 0.07 * i]) for i, name in enumerate(names, 1)}
    scaled = {name: 10 * value for name, value in bands.items()}
    return not np.allclose(evaluate(formula, bands), evaluate(formula, scaled), equal_nan=True)
