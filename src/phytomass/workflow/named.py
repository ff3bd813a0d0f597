"""What names files in the settings of a project: told by its type, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import rasterio
from pydantic import BaseModel
from rasterio.errors import RasterioError

from phytomass.files import require_file
from phytomass.imagery.scenes.places import files_of
from phytomass.settings import Pattern

PLAIN_ENDS = (".path", ".files", ".dem")
"""Last parts of a key that say no more than that it names files."""

PARTS: dict[str, Sequence[str]] = {
    ".shp": (".dbf", ".shx", ".prj", ".cpg"),
    ".tif": (".tfw",),
    ".img": (".ige",),
}
SIDECARS = (".aux.xml", ".msk")
"""Endings of the files that are read with one, in place of its own and after it."""

METADATA = ("MTD_MSIL2A.xml", "MTD_TL.xml")
LEVELS_UP = 5
"""Folders above a band where the metadata of its scene are looked for."""


def named_files(value: Any, key: str = "") -> Iterator[tuple[str, Path | Pattern]]:
    """Give key and value of all that names files in settings, in their order.

    Examples
    --------
    >>> from phytomass.imagery import MaskSettings
    >>> list(named_files({"mask": MaskSettings(path="forest.tif")}))
    [('mask.path', PosixPath('forest.tif'))]
    """
    if isinstance(value, Path | Pattern):
        yield key, value
    elif isinstance(value, BaseModel):
        yield from named_files(dict(value), key)
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from named_files(below, f"{key}.{name}".strip("."))
    elif isinstance(value, list | tuple):
        for below in value:
            yield from named_files(below, key)


def role_of(key: str) -> str:
    """Return what a file is to a step: the section of the project file that names it.

    Examples
    --------
    >>> role_of("inventory.plots.path"), role_of("truth.earlier")
    ('inventory.plots', 'truth.earlier')
    """
    for end in PLAIN_ENDS:
        key = key.removesuffix(end)
    return key


def found_files(root: Path, key: str, value: Path | Pattern) -> list[Path]:
    """Return the files that a setting stands for, and those that are read with them.

    Raises
    ------
    InputError
        If there are none, or one cannot be read.
    """
    if isinstance(value, Path):
        require_file(root / value, f"{value} ({role_of(key)})")
        return [root / value, *with_it(root / value)]
    files = files_of(str(value), root, role_of(key))
    return list(dict.fromkeys([*files, *(other for file in files for other in with_it(file))]))


def with_it(file: Path) -> list[Path]:
    """Return the files that are read along with one: parts of its format, its scene's metadata.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("zones.shp", "zones.dbf", "zones.csv"):
    ...         written = Path(folder, name).write_text("")
    ...     [path.name for path in with_it(Path(folder, "zones.shp"))]
    ['zones.dbf']
    """
    endings = PARTS.get(file.suffix.lower(), ())
    there = [file.with_suffix(end) for end in endings] + [Path(f"{file}{end}") for end in SIDECARS]
    there += [folder / name for folder in list(file.parents)[:LEVELS_UP] for name in METADATA]
    stem = file.name.rpartition("_")[0]
    there += [file.with_name(f"{stem}_MTL{end}") for end in (".json", ".xml", ".txt")]
    found = [path for path in there if path.is_file() and path != file]
    if file.suffix.lower() == ".vrt":
        with suppress(RasterioError), rasterio.open(file) as mosaic:
            found += [Path(path) for path in mosaic.files if Path(path) != file]
    return found
