"""The verbs as a user calls them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_bad_input import run


def test_new_then_check_lists_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "new", str(tmp_path / "study")) == 0
    assert run(monkeypatch, "check", str(tmp_path / "study")) == 2
    shown = capsys.readouterr()
    assert "project.yaml" in shown.out
    assert "data/study_area.gpkg" in shown.err
    for name in ("plots.csv", "trees.csv", "s2_2020*.tif", "s1_2020*.tif", "dem.tif", "forest.tif"):
        assert f"data/{name}" in shown.err


def test_json_lines_for_other_programs(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "run", str(project), "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {e["status"] for e in events if e["event"] == "finished"} == {"skipped"}
    assert events[-1]["event"] == "results"
    assert run(monkeypatch, "run", str(project / "no"), "--json") == 2
    event = json.loads(capsys.readouterr().out)
    assert event["problems"][0]["what"] == "no such project file"


def test_quiet_is_quiet(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "report", str(project), "--quiet") == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_the_report_is_written_in_the_language_that_is_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "report", str(project), "--language", "Español") == 2
    assert "known are en, es" in capsys.readouterr().err
    assert run(monkeypatch, "report", str(project), "--language", "es") == 0
    assert "settings changed: report" in capsys.readouterr().out
    assert '<html lang="es">' in (project / "results/report.html").read_text(encoding="utf-8")


def test_one_verb_brings_up_to_date_what_it_needs(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "results/plots.csv").unlink()
    assert run(monkeypatch, "map", str(project)) == 0
    shown = capsys.readouterr().out
    assert "plots.csv is missing" in shown
    assert "plots.csv" in shown
    assert "stack  skipped" in shown
    assert "report" not in shown.split("Results:")[0]


def test_ctrl_c_leaves_nothing_half_written_and_the_next_run_goes_on(project: Path) -> None:
    (project / "results/model_comparison.csv").unlink()
    command = [sys.executable, "-m", "phytomass.cli.main", "run", str(project), "--json", "-j", "2"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as run_:
        assert run_.stdout is not None
        for line in iter(run_.stdout.readline, ""):
            if json.loads(line)["event"] == "progress":
                break
        run_.send_signal(signal.SIGINT)
        begun = time.monotonic()
        rest = run_.stdout.read()
    assert run_.returncode == 130
    assert time.monotonic() - begun < 30
    assert json.loads(rest.splitlines()[-1]) == {"event": "interrupted"}
    names = {path.name for path in (project / "results").iterdir()}
    assert not [name for name in names if name.startswith(".")]
    assert "model_comparison.csv" not in names
    command[command.index("run")] = "compare"
    again = subprocess.run([*command[:-2], "-j", "1"], capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in again.stdout.splitlines()]
    ran = [e["name"] for e in events if e["event"] == "finished" and e["status"] == "run"]
    assert ran == ["compare"]
    assert (project / "results/model_comparison.csv").is_file()
