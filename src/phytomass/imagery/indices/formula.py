"""Arithmetic formulas from tables and project files, evaluated on arrays without `eval`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from phytomass.errors import InputError

Array = NDArray[np.float64]

_OPERATORS: dict[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def parse(formula: str, where: str = "formula") -> ast.expr:
    """Parse a formula of numbers, names, ``+ - * / **`` and parentheses.

    Raises
    ------
    InputError
        If the text holds anything else.

    Examples
    --------
    >>> sorted(names_in("(B8 - B4) / (B8 + B4 + 0.5) * 1.5"))
    ['B4', 'B8']
    """
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except SyntaxError as error:
        raise InputError(f"{formula!r} is not a formula ({error.msg})", where=where) from error
    for node in ast.walk(tree):
        number = isinstance(node, ast.Constant) and isinstance(node.value, int | float)
        allowed = ast.BinOp | ast.UnaryOp | ast.Name | ast.operator | ast.USub | ast.Load
        if not (number or isinstance(node, allowed)):
            raise InputError(
                f"{formula!r} holds {ast.unparse(node)!r}",
                where=where,
                remedy="use predictor names, numbers, + - * / ** and parentheses only",
            )
    return tree


def names_in(formula: str) -> set[str]:
    """Return the names a formula uses."""
    return {node.id for node in ast.walk(parse(formula)) if isinstance(node, ast.Name)}


def evaluate(formula: str, values: Mapping[str, Array]) -> Array:
    """Evaluate a formula on arrays; where it is not finite (0/0), the result is NaN.

    Parameters
    ----------
    formula : str
        As for `parse`.
    values : mapping of str to array
        Arrays of one shape, float64.

    Examples
    --------
    >>> evaluate("(a - b) / (a + b)", {"a": np.array([3.0, 0.0]), "b": np.array([1.0, 0.0])})
    array([0.5, nan])
    """
    with np.errstate(all="ignore"):
        result = np.asarray(_value(parse(formula), values), dtype=np.float64)
    return np.where(np.isfinite(result), result, np.nan)


def _value(node: ast.expr, values: Mapping[str, Array]) -> Array:
    match node:
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(ast.USub(), operand):
            return -_value(operand, values)
        case ast.Name(name):
            return values[name]
        case ast.Constant(value):
            return np.float64(value)  # type: ignore[return-value, arg-type]
    raise InputError(f"cannot compute {ast.unparse(node)!r}", where="formula")
