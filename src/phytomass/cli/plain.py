"""Text for any console: no control characters of a user's, no sign that it cannot show."""

from __future__ import annotations

import codecs
import io
import re
import sys
import unicodedata

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[ -~]?)")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Also the signs that turn the direction of reading: they show a name as another one."""

SIGNS = {
    "✓": "OK",
    "✗": "x",
    "→": "->",
    "·": "-",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
}
ERRORS = "phytomass.plain"


def harmless(text: str) -> str:
    r"""Return text without escape sequences and control characters.

    Examples
    --------
    >>> harmless("plots\x1b[2J\x07.csv")
    'plots.csv'
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def nearest_ascii(text: str) -> str:
    """Return what an ASCII console shows in place of text.

    Examples
    --------
    >>> nearest_ascii("✓ CO₂ ± Forêt 森")
    'OK CO2 +/- Foret ?'
    """
    signs = "".join(SIGNS.get(sign, sign) for sign in text)
    letters = (c for c in unicodedata.normalize("NFKD", signs) if not unicodedata.combining(c))
    return "".join(c if c.isascii() else "?" for c in letters)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101  # nothing is decoded with it
    return nearest_ascii(error.object[error.start : error.end]), error.end


def any_console() -> None:
    """Let the standard streams show their nearest sign for what their encoding does not have."""
    codecs.register_error(ERRORS, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)
