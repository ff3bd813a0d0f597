"""The environmental stress E of plots, read from a raster at their coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from phytomass.allometry import STRESS
from phytomass.errors import InputError, Problem
from phytomass.rasters import open_raster, pixels_of, refuse_ungeoreferenced

BOUNDS = (-1.0, 2.0)
"""E of Chave et al. (2014) on land, with room to spare; what lies outside is another quantity."""

SHOWN = 5
KEY = "allometry.environmental_stress"
INSTEAD = f"give {KEY} as a number"


def with_stress(
    trees: pd.DataFrame, plots: pd.DataFrame, crs: str | None, path: Path
) -> pd.DataFrame:
    """Return the trees with the column `environmental_stress` of their plots.

    Parameters
    ----------
    trees : DataFrame
        With plot_id.
    plots, crs, path
        As in `stress_of_plots`.
    """
    values = stress_of_plots(plots, crs, path)
    by_plot = dict(zip(plots["plot_id"].astype(str), values, strict=True))
    return trees.assign(**{STRESS: trees["plot_id"].astype(str).map(by_plot).astype(float)})


def stress_of_plots(plots: pd.DataFrame, crs: str | None, path: Path) -> NDArray[np.float64]:
    """Return E of Chave et al. (2014) at each plot: the value of the pixel that it lies in.

    Parameters
    ----------
    plots : DataFrame
        plot_id, easting, northing.
    crs : str or None
        CRS of these coordinates.
    path : path
        A raster of one band.

    Returns
    -------
    array, shape (n,)

    Raises
    ------
    InputError
        For plots without coordinates, outside the raster or where it has no data, values that are
        no E, a raster of several bands or without a place, and coordinates of an unknown CRS.
    """
    names = plots["plot_id"].astype(str).to_numpy(dtype=object)
    positions = np.full((2, len(plots)), np.nan)
    for row, column in enumerate(("easting", "northing")):
        if column in plots:
            positions[row] = plots[column].to_numpy(dtype=float)
    lost = ~np.isfinite(positions).all(axis=0)
    if lost.any():
        what = f"is read at the plots, and there are no coordinates of {_listed(names[lost])}"
        remedy = f"map easting and northing in inventory.plots.columns, or {INSTEAD}"
        raise InputError(what, where=KEY, remedy=remedy)
    if crs is None:
        what = "is read at the plots, and the CRS of their coordinates is not known"
        raise InputError(what, where=KEY, remedy="give inventory.plots.crs, e.g. EPSG:4326")
    values = _sampled(path, positions, crs)
    problems = _doubts(values, names, f"{path.name} ({KEY})")
    if problems:
        raise InputError.of(problems)
    return values


def _sampled(path: Path, positions: NDArray[np.float64], crs: str) -> NDArray[np.float64]:
    """Return the pixels that positions lie in, NaN outside and where there are no data."""
    where = f"{path.name} ({KEY})"
    with open_raster(path, where) as dataset:
        refuse_ungeoreferenced(dataset, where)
        if dataset.count != 1:
            what = f"has {dataset.count} bands"
            raise InputError(what, where=where, remedy="save the band of E alone as a GeoTIFF")
        try:
            move = Transformer.from_crs(crs, dataset.crs.to_wkt(), always_xy=True)
            east, north = (np.asarray(v, dtype=float) for v in move.transform(*positions))
        except ProjError as error:
            what = f"nothing leads from {crs} to its CRS ({error})"
            raise InputError(what, where=where, remedy="reproject it to EPSG:4326") from error
        here = np.isfinite(east) & np.isfinite(north)
        points = zip(east[here].tolist(), north[here].tolist(), strict=True)
        values = np.full(len(east), np.nan)
        with pixels_of(where):
            pixels = [
                np.ma.filled(p.astype(float), np.nan)[0]
                for p in dataset.sample(points, masked=True)
            ]
        values[here] = pixels
    return values


def _doubts(values: NDArray[np.float64], names: NDArray[np.object_], where: str) -> list[Problem]:
    problems = []
    empty = ~np.isfinite(values)
    if empty.any():
        what = f"has no data at the plots {_listed(names[empty])}"
        problems.append(Problem(where, what, f"check the coordinates and its extent, or {INSTEAD}"))
    odd = ~empty & ((values < BOUNDS[0]) | (values > BOUNDS[1]))
    if odd.any():
        first = np.flatnonzero(odd)[0]
        what = f"is {values[first]:g} at the plot {names[first]}, and E lies between -1 and 2"
        what += f" ({int(odd.sum())} plots)"
        problems.append(Problem(where, what, "check that it is E, and its nodata value and scale"))
    return problems


def _listed(names: NDArray[np.object_]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more
