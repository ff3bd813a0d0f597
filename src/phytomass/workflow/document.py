"""Reading a YAML file that anyone may have written: plain values, of a size, each key once.

YAML allows more than a project file needs, and some of it swells: aliases that name aliases, any
depth, any length. Here every value costs one of a fixed number, whichever way it came about.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from phytomass.errors import CONTROL, InputError, ProjectFileError, shown
from phytomass.files import require_file
from phytomass.settings import LONGEST_TEXT

MOST_BYTES = 256 * 1024
"""A project file of this size has some 8 000 lines; it is read in about two seconds."""

MOST_VALUES = 50_000
"""Values of a project file, each alias counted as often as it stands for one."""

DEEPEST = 32
"""Levels of sections within sections; the project file has seven."""

LARGEST_WHOLE = 2**63
"""Whole numbers from here on have no place in a table or raster."""

MERGE, TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"
PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}
AS_WRITTEN = {TEXT, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
"""Days stay the text that they are in tables and in the settings."""

OCTAL = re.compile(r"[-+]?0[0-7_]+$")
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class _Loader(yaml.SafeLoader):
    """YAML's own reader and composer, with an end to the depth; 1e5 is a number, as in YAML 1.2."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _refused(f"more than {DEEPEST} levels within each other", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _refused(what: str, mark: yaml.Mark | None, remedy: str = "") -> ProjectFileError:
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return ProjectFileError(what, where=where, remedy=remedy)


def read_document(path: Path) -> dict[str, Any]:
    """Read a YAML file as a section of keys.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Keys as they are written; values None, bool, int, float, str, lists and dicts of these.

    Raises
    ------
    ProjectFileError
        If it is no regular file, too large, no UTF-8, no YAML, or holds what no project file
        needs; with the line.
    """
    text = _text(path)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        content = _Values(loader).of(node) if node is not None else None
    except ProjectFileError as error:
        place = ", ".join(part for part in (path.name, error.problems[0].where) if part)
        raise ProjectFileError(
            error.problems[0].what, where=place, remedy=error.problems[0].remedy
        ) from error
    except yaml.YAMLError as error:
        raise _no_yaml(error, path.name, text) from error
    if not isinstance(content, dict) or not content:
        raise ProjectFileError(
            "holds no settings", where=str(path), remedy="see: phytomass new DIR"
        )
    return content


def _text(path: Path) -> str:
    name = str(path)
    try:
        size = require_file(path, name, "make one with: phytomass new DIR")
    except InputError as error:
        raise ProjectFileError.of(error.problems) from error
    if size > MOST_BYTES:
        raise ProjectFileError(
            f"has {size} bytes, a project file has {MOST_BYTES} at most",
            where=name,
            remedy="put long lists into tables: allometry.equations, wood_density_table",
        )
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES)
    except OSError as error:
        raise ProjectFileError(f"cannot be read ({error.strerror})", where=name) from error
    encoding = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content:
        encoding = "binary data, or UTF-16"
    try:
        if encoding is None:
            return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        encoding = f"another encoding (line {line}: byte 0x{content[error.start]:02x})"
    raise ProjectFileError(
        f"is not UTF-8 text but {encoding}", where=name, remedy="save it as UTF-8"
    )


def _no_yaml(error: yaml.YAMLError, name: str, text: str) -> ProjectFileError:
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count("\n") + 1
        what = f"holds the control character {chr(int(error.character))!r}"
        return ProjectFileError(what, where=f"{name}, line {line}", remedy="take it out")
    what = getattr(error, "problem", None) or getattr(error, "context", None) or "cannot be parsed"
    place = f", line {mark.line + 1}" if mark else ""
    remedy = "indent with blanks, not with tabs" if "\\t" in what else ""
    return ProjectFileError(f"is not YAML: {what[:200]}", where=f"{name}{place}", remedy=remedy)


@dataclass
class _Values:
    """Turns nodes into values, and counts them."""

    loader: _Loader
    count: int = 0
    inside: list[yaml.Node] = field(default_factory=list)

    def of(self, node: yaml.Node) -> Any:
        self.count += 1
        if self.count > MOST_VALUES:
            raise _refused(
                f"stands for more than {MOST_VALUES:,} values".replace(",", " "),
                node.start_mark,
                "aliases (*) that name aliases swell: write out what is meant",
            )
        if any(node is outer for outer in self.inside):
            raise _refused("an alias (*) that holds itself", node.start_mark, "write it out")
        if len(self.inside) >= DEEPEST:
            raise _refused(f"more than {DEEPEST} levels within each other", node.start_mark)
        self.inside.append(node)
        try:
            return self._value(node)
        finally:
            self.inside.pop()

    def _value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        usual = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != f"tag:yaml.org,2002:{usual}":
            raise _strange(node)
        if isinstance(node, yaml.MappingNode):
            return self._section(node)
        return [self.of(part) for part in node.value]

    def _section(self, node: yaml.MappingNode) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[dict[str, Any]] = []
        for key_node, value_node in node.value:
            key = _key(key_node)
            if key in lines:
                raise _refused(
                    f"the key {shown(key)} stands twice here, first in line {lines[key]}",
                    key_node.start_mark,
                    "keep one of them",
                )
            lines[key] = key_node.start_mark.line + 1
            if key_node.tag == MERGE:
                merged += self._merged(value_node)
            else:
                values[key] = self.of(value_node)
        for other in merged:
            values = {**other, **values}
        return values

    def _merged(self, node: yaml.Node) -> list[dict[str, Any]]:
        content = self.of(node)
        sections = content if isinstance(content, list) else [content]
        if not all(isinstance(section, dict) for section in sections):
            raise _refused("`<<` takes in sections of keys, and this is none", node.start_mark)
        return sections

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag in AS_WRITTEN:
            return _clean(node)
        if node.tag not in PLAIN:
            raise _strange(node)
        if node.tag.endswith(("int", "float")):
            return self._number(node)
        return self._constructed(node)

    def _number(self, node: yaml.ScalarNode) -> int | float:
        if ":" in node.value or OCTAL.match(node.value):
            kind = "a number to base 60" if ":" in node.value else "an octal number"
            raise _refused(
                f"{shown(node.value)} is {kind} to YAML",
                node.start_mark,
                "put it in quotes if it is a text, or write the number that is meant",
            )
        value: int | float = self._constructed(node)
        if isinstance(value, int) and abs(value) >= LARGEST_WHOLE:
            raise _refused(f"{shown(value)} is too large", node.start_mark)
        return value

    def _constructed(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.loader.construct_object(node)
        except (ValueError, LookupError) as error:
            raise _strange(node) from error


def _strange(node: yaml.Node) -> ProjectFileError:
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    value = f" and {shown(node.value)}" if isinstance(node, yaml.ScalarNode) else ""
    return _refused(
        f"the tag {shown(tag)}{value}: nothing of a project file is of that type",
        node.start_mark,
        "write plain texts, numbers, lists and sections, without `!`",
    )


def _key(node: yaml.Node) -> str:
    """Return a key as it is written: `no` is no truth value there, nor `1` a number."""
    if not isinstance(node, yaml.ScalarNode):
        raise _refused("a list or section stands for a key", node.start_mark, "a key is a text")
    if node.tag not in {*PLAIN, *AS_WRITTEN, MERGE}:
        raise _strange(node)
    return _clean(node)


def _clean(node: yaml.ScalarNode) -> str:
    value = str(node.value)
    if len(value) > LONGEST_TEXT:
        raise _refused(
            f"a text of {len(value)} characters; {LONGEST_TEXT} at most", node.start_mark
        )
    found = CONTROL.search(value.replace("\t", " "))
    if found:
        raise _refused(
            f"{shown(value)} holds the control character {found[0]!r}",
            node.start_mark,
            "take it out",
        )
    return value
