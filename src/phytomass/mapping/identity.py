"""Telling whether a model and the files of a map are those of an earlier, broken off call."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from joblib.hashing import NumpyHasher

ALONG = ("", ".aux.xml", ".msk")
"""Endings of a raster and of what GDAL reads with it."""


class _Hasher(NumpyHasher):  # type: ignore[misc]
    """joblib's, but blind to the padding of structured arrays, which holds anything."""

    def save(self, obj: Any) -> None:
        if isinstance(obj, np.ndarray) and obj.dtype.names:
            obj = [np.ascontiguousarray(obj[name]) for name in obj.dtype.names]
        super().save(obj)


def print_of(value: Any) -> str:
    """Return a hash of all that a value holds; of what cannot be hashed one that never comes again.

    Examples
    --------
    >>> print_of({"a": np.arange(3)}) == print_of({"a": np.arange(3)})
    True
    >>> print_of(lambda: 1) == print_of(lambda: 1)
    False
    """
    try:
        return str(_Hasher("md5").hash(value))
    except Exception:  # whatever a stranger's object raises when it is taken apart
        return uuid4().hex


def prints_of(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Return name, size and time of writing of files, of those in folders, and what goes along."""
    wanted = [path.with_name(path.name + end) for path in paths for end in ALONG]
    found = []
    for path in (path for path in wanted if path.exists()):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        stats = ((str(one), one.stat()) for one in files if one.is_file())
        found += [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return found
