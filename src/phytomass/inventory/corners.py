"""Plots whose table has their corners or outlines: where they lie, and how large they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Geod, Proj, Transformer
from shapely.geometry.polygon import orient

from phytomass.errors import InputError
from phytomass.inventory.columns import Reading
from phytomass.inventory.findings import Findings

M2_PER_HA = 1e4

LARGEST_HA = 100.0
"""No field plot is larger; corners that enclose more belong to several plots."""

DISTORTION = 0.01
"""Largest error of an area by the map projection that is let pass; UTM has at most 0.2 %."""


def polygon_area(corners: ArrayLike) -> float:
    """Return the area of a polygon, in the square of the unit of its corners.

    Corners that were not walked round in order are put in order where there is only one way to
    do it: where every corner sticks out, as those of any square, rectangle or triangle do.

    Parameters
    ----------
    corners : array, shape (n, 2)
        The first corner may be repeated at the end.

    Raises
    ------
    InputError
        For fewer than three different corners, corners on one line, and corners out of order of
        a plot with a bay.

    Examples
    --------
    >>> polygon_area([[0, 0], [20, 0], [20, 20], [0, 20]])
    400.0
    >>> polygon_area([[0, 0], [20, 20], [20, 0], [0, 20]])
    400.0
    """
    points = np.asarray(corners, dtype=float).reshape(-1, 2)
    if len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]
    distinct = len(np.unique(points, axis=0))
    if distinct < 3:
        raise InputError(f"{distinct} different corners; an area needs three")
    hull = shapely.MultiPoint(points).convex_hull
    if hull.area <= 1e-9 * hull.length**2:
        raise InputError("the corners lie on one line")
    walked = shapely.Polygon(points)
    if walked.is_valid:
        return float(walked.area)
    if len(hull.exterior.coords) - 1 == len(points):
        return float(hull.area)
    raise InputError("the sides cross each other: the corners are not in order")


def areas_of_corners(
    plots: pd.DataFrame, crs: str, reading: Reading, findings: Findings
) -> pd.DataFrame:
    """Return the table with area_ha, the horizontal area that the corners of each plot enclose.

    Parameters
    ----------
    plots : DataFrame
        One row per corner: plot_id, easting and northing in `crs`. A plot with a corner without
        a position gets no area.
    crs : str
        The project's CRS; degrees, and projections that distort areas by more than 1 %, are a
        problem.
    """
    if not {"easting", "northing"} <= set(plots.columns):
        return plots
    metre = _metre_of(plots, crs, findings)
    areas: dict[str, float] = {}
    for plot, rows in plots.groupby("plot_id", sort=False):
        corners = rows[["easting", "northing"]].to_numpy(dtype=float) * metre
        if not np.isfinite(corners).all():
            continue
        where = reading.place("easting", rows.index)
        remedy = "correct the rows, or give the area (inventory.plot_area_ha, or a column area_ha)"
        try:
            area = polygon_area(corners) / M2_PER_HA
        except InputError as error:
            findings.problem(where, f"plot {plot}: {error.problems[0].what}", remedy)
            continue
        if area > LARGEST_HA:
            findings.problem(where, f"the corners of plot {plot} enclose {area:.0f} ha", remedy)
        areas[str(plot)] = area
    return plots.assign(area_ha=plots["plot_id"].map(areas).astype(float))


def _metre_of(plots: pd.DataFrame, crs: str, findings: Findings) -> float:
    """Return metres per unit of the CRS; complain where areas cannot be measured in it."""
    system = CRS.from_user_input(crs)
    remedy = "give inventory.plot_area_ha, or choose a grid.crs in metres, such as a UTM zone"
    if not system.is_projected:
        findings.problem("inventory.plot_corners", f"areas cannot be measured in {crs}", remedy)
        return float("nan")
    middle = plots[["easting", "northing"]].mean()
    if middle.notna().all():
        scale = _areal_scale(system, middle["easting"], middle["northing"])
        if not abs(scale - 1) <= DISTORTION:
            what = f"areas in {crs} are {100 * (scale - 1):+.0f} % off here"
            findings.problem("inventory.plot_corners", what, remedy)
    return float(system.axis_info[0].unit_conversion_factor)


def _areal_scale(system: CRS, easting: float, northing: float) -> float:
    """Return the area that a map projection makes of one unit of area at a place."""
    projection = Proj(system)
    place = projection(easting, northing, inverse=True)
    return float(projection.get_factors(*place).areal_scale)


def areas_of_polygons(
    plots: pd.DataFrame, crs: str | None, reading: Reading, findings: Findings
) -> pd.DataFrame:
    """Return the table with area_ha, the horizontal area of the polygon of each plot.

    It is measured in the project's CRS, as that of corners is; on the ellipsoid where there is none,
    or where it distorts areas by more than 1 %.

    Parameters
    ----------
    plots : DataFrame
        The index is the feature of the file, from 0.
    crs : str or None
        The project's CRS.
    """
    shapes, stated = reading.raw.shapes, reading.source.crs or reading.raw.crs or crs
    if shapes is None:
        return plots
    if stated is None:
        remedy = f"set {reading.key}.crs, or give inventory.plot_area_ha"
        findings.problem(reading.raw.name, "has no CRS, and areas are measured from it", remedy)
        return plots
    areas = []
    for row in plots.index:
        if shapely.is_missing(shapes[row]) or shapely.is_empty(shapes[row]):  # has no point either
            areas.append(np.nan)
            continue
        where = f"{reading.raw.name}, {reading.rows([row])}"
        fault = _fault_of(shapes[row])
        area = np.nan if fault else _hectares(shapes[row], CRS(stated), crs)
        if area > LARGEST_HA:
            fault = f"encloses {area:.0f} ha"
        if fault:
            remedy = "correct it in a GIS, or give the area (inventory.plot_area_ha)"
            findings.problem(where, f"the polygon of the plot {fault}", remedy)
        areas.append(area)
    return plots.assign(area_ha=np.array(areas, dtype=float))


def _fault_of(shape: shapely.Geometry) -> str:
    if shapely.get_dimensions(shape) < 2:
        return "is none"
    return "" if shape.is_valid else "crosses itself"


def _hectares(shape: shapely.Geometry, source: CRS, crs: str | None) -> float:
    """Return the area of a polygon in hectares."""
    target = None if crs is None else CRS(crs)
    if target is not None and target.is_projected:
        moved = _moved(shape, source, target)
        if abs(_areal_scale(target, moved.centroid.x, moved.centroid.y) - 1) <= DISTORTION:
            return float(moved.area * target.axis_info[0].unit_conversion_factor ** 2 / M2_PER_HA)
    degrees = _moved(shape, source, CRS("EPSG:4326"))
    earth = Geod(ellps="WGS84")  # an outline walked the other way round would be negative
    parts = [orient(part) for part in shapely.get_parts(degrees)]
    return float(sum(earth.geometry_area_perimeter(part)[0] for part in parts)) / M2_PER_HA


def _moved(shape: shapely.Geometry, source: CRS, target: CRS) -> shapely.Geometry:
    bring = Transformer.from_crs(source, target, always_xy=True).transform
    return shapely.transform(shape, lambda xy: np.column_stack(bring(xy[:, 0], xy[:, 1])))


def centres_of_corners(plots: pd.DataFrame, reading: Reading, findings: Findings) -> pd.DataFrame:
    """Return one row per plot of a table with one row per corner: the mean of its corners.

    The index stays that of the plot's first row. A plot with a corner that has no position is
    rejected, not shifted.
    """
    if not {"easting", "northing"} <= set(plots.columns):
        return plots
    corners = _without_repeated_first(plots)
    middle = corners.groupby("plot_id", sort=False)[["easting", "northing"]].mean()
    lost = plots.loc[plots[["easting", "northing"]].isna().any(axis=1), "plot_id"].unique()
    first = plots[~plots.duplicated("plot_id")].copy()
    for row in first.index[first["plot_id"].isin(lost)]:
        reading.reject(findings, int(row), "easting", "a corner of the plot has no position")
    for name in ("easting", "northing"):
        first[name] = first["plot_id"].map(middle[name])
    return first


def _without_repeated_first(plots: pd.DataFrame) -> pd.DataFrame:
    """Drop a last corner that only closes the plot: it would pull the mean towards it."""
    groups = plots.groupby("plot_id", sort=False)
    same: NDArray[np.bool_] = np.ones(len(plots), dtype=np.bool_)
    for name in ("easting", "northing"):
        same &= (plots[name] == groups[name].transform("first")).to_numpy(dtype=bool)
    last = ~plots.duplicated("plot_id", keep="last").to_numpy(dtype=bool)
    several = plots.duplicated("plot_id").to_numpy(dtype=bool)
    kept: pd.DataFrame = plots[~(same & last & several)]
    return kept
