"""The factors between biomass, carbon and CO₂, each with its unit and source."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from phytomass.carbon.roots import MOKANY_A, MOKANY_B, RootRule, root_classes
from phytomass.errors import nearest
from phytomass.settings import Settings

LARGEST_RATIO = 10.0
"""t dead matter per t AGB: more is a percentage or a mass per hectare, typed for a ratio."""

UNSOURCED = "project file (no source given)"


class Factor(Settings):
    """A number that converts one quantity into another."""

    value: float
    """The factor."""

    unit: str = ""
    """What per what; filled in by phytomass where left out."""

    source: str = UNSOURCED
    """Where the value is from, as it shall stand in the report."""

    sd: float | None = Field(default=None, ge=0, le=100)
    """Standard deviation of the value; left out, the relative one of phytomass's own factor."""


def _complete(given: object, info: ValidationInfo) -> object:
    """Turn a bare number into a factor, and add the unit where it was left out."""
    if isinstance(given, Factor):
        fields = given.model_dump()
    else:
        fields = dict(given) if isinstance(given, dict) else {"value": given}
    return {**fields, "unit": fields.get("unit") or _row_of(info)["unit"]}


def _refuse_impossible(factor: Factor, info: ValidationInfo) -> Factor:
    row = _row_of(info)
    if not float(row["low"]) <= factor.value <= float(row["high"]):
        raise ValueError(f"{factor.value:g} is outside {row['low']} to {row['high']} {row['unit']}")
    return factor


GivenFactor = Annotated[
    Factor,
    BeforeValidator(_complete, json_schema_input_type=float | Factor),
    AfterValidator(_refuse_impossible),
]


def _row_of(info: ValidationInfo) -> dict[str, str]:
    """Return the default of a setting; that of each group of trees is the one of all trees."""
    name = str(info.field_name)
    return _rows()["carbon_fraction" if name == "carbon_fractions" else name]


class CarbonSettings(Settings):
    """The section `carbon` of a project file: a number, or `{value: …, sd: …, source: …}`.

    Examples
    --------
    >>> settings = CarbonSettings(carbon_fraction={"value": 0.5, "sd": 0.01, "source": "own"})
    >>> settings.carbon_fraction.value, settings.root_shoot.value, settings.root_shoot.unit
    (0.5, 0.26, 't BGB per t AGB (dry mass)')
    """

    root_shoot: GivenFactor = Field(default_factory=lambda: default_factor("root_shoot"))
    """Belowground per aboveground biomass (dry mass)."""

    carbon_fraction: GivenFactor = Field(default_factory=lambda: default_factor("carbon_fraction"))
    """Carbon per dry mass, of both pools."""

    co2_per_c: GivenFactor = Field(default_factory=lambda: default_factor("co2_per_c"))
    """CO₂ per carbon."""

    root_rule: RootRule = "constant"
    """`constant`: root_shoot; `ipcc2019`: the class root_class; `mokany`: 0.489 AGB^0.890."""

    root_class: str | None = None
    """Id of a class of phytomass's `root_shoot.csv`, for the rule `ipcc2019`."""

    carbon_fractions: dict[Literal["conifer", "broadleaf"], GivenFactor] = {}
    """Carbon fraction of a group of trees, instead of carbon_fraction; needs a list of trees. A
    plot's is the mean by biomass; maps, whose trees are not known, keep carbon_fraction. IPCC 2006
    gives 0.51 for conifers and 0.48 for broadleaves of temperate forest."""

    dead_wood: Annotated[Factor | None, BeforeValidator(lambda v: _ratio(v, "dead wood"))] = None
    """Dead wood per aboveground biomass (dry mass), of your own survey; without an sd its error is
    that of errors.values.dead_matter_cv."""

    litter: Annotated[Factor | None, BeforeValidator(lambda v: _ratio(v, "litter"))] = None
    """Litter per aboveground biomass (dry mass), of your own survey; as for dead_wood."""

    @model_validator(mode="after")
    def _known_class(self) -> CarbonSettings:
        if self.root_rule == "ipcc2019" and self.root_class not in root_classes():
            known = list(root_classes())
            hint = nearest(self.root_class or "", known) or f"one of {', '.join(known)}"
            raise ValueError(f"root_class: no class {self.root_class!r}; {hint}")
        if self.root_class is not None and self.root_rule != "ipcc2019":
            raise ValueError("root_class is only read by root_rule: ipcc2019")
        return self

    def factors(self) -> dict[str, Factor]:
        """Return the factors by name, for tables of sources.

        Examples
        --------
        >>> {name: round(f.value, 4) for name, f in CarbonSettings().factors().items()}
        {'root_shoot': 0.26, 'carbon_fraction': 0.47, 'co2_per_c': 3.6667}
        >>> CarbonSettings(root_shoot=0.44).root_shoot.source
        'project file (no source given)'
        """
        named = {name: getattr(self, name) for name in type(self).model_fields}
        found = {name: value for name, value in named.items() if isinstance(value, Factor)}
        found |= {f"carbon_fraction_{g}": f for g, f in self.carbon_fractions.items()}
        if self.root_rule != "constant":
            found["root_shoot"] = self._root_factor()
        return found

    def _root_factor(self) -> Factor:
        unit = "t BGB per t AGB (dry mass)"
        if self.root_rule == "mokany":
            source = (
                f"{MOKANY_A} AGB^{MOKANY_B} at 100 Mg/ha; Mokany et al. 2006, Glob. Change Biol."
            )
            return Factor(value=MOKANY_A * 100 ** (MOKANY_B - 1), unit=unit, source=source)
        found = root_classes()[str(self.root_class)]
        above = f", {found.above:g} above {found.limit_mg_ha:g} Mg/ha"
        source = f"{found.source}; {found.id}{above if found.above != found.below else ''}"
        return Factor(value=found.below, unit=unit, source=source, sd=found.sd_below)

    def fraction_of(self, group: str) -> Factor:
        """Return the carbon fraction of a group of trees: its own, else the general one.

        Examples
        --------
        >>> settings = CarbonSettings(carbon_fractions={"conifer": 0.51})
        >>> settings.fraction_of("conifer").value, settings.fraction_of("broadleaf").value
        (0.51, 0.47)
        """
        named: dict[str, Factor] = {str(name): f for name, f in self.carbon_fractions.items()}
        return named.get(group, self.carbon_fraction)

    def sd_of(self, factor: Factor, name: Literal["root_shoot", "carbon_fraction"]) -> float:
        """Return the standard deviation of a factor: its own, else the relative one by default.

        Examples
        --------
        >>> settings = CarbonSettings(root_shoot=0.52)
        >>> round(settings.sd_of(settings.root_shoot, "root_shoot"), 3)
        0.24
        """
        if factor.sd is not None:
            return factor.sd
        row = _rows()[name]
        return float(row["sd"]) / float(row["value"]) * factor.value


def _ratio(given: object, what: str) -> object:
    """Turn a bare ratio of dead matter into a factor with its unit."""
    if given is None or isinstance(given, Factor):
        return given
    fields = dict(given) if isinstance(given, dict) else {"value": given}
    value = fields.get("value")
    if isinstance(value, int | float) and not 0 <= value <= LARGEST_RATIO:
        raise ValueError(f"{value:g} is outside 0 to {LARGEST_RATIO:g} t {what} per t AGB")
    return {**fields, "unit": fields.get("unit") or f"t {what} per t AGB (dry mass)"}


def default_factor(name: str) -> Factor:
    """Return a factor of the room's table `factors.csv`.

    Examples
    --------
    >>> default_factor("carbon_fraction").value
    0.47
    """
    row = _rows()[name]
    sd = float(row["sd"])
    return Factor(value=float(row["value"]), unit=row["unit"], source=row["source"], sd=sd)


@cache
def _rows() -> MappingProxyType[str, dict[str, str]]:
    text = (files("phytomass.carbon") / "factors.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return MappingProxyType({row["name"]: row for row in rows})
