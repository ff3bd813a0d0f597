"""Scenes, pages and sources for tests of catalogues that answer wrongly."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.imagery import RasterSource, fetch_scenes

SECOND = 1.0
"""Longest wait for one answer in these tests."""
HTML = b"<!DOCTYPE html><html><form>Log in</form></html>"


def item(url: str, **changes: object) -> dict[str, Any]:
    """A scene that covers the world and whose files are not there."""
    assets = {name: {"href": f"{url}/files/{name}.tif"} for name in ("red", "nir", "scl")}
    return {
        "type": "Feature",
        "id": "S2A",
        "collection": "tiles",
        "bbox": [-180.0, -90.0, 180.0, 90.0],
        "properties": {"datetime": "2020-07-01T10:00:00Z", "eo:cloud_cover": 3},
        "assets": assets,
        "links": [],
        **changes,
    }


def page(*items: object, **more: object) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(items), "links": [], **more}


def source(url: str, **catalog: Any) -> RasterSource:
    section = {
        "url": url,
        "collection": "tiles",
        "folder": "scenes",
        "attempts": 1,
        "timeout_s": SECOND,
        "total_s": 8,
        **catalog,
    }
    return RasterSource.model_validate(
        {
            "product": "sentinel-2-l2a",
            "catalog": section,
            "dates": "2020-06-01/2020-08-31",
            "bands": ["B4", "B8"],
            "composite": "median",
        }
    )


def refused(settings: RasterSource, root: Path, grid: GeoBox) -> InputError:
    """Fetch what cannot be fetched; it must be said once, and soon."""
    begun = time.monotonic()
    with pytest.raises(InputError) as caught:
        fetch_scenes("s2", settings, root, grid, pause=0.01)
    assert time.monotonic() - begun < 3 * SECOND
    assert len(caught.value.problems) == 1
    return caught.value
