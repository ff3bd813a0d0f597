"""The `predictors` and `mask` sections of the project file."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from phytomass.errors import shown
from phytomass.imagery.pixels.composite import quantile_of
from phytomass.imagery.pixels.formula import Formula
from phytomass.imagery.pixels.texture import Measure
from phytomass.imagery.products.sensors import SensorRecord, find_sensor
from phytomass.imagery.products.settings import (
    CatalogSettings,
    SlopeSettings,
    SpeckleSettings,
    TopographySettings,
)
from phytomass.settings import DistinctKeys, FilePath, FilePattern, LayerName, Name, Settings

CHOOSING = ("medoid", "best")
MOST_LISTED = 10_000
"""Files or bands that are listed by hand."""

FIRST_DAY, LAST_DAY = dt.date(1972, 7, 23), dt.date(2100, 12, 31)
"""From the launch of the first Landsat to the end of the century."""

BandNumber = Annotated[int, Field(ge=1, le=65_535)]
"""Number of a band, from 1; a GeoTIFF has no more."""
Sensor = Literal["optical", "sar", "terrain", "other"]


_PRODUCT_ONLY = (
    "catalog",
    "dates",
    "months",
    "boa_offset",
    "mask",
    "dilate_m",
    "border_m",
    "orbits",
    "speckle",
    "slope",
    "topography",
    "extras",
)


def _real_days(dates: str) -> str:
    try:
        first, last = (dt.date.fromisoformat(day) for day in dates.split("/"))
    except ValueError as error:
        raise ValueError("write the first and the last day: 2020-06-01/2020-09-30") from error
    if not FIRST_DAY <= first <= last <= LAST_DAY:
        raise ValueError(f"days rise, and lie between {FIRST_DAY} and {LAST_DAY}")
    return dates


def _low_to_high(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError("the lower value comes first")
    return limits


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] < limits[1]:
        raise ValueError("the lower value comes first, and the two differ")
    return limits


T = TypeVar("T", bound=str | int)


def _each_once(listed: list[T]) -> list[T]:
    counts = Counter(listed)
    twice = sorted(str(one) for one, times in counts.items() if times > 1)
    if twice:
        raise ValueError(f"{', '.join(map(shown, twice[:5]))}: listed twice")
    return listed


PredictorSet = Annotated[
    list[str], Field(min_length=1, max_length=MOST_LISTED), AfterValidator(_each_once)
]
"""Names of predictors, each once."""


class RasterSource(Settings):
    """One named source of predictors: a raster, or several dates of one that are composited."""

    files: FilePattern | list[FilePattern] = Field(default=[], max_length=MOST_LISTED)
    """Path, pattern (`data/s2_2020*.tif`), folder or list of them, relative to the project file."""
    product: str | None = None
    """A sensor record, e.g. `sentinel-2-l2a`: bands, scaling, nodata and masks are then known."""
    catalog: CatalogSettings | None = None
    """Instead of files: scenes of a STAC catalogue."""
    dates: Annotated[str, AfterValidator(_real_days)] | None = None
    """Only scenes of these days, the first and the last included: `2020-06-01/2020-09-30`."""
    months: list[Annotated[int, Field(ge=1, le=12)]] | None = Field(
        default=None, min_length=1, max_length=12
    )
    """Only scenes of these months."""
    boa_offset: Literal["auto", "applied", "pending"] = "auto"
    """Sentinel-2: whether −1000 is still to be added; `auto` reads it from the metadata."""
    mask: Literal["usual", "strict", "none"] = "usual"
    """Rejected classes or bits of the product; `strict` rejects dark areas, water and unclassified
    too; `none` where the files hold no mask."""
    dilate_m: float | None = Field(default=None, ge=0, le=100_000)
    """Distance from clouds and shadows to leave out, in metres; the product's if absent."""
    border_m: float | None = Field(default=None, ge=0, le=100_000)
    """Margin along a radar scene's borders to cut off, in metres; the product's if absent."""
    orbits: Literal["joined", "apart"] = "joined"
    """Radar: one composite, or one of ascending and one of descending orbits."""
    speckle: SpeckleSettings | None = None
    """Radar: speckle filter."""
    slope: SlopeSettings | None = None
    """Radar: angular slope correction."""
    topography: TopographySettings | None = None
    """Optical: topographic correction."""
    extras: list[Literal["count", "date"]] = []
    """Also give the number of valid dates, and the day of the year that was chosen."""
    sensor: Sensor = "other"
    """What saw it; `optical` and `sar` make the predictor sets that are compared."""
    bands: (
        Annotated[dict[LayerName, str | BandNumber], DistinctKeys]
        | Annotated[list[str | BandNumber], AfterValidator(_each_once)]
        | None
    ) = Field(default=None, max_length=MOST_LISTED)
    """Predictor name → band (its description in the file, or its number from 1); all if absent."""
    scale: float | None = Field(default=None, ge=-1e12, le=1e12)
    """The file's values are multiplied by this (reflectance × 10 000: 0.0001)…"""
    offset: float | None = None
    """… and this is added, after scaling. Of a product both are known, and 1 and 0 otherwise."""
    nodata: float | None = None
    """A value that means 'no data', besides the one the file declares."""
    keep_where: dict[str, Annotated[tuple[float, float], AfterValidator(_low_to_high)]] = {}
    """Band → (low, high): a pixel of a date counts only where that band lies in this range."""
    composite: str | None = None
    """How several dates become one image, pixel by pixel over the valid ones: `median`, `mean`, a
    percentile (`p25`), and for products also `medoid` and `best`."""
    best_by: Formula = "(B8 - B4) / (B8 + B4)"
    """For `best`: formula on bands; the date where it is highest is taken."""
    min_observations: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Pixels with fewer valid dates have no data."""
    decibel: bool = False
    """True when values are dB: averaging is then done in linear power."""
    resample: Literal["nearest", "bilinear", "cubic", "average"] | None = None
    """Kernel for a raster on another grid; without it another grid is an error."""
    unit: Annotated[str, Field(max_length=50)] = ""
    """Unit of the predictors, for tables."""

    @property
    def record(self) -> SensorRecord | None:
        """The product's record; None for a plain raster."""
        return find_sensor(self.product) if self.product is not None else None

    @property
    def group(self) -> Sensor:
        """Sensor group of the predictors: the product's, or as given."""
        return self.record.sensor if self.record is not None else self.sensor

    @property
    def layer_unit(self) -> str:
        """Unit of the predictors: as given, or the product's."""
        return self.unit or (self.record.unit if self.record is not None else "")

    @property
    def scaling(self) -> tuple[float, float]:
        """Scale and offset: as given, the product's, or 1 and 0."""
        if self.record is None or self.scale is not None:
            return 1.0 if self.scale is None else self.scale, self.offset or 0.0
        return self.record.scale, self.record.offset if self.offset is None else self.offset

    @property
    def undeclared(self) -> float | None:
        """Stored value that means 'no data' in a file that declares none; no kernel may use it."""
        if self.nodata is not None or self.record is None:
            return self.nodata
        return 0.0 if self.record.power and not self.decibel else self.record.nodata

    @property
    def place(self) -> str:
        """Where the images come from, for tables."""
        if self.catalog is not None:
            return (
                f"{self.catalog.model_dump(mode='json')['url']} "
                f"{self.catalog.collection or self.product} {self.dates or ''}"
            )
        return self.files if isinstance(self.files, str) else ", ".join(self.files)

    @field_validator("product")
    @classmethod
    def _known_product(cls, value: str | None) -> str | None:
        if value is not None:
            find_sensor(value)
        return value

    @field_validator("bands")
    @classmethod
    def _some_bands(cls, value: object) -> object:
        if value is not None and not value:
            raise ValueError("name at least one band, or leave the key out to take all bands")
        return value

    @field_validator("scale")
    @classmethod
    def _not_nothing(cls, value: float) -> float:
        if value == 0:
            raise ValueError("a scale of 0 leaves nothing of the values")
        return value

    @field_validator("composite")
    @classmethod
    def _known_rule(cls, value: str | None) -> str | None:
        if value in (None, "mean", *CHOOSING) or quantile_of(str(value)) is not None:
            return value
        raise ValueError("composite is median, mean, a percentile like p25, medoid or best")

    @model_validator(mode="after")
    def _one_place(self) -> RasterSource:
        if bool(self.files) == (self.catalog is not None):
            raise ValueError("give either `files` or `catalog`")
        if self.catalog is not None and self.dates is None:
            raise ValueError("`catalog` needs `dates`, e.g. dates: 2020-06-01/2020-09-30")
        if self.product is not None:
            return self
        changed = [
            name
            for name in _PRODUCT_ONLY
            if getattr(self, name) != type(self).model_fields[name].get_default()
        ]
        if changed or self.composite in CHOOSING:
            what = ", ".join(changed) or f"composite: {self.composite}"
            raise ValueError(f"{what} needs `product`, e.g. product: sentinel-2-l2a")
        return self

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

    name: LayerName
    """Name of the new predictor."""
    formula: Formula
    """Arithmetic with + - * / ** and parentheses, e.g. `(B8 - B11) / (B8 + B11)`."""
    sensor: Sensor = "optical"
    """The sensor group it belongs to."""
    source: str = "project file"
    """Where the formula comes from."""


class CatalogueIndex(Settings):
    """An index of the public catalogue (Awesome Spectral Indices) on the bands of a product."""

    index: str
    """Its id in the catalogue."""
    product: str = "sentinel-2-l2a"
    """Sensor record whose bands are meant."""
    name: LayerName | None = None
    """Name of the predictor, e.g. `NDVI_L8` beside a Sentinel-2 NDVI; the id if absent."""


class TextureSettings(Settings):
    """Grey-level co-occurrence measures of a predictor."""

    of: str
    """The predictor."""
    measures: list[Measure] = Field(
        default=["mean", "variance", "contrast", "homogeneity", "entropy"],
        min_length=1,
        max_length=8,
    )
    """Which; `<predictor>_<measure>` is their name."""
    window: Annotated[int, Field(ge=3, le=25)] = 7
    """Odd side of the window in pixels."""
    levels: Annotated[int, Field(ge=2, le=256)] = 32
    """Grey levels."""
    limits: Annotated[tuple[float, float], AfterValidator(_rising)] | None = None
    """Values of the lowest and highest grey level; if absent 2 % and 98 % of the whole study."""

    @model_validator(mode="after")
    def _odd(self) -> TextureSettings:
        if self.window % 2 == 0:
            raise ValueError("the window must be odd")
        return self


class TerrainSettings(Settings):
    """Predictors from a digital elevation model on the project's grid."""

    dem: FilePattern
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

    rasters: Annotated[dict[Name, RasterSource], DistinctKeys] = Field(default={}, max_length=200)
    """Named sources."""
    indices: list[str | OwnIndex | CatalogueIndex] = Field(default=[], max_length=500)
    """Names from the index table (`phytomass.imagery.load_indices`), or own formulas."""
    textures: list[TextureSettings] = Field(default=[], max_length=200)
    """Textures of predictors."""
    terrain: TerrainSettings | None = None
    """Elevation model and what to derive from it."""
    store: Literal["geotiff", "cogs", "zarr"] = "geotiff"
    """What the stack is written as: `predictors.tif`, a folder `predictors` with one Cloud-Optimised
    GeoTIFF per predictor, or `predictors.zarr`."""
    leave_out: list[str] = []
    """Bands needed for indices only: they are not predictors themselves."""
    sets: Annotated[dict[Name, PredictorSet], DistinctKeys] | None = Field(
        default=None, min_length=1, max_length=100
    )
    """Predictor sets to compare; by default optical, sar, both and all."""
    missing_at_plots: Literal["error", "drop"] = "error"
    """What to do with plots where a predictor has no data."""

    @model_validator(mode="after")
    def _something(self) -> PredictorSettings:
        if not self.rasters and self.terrain is None:
            raise ValueError("give at least one source under `rasters`, or `terrain`")
        return self

    def with_files(self, files: Mapping[str, str | list[str]]) -> PredictorSettings:
        """Return the section of another date: source → its files; others keep theirs."""
        rasters = {
            key: source.model_copy(update={"files": files.get(key, source.files)})
            for key, source in self.rasters.items()
        }
        return self.model_copy(update={"rasters": rasters})


class MaskSettings(Settings):
    """The forest or plantation mask: only its pixels are mapped and counted."""

    path: FilePath
    """A raster on the project's grid."""
    band: BandNumber = 1
    """Band number."""
    values: list[int] | None = Field(default=None, min_length=1, max_length=1000)
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
