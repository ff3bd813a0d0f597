"""Which files a path, a pattern or a folder of the project file stands for."""

from __future__ import annotations

from collections.abc import Iterator
from glob import has_magic
from itertools import islice
from os import walk
from pathlib import Path

from phytomass.errors import InputError, nearest, shown
from phytomass.files import require_file

RASTERS = {".tif", ".tiff", ".jp2", ".nc", ".vrt", ".img"}

MOST_FILES = 10_000
"""Files that one source may stand for: 27 years of a daily product."""

MOST_ENTRIES = 100_000
"""Files and folders that are looked through for one pattern: `/` and `**` meet any disk."""


def files_of(pattern: str | list[str], root: Path, where: str) -> list[Path]:
    """Return the files a path, a pattern or a list of them stands for, sorted within a pattern.

    Parameters
    ----------
    pattern : str or list of str
        Relative to `root`, or absolute.
    root : Path
        Folder that relative paths start from.
    where : str
        For messages.

    Raises
    ------
    InputError
        If a file is missing or no regular file, if a pattern matches nothing, or more than
        `MOST_FILES`, or looks through more than `MOST_ENTRIES`.
    """
    found: list[Path] = []
    for one in [pattern] if isinstance(pattern, str) else pattern:
        try:
            found += _matching(one, root, where)
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            why = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{shown(one)} cannot be looked up ({why})", where=where) from error
    files = list(
        islice((file for path in found for file in _rasters_in(path, where)), MOST_FILES + 1)
    )
    if len(files) > MOST_FILES:
        raise InputError(
            f"{shown(pattern)} stands for more than {MOST_FILES} files",
            where=where,
            remedy="name a narrower folder or pattern",
        )
    return files


def _matching(one: str, root: Path, where: str) -> list[Path]:
    path = root / one
    if path.exists():
        return [path]
    if not has_magic(one):
        siblings = _siblings(path.parent) if path.parent.is_dir() else []
        hint = nearest(path.name, siblings)
        raise InputError(
            f"no such file: {shown(one)[1:-1]}", where=where, remedy=hint or "check the path"
        )
    fixed = next(i for i, part in enumerate(path.parts) if has_magic(part))
    base, rest = Path(*path.parts[:fixed]), path.parts[fixed:]
    deep = None if "**" in rest else len(rest)
    for _ in _entries(base, where, deep):  # before `glob`, which would look through all of them
        pass
    matches = sorted(base.glob(str(Path(*rest))))
    if not matches:
        raise InputError(f"no file matches {shown(one)}", where=where, remedy="check the pattern")
    return matches


def _siblings(folder: Path) -> list[str]:
    return [path.name for path in islice(folder.iterdir(), 1000)]


def _entries(base: Path, where: str, deep: int | None = None) -> Iterator[Path]:
    """Give every file below a folder, `deep` levels down; stop where there are too many."""
    seen, top = 0, len(base.parts)
    for folder, folders, files in walk(base):
        here = Path(folder)
        folders.sort()
        seen += len(folders) + len(files)
        if deep is not None and len(here.parts) - top + 1 >= deep:
            folders.clear()
        if seen > MOST_ENTRIES:
            raise InputError(
                f"there are more than {MOST_ENTRIES} files and folders below {shown(str(base))}",
                where=where,
                remedy="name a narrower folder or pattern",
            )
        yield from (here / file for file in files)


def _rasters_in(path: Path, where: str) -> list[Path]:
    """Return a file itself, or the rasters in a folder and below (`.SAFE`, one folder per scene)."""
    if not path.is_dir():
        require_file(path, f"{shown(str(path))[1:-1]} ({where})")
        return [path]
    inside = sorted(file for file in _entries(path, where) if file.suffix.lower() in RASTERS)
    if not inside:
        raise InputError(
            f"no raster in the folder {path.name}",
            where=where,
            remedy=f"name a file, or a folder with {', '.join(sorted(RASTERS))}",
        )
    return inside
