"""Printed numbers as the spans of values that would be printed so, and sums with them."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from phytomass.errors import InputError, nearest

CLOSE = 1e-9
"""Relative difference that is arithmetic, not rounding."""


@dataclass(frozen=True)
class Span:
    """All values that a number may stand for.

    Parameters
    ----------
    low, high : float
    """

    low: float
    high: float

    def meets(self, other: Span) -> bool:
        """Tell whether the same value may lie behind both."""
        slack = CLOSE * max(abs(self.low), abs(self.high), abs(other.low), abs(other.high))
        return self.low <= other.high + slack and other.low <= self.high + slack

    def __str__(self) -> str:
        """Return as many digits as the span tells apart."""
        middle, width = (self.low + self.high) / 2, self.high - self.low
        size = abs(middle)
        if width <= 1e-6 * size or width == 0:
            return f"{middle:.6g}"
        if width < 0.02 * size:
            return f"{middle:.{2 + math.ceil(math.log10(size / width))}g}"
        return f"{self.low:.3g} to {self.high:.3g}"


def printed(text: str, *, counted: bool = False) -> Span:
    """Return the values that would be printed like this: half a unit of the last digit about it.

    Parameters
    ----------
    text : str
    counted : bool
        Whether whole numbers are exact: plots, years.

    Examples
    --------
    >>> printed("4.77")
    Span(low=4.765, high=4.775)
    >>> printed("70.4e6"), printed("310", counted=True)
    (Span(low=70350000.0, high=70450000.0), Span(low=310.0, high=310.0))
    """
    try:
        value = Decimal(text.strip().replace("−", "-"))
    except InvalidOperation:
        raise InputError(f"{text!r} is not a number") from None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise InputError(f"{text!r} is not a number")
    half = Decimal(0) if counted and exponent >= 0 else Decimal(5).scaleb(exponent - 1)
    return Span(float(value - half), float(value + half))


def exact(value: float) -> Span:
    """Return a number without rounding."""
    return Span(value, value)


def _corners(a: Span, b: Span, apply: Callable[[float, float], float]) -> Span:
    values = [apply(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Span(min(values), max(values))


def times(a: Span, b: Span) -> Span:
    """Return the product."""
    return _corners(a, b, operator.mul)


def over(a: Span, b: Span) -> Span:
    """Return the quotient."""
    if b.low <= 0 <= b.high:
        raise InputError("a division by what may be zero")
    return _corners(a, b, operator.truediv)


def _power(a: Span, b: Span) -> Span:
    if a.low < 0 and b.low != int(b.low):
        raise InputError("a root of what may be below zero")
    found = _corners(a, b, operator.pow)
    return Span(0.0, found.high) if a.low < 0 < a.high and b.low % 2 == 0 else found


OPERATIONS: dict[type[ast.operator], Callable[[Span, Span], Span]] = {
    ast.Add: lambda a, b: Span(a.low + b.low, a.high + b.high),
    ast.Sub: lambda a, b: Span(a.low - b.high, a.high - b.low),
    ast.Mult: times,
    ast.Div: over,
    ast.Pow: _power,
}
FUNCTIONS: dict[str, Callable[[Span], Span]] = {
    "sqrt": lambda a: _power(a, exact(0.5)),
    "abs": lambda a: a if a.low >= 0 else Span(max(0.0, -a.high), max(-a.low, a.high)),
}


def worked_out(formula: str, known: Mapping[str, Span]) -> Span:
    """Return what a formula of ids, numbers, ``+ - * / **``, sqrt and abs amounts to.

    Raises
    ------
    InputError
        For anything else, and for ids that are not there.

    Examples
    --------
    >>> worked_out("mean * 2 + 1", {"mean": Span(3.5, 4.5)})
    Span(low=8.0, high=10.0)
    """
    return _value(_parsed(formula), known)


def compared(formula: str, known: Mapping[str, Span]) -> tuple[bool, Span, Span]:
    """Return whether ``a == b``, ``a <= b`` or ``a >= b`` may hold, and both sides."""
    tree = _parsed(formula)
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        raise InputError(f"{formula!r} is no comparison", remedy="write a == b, a <= b or a >= b")
    left, right = _value(tree.left, known), _value(tree.comparators[0], known)
    if isinstance(tree.ops[0], ast.Eq):
        return left.meets(right), left, right
    if isinstance(tree.ops[0], ast.LtE):
        return left.low <= right.high, left, right
    if isinstance(tree.ops[0], ast.GtE):
        return left.high >= right.low, left, right
    raise InputError(f"{formula!r} is no comparison", remedy="write a == b, a <= b or a >= b")


def _parsed(formula: str) -> ast.expr:
    try:
        return ast.parse(formula, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"the formula {formula!r} cannot be read") from None


def _value(tree: ast.expr, known: Mapping[str, Span]) -> Span:
    match tree:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return exact(float(number))
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Name(id=name):
            hint = nearest(name, list(known))
            raise InputError(f"no row with the id {name!r} and a value", remedy=hint)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            found = _value(inner, known)
            return Span(-found.high, -found.low)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATIONS:
            return OPERATIONS[type(sign)](_value(left, known), _value(right, known))
        case ast.Call(func=ast.Name(id=name), args=[inner], keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](_value(inner, known))
    raise InputError(f"{ast.unparse(tree)!r}: formulas hold ids, numbers, + - * / **, sqrt and abs")
