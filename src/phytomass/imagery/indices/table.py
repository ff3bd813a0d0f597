"""Spectral and radar indices as data: a table of formulas with their sources."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from phytomass.errors import InputError, nearest
from phytomass.imagery.indices.catalogue import (
    AMBIGUOUS,
    RADAR,
    entries,
    formula_on_bands,
    needs_reflectance,
)
from phytomass.imagery.pixels.formula import names_in
from phytomass.imagery.products.sensors import find_sensor
from phytomass.imagery.settings import CatalogueIndex, OwnIndex

SENTINEL2 = "sentinel-2-l2a"


@dataclass(frozen=True)
class Index:
    """One index: a formula on band names.

    Parameters
    ----------
    id, title : str
        Name of the predictor, and its name in words.
    formula : str
        Arithmetic on band names (see `phytomass.imagery.pixels.formula`).
    sensor : str
        Sensor group: optical, sar, terrain or other.
    needs_reflectance : bool
        True when the formula is not scale-free: bands must be reflectance between 0 and 1.
    unit, source : str
        Unit of the index (empty: none) and where the formula comes from.
    """

    id: str
    title: str
    formula: str
    sensor: str
    needs_reflectance: bool
    unit: str
    source: str

    @property
    def bands(self) -> frozenset[str]:
        """The band names the formula uses."""
        return frozenset(names_in(self.formula))


@cache
def load_indices() -> dict[str, Index]:
    """Return the index table by id.

    Examples
    --------
    >>> load_indices()["RENDVI_B8B6"].formula
    '(B8 - B6) / (B8 + B6)'
    """
    table = files("phytomass.imagery").joinpath("indices.csv").read_text(encoding="utf-8")
    indices = {}
    for row in csv.DictReader(table.splitlines()):
        reflectance = {"yes": True, "no": False}[row.pop("needs_reflectance")]
        index = Index(needs_reflectance=reflectance, **row)
        if index.id in indices or not index.source or not index.bands:
            raise InputError(f"bad record {index.id!r}", where="indices.csv")
        indices[index.id] = index
    return indices


def find_index(wanted: str | OwnIndex | CatalogueIndex) -> Index:
    """Return an index by name, or make one of the user's own formula.

    The house's table goes first, then the public catalogue on Sentinel-2 and radar bands; for
    other products a `CatalogueIndex` names the product.

    Parameters
    ----------
    wanted : str, OwnIndex or CatalogueIndex
        Name of an index (NDVI, SAVI, RENDVI_B8B6, …), or what `predictors.indices` can hold.

    Returns
    -------
    Index
        With its `formula` on band names, which `evaluate` computes, and its source.

    Raises
    ------
    InputError
        For an unknown name; RENDVI alone is refused because two indices carry that name.

    Examples
    --------
    >>> index = find_index("NDVI")
    >>> index.formula, sorted(index.bands), index.needs_reflectance
    ('(B8 - B4) / (B8 + B4)', ['B4', 'B8'], False)
    """
    if isinstance(wanted, OwnIndex):
        return Index(
            wanted.name, wanted.name, wanted.formula, wanted.sensor, False, "", wanted.source
        )
    table = load_indices()
    if isinstance(wanted, CatalogueIndex):
        return _of_catalogue(wanted.index, wanted.product, wanted.name or wanted.index)
    if wanted in table:
        return table[wanted]
    if wanted not in AMBIGUOUS and wanted not in entries():
        remedy = nearest(wanted, [*table, *entries()]) or f"known are {', '.join(table)}"
        raise InputError(f"no index named {wanted!r}", where="predictors.indices", remedy=remedy)
    return _of_catalogue(wanted, SENTINEL2, wanted)


def _of_catalogue(index: str, product: str, name: str) -> Index:
    letters = find_sensor(product).letters
    radar = {letter: letter for letter in RADAR}
    formula = formula_on_bands(index, {**letters, **radar})
    if name in {*letters.values(), *radar}:
        raise InputError(
            f"{name!r} is the name of a band",
            where="predictors.indices",
            remedy="give the index another `name`",
        )
    entry = entries()[index]
    group = "sar" if entry.application_domain == "radar" else "optical"
    source = f"{entry.reference}; Awesome Spectral Indices id {index}"
    scaled = group == "optical" and needs_reflectance(formula)
    return Index(name, str(entry.long_name), formula, group, scaled, "", source)
