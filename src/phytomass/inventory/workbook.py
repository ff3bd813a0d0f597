"""Reading a sheet of an Excel workbook, whose sizes are looked at before it is unpacked."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from phytomass.errors import InputError, nearest
from phytomass.inventory.findings import as_written, rows_of
from phytomass.limits import limit, refuse_above

OLE = b"\xd0\xcf\x11\xe0"
"""First bytes of old Excel files, and of those with a password."""

FAR_CELL = re.compile(rb"""\br=["'](?:[A-Za-z]{4,}\d|[A-Za-z]*(?:[2-9]\d{6}|\d{8}))""")
"""A cell beyond the last column or row that a sheet can have (XFD1048576)."""

FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
CHUNK = 1 << 20
OVERLAP = 64


def read_workbook(path: Path, where: str, sheet: str | None = None) -> list[list[str]]:
    """Read the rows of a sheet as a user sees them; formulas by the values stored with them.

    Parameters
    ----------
    path : path
        An .xlsx or .xlsm file.
    where : str
        How to name it in messages.
    sheet : str, optional
        Which one; the first if absent.

    Raises
    ------
    InputError
        For other or protected files, an absent sheet, formulas that were never calculated, and
        parts, columns or cells above the limits (`table_bytes`, `table_columns`, `table_cells`).
    """
    with_formulas = _look_inside(path, where)
    title, stored = _rows(path, where, sheet, stored=True)
    rows = [[as_written(cell) for cell in row] for row in stored]
    if not rows or not any(rows[0]):
        raise InputError(f"sheet {title!r} is empty or has no header in its first row", where=where)
    if with_formulas:
        _refuse_uncalculated(rows, _rows(path, where, sheet, stored=False)[1], where)
    return rows


def sheet_names(path: Path, where: str) -> list[str]:
    """Return the names of the sheets of a workbook that hold anything, in its order.

    Raises
    ------
    InputError
        As `read_workbook`, for other or protected files.
    """
    _look_inside(path, where)
    with _opened(path, where) as book:
        return [
            part.title
            for part in book.worksheets
            if any(_filled(part.iter_rows(values_only=True), where))
        ]


@contextmanager
def _opened(path: Path, where: str, *, stored: bool = False) -> Iterator[Any]:
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and rules that do not matter here
            book = openpyxl.load_workbook(stream, read_only=True, data_only=stored)
            with closing(book):
                yield book
    except InputError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers happen to meet
        raise _unreadable(error, where) from error


def _look_inside(path: Path, where: str) -> bool:
    """Refuse what is no workbook or too large; tell whether there are formulas in it."""
    with path.open("rb") as stream:
        head = stream.read(4)
    if head == OLE:
        protected = "EncryptedPackage".encode("utf-16-le") in path.read_bytes()[: 1 << 24]
        raise InputError(
            "is protected by a password" if protected else "is an old Excel file (.xls)",
            where=where,
            remedy="open it in Excel or LibreOffice and save it as .xlsx, without a password",
        )
    try:
        with ZipFile(path) as parts:
            sizes = [part.file_size for part in parts.infolist()]
            refuse_above("table_bytes", sum(sizes), where, "save only the sheet you need")
            if "mimetype" in parts.namelist():
                raise InputError(
                    "is an OpenDocument sheet", where=where, remedy="save it as .xlsx or CSV UTF-8"
                )
            sheets = [name for name in parts.namelist() if name.startswith("xl/worksheets/")]
            return max([_has_formula(parts, name, where) for name in sheets], default=False)
    except InputError:
        raise
    except Exception as error:  # zipfile and zlib raise whatever they happen to meet
        raise _unreadable(error, where) from error


def _has_formula(parts: ZipFile, name: str, where: str) -> bool:
    """Read a part of a workbook once; refuse cells so far off that their row would not end."""
    found, tail = False, b""
    with parts.open(name) as stream:
        while chunk := stream.read(CHUNK):
            text = tail + chunk
            far = FAR_CELL.search(text)
            if far:
                cell = far.group()[3:].decode("ascii", "replace")
                raise InputError(
                    f"has a cell {cell}… where no sheet has any",
                    where=where,
                    remedy="save it again",
                )
            found = found or FORMULA.search(text) is not None
            tail = text[-OVERLAP:]
    return found


def _rows(
    path: Path, where: str, sheet: str | None, *, stored: bool
) -> tuple[str, list[tuple[Any, ...]]]:
    with _opened(path, where, stored=stored) as book:
        chosen = _sheet_of(book, sheet, where)
        return chosen.title, list(_filled(chosen.iter_rows(values_only=True), where))


def _sheet_of(book: Any, sheet: str | None, where: str) -> Any:
    names = [part.title for part in book.worksheets]
    if not names:
        raise InputError("has no sheet with cells", where=where)
    if sheet is not None and sheet not in names:
        hint = nearest(sheet, names) or f"sheets: {', '.join(names)}"
        raise InputError(f"no sheet {sheet!r}", where=where, remedy=hint)
    chosen = book[sheet or names[0]]
    chosen.reset_dimensions()  # what a sheet says of its size need not be true
    return chosen


def _filled(rows: Iterable[tuple[Any, ...]], where: str) -> Iterator[tuple[Any, ...]]:
    """Give the rows without the empty cells and rows at their ends."""
    most, widest, cells, empty = limit("table_cells"), limit("table_columns"), 0, 0
    for row in rows:
        width = next((n for n in range(len(row), 0, -1) if row[n - 1] is not None), 0)
        cells += max(width, 1)
        if cells > most or width > widest:
            refuse_above("table_columns", width, where)
            refuse_above("table_cells", cells, where)
        if not width:
            empty += 1
            continue
        yield from [()] * empty
        yield row[:width]
        empty = 0


def _refuse_uncalculated(rows: list[list[str]], written: list[tuple[Any, ...]], where: str) -> None:
    """Raise for formulas whose value was never stored: they would read as missing."""
    lost = []
    for number, row in enumerate(written):
        seen = rows[number] if number < len(rows) else []
        empty = [place >= len(seen) or not seen[place] for place in range(len(row))]
        if any(none and _is_formula(cell) for none, cell in zip(empty, row, strict=True)):
            lost.append(number - 1)
    if lost:
        raise InputError(
            f"{rows_of(lost)}: formulas that were never calculated",
            where=where,
            remedy="open it in Excel or LibreOffice and save it, or save the sheet as CSV UTF-8",
        )


def _is_formula(cell: Any) -> bool:
    return isinstance(cell, ArrayFormula | DataTableFormula) or str(cell).startswith("=")


def _unreadable(error: Exception, where: str) -> InputError:
    return InputError(
        f"cannot be read as an Excel file ({' '.join(str(error).split())[:200] or type(error).__name__})",
        where=where,
        remedy="open it in Excel or LibreOffice and save it as .xlsx",
    )
