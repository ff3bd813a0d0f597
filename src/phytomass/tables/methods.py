"""How a number was made, as codes: `methods.csv` has them, a reader's words are made of it."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

BETWEEN = re.compile(r"\+(?=[a-z_]+(?:[:+]|$))")


@cache
def methods() -> Mapping[str, str]:
    """Return what each code of the column `method` of `estimates.csv` means.

    Examples
    --------
    >>> methods()["mapped_pixels"]
    'mapped pixels × pixel area'
    """
    with files("phytomass.tables").joinpath("methods.csv").open(encoding="utf-8") as stream:
        return MappingProxyType({r["code"]: r["meaning"] for r in csv.DictReader(stream)})


def method(*codes: str, **values: object) -> str:
    """Return a method of one code or several, and of codes with a value.

    Raises
    ------
    ValueError
        For a code that `methods.csv` has not, or has without a value or with one.

    Examples
    --------
    >>> method("own_masks", over_years="5")
    'own_masks+over_years:5'
    """
    given = {**dict.fromkeys(codes), **values}
    for code, value in given.items():
        if code not in methods() or ("{value}" in methods()[code]) != (value is not None):
            raise ValueError(f"method {code!r}: not in methods.csv, or there with another value")
    return "+".join(c if v is None else f"{c}:{v}" for c, v in given.items())


def method_words(text: str, meaning: Callable[[str], str | None] | None = None) -> str:
    """Return a method in words; what is no code is said as it is.

    Parameters
    ----------
    text : str
        As `method` writes it.
    meaning : callable
        Code → its words, None where there are none; those of `methods.csv` if left out.

    Examples
    --------
    >>> method_words("own_masks+over_years:5")
    'A2·m2 - A1·m1, each date on its own mask; over 5 years'
    """
    return "; ".join(_said(text, meaning or methods().get)) if text else ""


def _said(text: str, meaning: Callable[[str], str | None]) -> Iterator[str]:
    for part in BETWEEN.split(text):
        code, _, value = part.partition(":")
        words = meaning(code)
        yield part if words is None else words.replace("{value}", value)
