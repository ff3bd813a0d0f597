"""Where the sun stood: from a catalogue's properties, the scene's own metadata, or the project."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from math import isfinite, nan
from pathlib import Path
from typing import NamedTuple

from phytomass.errors import InputError
from phytomass.imagery.products.settings import TopographySettings
from phytomass.imagery.scenes.listing import Scene, day_in


class Sun(NamedTuple):
    """Zenith angle, and azimuth clockwise from north, in degrees."""

    zenith_deg: float
    azimuth_deg: float


def sun_of(scene: Scene, rule: TopographySettings) -> Sun:
    """Return where the sun stood over a scene.

    Asked in this order: the tags `view:sun_elevation` and `view:sun_azimuth` (or Sentinel-2's
    `s2:mean_solar_zenith`, or Landsat's `SUN_ELEVATION`), the mean sun angle in a Sentinel-2
    granule's `MTD_TL.xml`, Landsat's `…_MTL.json`, `.xml` or `.txt`, the project file.

    Parameters
    ----------
    scene : Scene
        The scene.
    rule : TopographySettings
        What the project file says.

    Raises
    ------
    InputError
        If nothing says it, or a metadata file cannot be read.
    """
    found = _tagged(scene) or _in_metadata(scene)
    if found is not None:
        return _checked(found, scene)
    if rule.sun_zenith_deg is None or rule.sun_azimuth_deg is None:
        raise InputError(
            "does not say where the sun stood",
            where=scene.name,
            remedy="put its MTD_TL.xml or MTL file back beside its bands, or set "
            "topography.sun_zenith_deg and sun_azimuth_deg",
        )
    return Sun(rule.sun_zenith_deg, rule.sun_azimuth_deg)


def _checked(sun: Sun, scene: Scene) -> Sun:
    if not (0 <= sun.zenith_deg < 90 and isfinite(sun.azimuth_deg)):
        raise InputError(
            f"says that the sun stood at zenith {sun.zenith_deg:g}°, azimuth {sun.azimuth_deg:g}°",
            where=scene.name,
            remedy="a zenith is from 0 to below 90: get the scene's metadata again",
        )
    return sun


def _tagged(scene: Scene) -> Sun | None:
    tags = scene.tags
    zenith, azimuth = tags.get("s2:mean_solar_zenith"), tags.get("s2:mean_solar_azimuth")
    if zenith is not None and azimuth is not None:
        return Sun(_degrees(zenith), _degrees(azimuth))
    for prefix in ("view:", ""):
        elevation, azimuth = tags.get(f"{prefix}sun_elevation"), tags.get(f"{prefix}sun_azimuth")
        if elevation is not None and azimuth is not None:
            return Sun(90.0 - _degrees(elevation), _degrees(azimuth))
    return None


def _degrees(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan


def _in_metadata(scene: Scene) -> Sun | None:
    for path, read in _metadata_files(scene):
        try:
            found = read(path.read_text(encoding="utf-8"), scene)
        except (ET.ParseError, ValueError, AttributeError, OSError, RecursionError) as error:
            raise InputError(
                f"cannot be read ({error})",
                where=str(path),
                remedy="get the file again, or take it away and set topography.sun_zenith_deg "
                "and sun_azimuth_deg",
            ) from error
        if found is not None:
            return found
    return None


def _metadata_files(scene: Scene) -> Iterator[tuple[Path, Callable[[str, Scene], Sun | None]]]:
    """Yield the metadata files of a scene, nearest to its bands first."""
    name = scene.name.rsplit("/", 1)[-1]
    for asset in list(scene.assets.values())[:1]:
        folders = list(asset.path.resolve().parents)[:4]
        for folder in folders:  # GRANULE/…/IMG_DATA/R10m: the file lies two folders up
            if (folder / "MTD_TL.xml").is_file():
                yield folder / "MTD_TL.xml", _of_sentinel2
        for ending, read in ((".json", _of_json), (".xml", _of_xml), (".txt", _of_text)):
            if (folders[0] / f"{name}_MTL{ending}").is_file():
                yield folders[0] / f"{name}_MTL{ending}", read


def _of_sentinel2(text: str, scene: Scene) -> Sun | None:
    root = ET.fromstring(text)  # noqa: S314  # a local file of the user's own
    said = [node.text or "" for node in root.iter() if _tag(node) == "SENSING_TIME"]
    days = {day_in(moment) for moment in said}
    if scene.date is not None and days and scene.date not in days:
        return None  # of another scene, whose bands lie in the same folder
    for mean in (node for node in root.iter() if _tag(node) == "Mean_Sun_Angle"):
        angles = {_tag(node): float(node.text or "nan") for node in mean}
        if {"ZENITH_ANGLE", "AZIMUTH_ANGLE"} <= angles.keys():
            return Sun(angles["ZENITH_ANGLE"], angles["AZIMUTH_ANGLE"])
    return None


def _tag(node: ET.Element) -> str:
    return node.tag.rsplit("}", 1)[-1]


def _of_json(text: str, scene: Scene) -> Sun | None:
    said = json.loads(text).get("LANDSAT_METADATA_FILE", {}).get("IMAGE_ATTRIBUTES", {})
    return _of_landsat({str(key): str(value) for key, value in said.items()})


def _of_xml(text: str, scene: Scene) -> Sun | None:
    root = ET.fromstring(text)  # noqa: S314  # a local file of the user's own
    return _of_landsat({_tag(node): node.text or "" for node in root.iter()})


def _of_text(text: str, scene: Scene) -> Sun | None:
    return _of_landsat(dict(re.findall(r"^\s*(SUN_\w+)\s*=\s*(\S+)\s*$", text, re.MULTILINE)))


def _of_landsat(said: dict[str, str]) -> Sun | None:
    if not {"SUN_ELEVATION", "SUN_AZIMUTH"} <= said.keys():
        return None
    return Sun(90.0 - float(said["SUN_ELEVATION"]), float(said["SUN_AZIMUTH"]) % 360)
