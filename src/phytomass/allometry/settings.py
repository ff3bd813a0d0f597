"""The section `allometry` of a project file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from phytomass.allometry.heights import HeightSettings
from phytomass.allometry.taxa import accepted_name
from phytomass.settings import FilePath, Settings


class AllometrySettings(Settings):
    """How trees become kilograms: per species → genus → group → fallback.

    Examples
    --------
    >>> AllometrySettings(fallback="chave2014", wood_density={"Pinus roxburghii": 0.45}).species
    {}
    """

    species: dict[str, str] = {}
    """Species → id of the equation to use for it; comes before every other choice."""

    groups: dict[Literal["conifer", "broadleaf"], str] = {}
    """Group → id of the equation for its species that have none of their own."""

    fallback: str | None = None
    """Id of the equation for all other trees, e.g. `chave2014`; without it, a species without
    an equation is an error."""

    collections: tuple[str, ...] = ()
    """Sets of published equations whose taxa get them before groups and fallback: `north_america`,
    `australia`, `mangroves`, `palms` (docs/inputs.md). Any equation can be named without."""

    equations: FilePath | None = None
    """A CSV with equations of your own, in the layout of phytomass's `equations.csv`."""

    names: dict[str, str] | FilePath = {}
    """Local name → scientific name, e.g. `{Diyar: Cedrus deodara}`, or a CSV with the columns name
    and species."""

    spelling: Literal["correct", "suggest"] = "correct"
    """Whether a spelling that leads to one name is corrected, within its genus first; each is
    listed in species_names.csv with its likeness. `suggest` corrects none."""

    wood_density: dict[str, Annotated[float, Field(ge=0.05, le=1.39)]] = {}
    """Species or genus → wood density in g/cm³, oven-dry mass over green volume."""

    wood_density_table: FilePath | None = None
    """A CSV with wood densities of your own (taxon, wood_density, sd, source, and unit where they are
    not in g/cm3), or the estimates of the Global Wood Density Database; species → genus → family."""

    wood_density_plot_mean: bool = False
    """Whether trees without a wood density get the mean of their plot's other trees; then a
    tree's biomass depends on its neighbours. Without it, they are an error."""

    environmental_stress: Annotated[float, Field(ge=-1.0, le=2.0)] | FilePath | None = None
    """E of Chave et al. (2014), for equations without height and `heights: {form: chave2014}`
    (tropics only): a number for the site, or a raster, read at the coordinates of the plots."""

    heights: HeightSettings | None = None
    """How to fill in missing heights; without it, a tree without height gets no biomass where its
    equation needs one. Also set inventory.missing_height: keep."""

    @model_validator(mode="after")
    def _one_value_per_species(self) -> AllometrySettings:
        for section, values in (("species", self.species), ("wood_density", self.wood_density)):
            _refuse_two_names(section, values)
        return self


def _refuse_two_names(section: str, values: Mapping[str, str | float]) -> None:
    seen: dict[str, str] = {}
    for written, value in values.items():
        first = seen.setdefault(accepted_name(written), written)
        if values[first] != value:
            raise ValueError(f"{section}: {first!r} and {written!r} are the same species")
