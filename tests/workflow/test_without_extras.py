"""The core and the report, as `make demo` sets them up, need no package of another extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from phytomass.extras import EXTRAS
from tests.workflow.small import small_settings, write_project

ABSENT = [m for extra, modules in EXTRAS.items() if extra != "report" for m in modules]
CODE = f"""
import importlib, pkgutil, sys
from importlib.machinery import PathFinder

find, absent = PathFinder.find_spec, set({ABSENT!r})  # as if they were not installed
PathFinder.find_spec = lambda name, *a: None if name.split(".")[0] in absent else find(name, *a)

from phytomass.cli.main import main

try:
    main()
except SystemExit as end:
    assert not end.code, end.code
import phytomass

for module in pkgutil.walk_packages(phytomass.__path__, "phytomass."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        assert error.name.split(".")[0] in absent
        print(module.name)
"""
DOORS = ("phytomass.models.patch_cnn.", "phytomass.imagery.")
"""What needs an extra at once is here, and opened only when asked for."""


def test_a_project_runs_from_the_models_to_the_report(project: Path) -> None:
    boosted = {"name": "xgboost", "parameters": {"n_estimators": 20}, "grid": {}}
    write_project(project, small_settings() | {"models": ["mlr", boosted]})
    done = subprocess.run(
        [sys.executable, "-c", CODE, "run", str(project), "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "XGBoost" in (project / "results" / "report.html").read_text(encoding="utf-8")
    assert [name for name in done.stdout.splitlines() if not name.startswith(DOORS)] == []
