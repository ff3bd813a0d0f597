"""Reading a project file: one problem per mistake, with the nearest valid name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phytomass.errors import ProjectFileError, shown
from phytomass.report.messages.languages import check_language
from phytomass.workflow.document import read_document
from phytomass.workflow.mistakes import problems_of
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
    elsewhere : Path, optional
        Where the results of this run lie, instead of where the project says.
    """

    path: Path
    project: Project
    elsewhere: Path | None = None

    @property
    def root(self) -> Path:
        """Folder that relative paths start from."""
        return self.path.parent

    @property
    def results(self) -> Path:
        """Folder of the results."""
        return self.elsewhere or self.root / self.project.output


def in_language(opened: OpenProject, language: str) -> OpenProject:
    """Return the project with another language of its report.

    Raises
    ------
    InputError
        If there is no such language.
    """
    check_language(language)
    report = opened.project.report.model_copy(update={"language": language})
    return replace(opened, project=opened.project.model_copy(update={"report": report}))


def load_project(path: str | Path) -> OpenProject:
    """Read and check a project file.

    Raises
    ------
    ProjectFileError
        If the file is missing, is no YAML, or breaks the schema. One problem per mistake: the
        key's path, what was found, what is allowed, the nearest valid name.
    """
    path = Path(path)
    if _exists(path, Path.is_dir):
        path = path / "project.yaml"
    if not _exists(path, Path.exists):
        raise ProjectFileError(
            "no such project file",
            where=shown(str(path))[1:-1],
            remedy="make one with: phytomass new DIR",
        )
    content = read_document(path)
    return OpenProject(path, check_settings(content, path.name))


def _exists(path: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(path)
    except (OSError, ValueError):  # a name that is too long, or holds a null
        return False


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
        raise ProjectFileError.of(problems_of(error.errors(), content, where, Project)) from error
