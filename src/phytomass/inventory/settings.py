"""The section `inventory` of a project file."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from phytomass.settings import Settings

Cell = str | int | float | bool


class TableSource(Settings):
    """A table of trees or plots: CSV, Excel (.xlsx), GeoPackage, GeoJSON or Shapefile."""

    path: Path
    """The file; a relative path starts from the project's folder."""

    columns: dict[str, str] = {}
    """Our column → the file's column, e.g. `dbh_cm: DBH`. Columns that already have our name are
    found by themselves; an empty name (`height_m: ""`) leaves one out."""

    units: dict[str, str] = {}
    """Our column → unit in the file, e.g. `dbh_cm: in`; left out: the unit in the column's name."""

    where: dict[str, Cell | list[Cell]] = {}
    """Column of the file → the value (or values) of the rows to keep; the other rows are listed
    among the rejected ones."""

    missing: list[str] = []
    """More ways in which the file writes "no value", e.g. `-9999`; empty, NA and NaN are known."""

    sheet: str | None = None
    """Sheet of an Excel file; the first one if left out."""

    layer: str | None = None
    """Layer of a GeoPackage; can be left out if there is only one."""

    encoding: str = "utf-8"
    """Of a CSV file, e.g. `cp1252` for files that Excel saved as plain CSV on Windows."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """Of a CSV file, e.g. `;`."""

    decimal: Literal[".", ","] = "."
    """The decimal sign of numbers written as text."""

    crs: str | None = None
    """Coordinate reference system of the coordinates, e.g. `EPSG:4326` for degrees; left out:
    that of the file, else that of the project."""


class InventorySettings(Settings):
    """What was measured in the field."""

    trees: TableSource | None = None
    """The tree list: plot_id, species, dbh_cm, height_m, and tree_id if trees have numbers."""

    plots: TableSource
    """The plots: plot_id, easting, northing (or points), and site, area_ha, elevation_m if known;
    without a tree list also agb_mg_ha; agb_before_mg_ha for an earlier measurement."""

    plot_area_ha: float | None = Field(default=None, gt=0, le=100)
    """Area of every plot, horizontal, in hectares."""

    plot_radius_m: float | None = Field(default=None, gt=0, le=500)
    """Radius of every plot, horizontal, in metres; instead of the area."""

    empty_plots: Literal["error", "zero"] = "error"
    """A plot without trees: a mistake (`error`), or measured and truly without trees (`zero`)."""

    missing_height: Literal["reject", "keep"] = "reject"
    """A tree without a height: set aside, or kept for equations without height and for a model of
    heights (allometry.heights)."""

    outlier_sd: float = Field(default=3.0, gt=0)
    """Plots beyond mean ± this many standard deviations of AGB are outliers."""

    outliers: Literal["flag", "remove"] = "flag"
    """Whether outliers stay among the plots that models and totals use."""

    @model_validator(mode="after")
    def _one_area(self) -> InventorySettings:
        if self.plot_area_ha is not None and self.plot_radius_m is not None:
            raise ValueError("give plot_area_ha or plot_radius_m, not both")
        return self

    @property
    def area_ha(self) -> float | None:
        """Area of every plot in hectares (π r² of the radius), or None where none is given.

        Examples
        --------
        >>> settings = InventorySettings(plots={"path": "plots.csv"}, plot_radius_m=17.84)
        >>> round(settings.area_ha * 1e4, 2)
        999.86
        """
        if self.plot_radius_m is not None:
            return pi * self.plot_radius_m**2 * 1e-4
        return self.plot_area_ha
