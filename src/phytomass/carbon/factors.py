"""The factors between biomass, carbon and CO₂, each with its unit and source."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from phytomass.settings import Settings

UNSOURCED = "project file (no source given)"


class Factor(Settings):
    """A number that converts one quantity into another."""

    value: float
    """The factor."""

    unit: str = ""
    """What per what; filled in by phytomass where left out."""

    source: str = UNSOURCED
    """Where the value is from, as it shall stand in the report."""


def _complete(given: object, info: ValidationInfo) -> object:
    """Turn a bare number into a factor, and add the unit where it was left out."""
    if isinstance(given, Factor):
        fields = given.model_dump()
    else:
        fields = dict(given) if isinstance(given, dict) else {"value": given}
    return {**fields, "unit": fields.get("unit") or _rows()[str(info.field_name)]["unit"]}


def _refuse_impossible(factor: Factor, info: ValidationInfo) -> Factor:
    row = _rows()[str(info.field_name)]
    if not float(row["low"]) <= factor.value <= float(row["high"]):
        raise ValueError(f"{factor.value:g} is outside {row['low']} to {row['high']} {row['unit']}")
    return factor


GivenFactor = Annotated[
    Factor,
    BeforeValidator(_complete, json_schema_input_type=float | Factor),
    AfterValidator(_refuse_impossible),
]


class CarbonSettings(Settings):
    """The section `carbon` of a project file: a number, or `{value: …, source: …}`."""

    root_shoot: GivenFactor = Field(default_factory=lambda: default_factor("root_shoot"))
    """Belowground per aboveground biomass (dry mass)."""

    carbon_fraction: GivenFactor = Field(default_factory=lambda: default_factor("carbon_fraction"))
    """Carbon per dry mass, of both pools."""

    co2_per_c: GivenFactor = Field(default_factory=lambda: default_factor("co2_per_c"))
    """CO₂ per carbon."""

    def factors(self) -> dict[str, Factor]:
        """Return the factors by name, for tables of sources.

        Examples
        --------
        >>> {name: round(f.value, 4) for name, f in CarbonSettings().factors().items()}
        {'root_shoot': 0.26, 'carbon_fraction': 0.47, 'co2_per_c': 3.6667}
        >>> CarbonSettings(root_shoot=0.44).root_shoot.source
        'project file (no source given)'
        """
        return {name: getattr(self, name) for name in type(self).model_fields}


def default_factor(name: str) -> Factor:
    """Return a factor of the room's table `factors.csv`.

    Examples
    --------
    >>> default_factor("carbon_fraction").value
    0.47
    """
    row = _rows()[name]
    return Factor(value=float(row["value"]), unit=row["unit"], source=row["source"])


@cache
def _rows() -> MappingProxyType[str, dict[str, str]]:
    text = (files("phytomass.carbon") / "factors.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return MappingProxyType({row["name"]: row for row in rows})
