"""Plot positions: from the file's coordinate reference system to the project's."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from phytomass.inventory.columns import Reading
from phytomass.inventory.findings import Findings


def place_plots(
    plots: pd.DataFrame, reading: Reading, crs: str, findings: Findings
) -> pd.DataFrame:
    """Return the plots with easting and northing in the project's `crs`, in its units.

    Points of the file are used where no columns are mapped. A plot without a position, or with
    one that has no place in `crs`, is rejected; positions that cannot be in the stated CRS are a
    problem.
    """
    plots = with_points(plots, reading, findings)
    source, target = _crs_of(reading, crs, findings)
    if source is None or target is None or not {"easting", "northing"} <= set(plots.columns):
        return plots
    easting = plots["easting"].to_numpy(dtype=float)
    northing = plots["northing"].to_numpy(dtype=float)
    if not _plausible(easting, northing, source, reading, findings) or source == target:
        return plots
    try:
        moved = Transformer.from_crs(source, target, always_xy=True).transform(easting, northing)
    except ProjError as error:
        what = f"nothing leads from {source.name} to {target.name} ({error})"
        findings.problem(
            f"{reading.key}.crs", what, "give the CRS of a map: EPSG:4326, or a UTM zone"
        )
        return plots
    new_easting, new_northing = (np.asarray(v, dtype=float) for v in moved)
    lost = np.isfinite(easting + northing) & ~np.isfinite(new_easting + new_northing)
    for row in plots.index[lost]:
        reading.reject(findings, int(row), "easting", f"has no place in {crs}")
    new_easting[lost], new_northing[lost] = np.nan, np.nan
    return plots.assign(easting=new_easting, northing=new_northing)


def with_points(plots: pd.DataFrame, reading: Reading, findings: Findings) -> pd.DataFrame:
    """Return the plots with the points of the file where no columns are mapped, in its CRS."""
    if reading.raw.points is None or {"easting", "northing"} <= set(plots.columns):
        return plots
    points = reading.raw.points[plots.index.to_numpy()]
    for row in plots.index[~np.isfinite(points).all(axis=1)]:
        reading.reject(findings, int(row), "geometry", "no point")
    return plots.assign(easting=points[:, 0], northing=points[:, 1])


def _crs_of(reading: Reading, crs: str, findings: Findings) -> tuple[CRS | None, CRS | None]:
    stated = stated_crs(reading) or crs
    found: list[CRS | None] = []
    for where, name in ((f"{reading.key}.crs", stated), ("grid.crs", crs)):
        try:
            found.append(CRS.from_user_input(name))
        except CRSError:
            found.append(None)
            findings.problem(where, f"unknown CRS {name!r}", "e.g. EPSG:4326 or EPSG:32643")
    own = reading.raw.crs
    if reading.source.crs and own and found[0] is not None and CRS.from_user_input(own) != found[0]:
        findings.problem(
            f"{reading.key}.crs",
            f"says {reading.source.crs}, the file says {own}",
            "remove crs: to believe the file, or correct the file",
        )
    return found[0], found[1]


def stated_crs(reading: Reading | None) -> str | None:
    """Return the CRS that the project states for a table of plots, else that of its file."""
    return None if reading is None else reading.source.crs or reading.raw.crs


def coordinates_of(reading: Reading) -> str:
    """Say where the coordinates stand, for messages."""
    return f"{reading.place('easting')} and {reading.found.get('northing', 'northing')}"


def _plausible(
    easting: NDArray[np.float64],
    northing: NDArray[np.float64],
    source: CRS,
    reading: Reading,
    findings: Findings,
) -> bool:
    known = np.isfinite(easting) & np.isfinite(northing)
    if not known.any():
        return True
    east, north = np.abs(easting[known]), np.abs(northing[known])
    degrees = bool((east <= 360).all() and (north <= 90).all())
    where = coordinates_of(reading)
    if source.is_geographic and not degrees:
        swapped = bool((north <= 360).all() and (east <= 90).all())
        remedy = (
            "latitude and longitude seem to be swapped: easting is the longitude"
            if swapped
            else f"set {reading.key}.crs to the CRS of these coordinates"
        )
        findings.problem(where, "are not degrees", remedy)
        return False
    fine = np.abs(east[east <= 360] * 1e3 - np.round(east[east <= 360] * 1e3)) > 1e-6
    if source.is_projected and degrees and bool(fine.any()):
        findings.problem(
            where,
            f"look like degrees, and are taken to be in {source.to_string()[:40]}",
            f"set {reading.key}.crs: EPSG:4326",
        )
        return False
    return True
