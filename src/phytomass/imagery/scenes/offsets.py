"""The Sentinel-2 offset: added once, and never twice."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from phytomass.errors import InputError
from phytomass.imagery.scenes.listing import Scene

BASELINE_WITH_OFFSET = 400
"""Processing baseline 04.00 is the first whose values are shifted by +1000."""


def boa_offset(scene: Scene, said: str = "auto") -> float:
    """Return what must be added to the stored values of a scene before scaling: 0 or −1000.

    Parameters
    ----------
    scene : Scene
        A Sentinel-2 L2A scene.
    said : {"auto", "applied", "pending"}
        What the project file says; `auto` asks, in this order, the tag `boa_offset_applied`
        (also with a catalogue's prefix), the product's `MTD_MSIL2A.xml`, and the processing
        baseline in a tag or in the product's name (`…_N0509_…`).

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
    paths = [asset.path for asset in scene.assets.values()]
    for path in paths[:1]:
        metadata = next((p for p in _metadata_files(path)), None)
        if metadata is not None:
            return _offset_in(metadata)
    baseline = _baseline(scene, paths)
    if baseline is None:
        raise InputError(
            "does not say whether the offset of −1000 has been added",
            where=scene.name,
            remedy="set boa_offset: applied (values start near 0) or pending (near 1000)",
        )
    return -1000.0 if baseline >= BASELINE_WITH_OFFSET else 0.0


def _metadata_files(path: Path) -> list[Path]:
    return [p for folder in list(path.parents)[:5] for p in sorted(folder.glob("MTD_MSIL2A.xml"))]


def _offset_in(metadata: Path) -> float:
    try:
        root = ET.parse(metadata).getroot()  # noqa: S314  # a local file of the user's own
    except ET.ParseError as error:
        raise InputError(f"cannot be read ({error})", where=str(metadata)) from error
    found = {float(node.text or 0) for node in root.iter() if node.tag.endswith("BOA_ADD_OFFSET")}
    if len(found) > 1:
        raise InputError(
            f"bands have different offsets: {sorted(found)}",
            where=str(metadata),
            remedy="prepare the bands as reflectance and read them as rasters without `product`",
        )
    return found.pop() if found else 0.0


def _baseline(scene: Scene, paths: list[Path]) -> int | None:
    for key in ("s2:processing_baseline", "processing:version", "processing_baseline"):
        if key in scene.tags:
            return round(float(scene.tags[key]) * 100)
    for name in (scene.name, *(part for path in paths[:1] for part in path.parts)):
        found = re.search(r"_N(\d{4})(_|\b)", name)
        if found:
            return int(found[1])
    return None
