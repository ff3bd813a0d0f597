"""What the header of a column says: our column by a usual name, the unit, the part of a form."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest

from phytomass.errors import InputError
from phytomass.units import FACTORS

BRACKET = re.compile(r"^(?P<head>.*\S)\s*[(\[{](?P<tail>[^()\[\]{}]*)[)\]}]$")
"""``DBH (in)``, ``Height [ft]``."""

BREAK = re.compile(r"[\s_.,:]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z]{2})(?=[a-z]{2}$)")
"""Where the words of a header part: ``dbh_cm``, ``DBH cm``, ``HtFt``, ``DBHmm``."""

WORDS_OF_UNIT = 3
PART = "/"
"""Between a group and a name in exports of KoboToolbox and ODK: ``tree_group/dbh``."""


@dataclass(frozen=True)
class Header:
    """A header taken apart.

    Parameters
    ----------
    text : str
        As the file has it.
    stem : str
        Without unit and brackets.
    unit : str
        A key of `phytomass.units.FACTORS`, empty where the header names none.
    sure : bool
        Whether the unit can be nothing else: a single letter without brackets may be
        (``dbh_m``: metres, or measured?).
    """

    text: str
    stem: str
    unit: str
    sure: bool

    @property
    def names(self) -> frozenset[str]:
        """The names it may go by: the whole, without its unit, the last part, all made plain."""
        parts = (self.text, self.stem)
        return frozenset(plain(text) for p in parts for text in (p, last_part(p)))


def read_header(text: str) -> Header:
    """Take a header apart.

    Examples
    --------
    >>> read_header("DBH (in)").unit, read_header("Height [ft]").stem, read_header("dbh_mm").unit
    ('in', 'Height', 'mm')
    >>> read_header("agb_Mg_ha").unit, read_header("dbh_m").sure, read_header("tree_id").unit
    ('Mg/ha', False, '')
    """
    bracket = BRACKET.match(text)
    if bracket:
        return Header(text, bracket["head"], spelled_unit(bracket["tail"]), sure=True)
    for cut in list(BREAK.finditer(text))[-WORDS_OF_UNIT:]:
        head, tail = text[: cut.start()], text[cut.end() :]
        unit = spelled_unit(tail)
        if head and unit:
            stem = re.sub(r"[\s_]+(in|en)$", "", head, flags=re.IGNORECASE)
            return Header(text, stem, unit, sure=len(tail) > 1)
    return Header(text, text, "", sure=False)


def spelled_unit(text: str) -> str:
    """Return the unit that a text spells, empty for none.

    Examples
    --------
    >>> spelled_unit("kg/m³"), spelled_unit("Inches"), spelled_unit("Mg ha"), spelled_unit("tag")
    ('kg/m3', 'in', 'Mg/ha', '')
    """
    bare = text.strip().casefold().replace("²", "2").replace("³", "3").replace("⁻", "-")
    return _spellings().get(re.sub(r"[\s_]+", PART, re.sub(r"\s*/\s*", PART, bare)), "")


def plain(text: str) -> str:
    """Return a name without accents, capitals, blanks and signs.

    Examples
    --------
    >>> plain("Plot_ID"), plain("Espèce")
    ('plotid', 'espece')
    """
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(sign for sign in letters if sign.isalnum())


def last_part(header: str) -> str:
    """Return the name without the groups before it.

    Examples
    --------
    >>> last_part("tree_group/dbh")
    'dbh'
    """
    return header.rpartition(PART)[2]


def usual_headers(column: str, headers: Sequence[str]) -> list[str]:
    """Return the headers of a file that are usual names of one of our columns.

    Examples
    --------
    >>> usual_headers("dbh_cm", ["Plot_ID", "tree/DAP (cm)", "Especie"])
    ['tree/DAP (cm)']
    >>> usual_headers("area_ha", ["Area"]), usual_headers("area_ha", ["Area (m2)"])
    ([], ['Area (m2)'])
    """
    usual = {name: needs for known, name, needs in _names() if known == column}
    usual[plain(column)] = False
    found = []
    for text in headers:
        header = read_header(text)
        taken = [name for name in header.names if name in usual]
        if any(header.unit or not usual[name] for name in taken):
            found.append(text)
    return found


def joined_header(rows: Sequence[Sequence[str]]) -> list[str]:
    """Join several header rows: a unit below a name goes in brackets, a name below a group after /.

    A group that is written once, over several columns, counts for all of them.

    Examples
    --------
    >>> joined_header([["Plot", "Tree", "", "H"], ["", "species", "DBH", "ft"]])
    ['Plot', 'Tree/species', 'Tree/DBH', 'H (ft)']
    """
    above: list[str] = []
    for row in rows:
        group, joined = "", []
        for over, cell in zip_longest(above, (c.strip() for c in row), fillvalue=""):
            group = over or group
            if not cell:
                joined.append(over)
            elif spelled_unit(cell.strip("()[]")):
                joined.append(f"{over} ({cell.strip('()[]')})" if over else cell)
            else:
                joined.append(f"{group}{PART}{cell}" if group else cell)
        above = joined
    return above


def _records(name: str) -> Iterator[dict[str, str]]:
    text = files("phytomass.inventory").joinpath(name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


@cache
def _spellings() -> dict[str, str]:
    known = {unit for table in FACTORS.values() for unit in table}
    found: dict[str, str] = {}
    for row in _records("unit_spellings.csv"):
        for word in row["spellings"].split():
            if row["unit"] not in known or word in found:
                raise InputError(f"{word!r} twice, or of no unit", where="unit_spellings.csv")
            found[word] = row["unit"]
    return found


@cache
def _names() -> tuple[tuple[str, str, bool], ...]:
    """Return column, usual name and whether it needs a unit; a name has one column."""
    found: dict[str, tuple[str, str, bool]] = {}
    for row in _records("column_names.csv"):
        for name in row["names"].split():
            entry = (row["column"], name, row["needs_unit"] == "yes")
            if found.setdefault(name, entry) != entry or plain(name) != name:
                raise InputError(
                    f"{name!r} is no plain name of one column", where="column_names.csv"
                )
    return tuple(found.values())
