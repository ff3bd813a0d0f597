"""Runs that are killed or meet a full disk at any moment: the next one ends with the same bytes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from phytomass.errors import InputError
from phytomass.files import sha256_of
from tests.workflow.faults import Small, contents, undisturbed

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill")


def broken_off(folder: Path, kind: str, every: int) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "tests.workflow.faults", str(folder), kind, str(every)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_kill_9_before_any_file_operation(tmp_path: Path, every: int) -> None:
    told = broken_off(tmp_path, "kill", every)
    killed = [moment for moment in told if moment["code"] == -signal.SIGKILL]
    assert len(killed) >= 113 // every
    assert [moment["code"] for moment in told if moment not in killed] == [0, 0]
    assert [moment for moment in told if not moment["same"]] == []


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_is_full_from_any_file_operation_on(tmp_path: Path, every: int) -> None:
    told = broken_off(tmp_path, "full", every)
    full = [moment for moment in told if moment["code"] == 3]  # says that the disk is full
    assert len(full) >= 64 // every
    assert [moment["code"] for moment in told if moment not in full] == [0, 0]
    assert [moment for moment in told if not moment["same"]] == []
    for moment in full:  # nothing half-made is left, unless it counts already
        left = moment["left"]
        assert isinstance(left, list)
        working = [name for name in left if name.startswith(".working")]
        assert not working or any(name.endswith("/done.json") for name in working)


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a run in another process, which is in the middle of a step while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.workflow.faults", str(folder), "hold"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "working\n"
        try:
            yield run
        except BaseException:
            run.kill()
            raise


def test_the_second_of_two_runs_is_told_who_is_at_work(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    with started(small.root) as first:
        with pytest.raises(InputError, match=rf"another run is at work here: process {first.pid} "):
            small.run()
        (small.root / "go").touch()
    assert first.returncode == 0
    assert small.run()[0].status == "skipped"  # the first came through undisturbed
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


def test_the_lock_of_a_killed_run_holds_nobody_up(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    with started(small.root) as first:
        first.kill()
    assert [path.name for path in small.results.iterdir()]  # its lock and its working folder
    small.run()
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


def test_two_runs_in_one_process(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")

    def second(step: str) -> None:
        with pytest.raises(InputError, match=f"process {os.getpid()} on"):
            Small(small.root).run()

    small.meanwhile = second
    small.run()
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


@pytest.mark.slow
def test_a_real_run_killed_again_and_again(project: Path, finished: Path) -> None:
    """Each run is killed a little later than the one before it; the last one comes through."""
    shutil.rmtree(project / "results")
    command = [sys.executable, "-m", "phytomass.cli.main", "run", str(project), "--json", "-j", "2"]
    killed = 0
    while killed < 10:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout is not None
            seen = list(itertools.islice(run.stdout, 2 + 6 * killed))
            time.sleep(0.1 * (killed % 5))
            run.kill()
        killed += 1
        assert json.loads(seen[0])["event"] in ("findings", "started", "finished")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made, wanted = (
        {
            p.name: sha256_of(p)
            for p in (folder / "results").iterdir()
            if p.name != "provenance.json"
        }
        for folder in (project, finished)
    )
    assert made == wanted
