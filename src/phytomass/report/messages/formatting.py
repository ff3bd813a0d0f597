"""Numbers as a reader sees them: 3 to 4 significant digits, and the signs of the language."""

from __future__ import annotations

import math
from collections.abc import Iterable

from phytomass.report.messages.languages import text_of

THIN = "\u202f"
"""Narrow no-break space: stands between a number and its unit."""

MINUS = "\u2212"
ABSENT = "–"
"""Shown where there is no value."""

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _finite(value: object) -> float | None:
    if value is None or isinstance(value, str):
        return None
    number_ = float(value)  # type: ignore[arg-type]
    return number_ if math.isfinite(number_) else None


def localised(text: str) -> str:
    """Write the commas of thousands and the decimal point of a text as the language does.

    Examples
    --------
    >>> localised("1,234.5")
    '1\u202f234.5'
    """
    signs = f"{text_of('number.thousands')}{text_of('number.decimal')}"
    return text.translate(str.maketrans(",.", signs))


def _shows(text: str) -> bool:
    """Tell whether a written number shows anything but zeros."""
    return any(digit in "123456789" for digit in text)


def fixed(value: object, decimals: int, *, sign: bool = False) -> str:
    """Write a number with a fixed number of decimals and grouped thousands.

    Parameters
    ----------
    value : float or None
        None and NaN give an en dash.
    decimals : int
        Digits after the point.
    sign : bool
        Write the sign of what is above zero too.

    Examples
    --------
    >>> fixed(1234.567, 1), fixed(-0.04, 1), fixed(float("nan"), 1), fixed(0.1, 1, sign=True)
    ('1\u202f234.6', '0.0', '–', '+0.1')
    """
    number_ = _finite(value)
    if number_ is None:
        return ABSENT
    text = localised(f"{abs(number_):,.{decimals}f}")
    if not _shows(text):
        return text
    return (MINUS if number_ < 0 else "+" if sign else "") + text


def number(value: object, digits: int = 4) -> str:
    """Write a number with `digits` significant digits.

    Whole numbers below 10**digits stay whole; values below 0.0001 or from 10**15 on are written
    in powers of ten.

    Examples
    --------
    >>> number(4.7654), number(948997.6), number(0.02346, 3), number(-12.0), number(None)
    ('4.765', '949\u202f000', '0.0235', '−12', '–')
    >>> number(0.0000123, 2)
    '1.2×10⁻⁵'
    """
    number_ = _finite(value)
    if number_ is None:
        return ABSENT
    if number_ == 0:
        return "0"
    exponent = _exponent(number_, digits)
    if not -4 <= exponent < 15:
        mantissa = fixed(number_ / 10.0**exponent, max(digits - 1, 0))
        return f"{mantissa}×10{str(exponent).translate(SUPERSCRIPTS)}"
    rounded = round(number_, digits - 1 - exponent)
    if rounded == int(rounded) and exponent < digits and number_ == int(number_):
        return fixed(rounded, 0)
    return fixed(rounded, max(digits - 1 - exponent, 0))


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of a value after rounding it to `digits` significant digits."""
    return int(f"{value:.{max(digits - 1, 0)}e}".split("e")[1])


def aligned(values: Iterable[object], digits: int = 4, *, sign: bool = False) -> list[str]:
    """Write a column of one unit with common decimals, so that its points stand in one line.

    The largest value gets `digits` significant digits, but at most one decimal more than that is
    spent on smaller ones.

    Examples
    --------
    >>> aligned([4.7654, 12.3, float("nan"), 0.25])
    ['4.77', '12.30', '–', '0.25']
    >>> aligned([-3.46, 0.985, 0.0], 3, sign=True)
    ['−3.46', '+0.98', '0.00']
    """
    listed = list(values)
    if sign:
        plain = aligned(listed, digits)
        above = [
            (v or 0.0) > 0 and _shows(t) for v, t in zip(map(_finite, listed), plain, strict=True)
        ]
        return [f"+{text}" if up else text for text, up in zip(plain, above, strict=True)]
    finite = [abs(v) for v in map(_finite, listed) if v]
    if not finite:
        return [ABSENT if _finite(v) is None else "0" for v in listed]
    if all(v == int(v) for v in finite) and max(finite) < 10**digits:
        return [fixed(v, 0) for v in listed]
    exponent = _exponent(max(finite), digits)
    if exponent >= digits:
        return [number(v, digits) for v in listed]
    return [fixed(v, digits - 1 - exponent) for v in listed]


def count(value: object) -> str:
    """Write a count.

    Examples
    --------
    >>> count(12345)
    '12\u202f345'
    """
    return fixed(value, 0)


def percent(share: object, digits: int = 3) -> str:
    """Write a share of one as percent, with `digits` significant digits but at most 2 decimals.

    Examples
    --------
    >>> percent(0.1234), percent(1.0), percent(0.00004), percent(None)
    ('12.3\u202f%', '100\u202f%', '< 0.01\u202f%', '–')
    >>> percent(0.86), percent(0.00061), percent(0.0374, 2)
    ('86.0\u202f%', '0.06\u202f%', '3.7\u202f%')
    """
    number_ = _finite(share)
    if number_ is None:
        return ABSENT
    if number_ in (0.0, 1.0):
        return f"{100 * number_:.0f}{THIN}%"
    if abs(number_) < 5e-5:
        return f"< {fixed(0.01, 2)}{THIN}%"
    decimals = min(max(digits - 1 - _exponent(100 * number_, digits), 0), 2)
    return f"{fixed(100 * number_, decimals)}{THIN}%"


def measured(value: object, digits: int = 4) -> str:
    """Write a measured number: always `digits` significant digits, also where they are zeros.

    Examples
    --------
    >>> measured(3.0), measured(92.4), measured(1234567.0)
    ('3.000', '92.40', '1\u202f235\u202f000')
    """
    number_ = _finite(value)
    if not number_:
        return number(value, digits)
    exponent = _exponent(number_, digits)
    return number(value, digits) if exponent >= digits else _rounded(number_, exponent, digits)


def _rounded(value: float, exponent: int, digits: int) -> str:
    if exponent < -4:
        return number(value, digits)
    return fixed(value, digits - 1 - exponent)


def plus_minus(value: object, error: object, digits: int = 3) -> str:
    """Write a value ± something, both with the decimals that give the latter `digits` digits.

    Examples
    --------
    >>> plus_minus(99.7551, 42.1212, 4), plus_minus(42.921, 15.0, 2), plus_minus(9.31, None)
    ('99.76 ± 42.12', '43 ± 15', '9.310')
    """
    spread = _finite(error)
    if not spread or _finite(value) is None:
        return measured(value)
    decimals = max(digits - 1 - _exponent(spread, digits), 0)
    return f"{fixed(value, decimals)} ± {fixed(spread, decimals)}"


def signed(value: object, digits: int = 3) -> str:
    """Write a number with its sign.

    Examples
    --------
    >>> signed(3.2), signed(-0.5), signed(0)
    ('+3.20', '−0.500', '0')
    """
    number_ = _finite(value)
    text = number(value, digits)
    return f"+{text}" if number_ is not None and number_ > 0 else text


def probability(value: object) -> str:
    """Write a p value.

    Examples
    --------
    >>> probability(0.0000001), probability(0.0312), probability(float("nan"))
    ('< 0.001', '0.031', '–')
    """
    number_ = _finite(value)
    if number_ is None:
        return ABSENT
    return f"< {fixed(0.001, 3)}" if number_ < 0.001 else fixed(number_, 3)


def with_unit(value: object, unit: str, digits: int = 4) -> str:
    """Write a number and its unit.

    Examples
    --------
    >>> with_unit(76.49, "Mg/ha")
    '76.49\u202fMg/ha'
    """
    text = number(value, digits)
    return f"{text}{THIN}{unit}" if unit and text != ABSENT else text


def short_hash(digest: object, length: int = 12) -> str:
    """Shorten a hexadecimal fingerprint.

    Examples
    --------
    >>> short_hash("3fa9c1d2e4b5a6978899"), short_hash(None)
    ('3fa9c1d2e4b5…', '–')
    """
    text = str(digest or "")
    return f"{text[:length]}…" if len(text) > length else (text or ABSENT)


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    items = list(words)
    last = f" {text_of('word.and')} "
    return last.join(filter(None, [", ".join(items[:-1]), items[-1] if items else ""]))
