"""The Sentinel-2 offset: added once, and never twice."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from phytomass.errors import InputError
from phytomass.imagery.scenes.listing import Scene, day_in

BASELINE_WITH_OFFSET = 400
"""Processing baseline 04.00 is the first whose values are shifted by +1000."""
PLACEHOLDERS = (0, 9999)
"""Baselines that name none: Sen2Cor writes N9999 on whatever a user processed."""
REMEDY = "set boa_offset: applied (values start near 0) or pending (near 1000)"
_TAGS = ("s2:processing_baseline", "processing:version", "processing_baseline")
_WRITTEN = re.compile(r"[Nn]?(\d{1,2})\.(\d{1,2})|[Nn]?(\d{2})(\d{2})")
_NAMED = re.compile(r"_N(\d{4})(?=_|\b)", re.IGNORECASE)


def boa_offset(scene: Scene, said: str = "auto") -> float:
    """Return what must be added to the stored values of a scene before scaling: 0 or −1000.

    Parameters
    ----------
    scene : Scene
        A Sentinel-2 L2A scene.
    said : {"auto", "applied", "pending"}
        What the project file says; `auto` asks, in this order, the tag `boa_offset_applied`
        (also with a catalogue's prefix), the product's `MTD_MSIL2A.xml`, and the processing
        baseline in a tag or in the product's name (`…_N0509_…`). The placeholders N9999 (processed
        by a user) and N0000 are no baseline.

    Raises
    ------
    InputError
        If nothing says it: a guess by the date would be wrong for reprocessed images.

    Examples
    --------
    >>> boa_offset(Scene("S2B_MSIL2A_20200701T101031_N0214_R022", None, {}))
    0.0
    >>> boa_offset(Scene("S2B_MSIL2A_20200701T101031_N0500_R022", None, {}))
    -1000.0
    """
    if said != "auto":
        return 0.0 if said == "applied" else -1000.0
    for key, value in scene.tags.items():
        if key.rsplit(":", 1)[-1] == "boa_offset_applied" and value.lower() in ("true", "1"):
            return 0.0
    found = _metadata(scene)
    offset, written = _said_in(*found) if found is not None else (None, [])
    if offset is not None:
        return offset
    baselines = [*written, *_baselines(scene)]
    if not baselines or baselines[0] in PLACEHOLDERS:
        what = f"has the placeholder baseline {baselines[0] / 100:05.2f} and " if baselines else ""
        raise InputError(
            f"{what}does not say whether the offset of −1000 has been added",
            where=scene.name,
            remedy=REMEDY,
        )
    return -1000.0 if baselines[0] >= BASELINE_WITH_OFFSET else 0.0


def _metadata(scene: Scene) -> tuple[Path, ET.Element] | None:
    """Return the nearest `MTD_MSIL2A.xml`, unless it says that it is of another day."""
    paths = [asset.path for asset in list(scene.assets.values())[:1]]
    beside = [folder / "MTD_MSIL2A.xml" for path in paths for folder in list(path.parents)[:5]]
    for metadata in [path for path in beside if path.is_file()][:1]:
        root = _parsed(metadata)
        days = {day_in(text) for text in _texts(root, "SENSING_START", "START_TIME")} - {None}
        if scene.date is None or not days or scene.date in days:
            return metadata, root
    return None


def _parsed(metadata: Path) -> ET.Element:
    try:
        return ET.parse(metadata).getroot()  # noqa: S314  # a local file of the user's own
    except (ET.ParseError, OSError, ValueError, LookupError) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(metadata), remedy="get it again"
        ) from error


def _texts(root: ET.Element, *endings: str) -> list[str]:
    return [node.text or "" for node in root.iter() if node.tag.endswith(endings)]


def _said_in(metadata: Path, root: ET.Element) -> tuple[float | None, list[int]]:
    """Return the offset and the processing baseline that a metadata file states.

    Raises
    ------
    InputError
        If it contradicts itself: from baseline 04.00 on it must state an offset.
    """
    stated = _texts(root, "BOA_ADD_OFFSET")
    try:
        found = {int(text) for text in stated}
    except ValueError as error:
        raise InputError(
            f"BOA_ADD_OFFSET is no whole number: {', '.join(map(repr, sorted(set(stated))))}",
            where=str(metadata),
            remedy="get the file again, or " + REMEDY,
        ) from error
    if len(found) > 1:
        raise InputError(
            f"bands have different offsets: {sorted(found)}",
            where=str(metadata),
            remedy="prepare the bands as reflectance and read them as rasters without `product`",
        )
    written = [
        n for text in _texts(root, "PROCESSING_BASELINE") if (n := _number(text)) is not None
    ]
    if not found and BASELINE_WITH_OFFSET <= next(iter(written), 0) < PLACEHOLDERS[-1]:
        what = f"has baseline {written[0] / 100:05.2f} and no BOA_ADD_OFFSET"
        raise InputError(what, where=str(metadata), remedy=REMEDY)
    return (float(found.pop()) if found else None), written


def _number(text: str) -> int | None:
    """Return a written baseline in hundredths: `05.09`, `N0509`, or 5.1, which was a number."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    major, minor, *together = found.groups()
    if major is None:
        return int("".join(together))
    return round(float(f"{major}.{minor}") * 100)


def _baselines(scene: Scene) -> list[int]:
    """Return every baseline that tags and names say; the name nearest to the bands comes first."""
    tagged = [_number(scene.tags[key]) for key in _TAGS if key in scene.tags]
    parts = [part for asset in list(scene.assets.values())[:1] for part in asset.path.parts]
    named = [_NAMED.search(name) for name in (scene.name, *reversed(parts))]
    return [n for n in tagged if n is not None] + [int(found[1]) for found in named if found]
