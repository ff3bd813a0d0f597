"""The scenes that were brought from a catalogue and are kept in a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from phytomass.errors import InputError
from phytomass.files import write_text
from phytomass.imagery.settings import RasterSource

LIST = "scenes.json"
_NAMES = TypeAdapter(list[str])


def write_list(folder: Path, names: Sequence[str]) -> None:
    """Write down which scenes a source uses."""
    write_text(folder / LIST, json.dumps(list(names), indent=1) + "\n")


def fetched_files(settings: RasterSource, root: Path) -> list[Path] | None:
    """Return the files of the scenes brought by the last `fetch_scenes`; None before the first."""
    catalog = settings.catalog
    assert catalog is not None  # noqa: S101  # only called for catalogues
    listed = root / catalog.folder / LIST
    if not listed.is_file():
        return None
    try:
        names = _NAMES.validate_json(listed.read_bytes())
    except (ValidationError, OSError) as error:
        raise InputError(
            "is no list of scenes",
            where=str(listed),
            remedy="delete it: scenes that are there are not fetched again",
        ) from error
    return [root / catalog.folder / f"{safe_name(name)}.tif" for name in names]


def safe_name(name: str) -> str:
    """Return a name with nothing in it that a file name must not have.

    Long ones end with a digest of the whole: file systems take 255 bytes.

    Examples
    --------
    >>> safe_name("S2A/43SFT:1")
    'S2A_43SFT_1'
    """
    safe = "".join(c if (c.isalnum() and c.isascii()) or c in "-_." else "_" for c in name)
    if len(safe) > 150:
        safe = f"{safe[:100]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return safe
