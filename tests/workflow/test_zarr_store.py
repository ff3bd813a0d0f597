"""The small landscape with its stack as Zarr, on other workers, and after a stop."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from distributed import LocalCluster

from phytomass.features import build as build_module
from phytomass.files import sha256_of
from phytomass.report.messages.formatting import short_hash
from phytomass.walk.journal import Journal
from phytomass.workflow import STEPS, load_project, run_steps
from tests.cli.test_bad_input import run
from tests.workflow.small import small_settings, write_project

ALL = [step.name for step in STEPS]


def use_store(folder: Path, store: str) -> None:
    content = small_settings()
    content["predictors"]["store"] = store
    write_project(folder, content)


def hashes(results: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in results.iterdir()}


@pytest.mark.parametrize("store", ["zarr", pytest.param("cogs", marks=pytest.mark.slow)])
def test_everything_downstream_is_the_same_with_another_store(
    project: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    suffix = {"zarr": ".zarr", "cogs": ""}[store]
    name = f"predictors{suffix}"
    results = project / "results"
    before = hashes(results)
    use_store(project, store)
    assert run(monkeypatch, "check", str(project), "--quiet") == 0
    outcomes = {o.name: o for o in run_steps(load_project(project), STEPS, ALL, workers=2)}
    assert outcomes["stack"].why == "settings changed: predictors.store"
    after = hashes(results)
    assert before.keys() - after.keys() == {"predictors.tif", "predictors_before.tif"}
    assert after.keys() - before.keys() == {name, f"predictors_before{suffix}"}
    differ = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert differ <= {"provenance.json", "report.html", "manifest.json"}  # which name the file
    record = json.loads((results / "provenance.json").read_text())
    stack = next(step for step in record["steps"] if step["name"] == "stack")
    listed = {output["path"]: output["sha256"] for output in stack["outputs"]}
    assert listed[name] == after[name]
    report = (results / "report.html").read_text(encoding="utf-8")
    listed_as = rf"Predictors</td>\s*<td[^>]*>{name}</td>\s*<td[^>]*>stack</td>"
    assert re.search(listed_as, report)
    assert short_hash(after[name]) in report
    assert "predictors.tif" not in report
    assert "Correlation matrix" in report
    again = list(run_steps(load_project(project), STEPS, ALL))
    assert {outcome.status for outcome in again} == {"skipped"}
    place = {"zarr": "predictors.zarr/B4/c", "cogs": "predictors"}[store]
    chunk = next(path for path in sorted((results / place).rglob("*")) if path.is_file())
    chunk.unlink()
    why = {o.name: o.why for o in run_steps(load_project(project), STEPS, ["stack"])}
    assert why["stack"] == f"{name} was changed by something else"
    assert hashes(results)[name] == after[name]


@pytest.mark.parametrize(
    "scheduler", [pytest.param("processes", marks=pytest.mark.slow), "cluster"]
)
def test_the_command_takes_other_workers(
    project: Path, monkeypatch: pytest.MonkeyPatch, scheduler: str
) -> None:
    before = hashes(project / "results")
    (project / "results/predictors.tif").unlink()
    if scheduler == "cluster":
        with LocalCluster(n_workers=1, dashboard_address=":0", host="127.0.0.1") as cluster:
            address = str(cluster.scheduler_address)
            assert run(monkeypatch, "stack", str(project), "-q", "--scheduler", address) == 0
    else:
        assert run(monkeypatch, "stack", str(project), "-qj", "2", "--scheduler", scheduler) == 0
    after = hashes(project / "results")
    assert {k for k in before if before[k] != after.get(k)} <= {"provenance.json"}


def test_a_stack_that_was_broken_off_goes_on(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = project / "results"
    before = hashes(results)
    (results / "predictors.csv").unlink()
    finish = build_module.Blocks.finish
    done: list[str] = []

    def stop(self: build_module.Blocks, target: Path) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(build_module.Blocks, "finish", stop)
    assert run(monkeypatch, "stack", str(project)) == 130
    left = sorted(path.name for path in results.iterdir() if path.name.startswith("."))
    assert left == [".unfinished-stack"]
    assert sha256_of(results / "predictors.tif") == before["predictors.tif"]  # the earlier one
    monkeypatch.setattr(build_module.Blocks, "finish", finish)
    keep = Journal.keep
    monkeypatch.setattr(Journal, "keep", lambda *a: (done.append("x"), keep(*a)))
    assert run(monkeypatch, "stack", str(project)) == 0
    assert not done
    after = hashes(results)
    assert {k for k in before if before[k] != after.get(k)} <= {"provenance.json"}
    assert after.keys() == before.keys()


def test_a_scheduler_that_cannot_be_used_touches_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hashes(project / "results")
    (project / "data/dem.tif").touch()
    use_store(project, "zarr")
    monkeypatch.setattr("phytomass.walk.workers.CONNECT_S", 1.0)
    assert run(monkeypatch, "stack", str(project), "--scheduler", "tcp://127.0.0.1:9") == 2
    error = capsys.readouterr().err
    assert "tcp://127.0.0.1:9: no scheduler answers" in error
    assert "dask scheduler" in error
    assert run(monkeypatch, "stack", str(project), "--scheduler", "procesess") == 2
    assert "did you mean 'processes'?" in capsys.readouterr().err
    monkeypatch.setattr("phytomass.extras.find_spec", lambda name: None)
    assert run(monkeypatch, "stack", str(project), "--scheduler", "tcp://127.0.0.1:9") == 2
    assert "pip install 'phytomass[cluster]'" in capsys.readouterr().err
    assert hashes(project / "results") == before


def test_the_store_knows_its_bands(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_store(project, "zarr")
    assert run(monkeypatch, "stack", str(project), "-q") == 0
    store = zarr.open_group(project / "results/predictors.zarr", mode="r")
    table = (project / "results/predictors.csv").read_text().splitlines()
    assert list(store.attrs["predictors"]) == [line.split(",")[0] for line in table[1:]]
    assert store["NDVI"].attrs["kind"] == "index"
    assert store["elevation"].attrs["unit"] == "m"
    assert np.isfinite(store["elevation"][:]).all()


def test_a_stopped_process_leaves_parts_for_the_next(project: Path) -> None:
    """A fresh project, stopped by a kill that nothing can catch, then finished."""
    import subprocess
    import sys

    expected = sha256_of(project / "results/predictors.tif")
    shutil.rmtree(project / "results")
    code = (
        "import os\n"
        "from phytomass.walk.journal import Journal\n"
        "keep = Journal.keep\n"
        "def stop(*a):\n"
        "    keep(*a)\n"
        "    os.kill(os.getpid(), 9)\n"
        "Journal.keep = stop\n"
        "import sys; sys.argv = ['phytomass', 'stack', sys.argv[1], '-q']\n"
        "from phytomass.cli.main import main; main()\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(project)], check=False)
    assert killed.returncode == -9
    names = {path.name.split("-")[0] for path in (project / "results").iterdir()}
    assert names - {".phytomass.lock", ".phytomass.run.json"} == {".unfinished", ".working"}
    again = [sys.executable, "-m", "phytomass.cli.main", "stack", str(project), "-q"]
    subprocess.run(again, check=True)
    assert sha256_of(project / "results/predictors.tif") == expected
    left = {p.name for p in (project / "results").iterdir() if p.name.startswith(".")}
    assert left <= {".phytomass.lock", ".phytomass.run.json"}
