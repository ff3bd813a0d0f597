"""The faults: each changes one place of one file."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
REMOVED = (ast.Raise, ast.AugAssign, ast.Continue, ast.Break)


@dataclass(frozen=True)
class Mutant:
    """One fault: the bytes from `start` to `end` of a file become `after`."""

    path: str
    line: int
    start: int
    end: int
    kind: str
    after: str

    def applied(self, source: bytes) -> bytes:
        """Return the file with the fault."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def compiles(self, source: bytes) -> bool:
        """Tell whether Python can read the file with the fault."""
        try:
            compile(self.applied(source), self.path, "exec")
        except SyntaxError:
            return False
        return True

    def diff(self, source: bytes) -> str:
        """Return the changed lines, without context."""
        lines = (text.decode().splitlines() for text in (source, self.applied(source)))
        return "\n".join(
            line
            for line in unified_diff(*lines, lineterm="", n=0)
            if line[:3] not in ("---", "+++")
        )


def mutants_of(path: str, source: bytes) -> list[Mutant]:
    """List every fault of a file, in the order of their places."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node, kind, changed in _changes(ast.parse(source)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        text = "pass" if changed is None else ast.unparse(changed)
        text = f"({text})" if isinstance(changed, ast.expr) else text
        found.append(Mutant(path, node.lineno, start, end, kind, text))
    return sorted(found, key=lambda one: (one.start, one.end, one.kind, one.after))


def sample(root: Path, n: int, seed: int, only: str = "") -> list[Mutant]:
    """Draw faults from all files below `src/phytomass` whose path contains `only`, each once."""
    sources = {
        name: path.read_bytes()
        for path in sorted((root / "src/phytomass").rglob("*.py"))
        if only in (name := path.relative_to(root).as_posix())
    }
    every = [mutant for name, source in sources.items() for mutant in mutants_of(name, source)]
    random.Random(seed).shuffle(every)
    return list(islice((one for one in every if one.compiles(sources[one.path])), n))


Change = tuple[ast.expr | ast.stmt, str, ast.expr | ast.stmt | None]
"""The place, the kind of fault, and what stands there instead; None is `pass`."""


def _changes(tree: ast.AST) -> Iterator[Change]:
    for child in _code_below(tree):
        if isinstance(child, ast.expr | ast.stmt):
            yield from _changes_of(child)
        yield from _changes(child)


def _code_below(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs: no annotations, docstrings, decorators, texts with fields, `__all__`."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.If | ast.Assign) and _is_for_tools(child):
                continue
            yield child


def _is_for_tools(node: ast.If | ast.Assign) -> bool:
    named = node.test if isinstance(node, ast.If) else node.targets[0]
    return isinstance(named, ast.Name) and named.id in ("TYPE_CHECKING", "__all__")


def _changes_of(node: ast.expr | ast.stmt) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            other = copy.deepcopy(node)
            other.ops[place] = COMPARISONS[type(operator)]()
            yield node, "comparison", other
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, "and/or", ast.BoolOp(other, node.values)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield node, "arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node, "sign" if isinstance(node.op, ast.USub) else "negation", node.operand
    elif isinstance(node, ast.Constant):
        yield from ((node, "constant", ast.Constant(value)) for value in _others(node.value))
    elif isinstance(node, REMOVED) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield node, "statement", None
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield node.test, "condition", ast.UnaryOp(ast.Not(), node.test)


def _others(value: object) -> list[bool | int | float]:
    if isinstance(value, bool):
        return [not value]
    return [value + 1, value - 1] if isinstance(value, int | float) else []
