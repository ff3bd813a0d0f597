"""Searching SpatioTemporal Asset Catalogs: APIs and static catalogues, public and local."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pystac
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from phytomass.errors import InputError, nearest
from phytomass.imagery.catalogs.addresses import is_remote, masked, resolved
from phytomass.imagery.catalogs.answers import (
    Answer,
    CatalogRecord,
    ItemRecord,
    LinkRecord,
    PageRecord,
)
from phytomass.imagery.catalogs.signatures import load_profiles, profile_of
from phytomass.imagery.catalogs.traffic import MB, Traffic
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.products.settings import CatalogSettings
from phytomass.imagery.settings import RasterSource

Bounds = tuple[float, float, float, float]
Ask = Callable[[str | None], list[pystac.Item]]
PAGE = 100
"""Scenes asked for at a time."""
DEEPEST = 32
"""Levels of a static catalogue."""
NEAR = dt.timedelta(days=366)
"""How far around dates without a scene the nearest ones are looked for."""


def lonlat_bounds(grid: GeoBox) -> Bounds:
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


def search(settings: RasterSource, grid: GeoBox, root: Path, traffic: Traffic) -> list[pystac.Item]:
    """Find the scenes of a source, in order of their days and ids.

    Parameters
    ----------
    settings : RasterSource
        A source with `catalog` and `dates`.
    grid : GeoBox
        The project's grid.
    root : Path
        Folder that relative paths of local catalogues start from.
    traffic : Traffic
        What the catalogue is asked with, and how much.

    Raises
    ------
    InputError
        If the catalogue cannot be reached, gives something else than scenes or more than the limits
        allow, or has no scene; the nearest days are named then.
    """
    catalog, record = settings.catalog, settings.record
    assert catalog is not None and record is not None  # noqa: S101  # only called for these
    ask = _asking(settings, lonlat_bounds(grid), root, traffic)
    kept = [item for item in ask(settings.dates) if _wanted(item, settings, catalog)]
    if kept:
        return sorted(kept, key=lambda item: (str(item.datetime), item.id))
    first, last = map(dt.date.fromisoformat, (settings.dates or "2000-01-01/2000-01-01").split("/"))
    around = ask(f"{_shifted(first, -NEAR)}/{_shifted(last, NEAR)}")
    days = sorted({item.datetime.date() for item in around if item.datetime})
    raise InputError(
        f"no scene of {profile_of(catalog).collections.get(record.id, catalog.collection)} here "
        f"in {settings.dates}",
        where=f"{masked(catalog.url)} ({traffic.where})",
        remedy=f"the nearest are of {_nearest(days, first)}"
        if days
        else "check collection, dates, max_cloud and that the grid lies where it should",
    )


def _shifted(day: dt.date, by: dt.timedelta) -> dt.date:
    return day + by if dt.date.min + NEAR < day < dt.date.max - NEAR else day


def _nearest(days: Sequence[dt.date], first: dt.date) -> str:
    return ", ".join(str(d) for d in sorted(days, key=lambda d: abs((d - first).days))[:3])


def collection_of(settings: RasterSource) -> str:
    """Return the collection a source is searched in."""
    catalog = settings.catalog
    assert catalog is not None  # noqa: S101  # only called for catalogues
    product = settings.product or ""
    return catalog.collection or profile_of(catalog).collections.get(product, product)


def _asking(settings: RasterSource, bounds: Bounds, root: Path, traffic: Traffic) -> Ask:
    """Return what gives the scenes of some days; a static catalogue is walked but once."""
    assert settings.catalog is not None  # noqa: S101  # checked by `search`
    url, collection = profile_of(settings.catalog).url, collection_of(settings)
    if is_remote(url) and not urlsplit(url).path.endswith(".json"):
        api = _Api(url, collection, bounds, traffic)
        return lambda dates: [i for i in api.items(dates) if _in_window(i, bounds, dates)]
    inside = [
        item
        for item in _walked(_start(url, root, traffic), (), set(), traffic)
        if item.collection_id in (None, collection) and _in_window(item, bounds, None)
    ]
    return lambda dates: [item for item in inside if _in_window(item, bounds, dates)]


def _start(url: str, root: Path, traffic: Traffic) -> str:
    """Return where a static catalogue begins: an address, or an absolute path."""
    if is_remote(url):
        return url
    try:
        return resolved(str((root / "project.yaml").absolute()), url)
    except InputError as error:
        what = "is neither an http(s) address nor a file"
        raise traffic.problem(url, what, "check catalog.url") from error


@dataclass
class _Api:
    """A catalogue that searches for us."""

    url: str
    collection: str
    bounds: Bounds
    traffic: Traffic
    door: LinkRecord | None = field(default=None)

    def items(self, dates: str | None) -> Iterator[pystac.Item]:
        """Give the scenes of some days, page by page."""
        question: tuple[str, Mapping[str, Any] | None] | None = self._first(dates)
        asked, seen = set(), set[str]()
        while question is not None:
            address, body = question
            answer = self._answer(address, body)
            key = (address, json.dumps(body, sort_keys=True))
            page = answer.read(PageRecord)
            fresh = [record for record in page.features if record.id not in seen]
            if key in asked or (page.features and not fresh):
                raise answer.refused("its pages run in a circle: it gives what it gave before")
            asked.add(key)
            for record in fresh:  # pages overlap while a catalogue grows
                if record.id not in seen:
                    seen.add(record.id)
                    yield record.item(_home(record, address))
            question = _next(page, address, body) if fresh else None

    def _answer(self, address: str, body: Mapping[str, Any] | None = None) -> Answer:
        return Answer.of(address, self.traffic.ask(address, body), self.traffic.where)

    def _first(self, dates: str | None) -> tuple[str, Mapping[str, Any] | None]:
        if self.door is None:
            landing = self._answer(self.url)
            doors = [link for link in landing.read(CatalogRecord).links if link.rel == "search"]
            if not doors:
                raise landing.refused("has no link `search`; a static catalogue is a file .json")
            door = next((d for d in doors if (d.method or "").upper() == "POST"), doors[0])
            self.door = door.model_copy(update={"href": resolved(self.url, door.href)})
        first, last = (dates or "../..").split("/")
        period = f"{first}T00:00:00Z/{last}T23:59:59Z" if dates else f"{first}/{last}"
        if (self.door.method or "").upper() == "POST":
            return self.door.href, {
                "collections": [self.collection],
                "bbox": list(self.bounds),
                "datetime": period,
                "limit": PAGE,
            }
        box = ",".join(map(repr, self.bounds))
        query = {"collections": self.collection, "bbox": box, "datetime": period, "limit": PAGE}
        joint = "&" if "?" in self.door.href else "?"
        return f"{self.door.href}{joint}{urlencode(query)}", None


def _next(
    page: PageRecord, address: str, body: Mapping[str, Any] | None
) -> tuple[str, Mapping[str, Any] | None] | None:
    link = next((link for link in page.links if link.rel == "next"), None)
    if link is None:
        return None
    if (link.method or "").upper() != "POST":
        return resolved(address, link.href), None
    before = body if body is not None and link.merge else {}
    return resolved(address, link.href), {**before, **(link.body or {})}


def _home(record: ItemRecord, page: str) -> str:
    """Return where an item of a page lives: its references start from there."""
    own = next((link.href for link in record.links if link.rel == "self"), page)
    try:
        return resolved(page, own)
    except InputError:  # a bucket or a file of the server's own: its references are absolute
        return page


def _walked(
    address: str, above: tuple[str, ...], seen: set[str], traffic: Traffic
) -> Iterator[pystac.Item]:
    """Give the items of a static catalogue and its children, each document once."""
    answer = Answer.of(address, _document(address, traffic), traffic.where)
    if answer.content.get("type") == "Feature":
        yield answer.read(ItemRecord).item(address)
        return
    links = [link for link in answer.read(CatalogRecord).links if link.rel in ("child", "item")]
    if len(above) >= DEEPEST:
        raise answer.refused(f"its children are nested deeper than {DEEPEST} levels")
    for link in links:
        below = resolved(address, link.href)
        if below in (*above, address):
            raise answer.refused(f"its children run in a circle: {masked(below)} again")
        if below not in seen:
            seen.add(below)
            yield from _walked(below, (*above, address), seen, traffic)


def _document(address: str, traffic: Traffic) -> bytes:
    if is_remote(address):
        return traffic.ask(address)
    path, most = Path(address), traffic.limits.max_answer_mb
    try:
        if not path.is_file():  # nor a pipe or a device: those never end
            known = nearest(traffic.limits.url, list(load_profiles()))
            raise traffic.problem(address, "no such file", known or "check catalog.url")
        with path.open("rb") as stream:
            content = stream.read(int(most * MB) + 1)
    except OSError as error:
        raise traffic.problem(address, f"cannot be read ({error})", "check the file") from error
    if len(content) > most * MB:
        raise traffic.problem(address, f"is larger than {most:g} MB", "raise catalog.max_answer_mb")
    traffic.count(address, answers=1, size=len(content))
    return content


def _in_window(item: pystac.Item, bounds: Bounds, dates: str | None) -> bool:
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
    """Return our band name → reference, by asset keys and the common names of their bands.

    References are as the item gives them: `resolved` says what they stand for.
    """
    found: dict[str, str] = {}
    for key, asset in item.assets.items():
        band = record.band_called(key)
        described = asset.extra_fields.get("bands") or []
        for one in described if band is None and len(described) == 1 else []:
            band = record.band_called(str(one.get("name", "")))
        if band is not None and band not in found:
            found[band] = asset.href
    if not found and len(item.assets) == 1 and len(record.predictors) == 1:
        found[record.predictors[0]] = next(iter(item.assets.values())).href
    return found
