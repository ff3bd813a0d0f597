"""The scenes that were brought from a catalogue and are kept in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from phytomass.errors import InputError
from phytomass.files import write_text
from phytomass.imagery.settings import RasterSource

LIST = "scenes.json"


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
        names = json.loads(listed.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        names = error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(
            "is no list of scenes" + (f" ({names})" if isinstance(names, Exception) else ""),
            where=str(listed),
            remedy="delete it and run: phytomass stack",
        )
    return [root / catalog.folder / f"{safe_name(name)}.tif" for name in names]


def safe_name(name: str) -> str:
    """Return a name with nothing in it that a file name must not have.

    Examples
    --------
    >>> safe_name("S2A/43SFT:1")
    'S2A_43SFT_1'
    """
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
