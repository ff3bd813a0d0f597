"""Sections of a raster source that is a known product: filters, corrections, catalogues."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, field_serializer, model_validator

from phytomass.imagery.pixels.formula import Formula
from phytomass.settings import FilePattern, Settings

Kernel = Literal["nearest", "bilinear", "cubic", "average"]


class SpeckleSettings(Settings):
    """A speckle filter, in linear power."""

    filter: Literal["lee", "refined_lee", "improved_sigma", "quegan"]
    """Which; `quegan` filters all dates of an orbit together."""
    looks: Annotated[float, Field(gt=0, le=10_000)] | Literal["estimate"] | None = None
    """Equivalent number of looks; the product's if absent; `estimate` finds it in each scene's own
    most homogeneous windows."""
    window: Annotated[int, Field(ge=3, le=51)] = 7
    """Odd side of the window in pixels (the refined Lee filter's is 7)."""
    bias_correction: bool = True
    """Improved sigma: keep the mean by a second pass; false is the filter as it was published."""

    @model_validator(mode="after")
    def _odd(self) -> SpeckleSettings:
        if self.window % 2 == 0:
            raise ValueError("the window must be odd")
        return self


class SlopeSettings(Settings):
    """Angular slope correction of radar backscatter that is not terrain-corrected yet."""

    dem: FilePattern
    """Elevation in metres."""
    resample: Kernel | None = None
    """Kernel for a DEM on another grid."""
    model: Literal["volume", "surface"] = "volume"
    """Scattering from a volume (forest) or from the ground."""
    incidence_deg: float | None = Field(default=None, gt=0, lt=90)
    """Incidence angle from the vertical; by default the scene's band `angle`."""
    look_azimuth_deg: dict[
        Literal["ascending", "descending"], Annotated[float, Field(ge=0, le=360)]
    ] = {
        "ascending": 78.0,
        "descending": 282.0,
    }
    """Direction the radar looks to, clockwise from north, per orbit."""


class TopographySettings(Settings):
    """Topographic correction of reflectance that is not terrain-corrected yet."""

    dem: FilePattern
    """Elevation in metres."""
    resample: Kernel | None = None
    """Kernel for a DEM on another grid."""
    method: Literal["cosine", "c", "scs_c", "minnaert"] = "scs_c"
    """Which; all but the cosine are fitted, per scene and band."""
    fit_where: Formula = "(B8 - B4) / (B8 + B4)"
    """Formula on bands: pixels where it exceeds `fit_above` are taken for forest …"""
    fit_above: float = 0.5
    """… and, where steeper than 5 %, the correction is fitted on them."""
    sun_zenith_deg: float | None = Field(default=None, ge=0, lt=90)
    """Where neither the catalogue nor the scene's own metadata say it."""
    sun_azimuth_deg: float | None = Field(default=None, ge=0, le=360)
    """Where neither the catalogue nor the scene's own metadata say it."""


class CatalogSettings(Settings):
    """Scenes from a SpatioTemporal Asset Catalog (STAC)."""

    url: str
    """`planetary-computer`, `earth-search`, the address of an API, or a local catalog.json."""
    collection: str | None = None
    """Collection; the profile's for the product if absent."""
    folder: str
    """Where the scenes are kept, on the project's grid: a later run needs no network."""
    token_url: str | None = None
    """Where signatures for addresses come from, if the catalogue wants them; `{collection}` stands
    for the collection."""
    asset_hosts: list[str] = []
    """Hosts that signatures are sent to, e.g. `*.blob.core.windows.net`; without any the profile's,
    or the catalogue's own server alone."""
    max_cloud: float | None = Field(default=None, ge=0, le=100)
    """Leave scenes with more cloud (per cent, as the catalogue says) out."""
    query: dict[str, str | float] = {}
    """Further properties that scenes must have, e.g. `sat:orbit_state: ascending`."""
    min_scenes: Annotated[int, Field(ge=1)] = 1
    """Fewer readable scenes are an error."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    """How often a request is tried before a scene is left out."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Longest wait for one whole answer."""
    total_s: float = Field(default=3600.0, gt=0)
    """Longest time for the search and all scenes; those not read by then are left out by name."""
    max_answers: Annotated[int, Field(ge=1)] = 10_000
    """Most pages of a search, or files of a static catalogue."""
    max_answer_mb: float = Field(default=16.0, gt=0)
    """Largest page or file of a catalogue, unpacked."""
    max_total_mb: float = Field(default=256.0, gt=0)
    """All pages or files together, unpacked."""
    max_read_mb: float = Field(default=500.0, gt=0)
    """Most of a scene's file to unpack for one block of the grid, or in one of its own tiles."""

    @field_serializer("url", "token_url", when_used="json")
    def _without_secret(self, value: str | None) -> str | None:
        """Hide a key in an address from provenance; its digest still tells two apart."""
        if value is None or "?" not in value:
            return value
        address, query = value.split("?", 1)
        return f"{address}?{hashlib.sha256(query.encode()).hexdigest()[:16]}"
