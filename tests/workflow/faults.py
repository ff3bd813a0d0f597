"""A project of two steps in plain Python, and what may happen to it at any moment.

As a program (`python -m tests.workflow.faults FOLDER kill|full N`) it breaks a run off before each of
its file operations (or every n-th), in a process of its own that is forked and killed, or with a disk that
is full from then on, and lets the next run go on. It prints one JSON line per moment.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel

from phytomass.errors import DiskFullError
from phytomass.workflow.engine import Context, Outcome, Step, run_steps
from phytomass.workflow.reads import Part, Reads

MAKES = ("open", "os.rename", "os.mkdir", "os.link", "os.symlink")
REMOVES = ("os.remove", "os.rmdir", "shutil.rmtree")


class SmallProject(BaseModel):
    """Its one input, and where its results go."""

    output: Path = Path("results")
    sheet: Path = Path("data/sheet.txt")
    random_state: int = 1


@dataclass(frozen=True, kw_only=True)
class PlotsReads(Reads):
    sheet: Path
    random_state: int


@dataclass(frozen=True, kw_only=True)
class MapReads(Reads):
    def parts(self) -> tuple[Part, ...]:
        return (Part("plots.csv"), Part("plot_draws.zarr"))


class Small:
    """Two steps: the second reads the results of the first; what they write depends on the sheet."""

    def __init__(self, root: Path, output: str = "results") -> None:
        self.root = root
        self.project = SmallProject(output=Path(output))
        self.opened: Any = SimpleNamespace(
            path=root / "project.yaml", root=root, results=root / output, project=self.project
        )
        self.meanwhile: Callable[[str], None] = lambda step: None
        self.ran: list[str] = []

    @classmethod
    def new(cls, root: Path, sheet: str = "a") -> Small:
        """Write a project into a folder."""
        (root / "data").mkdir(parents=True)
        (root / "data/sheet.txt").write_text(sheet)
        (root / "project.yaml").write_text("output: results\n")
        return cls(root)

    @property
    def sheet(self) -> Path:
        return self.root / self.project.sheet

    @property
    def results(self) -> Path:
        return self.root / self.project.output

    def plots(self, reads: PlotsReads, context: Context) -> None:
        text, folder = (reads.root / reads.sheet).read_text(), context.folder
        self.ran.append("plots")
        (folder / "plots.csv").write_text(f"plot,{text}\n" * 50)
        (folder / "plot_draws.zarr/c").mkdir(parents=True)
        for name in ("zarr.json", "c/0", f"c/{text}"):
            (folder / "plot_draws.zarr" / name).write_text(f"{name} {text}")
        if text == "a":
            (folder / "trees.csv").write_text("no longer written with sheet b")
        self.meanwhile("plots")

    def map(self, reads: MapReads, context: Context) -> None:
        self.ran.append("map")
        context.unfinished.mkdir(exist_ok=True)
        (context.unfinished / "block").write_text("half")
        text = reads.results.path("plots.csv").read_text()
        text += (reads.results.path("plot_draws.zarr") / "zarr.json").read_text()
        (context.folder / "agb.tif").write_text(text)
        self.meanwhile("map")

    @property
    def steps(self) -> tuple[Step, ...]:
        writes = ("plots.csv", "plot_draws.zarr", "trees.csv")
        return (
            Step("plots", "", PlotsReads, self.plots, writes),
            Step("map", "", MapReads, self.map, ("agb.tif",)),
        )

    def run(self) -> list[Outcome]:
        self.ran.clear()
        return list(run_steps(self.opened, self.steps, ["map"]))


def contents(results: Path) -> dict[str, str]:
    """Return path → contents of everything in a results folder; of the record what no clock shows."""
    found = {}
    for path in sorted(results.rglob("*")):
        key = path.relative_to(results).as_posix()
        if key == "provenance.json":
            record = json.loads(path.read_text(encoding="utf-8"))
            told = [
                {k: v for k, v in step.items() if k not in ("started", "seconds", "why")}
                for step in record["steps"]
            ]
            found[key] = json.dumps([told, record["inputs"]])
        else:
            found[key] = path.read_text("utf-8", "replace") if path.is_file() else "/"
    return found


def undisturbed(root: Path, sheets: str) -> dict[str, str]:
    """Return the results of runs with these sheets, one after the other, in a new folder."""
    small = Small.new(root)
    for sheet in sheets:
        small.sheet.write_text(sheet)
        small.run()
    return contents(small.results)


class Fault:
    """Counts the file operations of this process; does something at one of them."""

    def __init__(self, at: int, kind: str) -> None:
        self.at, self.kind, self.count, self.on = at, kind, 0, True
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in MAKES and (event != "open" or _writes(arguments))
        if not self.on or not (writes or (event in REMOVES and self.kind == "kill")):
            return
        self.count += 1
        if self.count == self.at and self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count >= self.at and self.kind == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    written = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(flags, int) else 0
    return bool(written) or (isinstance(mode, str) and not set(mode).isdisjoint("wax+"))


def forked(work: Callable[[], int]) -> int:
    """Do work in a forked process; return its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def broken_run(small: Small, at: int, kind: str) -> int:
    """Run with a fault; 0 when it came through, 3 when it said that the disk is full."""
    fault = Fault(at, kind)
    try:
        small.run()
    except DiskFullError:
        return 3
    finally:
        fault.on = False
    return 0


def moments(folder: Path, kind: str, every: int) -> Iterator[dict[str, Any]]:
    """Break a run off before every n-th of its file operations, and let the next one go on."""
    wanted = {
        sheets: undisturbed(folder / f"undisturbed-{sheets}", sheets) for sheets in ("b", "ab")
    }
    for before in ("", "a"):  # a first run, and one over earlier results
        at, code = 1 - every, -1
        while code != 0:
            at += every
            root = folder / f"{before}{at}"
            small = Small.new(root)
            if before:
                small.run()
            small.sheet.write_text("b")
            code = forked(lambda small=small, at=at: broken_run(small, at, kind))  # type: ignore[misc]
            left = contents(small.results) if kind == "full" and small.results.is_dir() else {}
            small.run()
            same = contents(small.results) == wanted[f"{before}b"]
            shutil.rmtree(root)
            yield {"before": before, "at": at, "code": code, "same": same, "left": sorted(left)}


def hold(folder: Path) -> None:
    """Run, and wait in the middle of the first step until killed or told to go on."""

    def wait(step: str) -> None:
        if step == "plots":
            sys.stdout.write("working\n")
            sys.stdout.flush()
            while not (folder / "go").exists():
                time.sleep(0.01)

    small = Small(folder)
    small.meanwhile = wait
    small.run()


if __name__ == "__main__":
    place, what = Path(sys.argv[1]), sys.argv[2]
    if what == "hold":
        hold(place)
    else:
        for line in moments(place, what, int(sys.argv[3])):
            sys.stdout.write(json.dumps(line) + "\n")
