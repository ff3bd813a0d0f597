"""Angles in degrees, minutes and seconds."""

from __future__ import annotations

import re

import numpy as np

_DMS = re.compile(
    r"""^\s*(?P<first>[NSEWO])?\s*(?P<sign>[-+−])?(?P<deg>\d+(?:[.,]\d+)?)\s*[°d:\s]\s*
    (?:(?P<min>\d+(?:[.,]\d+)?)\s*['′’m:\s]?\s*)?
    (?:(?P<sec>\d+(?:[.,]\d+)?)\s*(?:["″”s]|''|′′)?\s*)?(?P<last>[NSEWO])?\s*$""",
    re.VERBOSE | re.IGNORECASE,
)


def parse_angle(text: str) -> float:
    r"""Return degrees of an angle in degrees, minutes and seconds; NaN for what is none.

    Examples
    --------
    >>> parse_angle("34°12'30\"N"), parse_angle("71 30 0 W"), parse_angle("S 10°30.5'")
    (34.208333333333336, -71.5, -10.508333333333333)
    >>> parse_angle("34°75'N"), parse_angle("here")
    (nan, nan)
    """
    match = _DMS.match(text)
    if match is None or (match["first"] and match["last"]):
        return np.nan
    parts = [float((match[name] or "0").replace(",", ".")) for name in ("deg", "min", "sec")]
    if parts[1] >= 60 or parts[2] >= 60:
        return np.nan
    letter = (match["first"] or match["last"] or "").upper()
    negative = letter in {"S", "W", "O"} or match["sign"] in {"-", "−"}
    if letter == "O" or (letter and match["sign"]):
        return np.nan  # O is west in Spanish and east in German; a sign beside a letter is unclear
    value = parts[0] + parts[1] / 60 + parts[2] / 3600
    return -value if negative else value
