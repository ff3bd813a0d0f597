"""Beginning: a commented project file, its schema, and the demo."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from phytomass.errors import InputError, shown
from phytomass.files import write_text
from phytomass.inventory import write_form
from phytomass.landscape import LandscapeSettings, simulate, write_landscape
from phytomass.models import model_list
from phytomass.progress import Progress, silent
from phytomass.settings import usable_path
from phytomass.workflow.load import OpenProject, load_project
from phytomass.workflow.project import Project

SCHEMA = "project.schema.json"


def project_schema() -> str:
    """Return the JSON schema of the project file, which editors check and complete against."""
    return json.dumps(Project.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def _template(name: str) -> str:
    return files("phytomass.workflow").joinpath("templates", name).read_text(encoding="utf-8")


INVENTORY = re.compile(r"^inventory:.*\n(?:[ #].*\n)*", re.MULTILINE)
"""The section `inventory` of a project file."""

FORM = Path("data", "field_form.xlsx")


def new_project(folder: Path, *, field: bool = False, form: bool = False) -> Path:
    """Write a commented project file and its schema into a folder; return the file's path.

    Parameters
    ----------
    folder : Path
        Made if absent.
    field : bool
        Whether the study is of plots alone.
    form : bool
        Whether to write a workbook to fill in as well (data/field_form.xlsx), which the project
        reads.

    Raises
    ------
    InputError
        If there is a project file, or a form, already.
    """
    path = folder / "project.yaml"
    for there, what in ((path, "project"), (folder / FORM, "form")):
        if _is_there(there) and (form or there == path):
            raise InputError(
                f"there is a {what} already", where=str(there), remedy="choose another folder"
            )
    content = _template("field.yaml" if field else "new.yaml")
    if form:
        content = INVENTORY.sub(lambda _: _template("sections/form.yaml"), content)
        write_form(folder / FORM)
    write_text(folder / SCHEMA, project_schema())
    write_text(path, content)
    return path


def _is_there(path: Path) -> bool:
    """Tell whether a file exists; refuse a path that no file can have."""
    try:
        usable_path(str(path))
        return path.exists()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be used ({why})", where=shown(str(path.parent))) from error


def _landscape(seed: int) -> LandscapeSettings:
    try:
        return LandscapeSettings(random_state=seed)
    except ValidationError as error:
        raise InputError(
            f"the seed is {shown(seed)}", where="--seed", remedy="use a number from 0 to 4294967295"
        ) from error


MODELS_OF_DEMO = re.compile(r"^models:\n(?:  - .*\n)+", re.MULTILINE)
"""The list of models in the demo's project file."""

LAYERS_OF_MOUNTAIN_PAPER = (
    "VV VH VOD B3 B4 B8 B11 B12 L8_B3 L8_B4 L8_B5 L8_B6 L8_B7"  # Tibet paper, Table 1
)


def demo_project(seed: int, models: str | None = None) -> str:
    """Return the demo's project file.

    Parameters
    ----------
    seed : int
        Of the run.
    models : str, optional
        A named list of models to compare instead of the demo's own: then on the mountain paper's
        predictors and by spatial blocks alone, so that patch networks take minutes.

    Raises
    ------
    InputError
        If there is no such list.
    """
    content = _template("demo.yaml").replace("random_state: 2020", f"random_state: {seed}")
    if models is None:
        return content
    model_list(models)
    layers = ", ".join(LAYERS_OF_MOUNTAIN_PAPER.split())
    listed = f"models: {models}\n\nvalidation: {{splits: [spatial_blocks]}}\n"
    terrain = "  terrain: {dem: data/dem.tif}\n"
    sets = f"  sets:\n    mountain_paper: [{layers}]\n"
    return MODELS_OF_DEMO.sub(listed, content).replace(terrain, terrain + sets)


def make_demo(
    folder: Path, *, seed: int = 2020, models: str | None = None, progress: Progress = silent
) -> OpenProject:
    """Simulate the demo's landscape into a folder, with its project file, and open it.

    A folder that holds the same demo already gets the same bytes again.

    Parameters
    ----------
    folder : Path
        Made if absent.
    seed : int
        Of the landscape and of the run.
    models : str, optional
        See `demo_project`.
    progress : Progress
        Called as the landscape grows.

    Raises
    ------
    InputError
        If the folder holds another project or data of another's, or there is no such list of models.
    """
    path = folder / "project.yaml"
    content = demo_project(seed, models)
    if _is_there(path) and path.read_bytes() != content.encode():
        raise InputError(
            "holds another project, or the demo was edited",
            where=str(path),
            remedy="choose another folder, or run the edited one with: phytomass run",
        )
    data = folder / "data"
    if not path.exists() and data.exists():
        raise InputError(
            "lies where the demo's own data would go",
            where=str(data),
            remedy="choose another folder; nothing was changed",
        )
    settings = _landscape(seed)
    write_text(path, content)  # first: a demo that was broken off may be gone on with
    progress("landscape", 0, 2)
    landscape = simulate(settings)
    progress("landscape", 1, 2)
    write_landscape(landscape, data)
    write_text(folder / SCHEMA, project_schema())
    progress("landscape", 2, 2)
    return load_project(path)
