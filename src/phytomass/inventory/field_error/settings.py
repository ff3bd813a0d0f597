"""The section `errors` of a project file: which sources of error there are, and how large."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from phytomass.errors import nearest
from phytomass.settings import AtMost, Settings

Source = Literal[
    "dbh",
    "height",
    "wood_density",
    "parameters",
    "site_effect",
    "correction",
    "height_model",
    "residual",
    "equation_choice",
    "plot_area",
    "carbon_fraction",
    "root_shoot",
    "dead_matter",
]

SOURCES: tuple[Source, ...] = get_args(Source)
"""Every source of error, in the order of tables and figures."""

SHARED: tuple[Source, ...] = (
    *("wood_density", "parameters", "site_effect", "correction", "height_model"),
    *("equation_choice", "carbon_fraction", "root_shoot", "dead_matter"),
)
"""Sources that plots share. The others are in the scatter of the plots already, so that an error of
their mean adds only these (`docs/field-error.md`); a tree's own part of its wood density, small in a
plot, is counted twice."""

NOT_IN_BIOMASS_R: frozenset[Source] = frozenset(
    {
        *("site_effect", "correction", "height_model"),
        *("equation_choice", "plot_area", "root_shoot", "dead_matter"),
    }
)
"""Sources that R BIOMASS does not know."""


class ErrorSettings(Settings):
    """How the error of plot biomass is drawn.

    Examples
    --------
    >>> settings = ErrorSettings(draws=500, off=["height"], values={"height_cv": 0.05})
    >>> settings.on("height"), settings["height_cv"]
    (False, 0.05)
    """

    draws: Annotated[int, AtMost(1_000_000, "more draws only fill the memory")] = Field(
        default=10_000, ge=2
    )
    """Number of draws. More draws make the bounds steadier, never narrower."""

    preset: Literal["phytomass", "biomass_r"] = "phytomass"
    """`biomass_r` is the error model of R BIOMASS's AGBmonteCarlo, for comparison."""

    off: tuple[Source, ...] = ()
    """Sources of error to leave out, e.g. `[height]`."""

    values: dict[str, float] = {}
    """Values to use instead of those of phytomass's `parameters.csv`, e.g. `{height_cv: 0.05}`."""

    alternatives: tuple[str, ...] = ()
    """Ids of more equations that might hold as well as the chosen ones: each draw takes one."""

    equation_choice: Literal["chosen", "ensemble"] = "chosen"
    """What is printed where several equations might hold: the chosen one's mass, with the spread
    between them about it, or `ensemble`, their mean weighted by `values` weight_…."""

    site_effect: Literal["auto", "none"] | Annotated[float, Field(ge=0, le=1)] = "auto"
    """SD of ln(AGB) that all plots of the project share: `auto` takes each equation's own; `none` is
    for trees from so many regions that nothing is shared, and leaves it in the trees' residual."""

    site_effect_of: Literal["project", "site"] = "project"
    """What has one site effect: the whole `project`, or each `site` of the plots (column site of plots
    or trees), for a project of several places far apart."""

    control: Literal["alike", "exact"] = "alike"
    """What control measurements (inventory.controls) are: as exact as the first ones, or without an
    error that matters."""

    wood_density_sd: dict[str, Annotated[float, Field(ge=0, le=0.5)]] = {}
    """Species or genus → SD of the wood density in g/cm³, where you know better."""

    @model_validator(mode="after")
    def _known_values(self) -> ErrorSettings:
        for name, value in self.values.items():
            if name not in _rows():
                hint = nearest(name, list(_rows())) or f"one of {', '.join(_rows())}"
                raise ValueError(f"values: no value {name!r}; {hint}")
            low, high = float(_rows()[name]["low"]), float(_rows()[name]["high"])
            if not low <= value <= high:
                raise ValueError(f"values.{name}: {value:g} is outside {low:g} to {high:g}")
        if self["rse_low"] > self["rse_high"]:
            raise ValueError("values: rse_low is above rse_high")
        return self

    def __getitem__(self, name: str) -> float:
        """Return a value: the project's own, else that of `parameters.csv`."""
        return self.values.get(name, self.general(name))

    @staticmethod
    def general(name: str) -> float:
        """Return a value of `parameters.csv`, whatever the project says.

        Examples
        --------
        >>> ErrorSettings(values={"height_cv": 0.05}).general("height_cv")
        0.1
        """
        return float(_rows()[name]["value"])

    def on(self, source: Source) -> bool:
        """Tell whether a source of error is drawn.

        Examples
        --------
        >>> ErrorSettings(off=["height"]).on("height"), ErrorSettings().on("dbh")
        (False, True)
        """
        unknown = self.preset == "biomass_r" and source in NOT_IN_BIOMASS_R
        return source not in self.off and not unknown

    def only(self, *sources: Source) -> ErrorSettings:
        """Return the settings with no other sources than these (of those that are on)."""
        return self.model_copy(
            update={"off": tuple(s for s in SOURCES if s not in sources or not self.on(s))}
        )

    def without(self, source: Source) -> ErrorSettings:
        """Return the settings with one source less."""
        return self.model_copy(update={"off": (*self.off, source)})


def error_parameters() -> list[dict[str, str]]:
    """Return the table of values: name, value, low, high, unit, source.

    Examples
    --------
    >>> {row["name"]: row["value"] for row in error_parameters()}["gross_sd"]
    '4.64'
    """
    return list(_rows().values())


@cache
def _rows() -> MappingProxyType[str, dict[str, str]]:
    path = files("phytomass.inventory.field_error") / "parameters.csv"
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    return MappingProxyType({row["name"]: row for row in rows})
