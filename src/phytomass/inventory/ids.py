"""Ids that are the same to a reader and differ to a computer: P1, p1, P 1, P01, P1.0."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHOWN = 3


def bare(name: str) -> str:
    """Return an id without what people write in different ways.

    Examples
    --------
    >>> {bare(name) for name in ("P1", "p1", "P 1", "P-01", "P_001", "P1.0")}
    {'p1'}
    """
    text = re.sub(r"\.0+$", "", name.casefold().strip())
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"[\s_\-/.]+", "", text))


def spelled_alike(strangers: Sequence[str], known: Sequence[str]) -> str:
    """Say which unknown ids are known ones in another spelling; empty where none is.

    Examples
    --------
    >>> spelled_alike(["p1", "p2"], ["P1", "P2"])
    "'p1' is probably 'P1', 'p2' is probably 'P2': capital letters differ; write the ids alike"
    >>> spelled_alike(["1"], ["001"])
    "'1' is probably '001': leading zeros differ; write the ids alike"
    >>> spelled_alike(["Q7"], ["P1"])
    ''
    """
    by_name: dict[str, list[str]] = {}
    for name in known:
        by_name.setdefault(bare(name), []).append(name)
    pairs = [(s, by_name[bare(s)][0]) for s in strangers if len(by_name.get(bare(s), ())) == 1]
    if not pairs:
        return ""
    shown = ", ".join(f"{a!r} is probably {b!r}" for a, b in pairs[:SHOWN])
    more = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    ways = " and ".join(dict.fromkeys(_difference(a, b) for a, b in pairs))
    return f"{shown}{more}: {ways} differ; write the ids alike"


def _difference(one: str, two: str) -> str:
    if one.casefold() == two.casefold():
        return "capital letters"
    if re.sub(r"\s", "", one).casefold() == re.sub(r"\s", "", two).casefold():
        return "blanks"
    plain = (re.sub(r"0*(\d+)", r"\1", name.casefold()) for name in (one, two))
    return "leading zeros" if len(set(plain)) == 1 else "signs"
