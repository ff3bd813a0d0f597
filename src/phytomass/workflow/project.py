"""The project file: what a study is made of, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from phytomass.accounting import PotentialSettings
from phytomass.allometry import AllometrySettings
from phytomass.carbon import CarbonSettings
from phytomass.errors import InputError, nearest
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
from phytomass.settings import Settings
from phytomass.validation import ValidationSettings

Period = Annotated[str, Field(pattern=r"^\d{4}(-\d{2})?(/\d{4}(-\d{2})?)?$")]


class GridSettings(Settings):
    """The one grid of the project: like a raster, or CRS and resolution."""

    like: Path | None = None
    """Take the grid of this raster; or give …"""
    crs: str | None = None
    """… a projected CRS (`EPSG:32643`), …"""
    resolution: float | None = Field(default=None, gt=0)
    """… the pixel side in its units, …"""
    bounds: tuple[float, float, float, float] | None = None
    """… and west, south, east, north; without bounds the study area's are taken."""

    @model_validator(mode="after")
    def _one_way(self) -> GridSettings:
        own = self.crs is not None and self.resolution is not None
        if (self.like is not None) == own:
            raise ValueError("give either `like`, or `crs` and `resolution`")
        return self


class ZoneSettings(Settings):
    """Polygons that totals are given for."""

    path: Path
    """Polygon file with a CRS."""
    column: str = "name"
    """Column with the zones' names."""


class EarlierSettings(Settings):
    """An earlier date, for change: of plots measured twice, and of maps where images are given."""

    period: Period
    """Its year or month."""
    files: dict[str, str | list[str]] = {}
    """Raster source (a key of predictors.rasters) → files of the earlier date, which is then mapped
    with the same model; sources not listed keep their files (elevation does not change)."""
    mask: MaskSettings | None = None
    """The forest of the earlier date; by default the same mask."""


class TruthSettings(Settings):
    """A wall-to-wall reference that the map is compared with; never used for training."""

    path: Path
    """Reference biomass in Mg/ha on the project's grid."""
    earlier: Path | None = None
    """The same of the earlier date."""
    block_m: list[float] = []
    """Sides of the squares, in metres, for which means are compared too; 1, 2, 4 pixels if empty."""
    models: Literal["map", "all"] = "all"
    """Compare only the map's model, or every model and predictor set."""


class MapSettings(Settings):
    """How the map is made and summed."""

    model: str | None = None
    """Make the map with this model instead of the best one …"""
    predictors: str | None = None
    """… and this predictor set."""
    minimum: float | None = 0.0
    """Lower limit of the map in Mg/ha: biomass is not negative. Null leaves predictions as they are."""
    classes: list[float] | None = None
    """Limits of the biomass classes in Mg/ha; chosen from the map's range if absent."""
    elevation_band_m: float = Field(default=500.0, gt=0)
    """Height of the bands of the elevation profile in metres."""


def _or_a_named_list(schema: dict[str, Any]) -> None:
    """Let editors accept the name of a list in place of the list."""
    listed = {key: schema.pop(key) for key in ("type", "items") if key in schema}
    schema["anyOf"] = [listed, {"type": "string", "enum": list(list_names())}]


class Project(Settings):
    """A phytomass project."""

    name: str
    """Title of the study."""
    description: str = ""
    """One or two sentences for the report."""
    period: Period
    """Date of the plots and images: `2020`, `2020-07` or a range `2016/2021`."""
    random_state: int = 1
    """Seed of everything random."""
    output: Path = Path("results")
    """Folder for the results."""
    study_area: Path | None = None
    """Polygons of the study area: pixels outside are not mapped."""
    grid: GridSettings
    """The one grid that every raster is read on."""
    inventory: InventorySettings
    """Field plots, and trees where there are lists of them."""
    allometry: AllometrySettings = AllometrySettings()
    """Equations per species, and the fallback."""
    errors: ErrorSettings = ErrorSettings()
    """The errors of field biomass, drawn from the tape to the carbon fraction."""
    carbon: CarbonSettings = CarbonSettings()
    """Root:shoot ratio, carbon fraction, CO₂ per carbon."""
    predictors: PredictorSettings
    """Rasters, indices and terrain."""
    mask: MaskSettings | None = None
    """The forest or plantation mask."""
    models: list[ModelSettings] = Field(
        default=[ModelSettings(name=name) for name in model_names()],
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
        return models

    @model_validator(mode="after")
    def _known_sources(self) -> Project:
        unknown = set(self.earlier.files if self.earlier else ()) - set(self.predictors.rasters)
        if unknown:
            raise ValueError(
                f"earlier.files names {', '.join(sorted(unknown))}, "
                f"predictors.rasters has {', '.join(self.predictors.rasters)}"
            )
        if self.map.model is not None and self.map.model not in {m.key for m in self.models}:
            raise ValueError(f"map.model {self.map.model!r} is not among `models`")
        if self.model_tables is not None:
            self._reference_is_there(self.model_tables)
        if self.carbon.carbon_fractions and self.inventory.trees is None:
            raise ValueError("carbon.carbon_fractions needs a list of trees (inventory.trees)")
        return self

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
        if self.earlier is None or not self.earlier.files:
            return None
        rasters = {
            key: source.model_copy(update={"files": self.earlier.files.get(key, source.files)})
            for key, source in self.predictors.rasters.items()
        }
        return self.predictors.model_copy(update={"rasters": rasters})
