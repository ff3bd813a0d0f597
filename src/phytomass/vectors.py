"""The one door to files of features: polygons of zones and study areas, points of plots."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj.exceptions import CRSError, ProjError

from phytomass.errors import InputError, nearest
from phytomass.files import require_file
from phytomass.limits import refuse_above

KINDS = {
    ".gpkg": rb"SQLite format 3\x00",
    ".geojson": rb"\s*\{",
    ".json": rb"\s*\{",
    ".shp": rb"\x00\x00\x27\x0a",
    ".fgb": rb"fgb",
    ".kml": rb"\s*<",
}
"""Kind of file → how its content begins: what begins otherwise is something else renamed."""

OGR_ERRORS = (
    RuntimeError,
    OSError,
    ValueError,
    TypeError,
    OverflowError,
    shapely.errors.ShapelyError,
)
"""What pyogrio, GEOS and PROJ raise; GDAL's own errors are `RuntimeError`."""

AREAS = ("Polygon", "MultiPolygon")


def read_features(path: Path, where: str, layer: str | None = None) -> pd.DataFrame:
    """Read a layer of features after a look at what the file says of itself.

    Parameters
    ----------
    path : path
        A file of one of `KINDS`.
    where : str
        How to name it in messages.
    layer : str, optional
        Which one, where the file has several.

    Returns
    -------
    GeoDataFrame, or DataFrame where features have no geometry

    Raises
    ------
    InputError
        For a missing file, another or a damaged kind of file, no or several layers, and more
        features or columns than the limits (`vector_features`, `table_columns`).
    """
    _refuse_kind(path, where)
    try:
        with warnings.catch_warnings():  # GDAL remarks on odd files, GEOS on coordinates
            warnings.simplefilter("ignore", RuntimeWarning)
            return _read(path, where, layer)
    except InputError:
        raise
    except OGR_ERRORS as error:
        raise InputError(
            f"cannot be read ({' '.join(str(error).split())[:300]})",
            where=where,
            remedy="save it again from a GIS, as a GeoPackage",
        ) from error


def _read(path: Path, where: str, layer: str | None) -> pd.DataFrame:
    layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    chosen = _chosen(layers, layer, where)
    info = pyogrio.read_info(path, layer=chosen, force_feature_count=True)
    refuse_above("vector_features", info["features"], where, "take the ones you need")
    refuse_above("table_columns", len(info["fields"]), where)
    table: pd.DataFrame = geopandas.read_file(path, layer=chosen)
    return table


def read_polygons(path: Path, where: str, crs: str) -> Any:
    """Read polygons, each valid, in a coordinate reference system.

    Parameters
    ----------
    path, where
        As in `read_features`.
    crs : str
        The CRS they are needed in.

    Returns
    -------
    GeoDataFrame
        At least one row; other geometries are left out, the index counts features from 0.

    Raises
    ------
    InputError
        As `read_features`; and for a table without geometry, points and lines, nothing but empty
        polygons, coordinates that are no numbers or have no place in `crs`, no CRS, and more
        vertices than the limit `polygon_vertices`.
    """
    table = read_features(path, where)
    if not isinstance(table, geopandas.GeoDataFrame):
        raise InputError(
            "is a table without polygons", where=where, remedy="name a file of polygons"
        )
    areas = table[table.geom_type.isin(AREAS) & ~table.is_empty]
    if areas.empty:
        kinds = sorted(set(table.geom_type.dropna()))
        found = f"holds {', '.join(kinds)}, no polygon" if kinds else "holds no polygon"
        raise InputError(found, where=where, remedy="name a file of polygons")
    if areas.crs is None:
        raise InputError("has no CRS", where=where, remedy="save it with its projection")
    count = int(shapely.get_num_coordinates(areas.geometry.to_numpy()).sum())
    refuse_above("polygon_vertices", count, where, "simplify the polygons in a GIS")
    _refuse_lost(areas, where, "are no numbers")
    try:
        moved = areas.to_crs(crs)
        _refuse_lost(moved, where, f"have no place in {crs}")
        return moved.set_geometry(moved.geometry.make_valid())
    except InputError:
        raise
    except (*OGR_ERRORS, CRSError, ProjError) as error:
        raise InputError(
            f"cannot be brought to {crs} ({error})", where=where, remedy="check its CRS"
        ) from error


def _refuse_kind(path: Path, where: str) -> None:
    size = require_file(path, where)
    begins = KINDS.get(path.suffix.lower())
    if begins is None:
        raise InputError(
            f"is no file of features that can be read: {path.suffix or 'no suffix'}",
            where=where,
            remedy=f"save it as one of {', '.join(KINDS)}",
        )
    if begins.startswith(rb"\s"):  # text, which is read whole
        refuse_above("table_bytes", size, where, "save it as a GeoPackage")
    with path.open("rb") as stream:
        head = stream.read(4096).removeprefix(b"\xef\xbb\xbf")
    if re.match(begins, head) is None:
        raise InputError(
            f"cannot be read: it is no {path.suffix} file, whatever its name says",
            where=where,
            remedy="save it again from a GIS, as a GeoPackage",
        )


def _chosen(layers: list[str], layer: str | None, where: str) -> str:
    if layer is not None and layer not in layers:
        hint = nearest(layer, layers) or f"layers: {', '.join(layers)}"
        raise InputError(f"no layer {layer!r}", where=where, remedy=hint)
    if layer is None and len(layers) != 1:
        named = f"set layer: one of {', '.join(layers)}" if layers else "save it again from a GIS"
        raise InputError(f"has {len(layers)} layers", where=where, remedy=named)
    return layer or layers[0]


def _refuse_lost(table: Any, where: str, why: str) -> None:
    points, rows_of = shapely.get_coordinates(table.geometry.to_numpy(), return_index=True)
    lost = np.unique(rows_of[~np.isfinite(points).all(axis=1)])
    if lost.size:
        rows = ", ".join(str(i + 1) for i in table.index[lost][:5])
        raise InputError(
            f"coordinates of feature {rows} {why}", where=where, remedy="correct or remove it"
        )
