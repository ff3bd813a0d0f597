"""The run over a tree of one function: faults that its test sees, does not see, and that hang."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.mutation import __main__ as run
from tests.mutation.mutate import mutants_of

pytestmark = pytest.mark.slow

NAME = "src/phytomass/units.py"
SOURCE = """def larger(a, b=0):
    while a < 0:
        a = a + 1
    if a >= b:
        return a
    return b
"""
TEST = """from phytomass.units import larger


def test_larger():
    assert larger(-2, 5) == 5
    assert larger(7, 5) == 7


def test_that_always_fails():
    raise ValueError
"""


@pytest.fixture
def scratch(tmp_path: Path) -> run.Scratch:
    root = tmp_path / "tree"
    for name, text in {NAME: SOURCE, "tests/test_units.py": TEST}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "src/phytomass/__init__.py").touch()
    settings = (
        '[tool.pytest.ini_options]\naddopts = "--doctest-modules"\nmarkers = ["slow: long"]\n'
    )
    (root / "pyproject.toml").write_text(settings)
    subprocess.run(["git", "init", "-q", root], check=True)
    run.copied(root, tmp_path / "copy")
    return run.Scratch(tmp_path / "copy", budget_s=40)


def test_a_fault_is_killed_by_a_test_that_passes_without_it(scratch: run.Scratch) -> None:
    found = {one.after: one for one in mutants_of(NAME, SOURCE.encode())}
    assert run.stages_of(scratch.root, NAME) == [(NAME,), ("tests/test_units.py",)]
    assert scratch.tried(found["(not a >= b)"]) == (
        "killed",
        "tests/test_units.py::test_larger",
    )
    assert scratch.tried(found["(a > b)"])[0] == "survived"  # no test of equal numbers
    assert (scratch.root / NAME).read_text() == SOURCE


def test_a_fault_that_hangs_is_told_from_one_that_is_killed(scratch: run.Scratch) -> None:
    found = {one.after: one for one in mutants_of(NAME, SOURCE.encode())}
    brief = run.Scratch(scratch.root, budget_s=6)
    assert brief.tried(found["(a - 1)"]) == ("timeout", "")
    assert (scratch.root / NAME).read_text() == SOURCE
