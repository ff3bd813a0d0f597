"""Beginning: a commented project file, its schema, and the demo."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from phytomass.errors import InputError
from phytomass.files import write_text
from phytomass.landscape import LandscapeSettings, simulate, write_landscape
from phytomass.progress import Progress, silent
from phytomass.workflow.load import OpenProject, load_project
from phytomass.workflow.project import Project

SCHEMA = "project.schema.json"


def project_schema() -> str:
    """Return the JSON schema of the project file, which editors check and complete against."""
    return json.dumps(Project.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def _template(name: str) -> str:
    return files("phytomass.workflow").joinpath("templates", name).read_text(encoding="utf-8")


def new_project(folder: Path) -> Path:
    """Write a commented project file and its schema into a folder; return the file's path.

    Raises
    ------
    InputError
        If there is a project file already.
    """
    path = folder / "project.yaml"
    if path.exists():
        raise InputError(
            "there is a project already", where=str(path), remedy="choose another folder"
        )
    write_text(folder / SCHEMA, project_schema())
    write_text(path, _template("new.yaml"))
    return path


def make_demo(folder: Path, *, seed: int = 2020, progress: Progress = silent) -> OpenProject:
    """Simulate the demo's landscape into a folder, with its project file, and open it.

    A folder that holds the demo of the same seed already gets the same bytes again.

    Raises
    ------
    InputError
        If the folder holds another project.
    """
    path = folder / "project.yaml"
    content = _template("demo.yaml").replace("random_state: 2020", f"random_state: {seed}")
    if path.exists() and path.read_text(encoding="utf-8") != content:
        raise InputError(
            "holds another project, or the demo was edited",
            where=str(path),
            remedy="choose another folder, or run the edited one with: phytomass run",
        )
    progress("landscape", 0, 2)
    landscape = simulate(LandscapeSettings(random_state=seed))
    progress("landscape", 1, 2)
    write_landscape(landscape, folder / "data")
    write_text(folder / SCHEMA, project_schema())
    write_text(path, content)
    progress("landscape", 2, 2)
    return load_project(path)
