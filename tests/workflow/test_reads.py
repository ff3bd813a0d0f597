"""What a step declares is all that it reads, and what a changed setting costs follows from it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phytomass.files import sha256_of
from phytomass.workflow import (
    STEPS,
    check_project,
    keep_findings,
    load_project,
    plan_steps,
    run_steps,
)
from phytomass.workflow.engine import Context, Step
from phytomass.workflow.reads import Part, Reads, Results
from phytomass.workflow.record import Record
from phytomass.workflow.state import Fingerprints
from tests.conftest import write_raster
from tests.workflow.small import write_project
from tests.workflow.tiny import GRID, make_tiny, tiny_project

ALL = [step.name for step in STEPS]
UNCHANGED = "nothing it depends on has changed"


def rich_project() -> dict[str, Any]:
    """Return settings under which every step reads all that it ever reads, but for networks."""
    content = tiny_project()
    content["earlier"] = {"period": "2015", "files": {"s2": "before.tif"}}
    content["earlier"]["mask"] = {"path": "before_mask.tif", "values": [1]}
    content["training"] = {"weights": "standard_errors"}
    content["inventory"]["outliers"] = "remove"
    content["truth"]["earlier"] = "before_truth.tif"
    content["map"] |= {"model": "mlr", "predictors": "few"}
    return content


def run_all(folder: Path, targets: list[str] = ALL) -> dict[str, str]:
    opened = load_project(folder)
    keep_findings(check_project(opened), opened)
    return {outcome.name: outcome.why for outcome in run_steps(opened, STEPS, targets)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny project; do not change it, copy it."""
    folder = make_tiny(tmp_path_factory.mktemp("tiny") / "project")
    for now, before in (("s2", "before"), ("truth", "before_truth"), ("mask", "before_mask")):
        shutil.copy(folder / f"{now}.tif", folder / f"{before}.tif")
    write_project(folder, rich_project())
    run_all(folder)
    return folder


@pytest.fixture
def project(done: Path, tmp_path: Path) -> Path:
    shutil.copytree(done, tmp_path / "project")
    return tmp_path / "project"


def alone(step: Step, folder: Path, place: Path) -> Reads:
    """Return what a step reads, in a place where nothing else is."""
    reads = step.reads.of(load_project(folder))
    for path in (path for paths in reads.files().values() for path in paths):
        shutil.copy(path, place / path.relative_to(folder))
    (place / "results").mkdir()
    for part in reads.parts():
        here, there = folder / "results" / part.name, place / "results" / part.name
        if part.columns:
            rows = pd.read_csv(here, dtype=str, keep_default_na=False)
            rows[[c for c in part.columns if c in rows]].to_csv(there, index=False)
        elif here.exists():
            (shutil.copytree if here.is_dir() else shutil.copy)(here, there)
    return replace(reads, root=place, results=Results(place / "results", reads.parts()))


def watched(reads: Reads) -> set[str]:
    """Return a set that grows by each field that is asked for."""
    seen: set[str] = set()
    kind = type(reads)

    def asked(self: Reads, name: str) -> Any:
        seen.add(name)
        return object.__getattribute__(self, name)

    object.__setattr__(
        reads, "__class__", type(kind.__name__, (kind,), {"__getattribute__": asked})
    )
    return seen


@pytest.mark.parametrize("step", STEPS, ids=ALL)
def test_a_step_needs_nothing_but_what_it_declares_and_all_of_it(
    step: Step, done: Path, tmp_path: Path
) -> None:
    """Where only declared files, results and columns are, a step makes the same bytes."""
    (tmp_path / "place/made").mkdir(parents=True)
    reads = alone(step, done, tmp_path / "place")
    seen = watched(reads)
    context = Context(tmp_path / "place/made", unfinished=tmp_path / "place/unfinished")
    step.work(reads, context)
    kept = {o.path: o.sha256 for o in Record.read(done / "results").steps[step.name].outputs}
    assert {p.name: sha256_of(p) for p in (tmp_path / "place/made").iterdir()} == kept
    unread = {one.name for one in fields(step.reads)} - {"root", "results"} - seen
    assert not unread, f"{step.name} declares what it does not read"


def test_what_is_not_declared_cannot_be_had(done: Path) -> None:
    opened = load_project(done)
    compare = next(step for step in STEPS if step.name == "compare").reads.of(opened)
    for ask in (
        lambda: compare.carbon,  # type: ignore[attr-defined]
        lambda: compare.predictors.rasters,  # type: ignore[attr-defined]
        lambda: compare.inventory.plots,  # type: ignore[attr-defined]
    ):
        with pytest.raises(AttributeError):
            ask()
    with pytest.raises(LookupError, match=r"does not declare that it reads agb\.tif"):
        compare.results.path("agb.tif")
    with pytest.raises(LookupError, match=r"reads only plots\.csv: plot_id, "):
        compare.results.path("plots.csv")
    assert "carbon_mg_ha" not in compare.results.table("plots")


def planned(folder: Path) -> dict[str, str]:
    return {p.name: p.why for p in plan_steps(load_project(folder), STEPS, ALL) if p.why}


def test_folds_matched_to_the_map_read_where_it_will_be(project: Path) -> None:
    content = rich_project()
    content["validation"] |= {"splits": ["knndm"], "n_splits": 2, "select_by": "knndm"}
    write_project(project, content)
    run_all(project, ["compare", "map"])
    choice = json.loads((project / "results/model_choice.json").read_text())
    assert "W = " in choice["splits"]["knndm"]
    (project / "mask.tif.aux.xml").write_text("<PAMDataset/>")
    assert planned(project)["compare"] == "input files changed: mask.tif.aux.xml"


CHANGES: dict[str, tuple[Any, set[str]]] = {
    "description": ("Other words.", set()),
    "mask.name": ("woods", set()),
    "validation.inner_splits": (4, {"compare", "map"}),
    "random_state": (8, {"plots", "compare", "map"}),
    "errors.draws": (120, {"plots"}),
    "predictors.sets": ({"few": ["B4", "B8"], "two": ["B8", "VH"]}, {"compare", "map"}),
    "predictors.terrain.derive": (["elevation"], {"stack"}),
    "map.minimum": (1, {"compare", "map"}),
    "map.classes": ([0, 60], {"account"}),
    "carbon.root_shoot": (0.3, {"plots", "account"}),
    "inventory.outlier_sd": (2.5, {"plots"}),
    "period": ("2021", {"plots", "map", "account"}),
}
"""Setting → a new value, and the steps that read it; the report shows every setting."""


@pytest.mark.parametrize("key", list(CHANGES))
def test_which_steps_read_a_setting(key: str, project: Path) -> None:
    content = rich_project()
    *above, last = key.split(".")
    section = content
    for name in above:
        section = section[name]
    section[last], steps = CHANGES[key]
    write_project(project, content)
    changed = f"settings changed: {key}"
    assert {n for n, why in planned(project).items() if why.startswith(changed)} == {
        *steps,
        "report",
    }


def test_a_changed_title_of_the_report_runs_the_report_alone(project: Path) -> None:
    write_project(project, {**rich_project(), "description": "Other words."})
    assert planned(project) == {"report": "settings changed: description"}
    assert [name for name, why in run_all(project).items() if why != UNCHANGED] == ["report"]
    assert "Other words." in (project / "results/report.html").read_text(encoding="utf-8")
    assert planned(project) == {}


def test_another_carbon_fraction_trains_no_model_again(project: Path) -> None:
    content = rich_project()
    content["carbon"]["carbon_fraction"] = {"value": 0.5, "sd": 0.03}
    write_project(project, content)
    assert planned(project)["compare"] == (
        "it is skipped if what it reads of 'plots' stays the same"
    )
    before = pd.read_csv(project / "results/plots.csv")
    whole, drawn = Part("plot_draws.zarr"), Part("plot_draws.zarr", array="agb_mg_ha")
    prints = [part.sha256(project / "results", Fingerprints()) for part in (whole, drawn)]
    outcomes = run_all(project)
    assert {name for name, why in outcomes.items() if why != UNCHANGED} == {
        "plots",
        "account",
        "report",
    }
    after = pd.read_csv(project / "results/plots.csv")
    assert (after["carbon_mg_ha"] > 1.05 * before["carbon_mg_ha"]).all()
    assert whole.sha256(project / "results", Fingerprints()) != prints[0]
    assert drawn.sha256(project / "results", Fingerprints()) == prints[1] != prints[0]
    assert planned(project) == {}


def test_more_draws_train_again_where_models_weigh_by_their_errors(project: Path) -> None:
    content = rich_project()
    content["errors"]["draws"] = 120
    write_project(project, content)
    assert run_all(project, ["compare"])["compare"] == "the results of 'plots' changed"
    content["training"] = {"weights": "none"}
    write_project(project, content)
    run_all(project, ["compare"])
    content["errors"]["draws"] = 130
    write_project(project, content)
    assert run_all(project, ["compare"]) == {
        "plots": "settings changed: errors.draws",
        "stack": UNCHANGED,
        "compare": UNCHANGED,
    }


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("trees.csv", {"plots"}),
        ("before.tif", {"stack"}),
        ("s1_b.tif", {"stack"}),
        ("dem.tif", {"stack"}),
        ("mask.tif", {"map", "account"}),
        ("before_mask.tif", {"map"}),
        ("truth.tif", {"map", "account"}),
        ("before_truth.tif", {"map"}),
        ("area.gpkg", {"map", "account"}),
    ],
)
def test_a_changed_file_and_who_reads_it(file: str, steps: set[str], project: Path) -> None:
    with (project / file).open("ab") as stream:
        stream.write(b"\n")
    why = planned(project)
    assert {n for n, text in why.items() if text == f"input files changed: {file}"} == steps


def test_files_that_are_read_along_with_one_count_too(project: Path) -> None:
    (project / "mask.tif.aux.xml").write_text("<PAMDataset/>")
    assert planned(project)["map"] == "input files changed: mask.tif.aux.xml"


def test_results_of_an_earlier_version_run_again_and_say_why(project: Path) -> None:
    path = project / "results/provenance.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for step in record["steps"]:
        del step["layout"]
    text = json.dumps(record["steps"], sort_keys=True)
    record["steps_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(record), encoding="utf-8")
    assert not Record.read(project / "results").doubt
    why = planned(project)
    assert set(why) == set(ALL)
    assert set(why.values()) == {
        "its results are of an earlier phytomass, which noted less of what they depend on"
    }


def test_the_grid_counts_where_it_is_read(project: Path) -> None:
    """Plots read only the grid's CRS: other bounds leave them as they are."""
    west, south, east, north = GRID.boundingbox
    content = rich_project()
    content["grid"]["bounds"] = [west, south, east, north + 10]
    write_project(project, content)
    why = planned(project)
    assert why["stack"] == "settings changed: grid.bounds"
    assert "plots" not in why


def test_other_pixels_of_the_raster_that_gives_the_grid(project: Path) -> None:
    content = rich_project()
    content["grid"] = {"like": "dem.tif"}
    write_project(project, content)
    run_all(project, ["stack"])
    write_raster(project / "dem.tif", np.full(GRID.shape, 950, np.float32), GRID)
    assert planned(project)["stack"] == "input files changed: dem.tif"
