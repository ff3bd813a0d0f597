"""A STAC item that describes a map, so that catalogues can hold it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pystac
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_geom

from phytomass.files import sha256_of
from phytomass.grid import grid_of_raster
from phytomass.rasters import open_raster

RASTER_EXTENSION = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"
PROJECTION_EXTENSION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"


def _interval(period: str) -> dict[str, Any]:
    """Return start and end of `2020`, `2020-07` or `2016/2021`, as STAC wants them."""
    first, _, last = period.partition("/")
    year, _, month = (last or first).partition("-")
    start_year, _, start_month = first.partition("-")
    start = datetime(int(start_year), int(start_month or 1), 1, tzinfo=UTC)
    months = int(year) * 12 + int(month or 12)
    end = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    return {"datetime": None, "start_datetime": start, "end_datetime": end}


def stac_item(
    map_path: Path,
    *,
    item_id: str,
    title: str,
    period: str,
    properties: dict[str, Any],
    more: Sequence[Path] = (),
) -> dict[str, Any]:
    """Describe a biomass map as a STAC item (a dictionary ready for JSON).

    Parameters
    ----------
    map_path : Path
        The map; the item refers to it by its file name.
    item_id, title : str
        Identifier and title.
    period : str
        Year (`2020`), month (`2020-07`) or range (`2016/2021`) the map stands for.
    properties : dict
        Further properties, e.g. the model.
    more : sequence of Path
        Other rasters of the same study, on the same grid: each is an asset of its own.
    """
    grid: GeoBox = grid_of_raster(map_path)
    outline = grid.extent.segmented(abs(grid.resolution.x) * 100)
    footprint = transform_geom(str(grid.crs), "EPSG:4326", outline.json)
    longitude, latitude = zip(*footprint["coordinates"][0], strict=True)
    item = pystac.Item(
        id=item_id,
        geometry=footprint,
        bbox=[min(longitude), min(latitude), max(longitude), max(latitude)],
        properties={
            "title": title,
            "proj:code": f"EPSG:{grid.crs.to_epsg()}" if grid.crs and grid.crs.to_epsg() else None,
            "proj:shape": list(grid.shape),
            "proj:transform": list(grid.transform)[:6],
            **properties,
        },
        **_interval(period),
        stac_extensions=[PROJECTION_EXTENSION, RASTER_EXTENSION],
    )
    for path in (map_path, *more):
        item.add_asset(path.stem, _asset(path, title))
    return item.to_dict(include_self_link=False)


def _asset(path: Path, title: str) -> pystac.Asset:
    """Describe a raster: its bands with their units, and what each holds."""
    with open_raster(path) as source:
        bands = [
            {
                "name": name,
                "description": source.tags(number).get("holds", name),
                "unit": unit or "Mg/ha",
                "data_type": "float32",
                "nodata": "nan",
            }
            for number, name, unit in zip(
                source.indexes, source.descriptions, source.units, strict=True
            )
        ]
    return pystac.Asset(
        href=f"./{path.name}",
        title=title,
        media_type=pystac.MediaType.COG,
        roles=["data"],
        extra_fields={"raster:bands": bands, "file:checksum": f"1220{sha256_of(path)}"},
    )
