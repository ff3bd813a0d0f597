"""Texts with their fields filled in: the one way by which the report says anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from string import Formatter
from types import MappingProxyType
from typing import Any

from phytomass.report.messages.formatting import (
    count,
    fixed,
    listed,
    localised,
    measured,
    number,
    percent,
    signed,
    with_unit,
)
from phytomass.report.messages.languages import ENGLISH, spoken, texts

NAME = re.compile(r"[a-z][a-z0-9_]*")


def _with_unit(value: object, digits: str, *unit: str) -> str:
    return with_unit(value, " ".join(unit), int(digits))


WRITERS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {
        "count": count,
        "fixed": lambda value, decimals: fixed(value, int(decimals)),
        "number": lambda value, digits: number(value, int(digits)),
        "measured": lambda value, digits: measured(value, int(digits)),
        "percent": lambda share, digits: percent(share, int(digits)),
        "signed": lambda value, digits: signed(value, int(digits)),
        "unit": _with_unit,
        "plain": lambda value: localised(f"{value:,.10g}"),
        "list": listed,
    }
)
"""How a field may be written: `{share:percent 2}`, `{area:unit 5 ha}`, `{names:list}`; also
`{n:one|more}`, the first text where the number is one."""


class _Writer(Formatter):
    """Fills fields in by `WRITERS`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" in format_spec:
            one, _, more = format_spec.partition("|")
            return one if value == 1 else more
        name, *rest = format_spec.split(" ")
        return WRITERS[name](value, *rest) if name else str(value)


_WRITER = _Writer()


@dataclass(frozen=True)
class Message:
    """A text and the names of its fields."""

    text: str
    fields: frozenset[str]

    @classmethod
    def of(cls, key: str, text: str) -> Message:
        """Read a text.

        Raises
        ------
        ValueError
            If a field has no name or is written in a way that `WRITERS` does not know.
        """
        return cls(text, frozenset(_fields(key, text)))


def _fields(key: str, text: str) -> Iterable[str]:
    for _, name, how, _ in _WRITER.parse(text):
        if name is None:
            continue
        if not NAME.fullmatch(name):
            raise ValueError(f"{key}: a field is called {name!r}")
        yield name
        if how and "{" in how:
            yield from _fields(key, how)
        if how and "|" not in how and how.split(" ")[0] not in WRITERS:
            raise ValueError(f"{key}: {name} cannot be written as {how!r}")


@cache
def messages(language: str) -> Mapping[str, Message]:
    """Return the messages of a language, English where it lacks one.

    Raises
    ------
    ValueError
        If a text cannot be read, or its fields are not those of the English one.
    """
    found = {key: Message.of(key, text) for key, text in texts(language).items()}
    if language == ENGLISH:
        return MappingProxyType(found)
    english = messages(ENGLISH)
    wrong = [key for key, message in found.items() if message.fields != english[key].fields]
    if wrong:
        raise ValueError(f"{language}.csv: other fields than in English: {', '.join(wrong)}")
    return MappingProxyType({**english, **found})


def say(key: str, /, **fields: object) -> str:
    """Say a message in the language that is spoken.

    Parameters
    ----------
    key : str
        Of the message, in `en.csv`.
    **fields
        What to fill in, all of it and nothing else: numbers as they are, the message writes them.

    Raises
    ------
    ValueError
        If the fields are not those of the message.

    Examples
    --------
    >>> say("limit.few_sites.said", plots=96, sites=4)
    'The 96 plots come from 4 sites; plots of one site resemble each other and count for less than
     their number.'
    """
    message = messages(spoken())[key]
    if message.fields != fields.keys():
        raise ValueError(f"{key} has the fields {sorted(message.fields)}, not {sorted(fields)}")
    return _WRITER.vformat(message.text, (), fields)
