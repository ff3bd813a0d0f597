"""How large an input may say it is: sizes are believed only below a limit that has a name.

A limit never changes a result, it only decides whether an input is read at all. So it is no part
of a project: it is raised for one session by an environment variable, which workers inherit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from phytomass.errors import InputError

PREFIX = "PHYTOMASS_LIMIT_"


@dataclass(frozen=True)
class Limit:
    """One limit: its value unless raised, the unit it counts in, and what it is about."""

    default: int
    unit: str
    meaning: str


LIMITS = {
    "raster_pixels": Limit(100_000_000_000, "pixels", "rows × columns of a raster file"),
    "raster_bands": Limit(4096, "bands", "bands of a raster file"),
    "raster_block_bytes": Limit(1 << 30, "bytes", "one tile or strip of a raster file, unpacked"),
    "netcdf_values": Limit(200_000_000, "values", "one dimension, or the part of a NetCDF read"),
    "table_bytes": Limit(500_000_000, "bytes", "a table; of a workbook, its parts unpacked"),
    "table_line_bytes": Limit(1_000_000, "bytes", "one line of a text table"),
    "table_columns": Limit(2000, "columns", "columns of a table"),
    "table_cells": Limit(20_000_000, "cells", "rows × columns of a table"),
    "vector_features": Limit(1_000_000, "features", "features of a vector file"),
    "polygon_vertices": Limit(500_000, "vertices", "all polygons of zones or a study area"),
}
"""Every limit by name. Another room adds its own here, and refuses with `refuse_above`."""


def limit(name: str) -> float:
    """Return the limit of this name: its default, or what the environment says.

    Raises
    ------
    InputError
        If the environment variable is no number above zero.

    Examples
    --------
    >>> limit("raster_bands")
    4096.0
    """
    variable = PREFIX + name.upper()
    given = os.environ.get(variable, "").strip()
    try:
        value = float(given) if given else float(LIMITS[name].default)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise InputError(
            f"{given!r} is no number above zero",
            where=f"environment variable {variable}",
            remedy=f"give a number of {LIMITS[name].unit}, or remove the variable",
        )
    return value


def refuse_above(name: str, size: float, where: str, remedy: str = "") -> None:
    """Raise when a declared size is above the limit of this name.

    Parameters
    ----------
    name : str
        Key of `LIMITS`.
    size : float
        What the input says, in the unit of the limit.
    where : str
        File, sheet or key path.
    remedy : str
        What to do besides raising the limit.

    Raises
    ------
    InputError
        With the size, the limit, and the variable that raises it.

    Examples
    --------
    >>> refuse_above("raster_bands", 65535, "dem.tif")
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: dem.tif: has 65 535 bands; at most 4 096 are read → if that is
    right, set the environment variable PHYTOMASS_LIMIT_RASTER_BANDS=65535
    """
    most = limit(name)
    if size <= most:
        return
    unit = LIMITS[name].unit
    raise InputError(
        f"has {_spaced(size)} {unit}; at most {_spaced(most)} are read",
        where=where,
        remedy=f"{remedy}{'; ' if remedy else ''}if that is right, set the environment variable "
        f"{PREFIX}{name.upper()}={size:.0f}",
    )


def _spaced(number: float) -> str:
    return f"{number:_.0f}".replace("_", " ")
