"""Searching SpatioTemporal Asset Catalogs: APIs and static catalogues, public and local."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import pystac
import requests
import yaml
from odc.geo.geobox import GeoBox
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from rasterio.warp import transform_bounds

from phytomass.errors import InputError
from phytomass.imagery.catalogs.retry import GaveUp, Patience
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.products.settings import CatalogSettings
from phytomass.imagery.settings import RasterSource
from phytomass.settings import Settings

PASSING = (APIError, requests.RequestException, pystac.STACError, OSError)
"""Errors of a request that may pass."""
RENEW_S = 120.0
"""A signature with less than this left is renewed."""


class CatalogProfile(Settings):
    """What is known about a public catalogue."""

    url: str
    """Address of its API."""
    token_url: str | None = None
    """Where signatures come from; `{collection}` stands for the collection."""
    collections: dict[str, str] = {}
    """Product → collection."""
    source: str = ""
    """Where this is written."""


@cache
def load_profiles() -> dict[str, CatalogProfile]:
    """Return the profiles of public catalogues by name.

    Examples
    --------
    >>> load_profiles()["earth-search"].collections["sentinel-2-l2a"]
    'sentinel-2-l2a'
    """
    text = files("phytomass.imagery").joinpath("catalogs.yaml").read_text(encoding="utf-8")
    return {name: CatalogProfile(**entry) for name, entry in yaml.safe_load(text).items()}


def profile_of(settings: CatalogSettings) -> CatalogProfile:
    """Return the profile a source names, or a plain one of its address."""
    named = load_profiles().get(settings.url)
    profile = named or CatalogProfile(url=settings.url)
    if settings.token_url is not None:
        profile = profile.model_copy(update={"token_url": settings.token_url})
    return profile


@dataclass
class Signer:
    """Appends signatures to addresses, and renews them before they end."""

    profile: CatalogProfile
    collection: str
    timeout_s: float
    token: str = ""
    ends: float = 0.0
    lock: Any = field(default_factory=Lock)

    def signed(self, href: str, *, renew: bool = False) -> str:
        """Return the address with a signature, where the catalogue wants one.

        Parameters
        ----------
        href : str
            Address without signature.
        renew : bool
            Get a new signature even if the old one should still do.
        """
        if self.profile.token_url is None or not href.startswith("http"):
            return href
        with self.lock:
            if renew or time.time() > self.ends - min(RENEW_S, self.timeout_s):
                url = self.profile.token_url.replace("{collection}", self.collection)
                answer = requests.get(url, timeout=self.timeout_s)
                answer.raise_for_status()
                content = answer.json()
                self.token = str(content["token"])
                expiry = dt.datetime.fromisoformat(content["msft:expiry"].replace("Z", "+00:00"))
                self.ends = expiry.timestamp()
            return f"{href}{'&' if '?' in href else '?'}{self.token}"


def lonlat_bounds(grid: GeoBox) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a grid in degrees.

    Raises
    ------
    InputError
        If it crosses the antimeridian or reaches beyond a pole.
    """
    box = transform_bounds(str(grid.crs), "EPSG:4326", *grid.boundingbox, densify_pts=21)
    west, south, east, north = (float(v) for v in box)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90) or east - west > 180:
        raise InputError(
            "the grid crosses the antimeridian or lies at a pole",
            where="grid",
            remedy="split the project there, or prepare local files on the grid",
        )
    return west, south, east, north


def search(
    settings: RasterSource, grid: GeoBox, root: Path, patience: Patience, where: str
) -> list[pystac.Item]:
    """Find the scenes of a source, in order of their days and ids.

    Parameters
    ----------
    settings : RasterSource
        A source with `catalog` and `dates`.
    grid : GeoBox
        The project's grid.
    root : Path
        Folder that relative paths of local catalogues start from.
    patience : Patience
        How long to go on trying.
    where : str
        For messages.

    Raises
    ------
    InputError
        If the catalogue cannot be reached, or has no scene; the nearest days are named then.
    """
    catalog, record = settings.catalog, settings.record
    assert catalog is not None and record is not None  # noqa: S101  # only called for these
    bounds = lonlat_bounds(grid)
    try:
        found, _ = patience.persist(
            lambda attempt: _items(settings, record, root, bounds, settings.dates), PASSING
        )
        kept = [item for item in found if _wanted(item, settings, catalog)]
        if kept:
            return sorted(kept, key=lambda item: (str(item.datetime), item.id))
        others = patience.persist(
            lambda attempt: _items(settings, record, root, bounds, None), PASSING
        )[0]
    except GaveUp as error:
        raise InputError(
            f"the catalogue cannot be used: {error} ({error.attempts} attempts)",
            where=f"{catalog.url} ({where})",
            remedy="check the address and the network; scenes already kept need neither",
        ) from error
    days = sorted({item.datetime.date() for item in others if item.datetime})
    raise InputError(
        f"no scene of {profile_of(catalog).collections.get(record.id, catalog.collection)} here "
        f"in {settings.dates}",
        where=f"{catalog.url} ({where})",
        remedy=f"the nearest are of {_nearest(days, settings.dates)}"
        if days
        else "check collection, dates, max_cloud and that the grid lies where it should",
    )


def _nearest(days: Sequence[dt.date], dates: str | None) -> str:
    first = dt.date.fromisoformat((dates or "2000-01-01/").split("/")[0])
    return ", ".join(str(d) for d in sorted(days, key=lambda d: abs((d - first).days))[:3])


def collection_of(settings: RasterSource) -> str:
    """Return the collection a source is searched in."""
    catalog = settings.catalog
    assert catalog is not None  # noqa: S101  # only called for catalogues
    product = settings.product or ""
    return catalog.collection or profile_of(catalog).collections.get(product, product)


def _items(
    settings: RasterSource,
    record: SensorRecord,
    root: Path,
    bounds: tuple[float, float, float, float],
    dates: str | None,
) -> list[pystac.Item]:
    catalog = settings.catalog
    assert catalog is not None  # noqa: S101  # checked by `search`
    profile, collection = profile_of(catalog), collection_of(settings)
    if not profile.url.startswith("http") or profile.url.endswith(".json"):
        url = profile.url if profile.url.startswith("http") else str(root / profile.url)
        items = pystac.Catalog.from_file(url).get_items(recursive=True)
        return [
            item
            for item in items
            if item.collection_id in (None, collection) and _in_window(item, bounds, dates)
        ]
    reader = StacApiIO(timeout=catalog.timeout_s, max_retries=None)
    client = Client.open(profile.url, stac_io=reader)
    found = client.search(collections=[collection], bbox=list(bounds), datetime=dates)
    return [item for item in found.items() if _in_window(item, bounds, dates)]


def _in_window(
    item: pystac.Item, bounds: tuple[float, float, float, float], dates: str | None
) -> bool:
    if item.bbox is not None:
        half = len(item.bbox) // 2  # four numbers, or six with heights
        (west, south), (east, north) = item.bbox[:2], item.bbox[half : half + 2]
        beyond, before = west > bounds[2], east < bounds[0]
        # west of a footprint across the antimeridian is greater than its east (RFC 7946, 5.2)
        apart = (beyond and before) if west > east else (beyond or before)
        if apart or south > bounds[3] or north < bounds[1]:
            return False
    if dates is None or item.datetime is None:
        return True
    first, last = dates.split("/")
    return first <= item.datetime.date().isoformat() <= last


def _wanted(item: pystac.Item, settings: RasterSource, catalog: CatalogSettings) -> bool:
    if settings.months and item.datetime and item.datetime.month not in settings.months:
        return False
    cloud = item.properties.get("eo:cloud_cover")
    if catalog.max_cloud is not None and cloud is not None and cloud > catalog.max_cloud:
        return False
    return all(str(item.properties.get(k)) == str(v) for k, v in catalog.query.items())


def hrefs_of(item: pystac.Item, record: SensorRecord) -> Mapping[str, str]:
    """Return our band name → address, by asset keys and the common names of their bands."""
    found: dict[str, str] = {}
    for key, asset in item.assets.items():
        band = record.band_called(key)
        described = asset.extra_fields.get("eo:bands") or asset.extra_fields.get("bands") or []
        for one in described if band is None and len(described) == 1 else []:
            band = record.band_called(str(one.get("name", "")))
        if band is not None and band not in found:
            found[band] = asset.get_absolute_href() or asset.href
    if not found and len(item.assets) == 1 and len(record.predictors) == 1:
        asset = next(iter(item.assets.values()))
        found[record.predictors[0]] = asset.get_absolute_href() or asset.href
    return found
