"""The project file: what a study is made of, checked before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from phytomass.accounting import PotentialSettings, years_between
from phytomass.allometry import AllometrySettings
from phytomass.carbon import CarbonSettings
from phytomass.errors import InputError, nearest, shown
from phytomass.experiments import TrainingSettings
from phytomass.imagery import MaskSettings, PredictorSettings
from phytomass.inventory import InventorySettings
from phytomass.inventory.field_error import ErrorSettings
from phytomass.models import (
    ModelSettings,
    list_names,
    model_list,
    model_names,
    publication_of,
    publications,
    published_tables,
)
from phytomass.report.settings import ReportSettings
from phytomass.settings import (
    AtMost,
    FilePath,
    FilePattern,
    ProjectedCrs,
    Seed,
    Settings,
    distinct_names,
)
from phytomass.validation import ValidationSettings

MONTHS_OF_FORESTRY = (1800 * 12, 2101 * 12)
"""From the first forest inventories to the end of any projection, in months since year 0."""


def period_months(period: str) -> tuple[int, int]:
    """Return the first month of a period and the one after its last, counted from year 0.

    Raises
    ------
    ValueError
        If it is no year, month or range of them, or its end comes before its start.

    Examples
    --------
    >>> start, end = period_months("2016/2021-06")
    >>> end - start
    66
    >>> period_months("2020-13")
    Traceback (most recent call last):
    ...
    ValueError: write a year (2020), a month (2020-07) or a range (2016/2021)
    """
    matches = [PERIOD_PART.match(part) for part in period.split("/")]
    if len(matches) > 2 or not all(matches):
        raise ValueError("write a year (2020), a month (2020-07) or a range (2016/2021)")
    first, last = ((int(m[1]), m[2]) for m in (matches[0], matches[-1]) if m is not None)
    start = first[0] * 12 + (int(first[1]) - 1 if first[1] else 0)
    end = last[0] * 12 + (int(last[1]) if last[1] else 12)
    if not MONTHS_OF_FORESTRY[0] <= start < end <= MONTHS_OF_FORESTRY[1]:
        backwards = "the end comes before the start"
        raise ValueError(backwards if end <= start else "years are from 1800 to 2100")
    return start, end


PERIOD_PART = re.compile(r"^([0-9]{4})(?:-(0[1-9]|1[0-2]))?$")


def _real_period(period: str) -> str:
    period_months(period)
    return period


Period = Annotated[str, AfterValidator(_real_period)]


Coordinate = Annotated[float, Field(ge=-1e9, le=1e9)]


class GridSettings(Settings):
    """The one grid of the project: like a raster, or CRS and resolution."""

    like: FilePath | None = None
    """Take the grid of this raster; or give …"""
    crs: ProjectedCrs | None = None
    """… a projected CRS (`EPSG:32643`), …"""
    resolution: Annotated[float, AtMost(1e6, "a pixel as large as a country")] | None = Field(
        default=None, ge=1e-3
    )
    """… the pixel side in its units, …"""
    bounds: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | None = None
    """… and west, south, east, north; without bounds the study area's are taken."""
    max_pixels: Annotated[int, AtMost(10**12, "no store has more")] = Field(
        default=5_000_000_000, ge=1
    )
    """Larger grids are refused: a mistyped resolution or bound makes one quickly."""

    @model_validator(mode="after")
    def _one_way(self) -> GridSettings:
        own = self.crs is not None and self.resolution is not None
        if (self.like is not None) == own:
            raise ValueError("give either `like`, or `crs` and `resolution`")
        if self.bounds is not None and self.resolution is not None:
            west, south, east, north = self.bounds
            if not (west < east and south < north):
                raise ValueError(f"bounds {self.bounds} are not (west, south, east, north)")
            self.refuse_huge((north - south) / self.resolution, (east - west) / self.resolution)
        return self

    @property
    def by_area(self) -> bool:
        """Whether the study area says where the grid lies."""
        return self.bounds is None and self.like is None

    def refuse_huge(self, rows: float, cols: float) -> None:
        """Raise when a grid has more pixels than `max_pixels`.

        Raises
        ------
        ValueError
            Naming the size and the limit.
        """
        if rows * cols > self.max_pixels:
            raise ValueError(
                f"{rows:.0f} × {cols:.0f} pixels are more than max_pixels ({self.max_pixels}): "
                "check resolution and bounds, or raise grid.max_pixels"
            )


class ZoneSettings(Settings):
    """Polygons that totals are given for."""

    path: FilePath
    """Polygon file with a CRS."""
    column: str = "name"
    """Column with the zones' names."""


class EarlierSettings(Settings):
    """An earlier date, for change: of plots measured twice, and of maps where images are given."""

    period: Period
    """Its year or month."""
    files: dict[str, FilePattern | list[FilePattern]] = {}
    """Raster source (a key of predictors.rasters) → files of the earlier date, which is then mapped
    with the same model; sources not listed keep their files (elevation does not change)."""
    mask: MaskSettings | None = None
    """The forest of the earlier date; by default the same mask."""


class TruthSettings(Settings):
    """A wall-to-wall reference that the map is compared with; never used for training."""

    path: FilePath
    """Reference biomass in Mg/ha on the project's grid."""
    earlier: FilePath | None = None
    """The same of the earlier date."""
    block_m: list[Annotated[float, Field(gt=0, le=1e6)]] = Field(default=[], max_length=20)
    """Sides of the squares, in metres, for which means are compared too; 1, 2, 4 pixels if empty."""
    models: Literal["map", "all"] = "all"
    """Compare only the map's model, or every model and predictor set."""


class MapSettings(Settings):
    """How the map is made and summed."""

    model: str | None = None
    """Make the map with this model instead of the best one …"""
    predictors: str | None = None
    """… and this predictor set."""
    model_from: str | None = Field(default=None, min_length=1)
    """Make the map with the model of another study: the folder of its results. Its predictors must be
    here under the same names, of the same sensors, formulas and units; plots are not needed."""
    minimum: Annotated[float, Field(ge=-10_000, le=10_000)] | None = 0.0
    """Lower limit of the map in Mg/ha: biomass is not negative. Null leaves predictions as they are."""
    members: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Members of the ensemble that uncertainty is drawn with, 2 or more; 0 leaves it out. Absent, as
    many as pay for the model: 100 for forests and linear models, 5 for networks."""
    classes: list[Annotated[float, Field(ge=-10_000, le=10_000)]] | None = Field(
        default=None, min_length=2, max_length=50
    )
    """Limits of the biomass classes in Mg/ha; chosen from the map's range if absent."""
    elevation_band_m: float = Field(default=500.0, ge=1, le=10_000)
    """Height of the bands of the elevation profile in metres."""

    @model_validator(mode="after")
    def _one_model(self) -> MapSettings:
        if self.model_from is not None and (self.model or self.predictors):
            raise ValueError("give model_from, or model and predictors, not both")
        return self

    @model_validator(mode="after")
    def _two_members(self) -> MapSettings:
        if self.members == 1:
            raise ValueError("members is 0 (no uncertainty), or 2 and more")
        return self

    @model_validator(mode="after")
    def _rising(self) -> MapSettings:
        limits = self.classes or []
        if any(one >= two for one, two in pairwise(limits)):
            raise ValueError("classes are limits that rise, each higher than the one before")
        return self


def _refuse_later(earlier: str, period: str) -> None:
    if (years_between(earlier, period) or 0) <= 0:
        raise ValueError(f"earlier.period {earlier} is not before period {period}")


def _or_a_named_list(schema: dict[str, Any]) -> None:
    """Let editors accept the name of a list in place of the list."""
    listed = {key: schema.pop(key) for key in ("type", "items") if key in schema}
    schema["anyOf"] = [listed, {"type": "string", "enum": list(list_names())}]


class Project(Settings):
    """A phytomass project."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """Title of the study."""
    description: str = ""
    """One or two sentences for the report."""
    period: Period
    """Date of the plots and images: `2020`, `2020-07` or a range `2016/2021`."""
    random_state: Seed = 1
    """Seed of everything random."""
    output: FilePath = Path("results")
    """Folder for the results."""
    study_area: FilePath | None = None
    """Polygons of the study area: pixels outside are not mapped."""
    grid: GridSettings | None = None
    """The one grid that every raster is read on; none where there are plots alone."""
    inventory: InventorySettings = InventorySettings()
    """Field plots, and trees where there are lists of them; needed but with map.model_from."""
    allometry: AllometrySettings = AllometrySettings()
    """Equations per species, and the fallback."""
    errors: ErrorSettings = ErrorSettings()
    """The errors of field biomass, drawn from the tape to the carbon fraction."""
    carbon: CarbonSettings = CarbonSettings()
    """Root:shoot ratio, carbon fraction, CO₂ per carbon."""
    predictors: PredictorSettings | None = None
    """Rasters, indices and terrain; without them a study is about its plots alone."""
    mask: MaskSettings | None = None
    """The forest or plantation mask."""
    models: list[ModelSettings] = Field(
        default=[ModelSettings(name=name) for name in model_names()],
        max_length=100,
        json_schema_extra=_or_a_named_list,
    )
    """The models to compare, or the name of a list: `mountain_paper`; all on one pixel if absent."""
    model_tables: str | None = None
    """Repeat the comparison tables of this publication; those of the list that `models` names."""
    training: TrainingSettings = TrainingSettings()
    """How models use the errors of the plots."""
    validation: ValidationSettings = ValidationSettings()
    """How the models are judged."""
    map: MapSettings = MapSettings()
    """How the map is made."""
    zones: ZoneSettings | None = None
    """Polygons that totals are given for."""
    earlier: EarlierSettings | None = None
    """An earlier date, for change."""
    potential: PotentialSettings | None = None
    """Carbon carrying capacity, for the sequestration potential."""
    truth: TruthSettings | None = None
    """A reference map to compare with."""
    report: ReportSettings = ReportSettings()
    """How the report is written."""

    @model_validator(mode="before")
    @classmethod
    def _tables_of_the_list(cls, value: object) -> object:
        """Let a named list bring the tables of its publication, unless the project says otherwise."""
        name = value.get("models") if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping) or not isinstance(name, str):
            return value
        return {"model_tables": publication_of(name), **value}

    @field_validator("models", mode="before")
    @classmethod
    def _named_list(cls, models: object) -> object:
        if not isinstance(models, str):
            return models
        try:
            return list(model_list(models))
        except InputError as error:
            raise ValueError(error.problems[0].remedy) from error

    @field_validator("model_tables")
    @classmethod
    def _known_publication(cls, name: str | None) -> str | None:
        if name is not None and name not in publications():
            hint = nearest(name, publications())
            raise ValueError(
                f"known are {', '.join(publications())}" + (f"; {hint}" if hint else "")
            )
        return name

    @field_validator("models")
    @classmethod
    def _distinct(cls, models: list[ModelSettings]) -> list[ModelSettings]:
        names = [model.key for model in models]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                "name at least one model, and each once (or with a `label` of its own)"
            )
        distinct_names(names)
        return models

    @model_validator(mode="after")
    def _known_sources(self) -> Project:
        self._images_or_plots_alone()
        rasters = self.predictors.rasters if self.predictors else {}
        unknown = set(self.earlier.files if self.earlier else ()) - set(rasters)
        if unknown:
            raise ValueError(
                f"earlier.files names {', '.join(sorted(unknown))}, "
                f"predictors.rasters has {', '.join(rasters)}"
            )
        if self.earlier is not None:
            _refuse_later(self.earlier.period, self.period)
        if self.map.model is not None and self.map.model not in {m.key for m in self.models}:
            raise ValueError(f"map.model {shown(self.map.model)} is not among `models`")
        if self.inventory.trees and (self.map.members or 0) > self.errors.draws:
            raise ValueError(
                f"map.members is {self.map.members}, each learns a draw of its own, and errors.draws "
                f"is {self.errors.draws}: ask for fewer members or more draws"
            )
        if self.model_tables is not None:
            self._reference_is_there(self.model_tables)
        if self.carbon.carbon_fractions and self.inventory.trees is None:
            raise ValueError("carbon.carbon_fractions needs a list of trees (inventory.trees)")
        return self

    def _images_or_plots_alone(self) -> None:
        """Refuse half of what a map needs, and what needs a map where there is none."""
        if not self.has_plots and self.map.model_from is None:
            raise ValueError("inventory: give trees, or plots, or both")
        if self.predictors is not None:
            if self.grid is None:
                raise ValueError("predictors need a grid: give `grid`")
            if self.inventory.plots is None and self.map.model_from is None:
                raise ValueError("predictors need plots with positions: give `inventory.plots`")
            if self.truth is not None and self.map.model_from is not None:
                raise ValueError("truth compares models that are trained here, not map.model_from")
            return
        if self.map.model_from is not None:
            raise ValueError("map.model_from needs images: give `predictors` and `grid`")
        for name in ("mask", "zones", "potential", "truth", "study_area"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name} needs a map: give `predictors` and `grid`, or remove it")

    @property
    def is_mapped(self) -> bool:
        """Whether there are images, so that a map is made; else the study is of plots alone.

        Examples
        --------
        >>> plots = {"trees": {"path": "trees.csv"}, "plot_area_ha": 0.1}
        >>> Project(name="Plots alone", period="2020", inventory=plots).is_mapped
        False
        """
        return self.predictors is not None

    @property
    def has_plots(self) -> bool:
        """Whether there are field plots; a map with another study's model needs none."""
        return bool(self.inventory.file_of_plots)

    def _reference_is_there(self, publication: str) -> None:
        listed = {model.key for model in self.models}
        for reference in {table.rows[0].model for table in published_tables(publication)}:
            if reference not in listed:
                raise ValueError(
                    f"model_tables {publication!r} compares with {reference}, "
                    f"which is not among `models`"
                )

    def earlier_predictors(self) -> PredictorSettings | None:
        """Return the `predictors` section of the earlier date; None where none is mapped."""
        if self.earlier is None or not self.earlier.files or self.predictors is None:
            return None
        return self.predictors.with_files(self.earlier.files)
