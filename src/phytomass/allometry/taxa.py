"""Names of taxa: spelling, synonyms, genus, and whether a genus is a conifer."""

from __future__ import annotations

import csv
import io
import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType

OPEN_NAMES = {"sp", "spp", "cf", "aff", "indet", "species"}


def accepted_name(name: str) -> str:
    """Return the accepted scientific name of a species as written in a field sheet.

    Case, underscores, repeated spaces, authors and infraspecific ranks are set aside; then the
    table `synonyms.csv` (synonyms, spellings, a few vernacular names) is looked up. An unknown
    name comes back tidied, never guessed.

    Examples
    --------
    >>> accepted_name("ACACIA_modesta"), accepted_name("Robinea pseudoacacia"), accepted_name("Chir")
    ('Senegalia modesta', 'Robinia pseudoacacia', 'Pinus roxburghii')
    >>> accepted_name("Piptadenia gonoacantha (Mart.) J.F.Macbr."), accepted_name("Quercus sp.")
    ('Piptadenia gonoacantha', 'Quercus')
    """
    tidy = tidied(name)
    return _synonyms().get(tidy.casefold(), tidy)


def genus_of(name: str) -> str:
    """Return the genus of an accepted name.

    Examples
    --------
    >>> genus_of("Cedrus deodara")
    'Cedrus'
    """
    return name.split(" ")[0] if name else ""


def group_of(name: str) -> str | None:
    """Return ``conifer`` or ``broadleaf`` by the genus, or None for a genus not in `genera.csv`.

    Examples
    --------
    >>> group_of("Picea smithiana"), group_of("Melia azedarach"), group_of("Pinsu roxburghii")
    ('conifer', 'broadleaf', None)
    """
    return _groups().get(genus_of(name))


def family_of(genus: str) -> str:
    """Return the family of a genus, or an empty string for one that is not in `genera.csv`.

    Examples
    --------
    >>> family_of("Cedrus"), family_of("Pinsu")
    ('Pinaceae', '')
    """
    return _families().get(genus, "")


@cache
def known_taxa() -> tuple[str, ...]:
    """Return every name this room knows, accepted or not, to offer as a nearest name."""
    densities = (row["taxon"] for row in read_table("wood_density.csv"))
    names = (row["name"] for row in read_table("synonyms.csv"))
    return tuple(sorted({*densities, *names, *_groups()}))


def read_table(name: str) -> list[dict[str, str]]:
    """Read one of the room's CSV tables as rows of text."""
    text = (files("phytomass.allometry") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def tidied(name: str) -> str:
    """Return genus and species without authors, ranks, open names, odd spaces and cases.

    Examples
    --------
    >>> tidied("PINUS_roxburghii Sarg."), tidied("Abies cf. pindrow"), tidied("Populus × euramericana")
    ('Pinus roxburghii', 'Abies', 'Populus × euramericana')
    """
    words = re.sub(r"[_\s]+", " ", name).strip().split(" ")
    genus = words[0][:1].upper() + words[0][1:].lower()
    rest = [word for word in words[1:] if word not in {"×", "x", "X"}]
    if not rest or rest[0].casefold().rstrip(".") in OPEN_NAMES or rest[0].startswith("("):
        return genus
    cross = "× " if len(rest) < len(words[1:]) and words[1] in {"×", "x", "X"} else ""
    return f"{genus} {cross}{rest[0].lower()}"


@cache
def _synonyms() -> MappingProxyType[str, str]:
    rows = read_table("synonyms.csv")
    return MappingProxyType({tidied(row["name"]).casefold(): row["accepted"] for row in rows})


@cache
def _groups() -> MappingProxyType[str, str]:
    return MappingProxyType({row["genus"]: row["group"] for row in read_table("genera.csv")})


@cache
def _families() -> MappingProxyType[str, str]:
    return MappingProxyType({row["genus"]: row["family"] for row in read_table("genera.csv")})
