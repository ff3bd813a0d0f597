"""Arithmetic formulas from tables and project files, evaluated on arrays without `eval`."""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from phytomass.errors import InputError, shown

Array = NDArray[np.float64]

_OPERATORS: dict[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


MOST_PARTS = 500
"""Numbers, names and signs of a formula; the longest of the public catalogue has about 60."""

DEEPEST = 200
"""Levels of a formula."""

LARGEST_NUMBER = 1e12
"""Larger constants have no place beside reflectances, decibels and metres."""


def parse(formula: str, where: str = "formula") -> ast.expr:
    """Parse a formula of numbers, names, ``+ - * / **`` and parentheses.

    Raises
    ------
    InputError
        If the text holds anything else, or is too long or deep.

    Examples
    --------
    >>> sorted(names_in("(B8 - B4) / (B8 + B4 + 0.5) * 1.5"))
    ['B4', 'B8']
    """
    text = formula.strip()
    if len(formula) > 20 * MOST_PARTS:
        raise _too_large(formula, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about what is refused below
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        why = getattr(error, "msg", None) or str(error)
        raise InputError(f"{shown(formula)} is not a formula ({why})", where=where) from error
    except (RecursionError, MemoryError) as error:
        raise _too_large(formula, where) from error
    _refuse_size(tree, formula, where)
    for node in ast.walk(tree):
        if isinstance(node, ast.operator | ast.unaryop | ast.Load):
            continue  # looked at with what they stand in
        if not _allowed(node):
            raise InputError(
                f"{shown(formula)} holds {shown(ast.get_source_segment(text, node) or text)}",
                where=where,
                remedy="use predictor names, numbers, + - * / ** and parentheses only",
            )
    return tree


def _refuse_size(tree: ast.expr, formula: str, where: str) -> None:
    """Walk by levels: nothing here may recurse."""
    level: list[ast.AST] = [tree]
    parts = 0
    for _ in range(DEEPEST):
        parts += len(level)
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level or parts > MOST_PARTS:
        raise _too_large(formula, where)


def _too_large(formula: str, where: str) -> InputError:
    return InputError(
        f"{shown(formula)} has {len(formula)} characters, or parentheses in parentheses",
        where=where,
        remedy=f"a formula has {MOST_PARTS} parts and {DEEPEST} levels at most: split it",
    )


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=bool()):
            return False
        case ast.Constant(value=int() | float() as value):
            return -LARGEST_NUMBER <= value <= LARGEST_NUMBER
        case ast.BinOp(op=op):
            return type(op) in _OPERATORS
        case ast.UnaryOp(op=op):
            return isinstance(op, ast.USub | ast.UAdd)
    return isinstance(node, ast.Name)


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

    Returns
    -------
    array
        Of that shape.

    Raises
    ------
    InputError
        If the text is no formula, or names a band that is not there.

    Examples
    --------
    >>> evaluate("(a - b) / (a + b)", {"a": np.array([3.0, 0.0]), "b": np.array([1.0, 0.0])})
    array([0.5, nan])
    >>> from phytomass.imagery import find_index
    >>> evaluate(find_index("NDVI").formula, {"B4": np.array([0.1]), "B8": np.array([0.3])})
    array([0.5])
    """
    with np.errstate(all="ignore"):
        result = np.asarray(_value(parse(formula), values), dtype=np.float64)
    return np.where(np.isfinite(result), result, np.nan)


def _value(node: ast.expr, values: Mapping[str, Array]) -> Array:
    match node:
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(sign, operand):
            value = _value(operand, values)
            return -value if isinstance(sign, ast.USub) else value
        case ast.Name(name):
            if name not in values:
                raise InputError(
                    f"no band {name!r}: there are {', '.join(values)}", where="formula"
                )
            return values[name]
        case ast.Constant(value):
            return np.float64(value)  # type: ignore[return-value, arg-type]
    raise InputError(f"cannot compute {ast.unparse(node)!r}", where="formula")


def usable_formula(formula: str) -> str:
    """Return a formula whose value depends on a predictor, or say why it is none.

    It is computed on numbers of every size and sign: one that gives the same value everywhere, or
    none anywhere, holds a mistake.

    Raises
    ------
    InputError
        Naming the formula.

    Examples
    --------
    >>> usable_formula("(B8 - B4) / (B8 + B4)")
    '(B8 - B4) / (B8 + B4)'
    >>> usable_formula("B8 / (9 ** 9 ** 9)")
    Traceback (most recent call last):
    ...
    phytomass.errors.InputError: 'B8 / (9 ** 9 ** 9)' is 0 wherever it is a number → ...
    """
    names = sorted(names_in(formula))
    if not names:
        raise InputError(f"{shown(formula)} names no band", remedy="name the bands it is made of")
    rng = np.random.default_rng(1)
    sizes = 10.0 ** rng.uniform(-4, 8, 1000) * rng.choice([-1, 1], 1000, p=[0.25, 0.75])
    values = evaluate(formula, {name: sizes * rng.uniform(0.1, 1, 1000) for name in names})
    seen = values[np.isfinite(values)]
    if seen.size < 2 or np.ptp(seen) <= 1e-9 * np.abs(seen).max():
        what = f"is {seen[0]:g} wherever it is a number" if seen.size else "is nowhere a number"
        raise InputError(f"{shown(formula)} {what}", remedy="check its numbers and parentheses")
    return formula


Formula = Annotated[str, AfterValidator(usable_formula)]
"""A formula in the project file."""
