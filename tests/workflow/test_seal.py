"""The seal of a results folder: what was changed shows, and a run that is repeated has it again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from phytomass.accounting.audit import AGREES, CONTRADICTS, UNKNOWN
from phytomass.errors import InputError
from phytomass.files import sha256_of
from phytomass.workflow import STEPS, check_project, keep_findings, load_project, run_steps
from phytomass.workflow.seal import MANIFEST, check_seal, replay
from tests.workflow.tiny import make_tiny


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_tiny(tmp_path_factory.mktemp("tiny") / "project")
    opened = load_project(folder)
    keep_findings(check_project(opened), opened)
    for _ in run_steps(opened, STEPS, [step.name for step in STEPS]):
        pass
    return folder


@pytest.fixture
def project(sealed: Path, tmp_path: Path) -> Path:
    shutil.copytree(sealed, tmp_path / "project")
    return tmp_path / "project"


def broken(results: Path) -> set[str]:
    return {one.row for one in check_seal(results) if one.status == CONTRADICTS}


def test_every_result_is_in_the_seal(sealed: Path) -> None:
    results = sealed / "results"
    content = json.loads((results / MANIFEST).read_text())
    there = {path.name for path in results.iterdir() if not path.name.startswith(".")}
    assert there - set(content["files"]) == {MANIFEST, "provenance.json"}
    assert content["files"]["agb.tif"] == sha256_of(results / "agb.tif")
    assert {one.status for one in check_seal(results)} == {AGREES}


def test_what_was_changed_or_is_gone_is_named(project: Path) -> None:
    results = project / "results"
    text = (results / "estimates.csv").read_text()
    (results / "estimates.csv").write_text(text.replace("1", "2", 1))
    (results / "agb.tif").unlink()
    assert broken(results) == {"estimates.csv", "agb.tif"}


def test_a_folder_without_a_seal_cannot_be_told(tmp_path: Path) -> None:
    assert [one.status for one in check_seal(tmp_path)] == [UNKNOWN]


def test_a_manifest_of_the_users_is_left_alone(project: Path) -> None:
    theirs = project / "results" / MANIFEST
    theirs.write_text('{"extension": 1}')
    with pytest.raises(InputError, match="no seal of a run"):
        list(run_steps(load_project(project), STEPS, ["account"]))
    assert theirs.read_text() == '{"extension": 1}'


def test_a_replay_has_the_same_bytes(project: Path) -> None:
    findings = replay(project / "results")
    assert {one.row: one.status for one in findings if one.status != AGREES} == {}
    assert len(findings) > 15


def test_a_replay_under_other_settings_is_refused(project: Path) -> None:
    file = project / "project.yaml"
    file.write_text(file.read_text().replace("random_state: 7", "random_state: 8"))
    (one,) = replay(project / "results")
    assert one.status == CONTRADICTS
    assert "changed since the run" in one.note


def test_results_away_from_their_project_are_no_replay(sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed / "results", tmp_path / "moved")
    with pytest.raises(InputError, match="belongs to no project"):
        replay(tmp_path / "moved")
