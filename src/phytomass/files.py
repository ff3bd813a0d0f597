"""Files: looked at before they are opened, written whole or not at all, and their fingerprints."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from phytomass.errors import DiskFullError, InputError, nearest

if TYPE_CHECKING:  # heavy, and not needed to move files about
    import geopandas
    import pandas as pd

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The system's numbers for a full disk, a used-up quota, and a file larger than allowed."""


def require_file(path: str | Path, where: str, remedy: str = "check the path") -> int:
    """Return the size of a regular file in bytes, or say why it cannot be read.

    Parameters
    ----------
    path : str or Path
        The file; symbolic links are followed.
    where : str
        How the user named it, for the message.
    remedy : str
        What to do where no file of a similar name lies beside it.

    Raises
    ------
    InputError
        For a missing or empty file, a folder, a pipe or device (which would never end), a file
        that may not be read, and names that no file can have.
    """
    path = Path(path)
    try:
        status = path.stat()
        readable = os.access(path, os.R_OK)
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = nearest(path.name, _beside(path))
        raise InputError("no such file", where=where, remedy=hint or remedy) from error
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read ({what})", where=_shortened(where)) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError("is a folder, not a file", where=where, remedy="name the file in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError("is a pipe or a device, not a file", where=where, remedy="copy it to disk")
    if not readable:
        raise InputError("may not be read", where=where, remedy="change its permissions")
    if status.st_size == 0:
        raise InputError("is empty (0 bytes)", where=where, remedy="get it again")
    return status.st_size


def _beside(path: Path) -> list[str]:
    try:
        return [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return []


def _shortened(where: str, most: int = 80) -> str:
    return where if len(where) <= most else f"{where[: most // 2]}…{where[-most // 2 :]}"


@contextmanager
def full_disk_named(place: str | Path, kept: str = "") -> Iterator[None]:
    """Turn the system's errors of a full disk into one that says so.

    Parameters
    ----------
    place : str or Path
        Where is written, for the message.
    kept : str
        What is kept all the same, for the remedy.

    Raises
    ------
    DiskFullError
        In place of an `OSError` of a full disk or a used-up quota.

    Examples
    --------
    >>> with full_disk_named("results"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    ...
    phytomass.errors.DiskFullError: results: the disk is full (No space left on device) → ...
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskFullError(
            f"the disk is full ({error.strerror})",
            where=str(place),
            remedy=f"free some space and run again{kept}",
        ) from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; rename it to `path` only when the block succeeds.

    The temporary file keeps the suffix of `path`, because many writers choose a format by it.
    On any error, Ctrl-C included, it is removed and an earlier `path` stays as it was.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    DiskFullError
        If there is no room for a file.
    """
    path = Path(path)
    try:
        with full_disk_named(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
            )
            os.close(handle)
    except OSError as error:
        raise InputError(
            f"cannot write here ({error.strerror})",
            where=str(path.parent),
            remedy="choose a folder you may write to, or free some space",
        ) from error
    beside = Path(name)
    try:
        yield beside
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON (indented, UTF-8), whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""Text that a spreadsheet may take for a formula (OWASP, CSV injection), apostrophes aside."""


def inert(text: str) -> str:
    """Return text as no spreadsheet runs it: with an apostrophe before a sign of a formula.

    Examples
    --------
    >>> inert("=HYPERLINK(A1)"), inert("-12"), inert("Plot 1")
    ("'=HYPERLINK(A1)", "'-12", 'Plot 1')
    """
    return f"'{text}" if FORMULA.match(text) else text


def as_meant(text: str) -> str:
    """Return the text that `inert` was given.

    Examples
    --------
    >>> as_meant("'-12"), as_meant("'s-Hertogenbosch"), as_meant(inert("'=1"))
    ('-12', "'s-Hertogenbosch", "'=1")
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def of_texts(cells: Iterable[Any], change: Callable[[Any], Any]) -> list[Any]:
    """Return what a function makes of each text; texts that are alike ask it once.

    Examples
    --------
    >>> of_texts(["a", "b", "a"], str.upper)
    ['A', 'B', 'A']
    """
    cells = list(cells)
    made = {cell: change(cell) for cell in set(cells)}
    return list(map(made.__getitem__, cells))


def texts_as_meant(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table that was read from a CSV file of ours with its texts as they were meant."""
    meant = table.rename(columns={name: as_meant(str(name)) for name in table.columns})
    return _each_text(meant, as_meant)


def _each_text(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Return a copy with every text cell changed; other cells and columns stay as they are."""
    import pandas as pd
    from pandas.api.types import is_object_dtype, is_string_dtype

    changed = table.copy()
    for place, (_, column) in enumerate(table.items()):
        kind = column.dtype
        if isinstance(kind, pd.CategoricalDtype) or is_object_dtype(kind) or is_string_dtype(kind):
            cells = column.to_numpy(dtype=object).tolist()
            made = {c: change(c) for c in dict.fromkeys(c for c in cells if isinstance(c, str))}
            cells = [made[cell] if isinstance(cell, str) else cell for cell in cells]
            dtype = kind if isinstance(kind, pd.StringDtype) else object
            changed.isetitem(place, pd.array(cells, dtype=dtype))
    return changed


ROWS = 50_000
"""Rows of a table that are written together."""


def write_csv(
    path: str | Path,
    table: pd.DataFrame,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> None:
    """Write a table as CSV with ten significant digits, whole or not at all.

    Ten digits are far below any field or image error and above every rounding of a re-read.
    Text that a spreadsheet would take for a formula gets an apostrophe before it (see `inert`),
    numbers never; `read_csv` takes it away again.
    """
    header = [inert(str(name)) for name in table.columns]
    # Some versions of Python end a row at a \r where no quotes stand around it.
    odd = any("\r" in text for text in (*header, *_texts(table)))
    written = _written(csv.QUOTE_ALL if odd else csv.QUOTE_MINIMAL, len(header) == 1)
    with whole_file(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{','.join(map(written, header))}\n")
        for first in range(0, len(table), ROWS):
            part = table.iloc[first : first + ROWS]
            fields = [_fields(column, written) for _, column in part.items()]
            rows = map(",".join, zip(*fields, strict=True))
            file.writelines(f"{row}\n" for row in rows)
            progress(f"writing {Path(path).name}", first + len(part), len(table))


def _written(quoting: Literal[0, 1], alone: bool) -> Callable[[Any], str]:
    """Return what gives a cell as it stands in a file, with quotes where it needs them."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n", quoting=quoting)
    rest = [] if alone else [0]  # an empty cell that is alone in its row has quotes
    after = 1 if alone else len(',"0"\n' if quoting == csv.QUOTE_ALL else ",0\n")

    def written(cell: Any) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([cell, *rest])
        return buffer.getvalue()[:-after]

    return written


def _texts(table: pd.DataFrame) -> Iterator[str]:
    """Return the texts of a table's cells, each column's once."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    for _, column in table.items():
        if not (is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)):
            yield from {c for c in column.to_numpy(dtype=object).tolist() if isinstance(c, str)}


def _fields(column: pd.Series[Any], written: Callable[[Any], str]) -> list[str]:
    """Return what a column holds as CSV writes it: ten digits, nothing for what is missing."""
    import numpy as np
    import pandas as pd

    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
    if kind == "f":  # by bits: minus zero is another text than zero
        bits = np.ascontiguousarray(column.to_numpy(dtype=np.float64)).view(np.int64)
        places, values = pd.factorize(bits)
        numbers = values.view(np.float64).tolist()
        texts = [written("" if x != x else f"{x:.10g}") for x in numbers]
        return list(map(texts.__getitem__, places.tolist()))
    cells = column.to_numpy(dtype=object).tolist()
    if kind in "biu":
        return of_texts(cells, written)
    made = {c: written(inert(c)) for c in {c for c in cells if isinstance(c, str)}}
    missing = pd.isna(column).tolist()
    return [
        made[c] if isinstance(c, str) else written("" if gone else c)
        for c, gone in zip(cells, missing, strict=True)
    ]


def read_csv(path: str | Path, text: Collection[str] = ()) -> pd.DataFrame:
    """Read a table that `write_csv` wrote; an empty cell is NaN.

    Parameters
    ----------
    path : str or Path
        The file.
    text : collection of str
        Columns that are text even where every entry looks like a number or says ``NA``: ids.

    Raises
    ------
    InputError
        If it is missing, damaged, or no such table.
    """
    import pandas as pd

    require_file(path, str(path), "run: phytomass run")
    try:
        table = pd.read_csv(
            path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""]
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(
            f"cannot be read as a table ({error})",
            where=str(path),
            remedy="delete it and run: phytomass run",
        ) from error
    return texts_as_meant(table)


GEOPACKAGE_STAMP = "2020-12-31T00:00:00.000Z"
"""Stands where a GeoPackage keeps the time of writing: the same table gives the same bytes."""


def write_geopackage(path: str | Path, table: geopandas.GeoDataFrame, layer: str) -> None:
    """Write a layer as a GeoPackage, whole or not at all, without the time of writing in it."""
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": GEOPACKAGE_STAMP})
    try:
        with whole_file(path) as beside:
            beside.unlink()
            pyogrio.write_dataframe(table, beside, driver="GPKG", layer=layer)
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, or of a folder's names and bytes, as hexadecimal."""
    path = Path(path)
    if path.is_dir():
        parts = (f for f in sorted(path.rglob("*")) if f.is_file())
        listing = "\n".join(f"{f.relative_to(path).as_posix()} {sha256_of(f)}" for f in parts)
        return hashlib.sha256(listing.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
