"""Whatever happens ends in a short message and an exit code."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phytomass.cli.crash import without_secrets
from phytomass.errors import DiskFullError, PhytomassWarning
from tests.cli.test_bad_input import run
from tests.workflow.faults import Small, contents, undisturbed

ROOT = Path(__file__).parents[2]


def command(what: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own (see `tests.cli.lightly`)."""
    return subprocess.run(
        [sys.executable, "-m", "tests.cli.lightly", what, *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def failing(error: BaseException) -> Callable[..., Any]:
    def work(*arguments: Any) -> Any:
        raise error

    return work


def os_error(number: int, name: str | None = "plots.csv") -> OSError:
    return OSError(number, os.strerror(number), name)


FORESEEN: dict[str, tuple[BaseException, str]] = {
    "permission": (os_error(errno.EACCES), r"plots\.csv: permission denied\n  → change its perm"),
    "read-only": (os_error(errno.EROFS), r"plots\.csv: lies on a read-only file system"),
    "long name": (os_error(errno.ENAMETOOLONG), r"plots\.csv: the name is too long"),
    "gone": (os_error(errno.ENOENT), r"plots\.csv: no such file or folder"),
    "folder": (os_error(errno.EISDIR), r"plots\.csv: is a folder"),
    "no folder": (os_error(errno.ENOTDIR), r"part of the path is a file"),
    "circle": (os_error(errno.ELOOP), r"symbolic links lead in a circle"),
    "disk": (os_error(errno.EIO), r"device cannot be read"),
    "full disk": (os_error(errno.ENOSPC, None), r"the disk is full\n  → free some space"),
    "quota": (os_error(errno.EDQUOT), r"share of the disk is used up"),
    "open files": (os_error(errno.EMFILE, None), r"too many files are open"),
    "memory": (MemoryError(), r"not enough memory\n  → close other programs"),
    "memory of the system": (os_error(errno.ENOMEM, None), r"not enough memory"),
    "our own": (DiskFullError("the disk is full", where="agb.tif"), r"agb\.tif: the disk is full"),
}


@pytest.mark.parametrize("what", list(FORESEEN))
def test_what_a_user_can_put_right_is_a_plain_message(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error, message = FORESEEN[what]
    monkeypatch.setattr("phytomass.workflow.load_project", failing(error), raising=False)
    assert run(monkeypatch, "check") == 2
    shown = capsys.readouterr()
    assert re.search(message, shown.err), shown.err
    assert "Traceback" not in shown.err
    assert len(shown.err.splitlines()) <= 2


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


UNFORESEEN: dict[str, tuple[BaseException, str]] = {
    "a bug": (ZeroDivisionError("division by zero"), r"ZeroDivisionError: division by zero"),
    "recursion": (RecursionError("maximum recursion depth exceeded"), r"nested too deeply"),
    "an assertion": (AssertionError(), r"inside phytomass \(AssertionError: \)"),
    "no path": (os_error(errno.ENOENT, None), r"FileNotFoundError"),
    "markup": (KeyError("[red]x[/]"), r"\[red\]x\[/\]"),
    "secret": (ValueError("https://a.org/b?sig=SECRET"), r"sig=\*\*\*"),
}


@pytest.mark.parametrize("what", list(UNFORESEEN))
def test_anything_else_is_a_short_message_with_a_file_to_send(
    what: str,
    reports: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error, message = UNFORESEEN[what]
    monkeypatch.setattr("phytomass.workflow.load_project", failing(error), raising=False)
    assert run(monkeypatch, "check", "https://me:SECRET@x.org/p?token=SECRET") == 70
    shown = capsys.readouterr().err
    assert re.search(message, shown), shown
    assert "Traceback" not in shown
    assert len(shown.splitlines()) == 2
    (report,) = reports.iterdir()
    assert f"send us this file: {report}; earlier results are as they were" in shown
    told = report.read_text(encoding="utf-8")
    assert "Traceback (most recent call last)" in told
    assert "command   phytomass check https://***@x.org/p?token=***" in told
    assert "SECRET" not in told
    assert re.search(r"phytomass 0\.\d.*Python 3", told)


def test_a_report_that_can_be_written_nowhere_takes_nothing_along(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.mkstemp", failing(os_error(errno.EROFS)))
    monkeypatch.setattr("phytomass.workflow.load_project", failing(KeyError("x")), raising=False)
    assert run(monkeypatch, "check") == 70
    assert "→ earlier results are as they were" in capsys.readouterr().err


def test_a_traceback_for_those_who_ask(
    reports: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("phytomass.workflow.load_project", failing(KeyError("x")), raising=False)
    for arguments in (("--debug", "check"), ("check", "--debug"), ("check", ".", "--debug")):
        assert run(monkeypatch, *arguments) == 70
        assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_json_for_other_programs(
    reports: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("phytomass.workflow.load_project", failing(KeyError("x")), raising=False)
    assert run(monkeypatch, "check", "--json") == 70
    event = json.loads(capsys.readouterr().out)
    assert event["event"] == "error"
    assert Path(event["report"]).is_file()
    assert event["problems"][0]["what"].startswith("something went wrong inside phytomass")


def test_our_warnings_are_lines_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import warnings

    def warned(path: Path) -> None:
        warnings.simplefilter("default")
        warnings.warn("the record is [broken]", PhytomassWarning, stacklevel=2)
        raise MemoryError

    monkeypatch.setattr("phytomass.workflow.load_project", warned, raising=False)
    with warnings.catch_warnings():
        assert run(monkeypatch, "check") == 2
    assert capsys.readouterr().err.splitlines()[0] == "! the record is [broken]"


SIGNALS = {
    "SIGINT": (130, "Interrupted."),
    "SIGTERM": (143, "Stopped from outside (SIGTERM)."),
    "SIGHUP": (129, "Stopped, as the terminal was closed (SIGHUP)."),
}


@pytest.mark.parametrize("name", list(SIGNALS))
def test_a_signal_in_the_middle_of_a_step(name: str, tmp_path: Path) -> None:
    code, line = SIGNALS[name]
    done = command(f"signal:{name}", "map", str(tmp_path / "p"))
    assert done.returncode == code
    assert done.stderr == f"{line} What is finished is kept: the next run goes on.\n"
    small = Small(tmp_path / "p")
    left = set(contents(small.results))
    assert not [name for name in left if name.startswith((".working", ".phytomass"))]
    assert "plots.csv" in left  # what was finished
    small.run()
    assert small.ran == ["map"]
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


@pytest.mark.parametrize("module", ["typer", "rich.console", "pydantic", "numpy"])
def test_ctrl_c_during_imports(module: str, tmp_path: Path) -> None:
    done = command(f"import:{module}", "check", str(tmp_path))
    assert done.returncode == 130
    assert (
        done.stderr == f"{SIGNALS['SIGINT'][1]} What is finished is kept: the next run goes on.\n"
    )


def test_ctrl_c_for_other_programs(tmp_path: Path) -> None:
    done = command("import:pydantic", "check", str(tmp_path), "--json")
    assert (done.returncode, done.stderr) == (130, "")
    assert json.loads(done.stdout) == {"event": "interrupted"}


def test_an_error_in_a_step_leaves_the_earlier_results(tmp_path: Path) -> None:
    done = command("raise:ZeroDivisionError()", "map", str(tmp_path / "p"), TMPDIR=str(tmp_path))
    assert done.returncode == 70
    assert "Traceback" not in done.stdout + done.stderr
    small = Small(tmp_path / "p")
    assert "plots.csv" in contents(small.results)
    small.run()
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


def test_output_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.cli.lightly",
            "nothing",
            "map",
            str(tmp_path / "p"),
            "--json",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.close()
        assert shown.stderr.read() == b""
    assert shown.returncode == 141
    small = Small(tmp_path / "p")
    small.run()
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


def test_help_and_version_are_quick() -> None:
    """Processor time: other work on the machine does not count."""
    for argument in ("--version", "--help"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = [sys.executable, "-m", "phytomass.cli.main", argument]
        shown = subprocess.run(started, capture_output=True, check=True, encoding="utf-8")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert "phytomass" in shown.stdout.lower()
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert used < 0.5 * _slowness(), f"{argument}: {used:.2f} s"


def _slowness() -> float:
    """Return how much slower than usual a processor is now, shared as it may be; at least 1."""
    begun = time.process_time()
    sum(range(4_000_000))
    return max(1.0, (time.process_time() - begun) / 0.06)


def test_nothing_heavy_is_imported_for_help() -> None:
    code = "import sys, phytomass.cli.app; print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "pydantic", "rasterio", "xarray", "torch", "rich.console", "yaml"}
    assert not heavy & set(shown.stdout.split())


def test_the_shell_completes_verbs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "phytomass.cli.main"],
        env={
            **os.environ,
            "_PHYTOMASS_COMPLETE": "complete_bash",
            "COMP_WORDS": "phytomass re",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["report"]


def test_secrets_of_every_kind_are_left_out() -> None:
    text = (
        "api_key=S1 'password': 'S2' Authorization: Bearer S3 ?X-Amz-Signature=S4&a=1 SAS_TOKEN: S5"
    )
    assert not re.search(r"S\d", without_secrets(text))
    assert "a=1" in without_secrets(text)
