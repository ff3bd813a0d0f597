"""The `predictors` and `mask` sections of the project file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from phytomass.settings import Settings

Sensor = Literal["optical", "sar", "terrain", "other"]


class RasterSource(Settings):
    """One named source of predictors: a raster, or several dates of one that are composited."""

    files: str | list[str]
    """Path, pattern (`data/s2_2020*.tif`) or list of them, relative to the project file."""
    sensor: Sensor = "other"
    """What saw it; `optical` and `sar` make the predictor sets that are compared."""
    bands: dict[str, str | int] | list[str | int] | None = None
    """Predictor name → band (its description in the file, or its number from 1); all if absent."""
    scale: float = 1.0
    """The file's values are multiplied by this (reflectance × 10 000: 0.0001)…"""
    offset: float = 0.0
    """… and this is added, after scaling."""
    nodata: float | None = None
    """A value that means 'no data', besides the one the file declares."""
    keep_where: dict[str, tuple[float, float]] = {}
    """Band → (low, high): a pixel of a date counts only where that band lies in this range."""
    composite: Literal["median", "mean"] | None = None
    """How several files become one image, pixel by pixel over the valid dates."""
    min_observations: Annotated[int, Field(ge=1)] = 1
    """Pixels with fewer valid dates have no data."""
    decibel: bool = False
    """True when values are dB: averaging is then done in linear power."""
    resample: Literal["nearest", "bilinear", "cubic", "average"] | None = None
    """Kernel for a raster on another grid; without it another grid is an error."""
    unit: str = ""
    """Unit of the predictors, for tables."""

    @field_validator("bands")
    @classmethod
    def _some_bands(cls, value: object) -> object:
        if value is not None and not value:
            raise ValueError("name at least one band, or leave the key out to take all bands")
        return value

    @model_validator(mode="after")
    def _linear_resampling(self) -> RasterSource:
        if self.decibel and self.resample not in (None, "nearest"):
            raise ValueError(
                "decibels must not be averaged: resample by 'nearest', "
                "or give linear power with decibel: false"
            )
        return self


class OwnIndex(Settings):
    """An index of the user's own: arithmetic on predictor names."""

    name: str
    """Name of the new predictor."""
    formula: str
    """Arithmetic with + - * / ** and parentheses, e.g. `(B8 - B11) / (B8 + B11)`."""
    sensor: Sensor = "optical"
    """The sensor group it belongs to."""
    source: str = "project file"
    """Where the formula comes from."""


class TerrainSettings(Settings):
    """Predictors from a digital elevation model on the project's grid."""

    dem: str
    """Elevation in metres."""
    derive: list[Literal["elevation", "slope", "aspect_sin", "aspect_cos"]] = [
        "elevation",
        "slope",
        "aspect_sin",
        "aspect_cos",
    ]
    """Which of them become predictors."""
    resample: Literal["nearest", "bilinear", "cubic", "average"] | None = None
    """Kernel for a DEM on another grid."""


class PredictorSettings(Settings):
    """What the models may see."""

    rasters: dict[str, RasterSource] = {}
    """Named sources."""
    indices: list[str | OwnIndex] = []
    """Names from the index table (`phytomass.imagery.load_indices`), or own formulas."""
    terrain: TerrainSettings | None = None
    """Elevation model and what to derive from it."""
    leave_out: list[str] = []
    """Bands needed for indices only: they are not predictors themselves."""
    sets: dict[str, list[str]] | None = None
    """Predictor sets to compare; by default optical, sar, both and all."""
    missing_at_plots: Literal["error", "drop"] = "error"
    """What to do with plots where a predictor has no data."""

    @model_validator(mode="after")
    def _something(self) -> PredictorSettings:
        if not self.rasters and self.terrain is None:
            raise ValueError("give at least one source under `rasters`, or `terrain`")
        return self


class MaskSettings(Settings):
    """The forest or plantation mask: only its pixels are mapped and counted."""

    path: Path
    """A raster on the project's grid."""
    band: int = 1
    """Band number."""
    values: list[int] | None = None
    """Class values that are forest; or …"""
    at_least: float | None = None
    """… forest is where the band is at least this (canopy cover, height)."""
    name: str = "forest mask"
    """How the report calls it."""

    @model_validator(mode="after")
    def _one_rule(self) -> MaskSettings:
        if (self.values is None) == (self.at_least is None):
            raise ValueError("give either `values` or `at_least`")
        return self
