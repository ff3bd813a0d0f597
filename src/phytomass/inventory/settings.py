"""The section `inventory` of a project file."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from itertools import pairwise
from math import inf, pi
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from phytomass.inventory.sampling import Design, DesignSettings
from phytomass.settings import AnyCrs, FilePath, Settings

Cell = str | int | float | bool

KEYS = ("plot_id", "tree_id", "site", "stratum")
"""Columns that may be made of several of the file's."""

JOINED = "/"
"""What stands between the parts of such a key."""

OF_A_DATE = ("dbh_cm", "height_m", "status", "per_ha")
"""What a wide list has one column of for each date."""


def _dated(given: object) -> object:
    """Write years that YAML reads as numbers, or days, as text."""
    return {str(key): part for key, part in given.items()} if isinstance(given, dict) else given


def _known_encoding(name: str) -> str:
    try:
        text = codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        text = False
    if not text:
        raise ValueError("no such encoding: use utf-8, cp1252, latin-1, gb18030, …")
    return name


Sheet = str | int | list[str | int]
ALL_SHEETS = "*"


class JoinedTable(Settings):
    """A table that says more of each row: of the plots, where a form repeats trees within a plot."""

    path: FilePath | None = None
    """The file; left out: the same one."""

    sheet: Sheet | None = None
    """Its sheet, as in the table itself; the first one if left out."""

    on: str | dict[str, str] = {}
    """Column that both have, or column of the table → column of this one; left out: those of
    KoboToolbox and ODK, e.g. `_parent_index: _index`."""

    @model_validator(mode="after")
    def _one_key(self) -> JoinedTable:
        if isinstance(self.on, dict) and len(self.on) > 1:
            raise ValueError("on: one column (of the table: of the joined one)")
        return self


class TableSource(Settings):
    """A table of trees or plots: CSV, Excel (.xlsx), GeoPackage, GeoJSON or Shapefile."""

    path: FilePath
    """The file; a relative path starts from the project's folder."""

    columns: dict[str, str | list[str]] = {}
    """Our column → the file's column, e.g. `dbh_cm: DBH`; for a key several, `plot_id: [site, block,
    plot]`, which become `site/block/plot`. Columns that have our name, or the only one with a usual
    name (`Plot_ID`, `DAP`), are found by themselves; what a table need not have is found by usual
    names only where nothing is mapped. An empty name (`height_m: ""`) leaves one out. Names in groups
    (`tree/dbh`) may be given by their last part. `date` (year or day of a measurement) follows the
    trees of a list that holds several."""

    units: dict[str, str] = {}
    """Our column → unit in the file, e.g. `dbh_cm: in`; left out: the unit in the column's name."""

    stems: list[str] = []
    """Columns with the diameters of a tree's stems; dbh_cm is then √Σd², in the unit of dbh_cm."""

    where: dict[str, Cell | list[Cell]] = {}
    """Column of the file → the value (or values) of the rows to keep; the other rows are listed
    among the rejected ones."""

    missing: list[str] = []
    """More ways in which the file writes "no value", e.g. `-9999`; empty, NA and NaN are known."""

    sheet: Sheet | None = None
    """Sheet of an Excel file, the first one if left out; or several (`[2019, 2020]`, all of them:
    `"*"`), one below the other with the name of each in a column `sheet`."""

    header_rows: int = Field(default=1, ge=1, le=5)
    """Rows that the header takes; units below names and groups above them are joined to one name."""

    join: JoinedTable | None = None
    """Another table whose columns are added to the rows, by a key."""

    repair: bool = False
    """Whether cells such as `12,4`, `12.4 cm` and `~12` are read as the number meant; each is listed
    in repaired_cells.csv. Otherwise such rows are rejected."""

    layer: str | None = None
    """Layer of a GeoPackage; can be left out if there is only one."""

    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    """Of a CSV file, e.g. `cp1252` for files that Excel saved as plain CSV on Windows."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """Of a CSV file, e.g. `;`."""

    decimal: Literal[".", ","] = "."
    """The decimal sign of numbers written as text."""

    crs: AnyCrs | None = None
    """Coordinate reference system of the coordinates, e.g. `EPSG:4326` for degrees; left out:
    that of the file, else that of the project."""

    @field_validator("columns")
    @classmethod
    def _only_keys_are_joined(cls, columns: Mapping[str, str | list[str]]) -> dict[str, Any]:
        for name, theirs in columns.items():
            if isinstance(theirs, list) and (name not in KEYS or len(set(theirs)) < 2):
                raise ValueError(
                    f"{name}: only {', '.join(KEYS)} can be made of several columns, of two or more"
                )
        return dict(columns)

    def named(self, column: str) -> str | None:
        """Return what the file calls a column of ours, as far as the project says so.

        Examples
        --------
        >>> TableSource(path="t.csv", columns={"plot_id": ["site", "plot"]}).named("plot_id")
        'site/plot'
        """
        theirs = self.columns.get(column)
        return JOINED.join(theirs) if isinstance(theirs, list) else theirs


class SubPlot(Settings):
    """One of several nested plots, for trees of some diameters."""

    dbh_min_cm: float = Field(default=0.0, ge=0, le=1000)
    """Smallest diameter that counts here."""

    dbh_max_cm: float = Field(default=inf, gt=0)
    """Diameter from which trees count elsewhere."""

    area_ha: float | None = Field(default=None, gt=0, le=100)
    """Horizontal area in hectares."""

    radius_m: float | None = Field(default=None, gt=0, le=500)
    """Radius in metres, instead of the area."""

    @model_validator(mode="after")
    def _one_area(self) -> SubPlot:
        if (self.area_ha is None) == (self.radius_m is None):
            raise ValueError("give area_ha or radius_m")
        if self.dbh_min_cm >= self.dbh_max_cm:
            raise ValueError("dbh_min_cm is not below dbh_max_cm")
        return self

    @property
    def horizontal_ha(self) -> float:
        """Area in hectares."""
        if self.area_ha is not None:
            return self.area_ha
        return pi * float(self.radius_m or 0.0) ** 2 * 1e-4


class InventorySettings(Settings):
    """What was measured in the field."""

    trees: TableSource | None = None
    """The tree list: plot_id, species, dbh_cm, height_m, and tree_id if trees have numbers."""

    plots: TableSource | None = None
    """The plots: plot_id, easting, northing (or points), and site, stratum, weight (of a design),
    area_ha, elevation_m if known; without a tree list also agb_mg_ha and, if known, its standard
    error agb_se_mg_ha; agb_before_mg_ha for an earlier measurement. Where no map is made, plots need
    no positions, and no table where the trees name them (site, stratum, weight and area_ha may then
    stand in the tree list)."""

    plot_area_ha: float | None = Field(default=None, gt=0, le=100)
    """Area of every plot, horizontal, in hectares."""

    plot_radius_m: float | None = Field(default=None, gt=0, le=500)
    """Radius of every plot, horizontal, in metres; instead of the area."""

    plot_side_m: float | None = Field(default=None, gt=0, le=1000)
    """Side of every square plot, horizontal, in metres; instead of the area."""

    subplots: list[SubPlot] = Field(default=[], max_length=20)
    """Nested plots with limits of diameter, instead of one area."""

    radius_along: Literal["horizontal", "slope"] = "horizontal"
    """`slope`: radii were laid out along the ground, so the horizontal area is smaller by the
    cosine of the plots' slope_deg."""

    plot_corners: bool = False
    """Whether the table of plots has one row per corner: the plot is at their mean, and where no
    area is given it has the horizontal area that they enclose, in the project's CRS."""

    status: dict[str, Literal["live", "dead", "missing", "below_threshold"]] = {}
    """Meaning of each code of the column status; only live trees are used."""

    dbh_min_cm: float | None = Field(default=None, gt=0, le=1000)
    """Thinner trees are left out."""

    stem_rows: Literal["refuse", "merge"] = "refuse"
    """A tree number that repeats within a plot: a mistake, or further stems of one tree, whose
    diameters become √Σd²."""

    empty_plots: Literal["error", "zero"] = "error"
    """A plot without trees: a mistake (`error`), or measured and truly without trees (`zero`)."""

    missing_height: Literal["reject", "keep"] = "reject"
    """A tree without a height: set aside, or kept for equations without height and for a model of
    heights (allometry.heights)."""

    remeasured: Annotated[dict[str, dict[str, str]], BeforeValidator(_dated)] = {}
    """For a list with columns per date: the two dates, each with its columns, e.g. `{1991: {dbh_cm:
    D91, status: S91}, 2002: {dbh_cm: D02, status: S02}}`. Empty cells: not there at that date. (A
    list with a row per date needs only `trees.columns.date`.)"""

    impossible_steps: Literal["keep", "mend", "reject"] = "keep"
    """Of a tree that grew by more than 10 cm a year, shrank by more than 5 cm, or is new and too
    large for that: `keep` what was measured, `mend` the later diameter by the median growth of the
    others, or `reject` the step, so that the tree counts as unchanged. All are listed."""

    controls: TableSource | None = None
    """Trees measured a second time (plot_id, tree_id, dbh_cm, height_m): the SD of the errors of
    diameters and heights then comes from the pairs. The tree list itself may be named, with the
    columns of the second measurement, e.g. `columns: {height_m: height_2}`."""

    strata: TableSource | None = None
    """A table with the hectares of strata (stratum, area_ha), as the sheet `strata` of a form, for
    `design: stratified`; design.strata_ha comes before it."""

    design: Design = DesignSettings()
    """How the plots were drawn from the area: a mean, a total and a number of plots follow."""

    outlier_sd: float = Field(default=3.0, gt=0, le=100)
    """Plots beyond mean ± this many standard deviations of AGB are outliers."""

    outliers: Literal["flag", "remove"] = "flag"
    """Whether outliers stay among the plots that models and totals use."""

    @model_validator(mode="after")
    def _one_area(self) -> InventorySettings:
        if self.plots is None and self.trees is None and self.model_fields_set:
            raise ValueError("give trees, or plots, or both")
        if self.plots is None and self.plot_corners:
            raise ValueError("plot_corners needs a table of plots")
        self._check_dates()
        given = (self.plot_area_ha, self.plot_radius_m, self.plot_side_m)
        if sum(value is not None for value in given) + bool(self.subplots) > 1:
            raise ValueError(
                "give plot_area_ha or plot_radius_m (or plot_side_m, or subplots), not both"
            )
        if self.radius_along == "slope" and self.plot_radius_m is None and not self.subplots:
            raise ValueError("radius_along: slope needs plot_radius_m or subplots")
        if self.design.kind == "stratified" and not (self.design.strata_ha or self.strata):
            raise ValueError(
                "stratified needs the hectares of each stratum: design.strata_ha, or a table strata"
            )
        if self.design.is_sample and self.outliers == "remove":
            raise ValueError(
                "outliers: remove breaks the sample that design declares: keep them, or set "
                "design: none"
            )
        ordered = sorted(self.subplots, key=lambda part: part.dbh_min_cm)
        for one, two in pairwise(ordered):
            if two.dbh_min_cm < one.dbh_max_cm:
                raise ValueError(f"subplots overlap at a diameter of {two.dbh_min_cm:g} cm")
        return self

    def _check_dates(self) -> None:
        if not self.remeasured:
            return
        if self.trees is None or "date" in self.trees.columns or self.trees.stems:
            raise ValueError("remeasured needs trees without stems and without columns.date")
        if len(self.remeasured) != 2:
            raise ValueError("remeasured: give two dates, an earlier and a later one")
        for date, columns in self.remeasured.items():
            if not set(columns) <= set(OF_A_DATE) or "dbh_cm" not in columns:
                raise ValueError(
                    f"remeasured.{date}: name the column of dbh_cm, and of "
                    f"{', '.join(OF_A_DATE[1:])} where there are any"
                )
            if twice := sorted(set(columns) & set(self.trees.columns)):
                raise ValueError(f"remeasured and trees.columns both name {twice[0]}")

    @property
    def file_of_plots(self) -> str:
        """Where plots are named, for messages.

        Examples
        --------
        >>> InventorySettings(trees={"path": "trees.csv"}, plot_area_ha=0.1).file_of_plots
        'trees.csv'
        """
        source = self.plots or self.trees
        return "" if source is None else str(source.path)

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
        if self.plot_side_m is not None:
            return self.plot_side_m**2 * 1e-4
        return self.plot_area_ha
