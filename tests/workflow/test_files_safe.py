"""A user's files are safe: no result goes over an input, into its folder, or over a foreign file."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phytomass.errors import InputError
from phytomass.files import sha256_of
from phytomass.workflow import STEPS, check_project, load_project, make_demo, run_steps
from phytomass.workflow.names import TITLES, WRITES
from phytomass.workflow.safety import results_apart
from tests.cli.test_bad_input import run
from tests.workflow.faults import Small
from tests.workflow.small import small_settings, write_project

Make = Callable[[Path], None]


@pytest.fixture
def inputs(project: Path) -> Path:
    """The small project without results, with fewer images to check."""
    shutil.rmtree(project / "results")
    output(project, "results")
    return project


def output(folder: Path, name: str, **more: Any) -> None:
    write_project(folder, {**few_settings(), "output": name, **more})


def few_settings() -> dict[str, Any]:
    content = small_settings()
    for key in ("earlier", "truth", "zones", "potential"):
        content.pop(key, None)
    rasters = content["predictors"]["rasters"]
    content["predictors"] = {"rasters": {"vod": rasters["vod"]}}
    content["grid"] = {"like": "data/vod_2020.tif"}
    return content


def everything(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): sha256_of(p) for p in sorted(folder.rglob("*")) if p.is_file()
    }


def linked(name: str, target: str) -> Make:
    return lambda folder: (folder / name).symlink_to(folder / target)


def hard_link(folder: Path) -> None:
    (folder / "results").mkdir()
    (folder / "results/plots.csv").hardlink_to(folder / "data/plots.csv")


def link_inside(folder: Path) -> None:
    (folder / "results").mkdir()
    (folder / "results/trees.csv").symlink_to(folder / "data/trees.csv")


def input_through_a_link(folder: Path) -> None:
    (folder / "results").mkdir()
    (folder / "data/vod_2020.tif").rename(folder / "results/vod.tif")
    (folder / "data/vod_2020.tif").symlink_to(folder / "results/vod.tif")


PLACES: dict[str, tuple[str, Make | None, str]] = {
    "data": ("data", None, r"hold inputs of the project: data/\w+\.\w+ \(.*\)"),
    "the project's folder": ("data/../.", None, r"project\.yaml"),
    "the folder above": ("data/../..", None, r"project\.yaml"),
    "by a detour": ("results/../data/../data", None, r"data/"),
    "an absolute path": ("ABSOLUTE", None, r"data/"),
    "through a link": ("link", linked("link", "data"), r"data/"),
    "through a link of a parent": ("link/data", linked("link", "."), r"data/"),
    "the project through a link": ("link", linked("link", "."), r"project\.yaml"),
    "a hard link inside": ("results", hard_link, r"plots\.csv is data/plots\.csv"),
    "a link inside": ("results", link_inside, r"trees\.csv is data/trees\.csv"),
    "an input that is a link into it": ("results", input_through_a_link, r"data/vod_2020\.tif"),
}


@pytest.mark.parametrize("place", list(PLACES))
def test_results_where_inputs_lie_are_refused(
    place: str, inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, make, shown = PLACES[place]
    output(inputs, str(inputs / "data") if name == "ABSOLUTE" else name)
    if make is not None:
        make(inputs)
    before = everything(inputs)
    (problem,) = results_apart(load_project(inputs))
    assert problem.remedy.startswith("give `output` a folder of its own")
    assert run(monkeypatch, "check", str(inputs)) == 2
    assert problem.what in capsys.readouterr().err
    assert re.search(shown, problem.what)
    with pytest.raises(InputError, match="results folder"):  # whoever calls the library
        list(run_steps(load_project(inputs), STEPS, ["plots"]))
    assert everything(inputs) == before


@pytest.mark.parametrize("verb", [*TITLES, "run"])
def test_no_verb_writes_into_the_folder_of_the_inputs(
    verb: str, inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output(inputs, "data")
    before = everything(inputs)
    assert run(monkeypatch, verb, str(inputs)) == 2
    assert "no result is written where inputs lie" in capsys.readouterr().err
    assert everything(inputs) == before


def test_every_kind_of_input_is_known(inputs: Path) -> None:
    """Each key of the project file that names files keeps the results out of their folder."""
    for name in ("own", "early"):
        (inputs / name).mkdir()
    content = few_settings()
    source = content["predictors"]["rasters"]["vod"]
    kinds: dict[str, dict[str, Any]] = {
        "equations": {"allometry": {"equations": "own/a.csv"}},
        "wood density": {"allometry": {"wood_density_table": "own/a.csv"}},
        "stress": {"allometry": {"environmental_stress": "own/a.tif"}},
        "study area": {"study_area": "own/a.gpkg"},
        "zones": {"zones": {"path": "own/a.gpkg"}},
        "mask": {"mask": {"path": "own/a.tif", "at_least": 1}},
        "truth": {"truth": {"path": "own/a.tif"}},
        "grid": {"grid": {"like": "own/a.tif"}},
        "terrain": {"predictors": {**content["predictors"], "terrain": {"dem": "own/a.tif"}}},
        "raster": {"predictors": {"rasters": {"vod": {**source, "files": ["own/a.tif"]}}}},
        "folder of rasters": {"predictors": {"rasters": {"vod": {**source, "files": "own"}}}},
        "pattern": {"predictors": {"rasters": {"vod": {**source, "files": "own/**/*.tif"}}}},
        "earlier": {"earlier": {"period": "2010", "files": {"vod": "own/a.tif"}}},
        "earlier mask": {
            "earlier": {"period": "2010", "mask": {"path": "own/a.tif", "at_least": 1}}
        },
    }
    for kind, change in kinds.items():
        output(inputs, "own", **change)
        assert results_apart(load_project(inputs)), kind
        output(inputs, "elsewhere", **change)
        assert not results_apart(load_project(inputs)), kind
    output(inputs, "own/results", **kinds["folder of rasters"])  # would be read the next time
    assert "hold inputs" in results_apart(load_project(inputs))[0].what


def test_a_results_folder_of_its_own_may_lie_anywhere_else(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (inputs / "linked").symlink_to(tmp_path / "disk")
    for name in ("results", "data/results", "a/b/c", str(tmp_path / "disk"), "linked", "../other"):
        output(inputs, name)
        assert results_apart(load_project(inputs)) == [], name


def test_files_of_the_user_with_our_names_are_refused_and_named(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (inputs / "results/quicklooks").mkdir(parents=True)
    for name in ("plots.csv", "agb.tif", "quicklooks/mine.png", "notes.txt"):
        (inputs / "results" / name).write_text("mine")
    before = everything(inputs)
    for verb in ("check", "plots"):
        assert run(monkeypatch, verb, str(inputs)) == 2
        assert "replace: agb.tif, plots.csv, quicklooks" in capsys.readouterr().err
    assert everything(inputs) == before


def test_the_names_of_results_are_those_that_the_steps_write(finished: Path) -> None:
    names = {path.name for path in (finished / "results").iterdir()} - {
        "provenance.json",
        "findings.csv",
        "manifest.json",
    }
    assert names <= {name for step in WRITES.values() for name in step}
    assert [(step.name, step.title) for step in STEPS] == list(TITLES.items())
    assert not check_project(load_project(finished)).problems


def test_a_step_that_writes_what_it_did_not_announce_is_our_mistake(tmp_path: Path) -> None:
    small = Small.new(tmp_path)
    small.meanwhile = lambda step: next(small.results.glob(".work*/made")).joinpath("x").touch()
    with pytest.raises(RuntimeError, match="step 'plots' may not write x"):
        small.run()
    assert os.listdir(small.results) == []  # noqa: PTH208


def test_the_demo_writes_over_nobodys_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/plots.csv").write_text("mine")
    with pytest.raises(InputError, match=r"demo's own data.*nothing was changed"):
        make_demo(tmp_path)
    assert everything(tmp_path).keys() == {"data/plots.csv"}
    assert (tmp_path / "data/plots.csv").read_text() == "mine"
