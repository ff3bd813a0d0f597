"""A small simulated project, run once for all tests of the chain."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

TEMPLATE = Path(__file__).parents[2] / "src/phytomass/workflow/templates/demo.yaml"


def small_settings() -> dict[str, Any]:
    """Return the demo's project with fewer, smaller models."""
    content: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    content["models"] = [
        "simple_linear",
        "mlr",
        {"name": "random_forest", "parameters": {"n_estimators": 30}, "grid": {}},
    ]
    content["validation"] = {"n_splits": 3, "n_repeats": 1}
    content["truth"]["models"] = "map"
    return content


def write_project(folder: Path, content: dict[str, Any]) -> None:
    """Write a project file."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "project.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small project; do not change it, copy it.

    It is a fixture of tests/conftest.py: a module that imports it would run the project once more.
    """
    from phytomass.landscape import LandscapeSettings, simulate, write_landscape
    from phytomass.workflow import STEPS, check_project, keep_findings, load_project, run_steps

    folder = tmp_path_factory.mktemp("small")
    settings = LandscapeSettings(rows=120, cols=120, n_sites=16, random_state=3)
    write_landscape(simulate(settings), folder / "data")
    write_project(folder, small_settings())
    opened = load_project(folder)
    keep_findings(check_project(opened), opened)  # as a run from the command line does
    for _ in run_steps(opened, STEPS, [step.name for step in STEPS]):
        pass
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished small project to change."""
    shutil.copytree(finished, tmp_path / "project")
    return tmp_path / "project"
