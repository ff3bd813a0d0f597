"""Results, records, inputs and clocks that are not left alone: the same bytes, or a clear refusal."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from phytomass.errors import InputError, PhytomassWarning
from phytomass.workflow import engine
from tests.workflow.faults import Small, contents, undisturbed

Change = Callable[[Path], None]
RECORD = "provenance.json"


def text(name: str, content: str) -> Change:
    return lambda results: (results / name).write_text(content) and None


def data(content: bytes) -> Change:
    return lambda results: (results / RECORD).write_bytes(content) and None


def record(edit: Callable[[dict[str, Any]], Any], *, sealed: bool = False) -> Change:
    """Edit the record; `sealed` takes the fingerprint away that would give the edit away."""

    def change(results: Path) -> None:
        content = json.loads((results / RECORD).read_text())
        edit(content)
        if sealed:
            del content["steps_sha256"]
        (results / RECORD).write_text(json.dumps(content))

    return change


def first(content: dict[str, Any]) -> dict[str, Any]:
    step: dict[str, Any] = content["steps"][0]
    return step


def gone(name: str) -> Change:
    return lambda results: (results / name).unlink()


def as_folder(name: str) -> Change:
    def change(results: Path) -> None:
        (results / name).unlink()
        (results / name / "inside").mkdir(parents=True)

    return change


def as_link(name: str) -> Change:
    def change(results: Path) -> None:
        elsewhere = results.parent / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "mine.txt").write_text("mine")
        target = results / name
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        target.symlink_to(elsewhere if name.endswith(".zarr") else elsewhere / "mine.txt")

    return change


def working(mark: dict[str, Any] | str, name: str = ".working-plots-abcd1234") -> Change:
    """Leave a working folder as a project from elsewhere might bring it."""

    def change(results: Path) -> None:
        made = results / name / "made"
        made.mkdir(parents=True)
        (made / "plots.csv").write_text("not ours")
        content = mark if isinstance(mark, str) else json.dumps(mark)
        (results / name / "done.json").write_text(content)

    return change


def committed(**changes: Any) -> dict[str, Any]:
    outputs = [{"path": "plots.csv", "sha256": "0" * 64}]
    done = {"name": "plots", "status": "run", "why": "", "started": "", "seconds": 0.0}
    rest = {"version": "0", "settings": {}, "inputs": [], "needs": {}, "outputs": outputs}
    return {**done, **rest, **changes}


def linked_working_folder(results: Path) -> None:
    elsewhere = results.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    (results / ".working-plots-abcd1234").symlink_to(elsewhere)
    (results / ".unfinished-map").symlink_to(elsewhere)
    (results / "agb.tif").unlink()


TAMPERED: dict[str, Change] = {
    "result edited": text("plots.csv", "mine"),
    "result emptied": text("agb.tif", ""),
    "result gone": gone("plots.csv"),
    "result a folder": as_folder("plots.csv"),
    "result a link": as_link("plots.csv"),
    "folder a link": as_link("plot_draws.zarr"),
    "folder gone": lambda results: shutil.rmtree(results / "plot_draws.zarr"),
    "chunk edited": text("plot_draws.zarr/c/0", "mine"),
    "chunk gone": gone("plot_draws.zarr/c/0"),
    "file added to a folder": text("plot_draws.zarr/c/9", "mine"),
    "folder a file": lambda results: (
        shutil.rmtree(results / "plot_draws.zarr"),
        (results / "plot_draws.zarr").write_text("mine"),
    )[0],
    "record empty": data(b""),
    "record cut off": lambda r: (r / RECORD).write_bytes((r / RECORD).read_bytes()[:300]) and None,
    "record not UTF-8": data(b'{"steps": [], "x": "\xff"}'),
    "record in UTF-16": lambda r: (
        (r / RECORD).write_text((r / RECORD).read_text(), "utf-16") and None
    ),
    "record deep": data(b'{"steps": ' + b"[" * 100_000),
    "record a list": data(b"[1, 2]"),
    "record of zeros": data(b"\0" * 4096),
    "steps a number": record(lambda c: c.update(steps=3)),
    "a step a number": record(lambda c: c.update(steps=[3])),
    "outputs a text": record(lambda c: first(c).update(outputs="plots.csv")),
    "outputs empty": record(lambda c: first(c).update(outputs=[])),
    "output taken away": record(lambda c: first(c)["outputs"].pop()),
    "fingerprint no text": record(lambda c: first(c)["outputs"][0].update(sha256=3)),
    "fingerprint of another": record(lambda c: first(c)["outputs"][0].update(sha256="0" * 64)),
    "path upwards": record(lambda c: first(c)["outputs"][0].update(path="../../keep")),
    "path absolute": record(lambda c: first(c)["outputs"][0].update(path="/etc/hostname")),
    "path upwards, unsealed": record(
        lambda c: first(c)["outputs"].append({"path": "../data", "sha256": "0" * 64}), sealed=True
    ),
    "path with a backslash, unsealed": record(
        lambda c: first(c)["outputs"].append({"path": "..\\data", "sha256": "0" * 64}), sealed=True
    ),
    "path a dot, unsealed": record(
        lambda c: first(c)["outputs"].append({"path": ".", "sha256": "0" * 64}), sealed=True
    ),
    "another version": record(lambda c: first(c).update(version="9"), sealed=True),
    "other settings": record(lambda c: first(c).update(settings={"k": 2}), sealed=True),
    "other inputs": record(lambda c: first(c).update(inputs=[]), sealed=True),
    "other needs": record(lambda c: c["steps"][1].update(needs={}), sealed=True),
    "a step twice": record(lambda c: c["steps"].append(c["steps"][0]), sealed=True),
    "a step of another program": record(
        lambda c: c["steps"].append({**c["steps"][0], "name": "x"}), sealed=True
    ),
    "started in the future": record(lambda c: first(c).update(started="2999-01-01"), sealed=True),
    "record a link": lambda r: (
        (r / RECORD).rename(r.parent / "kept.json"),
        (r / RECORD).symlink_to(r.parent / "kept.json"),
    )[1],
    "mark of a working folder broken": working("{"),
    "mark of another step": working(committed(name="map")),
    "mark with a path": working(committed(outputs=[{"path": "../x", "sha256": "0" * 64}])),
    "working folders are links": linked_working_folder,
    "holder's file a link": lambda r: (r / ".phytomass.run.json").symlink_to(r / "plots.csv"),
    "lock left behind": text(".phytomass.lock", "12"),
}


def run_again(small: Small) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PhytomassWarning)
        small.run()


def clean(results: Path) -> dict[str, str]:
    """Return the results without what was kept of a record that could not be used."""
    kept = contents(results)
    return {name: text for name, text in kept.items() if "unreadable" not in name}


@pytest.mark.parametrize("what", list(TAMPERED))
def test_the_same_bytes_as_undisturbed_and_nothing_else_touched(what: str, tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep/mine.txt").write_text("mine")
    small.run()
    TAMPERED[what](small.results)
    run_again(small)
    now, wanted = clean(small.results), undisturbed(tmp_path / "u", "a")
    if not small.ran:  # the record says nothing wrong about these steps, and stays as it is
        assert now.pop(RECORD)
        del wanted[RECORD]
    assert now == wanted
    assert (tmp_path / "keep/mine.txt").read_text() == "mine"
    assert small.sheet.read_text() == "a"
    if (small.root / "elsewhere").exists():
        assert (small.root / "elsewhere/mine.txt").read_text() == "mine"
    small.run()
    assert small.ran == []  # without a warning, as the record is whole again


def test_a_committed_working_folder_from_elsewhere_replaces_nothing(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    small.results.mkdir()
    (small.results / "plots.csv").write_text("mine")
    working(committed(outputs=[{"path": "plots.csv", "sha256": "1" * 64}]))(small.results)
    with pytest.raises(InputError, match=r"did not write.*plots\.csv"):
        small.run()
    assert (small.results / "plots.csv").read_text() == "mine"


def test_outputs_of_before_are_removed_only_by_their_own_names(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    small.run()
    (small.results / "notes.txt").write_text("mine")
    record(
        lambda c: first(c)["outputs"].append({"path": "notes.txt", "sha256": "0" * 64}), sealed=True
    )(small.results)
    small.sheet.write_text("b")
    small.run()
    assert (small.results / "notes.txt").read_text() == "mine"
    assert not (small.results / "trees.csv").exists()  # written with the first sheet alone


def test_a_record_that_cannot_be_used_is_said_once_and_kept(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    small.run()
    data(b"[" * 100_000)(small.results)
    with pytest.warns(PhytomassWarning, match=r"provenance\.json cannot be used \(Invalid JSON"):
        small.run()
    assert (small.results / "provenance.unreadable-1.json").read_bytes()[:3] == b"[[["
    assert small.ran == ["plots", "map"]


def test_without_a_usable_record_no_other_bytes_are_replaced(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    small.run()
    data(b"{")(small.results)
    small.sheet.write_text("b")
    with pytest.warns(PhytomassWarning), pytest.raises(InputError, match=r"did not.*plots\.csv"):
        small.run()
    assert contents(small.root / "data") == {"sheet.txt": "b"}
    assert (small.results / "plots.csv").read_text() == "plot,a\n" * 50


MEANWHILE: dict[str, tuple[str, Callable[[Small], Any], str]] = {
    "input changed": (
        "plots",
        lambda s: s.sheet.write_text("b"),
        r"sheet\.txt: changed while 'plots'",
    ),
    "input of the same size and time": (
        "plots",
        lambda s: (lambda t: (s.sheet.write_text("b"), os.utime(s.sheet, ns=(t, t))))(
            s.sheet.stat().st_mtime_ns
        ),
        r"sheet\.txt: changed while 'plots'",
    ),
    "input removed": ("plots", lambda s: s.sheet.unlink(), r"sheet\.txt"),
    "earlier result changed": (
        "map",
        lambda s: (s.results / "plots.csv").write_text("mine"),
        r"plots\.csv: changed while 'map'",
    ),
    "earlier result removed": (
        "map",
        lambda s: (s.results / "plots.csv").unlink(),
        r"plots\.csv: changed while 'map'",
    ),
    "results removed": (
        "map",
        lambda s: shutil.rmtree(s.results),
        r"results folder was moved or removed while 'map'",
    ),
    "results moved": (
        "map",
        lambda s: s.results.rename(s.root / "moved"),
        r"results folder was moved or removed while 'map'",
    ),
    "a user's file in the way": (
        "map",
        lambda s: (s.results / "agb.tif").write_text("mine"),
        r"did not write.*agb\.tif",
    ),
}


@pytest.mark.parametrize("what", list(MEANWHILE))
def test_what_changes_during_a_run_is_said_and_recorded_as_nothing(
    what: str, tmp_path: Path
) -> None:
    step, change, message = MEANWHILE[what]
    small = Small.new(tmp_path / "p")
    small.meanwhile = lambda now: change(small) if now == step else None
    with pytest.raises((InputError, FileNotFoundError), match=message):
        small.run()
    assert not (small.results / "agb.tif").exists() or what == "a user's file in the way"
    small.meanwhile = lambda now: None
    small.sheet.write_text("a")
    (small.results / "agb.tif").unlink(missing_ok=True)
    small.run()
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


def test_a_project_file_that_changes_during_a_run_counts_at_the_next(tmp_path: Path) -> None:
    small = Small.new(tmp_path / "p")
    small.meanwhile = lambda step: (small.root / "project.yaml").write_text("output: x\n") and None
    small.run()
    assert contents(small.results) == undisturbed(tmp_path / "u", "a")


def test_a_clock_that_goes_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Small.new(tmp_path / "p")
    small.run()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime(1999, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(engine, "datetime", Clock)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    small.run()
    assert small.ran == []
    small.sheet.write_text("b")
    os.utime(small.sheet, (0, 0))
    small.run()
    assert small.ran == ["plots", "map"]
    assert contents(small.results) == undisturbed(tmp_path / "u", "ab")
