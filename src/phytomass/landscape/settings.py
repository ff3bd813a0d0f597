"""The settings of a simulated landscape."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

from phytomass.settings import Seed, Settings

RELIEF_PER_DIAGONAL = 0.43
"""Relief of a landscape per metre of its diagonal, unless set: a mean fall of about 23°."""

HIGHEST_RELIEF_M = 2450.0
"""Relief at which larger landscapes stop becoming higher, unless set."""

LANDSAT_M = 30
VOD_M = 500


class LandscapeSettings(Settings):
    """A simulated mountain landscape: size, dates, field sample and seed.

    Examples
    --------
    >>> LandscapeSettings().top_m, LandscapeSettings(rows=100, cols=100).top_m
    (4232.0, 2408.0)
    """

    rows: Annotated[int, Field(ge=40, le=4000)] = 400
    """Rows of the 10 m grid."""

    cols: Annotated[int, Field(ge=40, le=4000)] = 400
    """Columns of the 10 m grid."""

    resolution_m: Annotated[int, Field(gt=0)] = 10
    """Pixel side in metres; must divide 30 (Landsat) and 500 (vegetation optical depth)."""

    random_state: Seed = 2020
    """Seed: the same seed gives the same bytes."""

    n_sites: Annotated[int, Field(ge=1, le=100_000)] = 60
    """Field sites, spread over the elevation bands in proportion to their forest area."""

    plots_per_site: Annotated[int, Field(ge=1, le=10)] = 3
    """Plots of each site, 80 to 200 m from each other."""

    plot_radius_m: Annotated[float, Field(gt=5, le=60)] = 17.84
    """Horizontal radius of the circular plots in metres."""

    crs: str = "EPSG:32646"
    """A CRS in metres."""

    dates: tuple[int, int] = (2015, 2020)
    """The two years; the field survey belongs to the second."""

    low_m: Annotated[float, Field(ge=0, le=5000)] = 1800.0
    """Elevation of the lowest point."""

    high_m: Annotated[float, Field(gt=0, le=8000)] | None = None
    """Elevation of the highest point; by default such that slopes look like the Himalaya's."""

    @field_validator("crs")
    @classmethod
    def _in_metres(cls, value: str) -> str:
        try:
            crs = CRS.from_user_input(value)
        except CRSError as error:
            raise ValueError(f"{value!r} is not a CRS: use e.g. EPSG:32646") from error
        if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
            raise ValueError(f"{value!r} is not in metres: use e.g. the UTM zone EPSG:32646")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if LANDSAT_M % self.resolution_m or VOD_M % self.resolution_m:
            raise ValueError("resolution_m must divide 30 and 500: use 1, 2, 5 or 10")
        if not 1 <= self.dates[1] - self.dates[0] <= 30:
            raise ValueError("dates must be two years, the earlier first, at most 30 years apart")
        if self.top_m <= self.low_m:
            raise ValueError("high_m must be above low_m")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.cols

    @property
    def top_m(self) -> float:
        """Elevation of the highest point in metres."""
        if self.high_m is not None:
            return self.high_m
        diagonal = math.hypot(*self.shape) * self.resolution_m
        relief = min(HIGHEST_RELIEF_M, RELIEF_PER_DIAGONAL * diagonal)
        return float(round(self.low_m + relief))

    def pixels(self, metres: float) -> float:
        """Turn a distance on the ground into pixels."""
        return metres / self.resolution_m
