"""Running steps: skip what has not changed, write whole results, remember what was done."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from phytomass.errors import InputError
from phytomass.files import full_disk_named, sha256_of, write_json
from phytomass.progress import Progress, silent
from phytomass.workflow.load import OpenProject

PACKAGES = (
    "numpy",
    "pandas",
    "scikit-learn",
    "xgboost-cpu",
    "rasterio",
    "geopandas",
    "odc-geo",
    "torch",
)
RECORD = "provenance.json"


@dataclass(frozen=True)
class Context:
    """What a step works with.

    Parameters
    ----------
    opened : OpenProject
        The project.
    done : Path
        Folder with the results of earlier steps.
    folder : Path
        Folder to write this step's results to; they are moved to `done` when the step succeeds.
    workers : int
        Threads or processes to use.
    progress : callable
        Where to report.
    scheduler : str
        Who computes the stack (see `phytomass.features.Workers`).
    unfinished : Path
        Folder for parts of the work, made by the step if it wants one: it stays until the step
        succeeds.
    """

    opened: OpenProject
    done: Path
    folder: Path
    workers: int = 1
    progress: Progress = silent
    scheduler: str = "threads"
    unfinished: Path = Path(".unfinished")


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Parameters
    ----------
    name, title : str
        Verb, and what it does in words.
    needs : tuple of str
        Steps whose results it reads.
    settings : callable
        Project → the settings it depends on (JSON-able): a change makes the step run again.
    inputs : callable
        Project → role → files it reads: a change of contents makes the step run again.
    work : callable
        Does it.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    settings: Callable[[OpenProject], dict[str, Any]]
    inputs: Callable[[OpenProject], dict[str, list[Path]]]
    work: Callable[[Context], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a step: run or skipped, why, in how many seconds, and its result files."""

    name: str
    status: Literal["run", "skipped"]
    why: str
    seconds: float
    outputs: tuple[str, ...]


@dataclass
class Record:
    """The memory of a results folder: `provenance.json`."""

    path: Path
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read the record of a results folder; an absent or unreadable one is empty."""
        path = folder / RECORD
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            steps = {step["name"]: step for step in content["steps"]}
        except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
            steps = {}
        return cls(path, steps)

    def write(self, opened: OpenProject, order: Sequence[str]) -> None:
        """Write the record, with everything a verifier needs to repeat the run."""
        inputs = {
            (entry["path"], entry["role"]): entry
            for step in self.steps.values()
            for entry in step["inputs"]
        }
        write_json(
            self.path,
            {
                "phytomass": version("phytomass"),
                "python": platform.python_version(),
                "platform": f"{platform.system()} {platform.machine()}",
                "packages": {name: _version(name) for name in PACKAGES},
                "random_state": opened.project.random_state,
                "project": opened.project.model_dump(mode="json"),
                "inputs": [inputs[key] for key in sorted(inputs)],
                "steps": [self.steps[name] for name in order if name in self.steps],
            },
        )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


def run_steps(
    opened: OpenProject,
    steps: Sequence[Step],
    targets: Sequence[str],
    *,
    workers: int = 1,
    progress: Progress = silent,
    started: Callable[[Step, str], None] = lambda step, why: None,
    scheduler: str = "threads",
) -> Iterator[Outcome]:
    """Bring the results of the target steps up to date, in order; yield what became of each.

    A step is skipped when its settings, the contents of its inputs, the results it reads, the
    package's version and its own results are as they were. Otherwise it works in a folder of its
    own, and its files are moved into the results only when it has succeeded.

    Parameters
    ----------
    opened : OpenProject
        The project.
    steps : sequence of Step
        All steps, in order.
    targets : sequence of str
        Names of the steps wanted; those they need are brought up to date first.
    workers : int
        Threads or processes for the steps.
    progress : callable
        Reports the work within a step.
    started : callable
        Called with (step, why) before a step works.
    scheduler : str
        Who computes the stack (see `phytomass.features.Workers`).

    Raises
    ------
    InputError
        From a step, or when the results folder cannot be written to. Earlier results stay.
    DiskFullError
        If the disk is full. Earlier results stay, and finished parts of the stack.
    """
    by_name = {step.name: step for step in steps}
    wanted = _with_needs(by_name, targets)
    results = opened.results
    _check_writable(results)
    record = Record.read(results)
    order = [step.name for step in steps]
    for step in steps:
        if step.name not in wanted:
            continue
        state = _state(step, opened, record)
        why = _reason(state, record.steps.get(step.name), results)
        if why is None:
            old = record.steps[step.name]
            names = tuple(o["path"] for o in old["outputs"])
            yield Outcome(step.name, "skipped", "nothing it depends on has changed", 0.0, names)
            continue
        started(step, why)
        begun, clock = datetime.now(UTC), time.perf_counter()
        with (
            full_disk_named(results),
            _unfinished(results, step.name) as parts,
            _workshop(results, step.name) as folder,
        ):
            step.work(Context(opened, results, folder, workers, progress, scheduler, parts))
            outputs = _move(folder, results, record.steps.get(step.name))
        seconds = time.perf_counter() - clock
        record.steps[step.name] = {
            "name": step.name,
            "status": "run",
            "why": why,
            "started": begun.isoformat(timespec="seconds"),
            "seconds": round(seconds, 2),
            **state,
            "outputs": outputs,
        }
        with full_disk_named(results):
            record.write(opened, order)
        yield Outcome(step.name, "run", why, seconds, tuple(o["path"] for o in outputs))


def _with_needs(steps: dict[str, Step], targets: Sequence[str]) -> set[str]:
    wanted: set[str] = set()
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += steps[name].needs
    return wanted


def _state(
    step: Step, opened: OpenProject, record: Record, digest: Callable[[Path], str] = sha256_of
) -> dict[str, Any]:
    """Return everything the results of a step depend on."""
    inputs = [
        {
            "path": _shown(path, opened.root),
            "role": role,
            "sha256": digest(path),
            "bytes": path.stat().st_size,
        }
        for role, paths in step.inputs(opened).items()
        for path in paths
    ]
    needs = {
        name: {o["path"]: o["sha256"] for o in record.steps[name]["outputs"]}
        for name in step.needs
        if name in record.steps
    }
    return {
        "version": version("phytomass"),
        "settings": json.loads(json.dumps(step.settings(opened), default=str)),
        "inputs": inputs,
        "needs": needs,
    }


def _shown(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def _reason(state: dict[str, Any], old: dict[str, Any] | None, results: Path) -> str | None:
    """Say why a step must run, or return None when it need not."""
    if old is None:
        return "it has no results yet"
    if old.get("version") != state["version"]:
        return f"phytomass changed from {old.get('version')} to {state['version']}"
    for output in old["outputs"]:
        path = results / output["path"]
        if not path.exists():
            return f"{output['path']} is missing"
        if sha256_of(path) != output["sha256"]:
            return f"{output['path']} was changed by something else"
    changed = _differences(old.get("settings", {}), state["settings"])
    if changed:
        return f"settings changed: {', '.join(changed[:4])}"
    before = {(e["role"], e["path"]): e["sha256"] for e in old.get("inputs", [])}
    now = {(e["role"], e["path"]): e["sha256"] for e in state["inputs"]}
    files = sorted({key[1] for key in before.keys() ^ now.keys()})
    files += sorted(key[1] for key in before.keys() & now.keys() if before[key] != now[key])
    if files:
        return f"input files changed: {', '.join(files[:4])}"
    for name, outputs in state["needs"].items():
        if outputs != old.get("needs", {}).get(name):
            return f"the results of '{name}' changed"
    return None


def _differences(old: Any, new: Any, key: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            difference
            for name in sorted(old.keys() | new.keys())
            for difference in _differences(old.get(name), new.get(name), f"{key}.{name}".strip("."))
        ]
    return [] if old == new else [key]


def _check_writable(results: Path) -> None:
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results):
            pass
    except OSError as error:
        raise InputError(
            f"cannot write to the results folder ({error.strerror})",
            where=str(results),
            remedy="choose another `output` in the project file, or change its permissions",
        ) from error
    for left in results.glob(".working-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _workshop(results: Path, name: str) -> Iterator[Path]:
    """Give a folder to work in, beside the results so that moving is a rename."""
    folder = Path(tempfile.mkdtemp(dir=results, prefix=f".working-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _unfinished(results: Path, name: str) -> Iterator[Path]:
    """Give a place for parts of a step's work; what lies there goes when the step succeeds."""
    folder = results / f".unfinished-{name}"
    try:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _move(folder: Path, results: Path, old: dict[str, Any] | None) -> list[dict[str, str]]:
    """Move a step's results into place; remove those it wrote before and no longer writes."""
    made = sorted(folder.iterdir())
    outputs = [{"path": path.name, "sha256": sha256_of(path)} for path in made]
    for path in made:
        _remove(results / path.name)
        path.replace(results / path.name)
    for entry in old["outputs"] if old else []:
        if entry["path"] not in {o["path"] for o in outputs}:
            _remove(results / entry["path"])
            (results / entry["path"]).unlink(missing_ok=True)
    return outputs


def _remove(path: Path) -> None:
    """Remove a folder, such as a zarr store: it cannot be replaced in one move as a file can."""
    if path.is_dir():
        shutil.rmtree(path)


def default_workers() -> int:
    """Return the number of processors this process may use, at most 8."""
    allowed = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return min(len(allowed(0)) if allowed else os.cpu_count() or 1, 8)
