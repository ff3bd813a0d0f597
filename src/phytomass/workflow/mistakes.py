"""From pydantic's errors to problems: one per mistake, at the key as the user wrote it."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from phytomass.errors import InputError, PhytomassError, Problem, nearest, shown

Key = int | str
MOST_SHOWN = 100
"""Problems that one message lists."""

KINDS = {
    "string_type": "expected text: put it in quotes",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected a section of keys",
    "model_type": "expected a section of keys",
    "model_attributes_type": "expected a section of keys",
    "path_type": "expected a path",
    "none_required": "leave the value out",
}
"""Errors that say a value is of another kind, in words."""

SAID = {
    "finite_number": "expected a finite number",
    "int_parsing_size": "the number is too large",
    "greater_than": "expected a number above {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than": "expected a number below {lt:g}",
    "less_than_equal": "expected {le:g} or less",
    "literal_error": "expected {expected}",
    "string_too_short": "expected a text",
    "string_too_long": "the text is longer than {max_length} characters",
    "string_pattern_mismatch": "expected a letter, then letters, digits and _",
    "too_short": "expected {min_length} or more of these",
    "too_long": "expected {max_length} of these or less",
}
"""Errors that say what is wrong with a value of the right kind, in words."""


@dataclass(frozen=True)
class _Mistake:
    """An error, the key it stands at, and the branches of unions that it went through."""

    place: tuple[Key, ...]
    branches: tuple[tuple[int, str], ...]
    detail: ErrorDetails

    @property
    def of_kind(self) -> bool:
        return self.detail["type"] in KINDS

    @property
    def said(self) -> tuple[str, str]:
        """What is wrong, and the remedy where there is one."""
        kind, context = self.detail["type"], self.detail.get("ctx", {})
        raised = context.get("error")
        if isinstance(raised, PhytomassError):
            return raised.problems[0].what, raised.problems[0].remedy
        if kind in KINDS:
            return KINDS[kind], ""
        if kind in SAID:
            return SAID[kind].format(**context), ""
        return self.detail["msg"].removeprefix("Value error, "), ""


def problems_of(
    errors: Sequence[ErrorDetails], content: object, where: str, model: type[BaseModel]
) -> list[Problem]:
    """Return one problem per mistake.

    Where a value may be one of several kinds, pydantic names the faults of each; only those of
    the kind that was meant are kept.

    Parameters
    ----------
    errors : sequence of ErrorDetails
        As pydantic lists them.
    content : object
        What was checked.
    where : str
        The file, for messages.
    model : type
        What it was checked against.
    """
    mistakes = _meant([_located(detail, content) for detail in errors], 0)
    problems = []
    for place, same in groupby(mistakes, key=lambda mistake: mistake.place):
        problems.append(_problem(place, list(same), where, model))
    found = list(dict.fromkeys(problems))
    if len(found) > MOST_SHOWN:
        more = Problem(where, f"and {len(found) - MOST_SHOWN} problems more")
        found = [*found[:MOST_SHOWN], more]
    return found


def _located(detail: ErrorDetails, content: object) -> _Mistake:
    """Find the key of an error by walking what the user wrote.

    Pydantic puts the names of a union's branches between the keys, and a key may have the name of
    a branch. The right reading of the path ends at the value that pydantic complains of.
    """
    loc, missing = detail["loc"], detail["type"] == "missing"
    path, last = (loc[:-1], loc[-1:]) if missing else (loc, ())
    readings = list(islice(_readings(path, content, 0), 200))
    fitting = (reading for reading in readings if reading[2] is detail["input"])
    place, branches, _ = next(fitting, readings[0])
    if missing and isinstance(last[0], int):  # a pair of which one is missing: no key of its own
        few = InputError("too few values")
        last, detail = (), {**detail, "type": "value_error", "ctx": {"error": few}}
    return _Mistake((*place, *last), branches, detail)


_Reading = tuple[tuple[Key, ...], tuple[tuple[int, str], ...], object]


def _readings(loc: tuple[Key, ...], value: object, depth: int) -> Iterator[_Reading]:
    """Read a path in every way: each part is a key of the value here, or names a branch."""
    if not loc:
        yield (), (), value
        return
    head, rest = loc[0], loc[1:]
    inside = isinstance(value, dict) and head in value
    if inside or (isinstance(value, list) and isinstance(head, int) and head < len(value)):
        for place, branches, end in _readings(rest, value[head], depth + 1):  # type: ignore[index]
            yield (head, *place), branches, end
    if not isinstance(head, int):
        for place, branches, end in _readings(rest, value, depth):
            yield place, ((depth, head), *branches), end
    elif not inside:
        yield (), (), value


def _meant(mistakes: list[_Mistake], level: int) -> list[_Mistake]:
    """Keep, of each union, the errors of the branch that was meant."""
    kept: list[_Mistake] = []
    for _, group in groupby(mistakes, key=lambda mistake: _union(mistake, level)):
        same = list(group)
        if _union(same[0], level) is None:
            kept += same
            continue
        branches = [
            _meant(list(part), level + 1)
            for _, part in groupby(same, key=lambda mistake: mistake.branches[level])
        ]
        right = [part for part in branches if not all(m.of_kind and _short(m, level) for m in part)]
        meant = [min(right, key=lambda part: len(part))] if right else branches
        kept += [mistake for part in meant for mistake in part]
    return kept


def _union(mistake: _Mistake, level: int) -> tuple[Key, ...] | None:
    """Return the place of the union that an error's branch belongs to; None where there is none."""
    if len(mistake.branches) <= level:
        return None
    return mistake.place[: mistake.branches[level][0]]


def _short(mistake: _Mistake, level: int) -> bool:
    """Tell whether an error is about the value of the union itself, not about a part of it."""
    return len(mistake.place) <= mistake.branches[level][0]


def _problem(
    place: tuple[Key, ...], same: list[_Mistake], where: str, model: type[BaseModel]
) -> Problem:
    key = ".".join(_short_key(part) for part in place)
    at = f"{where}: {key}" if key else where
    detail = same[0].detail
    if detail["type"] == "extra_forbidden":
        allowed = list(dict.fromkeys(_fields_at(place[:-1], model)))
        remedy = f"allowed here: {', '.join(allowed)}"
        return Problem(at, "unknown key", f"{nearest(str(place[-1]), allowed)} {remedy}".strip())
    if detail["type"] == "missing":
        return Problem(at, "missing", "this key is required")
    found, said = detail["input"], [mistake.said for mistake in same]
    words = " or ".join(dict.fromkeys(what for what, _ in said)).replace(" or expected ", " or ")
    repeated = isinstance(found, str) and shown(found) in words
    if not (isinstance(found, dict | BaseModel) or repeated):
        words = f"found {shown(found)}; {words}"
    return Problem(at, words, _hint(found, same) or said[0][1])


def _short_key(part: Key) -> str:
    return shown(part)[1:-1] if isinstance(part, str) else str(part)


def _hint(found: object, same: list[_Mistake]) -> str:
    listed = [m.detail["ctx"]["expected"] for m in same if m.detail["type"] == "literal_error"]
    choices = [c.strip("' ") for text in listed for c in text.replace(" or ", ", ").split(",")]
    return nearest(str(found)[:100], choices)


def _models_in(annotation: Any) -> list[Any]:
    """Return the annotation's parts: the members of a union, or itself."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return [m for a in get_args(annotation) for m in _models_in(a)]
    return [annotation]


def _fields_at(place: Sequence[Key], model: type[BaseModel]) -> list[str]:
    """Return the keys allowed at a place of the project file."""
    here: list[Any] = [model]
    for part in place:
        below: list[Any] = []
        for annotation in here:
            origin = get_origin(annotation)
            if origin in (dict, list):
                below += _models_in(get_args(annotation)[-1])
            elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
                field = annotation.model_fields.get(str(part))
                below += _models_in(field.annotation) if field else []
        here = below
    models = [m for m in here if isinstance(m, type) and issubclass(m, BaseModel)]
    return [name for one in models for name in one.model_fields]
