"""What a run would do, why, and about how long."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from phytomass.models import all_model_names
from phytomass.models.records.tables import STACK
from phytomass.workflow import STEPS, Sizes, load_project, plan_steps
from phytomass.workflow import plan as plan_module
from phytomass.workflow.durations import from_rates, machine_factor, rates
from phytomass.workflow.plan import Planned
from tests.cli.test_bad_input import run
from tests.workflow.small import write_project

ALL = [step.name for step in STEPS]
SIZES = Sizes(n_trees=1000, n_plots=100, n_pixels=10_000, sets={"all": 10}, n_layers=10, n_reads=20)


def planned(folder: Path, targets: list[str] = ALL) -> dict[str, Planned]:
    return {p.name: p for p in plan_steps(load_project(folder), STEPS, targets, SIZES)}


def test_nothing_to_do(project: Path) -> None:
    assert all(p.why is None and p.duration is None for p in planned(project).values())


def test_a_changed_file_and_all_that_follows_from_it(project: Path) -> None:
    plots = pd.read_csv(project / "data/plots.csv")
    plots.assign(note="x").to_csv(project / "data/plots.csv", index=False)
    found = planned(project)
    assert found["plots"].why == "input files changed: data/plots.csv"
    assert found["stack"].why is None
    some = "it is skipped if what it reads of 'plots' stays the same"
    assert found["compare"].why == some
    assert found["map"].why == some
    assert not found["map"].sure
    assert found["account"].why == "it needs what 'plots' makes anew"
    assert found["compare"].duration is not None
    assert found["compare"].duration.how == "as before"
    assert set(planned(project, ["stack"])) == {"stack"}


def test_changed_settings_are_not_expected_to_take_what_others_took(project: Path) -> None:
    content = yaml.safe_load((project / "project.yaml").read_text(encoding="utf-8"))
    content["validation"] = {"n_splits": 4, "n_repeats": 2}
    write_project(project, content)
    compare = planned(project)["compare"]
    assert compare.why is not None and compare.why.startswith("settings changed")
    assert compare.duration is not None and compare.duration.how == "from rates"


def test_large_inputs_are_told_apart_by_their_size(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "COMPARED", 0)
    assert planned(project)["plots"].why is None
    with (project / "data/plots.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    assert planned(project)["plots"].why == "input files changed: data/plots.csv"


def test_more_work_takes_longer(project: Path) -> None:
    settings = load_project(project).project
    large = Sizes(5000, 400, 1_000_000, {"all": 40, "optical": 20}, 40, 80)
    for step in ("plots", "stack", "compare", "map", "account"):
        small = from_rates(step, settings, SIZES)
        assert 0 < small.low < small.high
        assert from_rates(step, settings, large).high > small.high, step
    two = from_rates("compare", settings, large, workers=2)
    assert two.high < from_rates("compare", settings, large).high
    slow = from_rates("stack", settings, large, factor=3.0)
    assert slow.high == pytest.approx(3 * from_rates("stack", settings, large).high)
    assert set(rates()) == set(all_model_names()) - {STACK}
    assert 0.2 <= machine_factor() < 100


def test_check_prints_the_plan(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "results/agb.tif").unlink()
    assert run(monkeypatch, "check", str(project)) == 0
    shown = capsys.readouterr().out
    assert "A run would do this:" in shown
    assert "(agb.tif is missing)" in shown
    assert "(it needs what 'map' makes anew)" in shown
    assert "on this machine. Go on with: phytomass run" in shown
    assert not (project / "results/agb.tif").exists()
    assert run(monkeypatch, "check", str(project), "--json") == 0
    (event,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert event["problems"] == []
    todo = {step["name"]: step["duration"] for step in event["plan"] if step["why"]}
    assert list(todo) == ["map", "account", "report"]
    assert all(0 < took["low"] < took["high"] for took in todo.values())
