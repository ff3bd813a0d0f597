"""What a step reads, declared: settings, files and earlier results, in one value that is all it gets.

A step's value is a frozen dataclass derived from `Reads`. Each field is a setting of the project
file: the one of its name, or the one that `setting` names; `derived` makes one from the project.
Files are those that the fields name. `parts` lists the earlier results. The fingerprint of a step,
what a check looks for and the steps that it needs come from these and from nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pandas as pd
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from phytomass import tables
from phytomass.draws import Draws
from phytomass.errors import InputError
from phytomass.settings import Pattern
from phytomass.workflow.named import found_files, named_files, role_of

if TYPE_CHECKING:
    from phytomass.workflow.load import OpenProject
    from phytomass.workflow.state import Fingerprints

M = TypeVar("M", bound=BaseModel)
TAKE = "take"


@dataclass(frozen=True)
class Setting:
    """Where a field comes from: a key of the project file, or what is made from the project."""

    key: str
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    when: Callable[[Any], bool] = lambda project: True
    opens: bool = True
    make: Callable[[Any], Any] | None = None

    def of(self, project: Any) -> Any:
        """Return the setting of a project; None where a section above it, or the need, is absent."""
        value = project if self.when(project) else None
        for name in filter(None, self.key.split(".")):
            value = None if value is None else getattr(value, name)
        if isinstance(value, BaseModel) and (self.only or self.without):
            drop = self.without or set(type(value).model_fields) - self.only
            return _less(value, drop)
        return value


def setting(
    key: str,
    *,
    only: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    when: Callable[[Any], bool] = lambda project: True,
    opens: bool = True,
) -> Any:
    """Declare a field: a dotted key of the project file.

    Parameters
    ----------
    key : str
        E.g. ``inventory.outliers``; empty for the whole project.
    only, without : tuple of str
        Keep these settings of a section alone, or all but these: asking for another is an error.
    when : callable
        Project → whether the step reads it at all; None otherwise.
    opens : bool
        Whether the step reads the files that it names; False for one that shows their names.
    """
    return field(metadata={TAKE: Setting(key, frozenset(only), frozenset(without), when, opens)})


def derived(key: str, make: Callable[[Any], Any]) -> Any:
    """Declare a field that is made from the open project: a plain value, shown under a key."""
    return field(metadata={TAKE: Setting(key, opens=False, make=make)})


def _less(section: M, drop: frozenset[str] | set[str]) -> M:
    """Return a section without some of its settings: asking for one of them is an error."""
    kept = section.model_copy()
    for name in drop:
        del kept.__dict__[name]
    return kept


@dataclass(frozen=True)
class Part:
    """An earlier result that a step reads, or what it reads of it.

    Parameters
    ----------
    name : str
        File or folder among the results.
    columns : tuple of str
        Of a table; all if empty.
    array : str
        Quantity of a folder of draws; everything if empty.
    """

    name: str
    columns: tuple[str, ...] = ()
    array: str = ""

    def __str__(self) -> str:
        some = ", ".join(self.columns) or self.array
        return f"{self.name}: {some}" if some else self.name

    @property
    def whole(self) -> bool:
        """Whether all of it is read."""
        return not (self.columns or self.array)

    def sha256(self, folder: Path, prints: Fingerprints) -> str | None:
        """Return the fingerprint of what is read; None where it is not there."""
        path = folder / self.name
        if not path.exists():
            return None
        if self.columns:
            rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
            return _sha256(
                rows[[name for name in self.columns if name in rows]].to_csv(index=False)
            )
        if self.array:
            with suppress(InputError):  # whoever reads them says what is wrong
                ids = Draws.open(path, self.array).ids
                return _sha256(json.dumps([*ids, prints.of(path / self.array)]))
        return prints.of(path)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Results:
    """The earlier results that a step declares; there is no way to others.

    Parameters
    ----------
    folder : Path
        Where all results lie.
    parts : tuple of Part
        Those declared.
    """

    folder: Path
    parts: tuple[Part, ...] = ()

    def _part(self, name: str) -> Part:
        for part in self.parts:
            if part.name == name:
                return part
        raise LookupError(f"the step does not declare that it reads {name}")

    def path(self, name: str) -> Path:
        """Return the path of a result that is read as a whole; it need not be there."""
        part = self._part(name)
        if not part.whole:
            raise LookupError(f"the step declares that it reads only {part}")
        return self.folder / name

    def table(self, name: str) -> pd.DataFrame:
        """Read a table: the declared columns of it."""
        part = self._part(tables.table(name).file)
        rows = tables.read(self.folder, name)
        return rows[[c for c in part.columns if c in rows]] if part.columns else rows

    def document(self, name: str) -> dict[str, Any]:
        """Read a JSON file."""
        content: dict[str, Any] = json.loads(self.path(name).read_text(encoding="utf-8"))
        return content

    def draws(self, name: str) -> Draws:
        """Open the declared quantity of a folder of draws."""
        part = self._part(name)
        return Draws.open(self.folder / name, part.array)


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What a step reads, and all it gets of a project.

    Parameters
    ----------
    root : Path
        Folder that paths in the settings start from.
    results : Results
        Of earlier steps.
    """

    root: Path
    results: Results

    @classmethod
    def declared(cls) -> Iterator[tuple[str, Setting]]:
        """Give the fields that are settings, and where they come from."""
        for one in fields(cls):
            if one.name not in ("root", "results"):
                yield one.name, one.metadata.get(TAKE, Setting(one.name))

    @classmethod
    def of(cls, opened: OpenProject) -> Self:
        """Return what a project has of what is declared.

        Raises
        ------
        InputError
            If something cannot be derived, as a grid without bounds.
        """
        values = {
            name: take.make(opened) if take.make else take.of(opened.project)
            for name, take in cls.declared()
        }
        bare = cls(root=opened.root, results=Results(opened.results), **values)
        return replace(bare, results=Results(opened.results, bare.parts()))

    @classmethod
    def named(cls, project: BaseModel) -> Iterator[tuple[str, Path | Pattern]]:
        """Give what the declared settings of a project name files with, by key."""
        for _, take in cls.declared():
            if take.opens:
                yield from named_files(take.of(project), take.key)

    def parts(self) -> tuple[Part, ...]:
        """Return the earlier results that are read, by the settings that are declared."""
        return ()

    def settings(self) -> dict[str, Any]:
        """Return the settings as the record keeps them: by key of the project file."""
        found: dict[str, Any] = {}
        for name, take in self.declared():
            value = to_jsonable_python(getattr(self, name))
            for key in reversed(list(filter(None, take.key.split(".")))):
                value = {key: value}
            found = _merged(found, value)
        return found

    def files(self) -> dict[str, list[Path]]:
        """Return the files that the settings name, by role, with those that are read along.

        Raises
        ------
        InputError
            If one does not exist or cannot be read.
        """
        found: dict[str, list[Path]] = {}
        for name, take in self.declared():
            if take.opens:
                for key, value in named_files(getattr(self, name), take.key):
                    found.setdefault(role_of(key), []).extend(found_files(self.root, key, value))
        return {role: list(dict.fromkeys(paths)) for role, paths in found.items()}


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {k for k in one.keys() & other.keys() if isinstance(one[k], dict)}
    return {**one, **other, **{k: _merged(one[k], other[k] or {}) for k in both}}
