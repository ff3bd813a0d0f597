"""Steps: what is skipped and why, what is left after a failure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from phytomass.errors import InputError, PhytomassWarning
from phytomass.workflow.engine import Context, Step, run_steps
from phytomass.workflow.load import OpenProject, check_settings
from phytomass.workflow.reads import Part, Reads


@dataclass(frozen=True, kw_only=True)
class FirstReads(Reads):
    """A setting, and a file."""

    description: str
    study_area: Path


@dataclass(frozen=True, kw_only=True)
class SecondReads(Reads):
    """A result."""

    def parts(self) -> tuple[Part, ...]:
        return (Part("one.txt"),)


class Counter:
    """Two steps; the second reads the first's result. Counts how often each works."""

    def __init__(self, root: Path) -> None:
        self.root, self.ran, self.fail = root, [], None
        self.colour = "green"
        (root / "in.txt").write_text("1")

    @property
    def opened(self) -> OpenProject:
        content = {
            "name": "A",
            "description": self.colour,
            "period": "2020",
            "study_area": "in.txt",
            "grid": {"like": "a.tif"},
            "inventory": {"plots": {"path": "plots.csv"}},
            "predictors": {"rasters": {"s2": {"files": "a.tif"}}},
        }
        return OpenProject(self.root / "project.yaml", check_settings(content, "p"))

    def first(self, reads: FirstReads, context: Context) -> None:
        self.ran.append("first")
        text = (reads.root / reads.study_area).read_text()
        (context.folder / "one.txt").write_text(text)
        if self.fail:
            raise self.fail

    def second(self, reads: SecondReads, context: Context) -> None:
        self.ran.append("second")
        (context.folder / "two.txt").write_text(reads.results.path("one.txt").read_text() * 2)

    def run(self, *targets: str) -> dict[str, str]:
        self.ran.clear()
        steps = (
            Step("first", "", FirstReads, self.first, ("one.txt",)),
            Step("second", "", SecondReads, self.second, ("two.txt",)),
        )
        return {o.name: o.why for o in run_steps(self.opened, steps, targets or ("second",))}


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path)


def test_needed_steps_run_first_and_only_once(counter: Counter) -> None:
    assert counter.run() == {"first": "it has no results yet", "second": "it has no results yet"}
    assert counter.ran == ["first", "second"]
    counter.run()
    assert counter.ran == []


def test_a_changed_input_file_is_named(counter: Counter) -> None:
    counter.run()
    (counter.root / "in.txt").write_text("3")
    why = counter.run()
    assert why == {
        "first": "input files changed: in.txt",
        "second": "the results of 'first' changed",
    }
    assert (counter.root / "results/two.txt").read_text() == "33"


def test_a_changed_setting_that_changes_nothing_below_stops_there(counter: Counter) -> None:
    counter.run()
    counter.colour = "blue"
    assert counter.run()["first"] == "settings changed: description"
    assert counter.ran == ["first"]


def test_a_result_that_was_touched_or_lost_is_made_again(counter: Counter) -> None:
    counter.run()
    (counter.root / "results/two.txt").write_text("mine")
    assert counter.run()["second"] == "two.txt was changed by something else"
    (counter.root / "results/one.txt").unlink()
    assert counter.run()["first"] == "one.txt is missing"
    assert counter.ran == ["first"]  # it came back as it was


@pytest.mark.parametrize("failure", [InputError("bad"), KeyboardInterrupt(), OSError("disk full")])
def test_a_failed_step_leaves_the_earlier_results(counter: Counter, failure: BaseException) -> None:
    counter.run()
    (counter.root / "in.txt").write_text("3")
    counter.fail = failure
    with pytest.raises(type(failure)):
        counter.run()
    results = counter.root / "results"
    assert {p.name for p in results.iterdir()} == {
        "one.txt", "two.txt", "provenance.json", "manifest.json",
    }  # fmt: skip
    assert (results / "one.txt").read_text() == "1"
    counter.fail = None
    counter.run()
    assert (results / "two.txt").read_text() == "33"


def test_provenance_tells_inputs_settings_and_outputs(counter: Counter) -> None:
    counter.run()
    record = json.loads((counter.root / "results/provenance.json").read_text())
    assert [step["name"] for step in record["steps"]] == ["first", "second"]
    assert record["inputs"][0]["path"] == "in.txt"
    assert record["inputs"][0]["sha256"].startswith("6b86b273")  # SHA-256 of "1"
    assert record["steps"][0]["settings"] == {"description": "green", "study_area": "in.txt"}
    assert record["project"]["name"] == "A"


def test_a_broken_record_only_means_that_everything_runs(counter: Counter) -> None:
    counter.run()
    (counter.root / "results/provenance.json").write_text("{")
    with pytest.warns(PhytomassWarning, match=r"provenance\.json cannot be used .*Invalid JSON"):
        counter.run()
    assert counter.ran == ["first", "second"]
    counter.run()
    assert counter.ran == []  # and nobody is warned again


def test_an_output_folder_that_is_a_file_is_an_input_error(counter: Counter) -> None:
    (counter.root / "results").write_text("")
    with pytest.raises(InputError, match=r"cannot write to the results folder"):
        counter.run()
