"""Scenes of a product on disk: which files hold which band of which date."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from phytomass.errors import InputError, nearest
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.rasters import open_raster

STAC_TAG = "stac_properties"
"""Tag of a kept scene with what its catalogue says about it, as JSON."""
BESIDE = (".xml", ".txt", ".json")
"""Metadata that a pattern may match beside the bands."""
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_]?(0[1-9]|1[0-2])[-_]?([0-2]\d|3[01])(?!\d)")
Orbit = Literal["ascending", "descending"]
_ORBIT: dict[str, Orbit] = {
    "asc": "ascending",
    "ascending": "ascending",
    "desc": "descending",
    "descending": "descending",
}


@dataclass(frozen=True)
class Asset:
    """One band in one file."""

    path: Path
    band: int = 1


@dataclass(frozen=True)
class Scene:
    """One image of one date.

    Parameters
    ----------
    name : str
        Its name in messages and in the provenance.
    date : date or None
        Day it was taken, where known.
    assets : mapping of str to Asset
        Our band name → where it is.
    tags : mapping of str to str
        What its files say about it, in lower-case keys.
    """

    name: str
    date: dt.date | None
    assets: Mapping[str, Asset]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def orbit(self) -> Orbit | None:
        """Whether the satellite flew north (ascending) or south (descending), where known."""
        said = self.tags.get("sat:orbit_state") or self.tags.get("orbit")
        if said:
            return _ORBIT.get(said.lower())
        words = [word for word in re.split(r"[^a-z]+", self.name.lower()) if word in _ORBIT]
        return _ORBIT[words[0]] if words else None


def day_in(text: str) -> dt.date | None:
    """Return the first day written in a text as 20200701, 2020-07-01 or 2020_07_01.

    Examples
    --------
    >>> day_in("S2B_MSIL2A_20200701T101031_N0214")
    datetime.date(2020, 7, 1)
    """
    found = re.search(_DAY, text.replace("T", " ").replace("_", "-"))
    if not found:
        return None
    try:
        return dt.date(*map(int, found.groups()))
    except ValueError:  # 31 February is a number, not a day
        return None


def local_scenes(
    paths: Sequence[Path],
    record: SensorRecord,
    wanted: Mapping[str, str | int] | None,
    where: str,
) -> list[Scene]:
    """Group files into scenes.

    Parameters
    ----------
    paths : sequence of path
        Files with one band each, whose names follow the product's pattern; or files with several
        bands each, one per scene.
    record : SensorRecord
        The product.
    wanted : mapping of str to str or int, optional
        Our band → its description or number, for files of several bands.
    where : str
        For messages.

    Raises
    ------
    InputError
        If a file of several bands does not say which band is which.
    """
    pattern = re.compile(record.file_pattern or r"(?!)")
    groups: dict[str, dict[str, tuple[int, Asset]]] = {}
    scenes: list[Scene] = []
    for path in paths:
        found = pattern.match(path.name)
        band = record.band_called(found["band"]) if found else None
        if found is None or band is None:
            if found is None and path.suffix.lower() not in BESIDE:
                scenes.append(_scene_of_file(path, record, wanted, where))
            continue
        metres = int(found.groupdict().get("metres") or 0)
        held = groups.setdefault(found["scene"], {})
        if band not in held or metres < held[band][0]:  # the finest of several copies
            held[band] = (metres, Asset(path))
    for name, held in groups.items():
        assets = {band: asset for band, (_, asset) in held.items()}
        first = next(iter(assets.values())).path
        with open_raster(first, first.name) as dataset:
            tags = _tags(dataset, first)
        scenes.append(Scene(name, day_in(name) or day_in(tags.get("datetime", "")), assets, tags))
    names = [scene.name for scene in scenes]
    scenes = [
        replace(scene, name=f"{next(iter(scene.assets.values())).path.parent.name}/{scene.name}")
        if names.count(scene.name) > 1
        else scene
        for scene in scenes
    ]
    return sorted(scenes, key=lambda scene: (scene.date or dt.date.min, scene.name))


def _tags(dataset: Any, path: Path) -> dict[str, str]:
    try:
        tags = {key.lower(): str(value) for key, value in dataset.tags().items()}
        said = json.loads(tags.get(STAC_TAG, "{}"))
        return {**tags, **{str(key): str(value) for key, value in said.items()}}
    except (ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            f"its tag {STAC_TAG} is not what a catalogue's properties look like ({error})",
            where=path.name,
            remedy="fetch the scene again, or remove the tag",
        ) from error


def _scene_of_file(
    path: Path, record: SensorRecord, wanted: Mapping[str, str | int] | None, where: str
) -> Scene:
    with open_raster(path, path.name) as dataset:
        tags = _tags(dataset, path)
        bands = [d for d in dataset.descriptions if d]
        described = {d: i for i, d in enumerate(dataset.descriptions, 1) if d}
        count = dataset.count
    twice = [name for name in described if bands.count(name) > 1]
    if any(record.band_called(name) or name in (wanted or {}).values() for name in twice):
        raise InputError(
            f"several bands are called {', '.join(twice)}",
            where=f"{path.name} ({where})",
            remedy="say by number which band is which, e.g. bands: {B4: 1}",
        )
    assets = {
        band: Asset(path, number)
        for name, number in described.items()
        if (band := record.band_called(name)) is not None
    }
    numbers: dict[str | int, int] = {**described, **{i: i for i in range(1, count + 1)}}
    for band, place in (wanted or {}).items():
        if place in numbers:
            assets[band] = Asset(path, numbers[place])
        elif band not in assets:
            raise InputError(
                f"no band {place!r}",
                where=f"{path.name} ({where})",
                remedy=nearest(str(place), list(described))
                or f"the file has {', '.join(described) or f'{count} bands without names'}",
            )
    if not assets and count == 1 and len(record.predictors) == 1:
        assets = {record.predictors[0]: Asset(path)}
    if not assets:
        raise InputError(
            f"its {count} bands have no names that {record.id} knows",
            where=f"{path.name} ({where})",
            remedy=f"say which band is which, e.g. bands: {{{record.predictors[0]}: 1}}",
        )
    said = tags.get("datetime") or tags.get("tifftag_datetime", "").replace(":", "-", 2)
    return Scene(path.stem, day_in(path.stem) or day_in(said), assets, tags)


def in_season(
    scenes: Sequence[Scene], dates: str | None, months: Sequence[int] | None, where: str
) -> list[Scene]:
    """Return the scenes within the days and months asked for.

    Parameters
    ----------
    scenes : sequence of Scene
        All scenes.
    dates : str, optional
        First and last day, `2020-06-01/2020-09-30`.
    months : sequence of int, optional
        Months, 1 to 12.
    where : str
        For messages.

    Raises
    ------
    InputError
        If a scene does not say its day, or none is left; the nearest days are named then.
    """
    if dates is None and months is None:
        return list(scenes)
    dateless = [scene.name for scene in scenes if scene.date is None]
    if dateless:
        raise InputError(
            f"does not say its day: {dateless[0]}",
            where=where,
            remedy="put it into the file's name (20200701), or leave `dates` and `months` out",
        )
    first, last = (
        map(dt.date.fromisoformat, dates.split("/")) if dates else (dt.date.min, dt.date.max)
    )
    kept = [
        scene
        for scene in scenes
        if scene.date and first <= scene.date <= last and scene.date.month in (months or range(13))
    ]
    if not kept:
        raise InputError(
            f"none of {len(scenes)} scenes is in {dates or ''} {months or ''}".rstrip(),
            where=where,
            remedy=f"the nearest are of {_nearest_days(scenes, first, last)}",
        )
    return kept


def _nearest_days(scenes: Sequence[Scene], first: dt.date, last: dt.date) -> str:
    def away(day: dt.date) -> int:
        return max((first - day).days, (day - last).days, 0)

    days = sorted({scene.date for scene in scenes if scene.date}, key=away)
    return ", ".join(day.isoformat() for day in days[:3])
