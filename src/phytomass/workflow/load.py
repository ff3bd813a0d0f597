"""Reading a project file: one problem per mistake, with the nearest valid name."""

from __future__ import annotations

import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from phytomass.errors import Problem, ProjectFileError, nearest
from phytomass.workflow.project import Project


@dataclass(frozen=True)
class OpenProject:
    """A project and the file it was read from.

    Parameters
    ----------
    path : Path
        The project file.
    project : Project
        Its content.
    """

    path: Path
    project: Project

    @property
    def root(self) -> Path:
        """Folder that relative paths start from."""
        return self.path.parent

    @property
    def results(self) -> Path:
        """Folder of the results."""
        return self.root / self.project.output


def load_project(path: str | Path) -> OpenProject:
    """Read and check a project file.

    Raises
    ------
    ProjectFileError
        If the file is missing, is no YAML, or breaks the schema. One problem per mistake: the
        key's path, what was found, what is allowed, the nearest valid name.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "project.yaml"
    if not path.is_file():
        raise ProjectFileError(
            "no such project file", where=str(path), remedy="make one with: phytomass new DIR"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ProjectFileError(
            "is not UTF-8 text", where=str(path), remedy="save it as UTF-8"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "cannot be parsed"
        raise ProjectFileError(f"is not YAML: {what}", where=f"{path.name}{line}") from error
    if not isinstance(content, dict):
        raise ProjectFileError(
            "holds no settings", where=str(path), remedy="see: phytomass new DIR"
        )
    return OpenProject(path, check_settings(content, path.name))


def check_settings(content: dict[str, Any], where: str) -> Project:
    """Check the content of a project file.

    Raises
    ------
    ProjectFileError
        With one problem per mistake.
    """
    try:
        return Project.model_validate(content)
    except ValidationError as error:
        problems = list(dict.fromkeys(_problem(detail, where) for detail in error.errors()))
        raise ProjectFileError.of(problems) from error


def _problem(detail: ErrorDetails, where: str) -> Problem:
    place = [part for part in detail["loc"] if not _is_branch(part)]
    key = ".".join(str(part) for part in place)
    found = detail["input"]
    if detail["type"] == "extra_forbidden":
        allowed = _fields_at(place[:-1])
        what, remedy = "unknown key", f"allowed here: {', '.join(allowed)}"
        hint = nearest(str(place[-1]), allowed)
        return Problem(f"{where}: {key}", what, f"{hint} {remedy}".strip())
    if detail["type"] == "missing":
        return Problem(f"{where}: {key}", "missing", "this key is required")
    shown = "" if isinstance(found, dict | BaseModel) else f"found {found!r}; "
    message = detail["msg"].removeprefix("Value error, ")
    hint = ""
    if detail["type"] == "literal_error":
        choices = [
            c.strip("' ") for c in detail["ctx"]["expected"].replace(" or ", ", ").split(",")
        ]
        hint = nearest(str(found), choices)
    return Problem(f"{where}: {key}" if key else where, f"{shown}{message}", hint)


def _is_branch(part: int | str) -> bool:
    """Tell pydantic's names of union branches from keys."""
    return isinstance(part, str) and (part in _BRANCHES or "[" in part or "(" in part)


_BRANCHES = {"str", "int", "float", "OwnIndex", "Path", "nullable"}


def _models_in(annotation: Any) -> list[Any]:
    """Return the annotation's parts: the members of a union, or itself."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return [m for a in get_args(annotation) for m in _models_in(a)]
    return [annotation]


def _fields_at(place: list[int | str]) -> list[str]:
    """Return the keys allowed at a place of the project file."""
    here: list[Any] = [Project]
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
    return [name for model in models for name in model.model_fields]
