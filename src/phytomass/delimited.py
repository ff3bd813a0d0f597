"""The one door to text tables (CSV): what the file is, its encoding, its rows and cells."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass.errors import InputError
from phytomass.files import as_meant, require_file
from phytomass.limits import refuse_above

FIRST_BYTES = {
    b"PK\x03\x04": ("a workbook or an archive", "name it .xlsx, or save it as CSV UTF-8"),
    b"\xd0\xcf\x11\xe0": ("an old or protected Excel file", "save it as CSV UTF-8 or .xlsx"),
    b"SQLite format 3": ("a database or GeoPackage", "name it .gpkg, or export it as CSV UTF-8"),
    b"%PDF": ("a PDF document", "export the table as CSV UTF-8"),
    b"{\\rtf": ("a text document", "export the table as CSV UTF-8"),
    b"\x1f\x8b": ("compressed", "unpack it"),
    b"<!DOCTYPE": ("a web page", "download the file again, signed in"),
    b"<!doctype": ("a web page", "download the file again, signed in"),
    b"<html": ("a web page", "download the file again, signed in"),
    b"II*\x00": ("an image", "name a table"),
    b"MM\x00*": ("an image", "name a table"),
    b"\x89PNG": ("an image", "name a table"),
}
"""How files begin that are no text, what they are, and what to do."""

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_delimited(
    path: Path, where: str, encoding: str = "utf-8", delimiter: str = ","
) -> list[list[str]]:
    """Read the rows of a text table; texts that `write_csv` made inert are as they were meant.

    Parameters
    ----------
    path : path
        The file.
    where : str
        How to name it in messages.
    encoding : str
        A text encoding of Python; a byte order mark of UTF-8 is left out.
    delimiter : str
        One character.

    Raises
    ------
    InputError
        For what is no text or another encoding, a stray NUL, and more bytes, longer lines or more
        columns or cells than the limits (`table_bytes`, `table_line_bytes`, `table_columns`,
        `table_cells`).
    """
    refuse_above("table_bytes", require_file(path, where), where)
    data = path.read_bytes()
    for begin, (kind, remedy) in FIRST_BYTES.items():
        if data.startswith(begin):
            raise InputError(f"is {kind}, not a text table", where=where, remedy=remedy)
    refuse_above("table_line_bytes", _longest_line(data), where, "check that it has line breaks")
    text = _decoded(data, where, encoding)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        meant = _Meant().__getitem__
        records = [list(map(meant, row)) for row in reader]
    except (csv.Error, TypeError, ValueError) as error:
        raise InputError(
            f"cannot be read as CSV ({error})", where=where, remedy="check quotes and delimiter"
        ) from error
    width = max(map(len, records), default=0)
    refuse_above("table_columns", width, where, "check the delimiter")
    refuse_above("table_cells", width * len(records), where)
    return records


def table_of(records: Sequence[Sequence[str]], where: str, first_row: int = 2) -> pd.DataFrame:
    """Make a table of rows, header first; short rows are filled up, columns without name left out.

    Parameters
    ----------
    records : sequence of rows
        As in the file, the header being one row.
    where : str
        How to name it in messages.
    first_row : int
        Number of the first row below the header in the file.

    Raises
    ------
    InputError
        Without a header, for columns of the same name, and for rows longer than the header.
    """
    header = [cell.strip() for cell in records[0]] if records else []
    if not any(header):
        raise InputError("is empty or has no header in its first row", where=where)
    twice = sorted(name for name, n in Counter(h for h in header if h).items() if n > 1)
    if twice:
        raise InputError(
            f"columns of the same name: {', '.join(twice[:8])}",
            where=f"{where}, row 1",
            remedy="give each column its own name",
        )
    width, body = len(header), list(records[1:])
    odd = [i for i, length in enumerate(map(len, body)) if length != width]
    long = [i + first_row for i in odd if any(c.strip() for c in body[i][width:])]
    if long:
        shown = ", ".join(map(str, long[:10])) + (
            f" and {len(long) - 10} more" if long[10:] else ""
        )
        raise InputError(
            f"row{'s' if long[1:] else ''} {shown}: more cells than the {width} columns of the header",
            where=where,
            remedy="quote cells that contain the delimiter, or set delimiter:",
        )
    for i in odd:
        body[i] = [*body[i][:width], *[""] * (width - len(body[i]))]
    columns = list(zip(*body, strict=True)) or [()] * width
    cells = {name: list(columns[i]) for i, name in enumerate(header) if name}
    return pd.DataFrame(cells, dtype=object)


class _Meant(dict[str, str]):
    """Texts as they were meant: a text that a table repeats is kept once."""

    def __missing__(self, text: str) -> str:
        return self.setdefault(text, as_meant(text))


def _longest_line(data: bytes) -> int:
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
    if ends.size == 0 and b"\r" in data:  # the line ends of old Macintoshes
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\r"))
    return int(np.diff(ends, prepend=-1, append=len(data)).max()) - 1


def _decoded(data: bytes, where: str, encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)  # not every codec is one of text
    except (LookupError, ValueError) as error:
        raise InputError(
            f"unknown encoding {encoding!r}", where=where, remedy="e.g. utf-8, cp1252, latin-1"
        ) from error
    if data[:2] in UTF_16 and not codec.startswith(("utf-16", "utf-32")):
        raise InputError("is UTF-16", where=where, remedy="set encoding: utf-16")
    try:
        text = data.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        row, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise InputError(
            f"byte 0x{data[error.start]:02x} is not valid {encoding}",
            where=f"{where}, line {row}, byte {column} of the line",
            remedy="save the file as CSV UTF-8, or set its encoding:, e.g. cp1252 (Windows) or latin-1",
        ) from error
    except UnicodeError as error:
        raise InputError(f"is not {encoding} ({error})", where=where) from error
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise InputError(
            "holds a NUL character: it is damaged, or in another encoding",
            where=f"{where}, line {line}",
            remedy="save the file as CSV UTF-8, or set its encoding:, e.g. utf-16-le",
        )
    return text
