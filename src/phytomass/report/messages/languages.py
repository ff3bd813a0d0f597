"""Which language is spoken, and the texts of each: one file per language, `<language>.csv`.

English is whole; another language may lack texts, and then says them in English. Names that other
rooms keep (models, pools, columns of tables) are texts too: `model.svr`, `pool.agb`,
`column.plots.easting`; their English stands in the tables of those rooms.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from phytomass import tables
from phytomass.errors import InputError, nearest, shown
from phytomass.models.records.tables import records

ENGLISH = "en"
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


def languages() -> tuple[str, ...]:
    """Return the languages there are, English first.

    Examples
    --------
    >>> languages()
    ('en', 'es')
    """
    there = files("phytomass.report.messages").iterdir()
    names = sorted(path.name.removesuffix(".csv") for path in there if path.name.endswith(".csv"))
    return (ENGLISH, *(name for name in names if name != ENGLISH))


def known_language(name: str) -> str:
    """Return the name of a language if there is one.

    Raises
    ------
    ValueError
        If not.

    Examples
    --------
    >>> known_language("es")
    'es'
    """
    if name not in languages():
        hint = nearest(name, list(languages()))
        raise ValueError(f"known are {', '.join(languages())}" + (f"; {hint}" if hint else ""))
    return name


def check_language(name: str) -> None:
    """Raise `InputError` if there is no such language."""
    try:
        known_language(name)
    except ValueError as error:
        raise InputError(
            f"no language {shown(name)}", where="language", remedy=str(error)
        ) from error


def spoken() -> str:
    """Return the language that texts and numbers are written in now."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Write texts and numbers in a language.

    Raises
    ------
    InputError
        If there is no such language.
    """
    check_language(language)
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def text_of(key: str) -> str | None:
    """Return a text of the spoken language as it stands in its file; None where there is none."""
    return texts(spoken()).get(key, texts(ENGLISH).get(key))


@cache
def texts(language: str) -> Mapping[str, str]:
    """Return the texts of one language by key, names that other rooms keep included in English.

    Raises
    ------
    ValueError
        If a key stands there twice, or a language has one that English has not.
    """
    found = dict(_kept_elsewhere()) if language == ENGLISH else {}
    with (
        files("phytomass.report.messages")
        .joinpath(f"{language}.csv")
        .open(encoding="utf-8") as stream
    ):
        for row in csv.DictReader(stream):
            if row["key"] in found:
                raise ValueError(f"{language}.csv: {row['key']} stands there twice")
            found[row["key"]] = row["text"]
    unknown = [] if language == ENGLISH else [key for key in found if key not in texts(ENGLISH)]
    if unknown:
        raise ValueError(f"{language}.csv: not in {ENGLISH}.csv: {', '.join(unknown)}")
    return MappingProxyType(found)


def _kept_elsewhere() -> Iterator[tuple[str, str]]:
    for model in records().values():
        yield f"model.{model.name}", model.short
    for code, meaning in tables.methods().items():
        yield f"method.{code}", meaning
    for pool in tables.pools().values():
        yield f"pool.{pool.name}", pool.label
    for table in tables.tables().values():
        for column in table.columns.values():
            if column.heading:
                yield f"column.{table.name}.{column.name}", column.heading
