"""Running steps: skip what has not changed, write whole results, remember what was done."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from warnings import warn

from phytomass.errors import InputError, PhytomassError, PhytomassWarning, Problem
from phytomass.files import FULL, full_disk_named, sha256_of
from phytomass.progress import Progress, silent
from phytomass.workflow.lock import one_run
from phytomass.workflow.reads import Reads
from phytomass.workflow.record import LAYOUT, RECORD, Done, Output, Record
from phytomass.workflow.safety import inputs_apart, results_apart
from phytomass.workflow.seal import seal
from phytomass.workflow.state import Fingerprints, Memory, State, why_run
from phytomass.workflow.workshop import (
    Workshop,
    discard,
    foreign_files,
    left_behind,
    unfinished,
    workshop,
)

if TYPE_CHECKING:
    from phytomass.workflow.load import OpenProject


@dataclass(frozen=True)
class Context:
    """Where and how a step works: nothing that its results depend on.

    Parameters
    ----------
    folder : Path
        Folder to write this step's results to; they are moved to the others when it succeeds.
    workers : int
        Threads or processes to use.
    progress : callable
        Where to report.
    scheduler : str
        Who walks over the grid (see `phytomass.features.Workers`).
    unfinished : Path
        Folder for parts of the work, made by the step if it wants one: it stays until the step
        succeeds.
    """

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
    reads : type of Reads
        What it reads of a project: a change makes the step run again.
    work : callable
        Does it; gets what it reads, and a `Context`.
    writes : tuple of str
        Names of all files and folders it may write; no other is ever replaced or removed.
    """

    name: str
    title: str
    reads: type[Reads]
    work: Callable[[Any, Context], None]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a step: run or skipped, why, in how many seconds, and its result files."""

    name: str
    status: Literal["run", "skipped"]
    why: str
    seconds: float
    outputs: tuple[str, ...]


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
    own, and its files are moved into the results only when it has succeeded. Where that was broken
    off, it is brought to an end first.

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
        Who walks over the grid (see `phytomass.features.Workers`).

    Raises
    ------
    InputError
        From a step; or when the results folder cannot be written to, holds inputs or files of the
        user's, or is in use by another run; or when something changed while a step read it. Earlier
        results stay.
    DiskFullError
        If the disk is full. Earlier results stay, and finished parts of the stack.
    """
    results = opened.results
    _refuse(inputs_apart(opened))
    _check_writable(results)
    with full_disk_named(results), one_run(results):
        run = _Run(Memory(opened, steps, Record.read(results), Fingerprints()))
        run.tidy()
        wanted = with_needs(run.memory, targets)
        for step in steps:
            if step.name not in wanted:
                continue
            reads = step.reads.of(opened)
            state = run.memory.state_of(step, reads)
            old = run.memory.record.steps.get(step.name)
            why = why_run(state, old, results, run.memory.prints)
            if old is not None and why is None:
                skipped = "nothing it depends on has changed"
                yield Outcome(step.name, "skipped", skipped, 0.0, old.names)
                continue
            started(step, str(why))
            parts = unfinished(results, step.name)
            context = Context(parts, workers, progress, scheduler, parts)
            done = run.work(step, reads, state, str(why), context)
            yield Outcome(step.name, "run", done.why, done.seconds, done.names)
        seal(opened, run.record)


@dataclass(frozen=True)
class _Run:
    """One run, while it holds the lock of the results folder."""

    memory: Memory

    @property
    def results(self) -> Path:
        """Folder of the results."""
        return self.memory.opened.results

    @property
    def record(self) -> Record:
        """What was done so far."""
        return self.memory.record

    def tidy(self) -> None:
        """Bring runs that were broken off to an end, then make sure that no file is in the way."""
        steps = {step.name: step for step in self.memory.steps}
        for shop in left_behind(self.results, steps):
            done = None if shop.folder.is_symlink() else shop.committed()
            if done is None or done.name not in steps or self._unfit(steps[done.name], done, shop):
                discard(shop.folder)
            else:
                self._finish(shop, done, steps[done.name])
        if self.record.doubt:
            warn(
                f"{self.record.path} cannot be used ({self.record.doubt}): every step is done again; "
                f"the file is kept beside it, and no result that comes out otherwise is replaced",
                PhytomassWarning,
                stacklevel=2,
            )
        _refuse(results_apart(self.memory.opened, {n: step.writes for n, step in steps.items()}))

    def work(self, step: Step, reads: Reads, state: State, why: str, context: Context) -> Done:
        """Do a step; bring its results into place and into the record."""
        begun, clock = datetime.now(UTC), time.perf_counter()
        with workshop(self.results, step.name) as shop:
            if any(part.name == RECORD for part in reads.parts()):
                self._write_record(shop)  # with the settings of this run
            with self._changes_named(step, state):
                step.work(reads, replace(context, folder=shop.made))
            done = Done(
                name=step.name,
                status="run",
                why=why,
                started=begun.isoformat(timespec="seconds"),
                seconds=round(time.perf_counter() - clock, 2),
                **asdict(state),
                outputs=_outputs(shop, step),
                layout=LAYOUT,
            )
            in_the_way = shop.in_the_way(done, self.record, self.results)
            if in_the_way:
                raise foreign_files(in_the_way, self.results)
            shop.commit(done)
            self._finish(shop, done, step)
        return done

    def _unfit(self, step: Step, done: Done, shop: Workshop) -> bool:
        """Tell whether what was broken off would write over something, or is not this step's."""
        strange = set(done.names) - set(step.writes)
        return bool(strange or shop.in_the_way(done, self.record, self.results))

    def _finish(self, shop: Workshop, done: Done, step: Step) -> None:
        shop.move(done, self.record, self.results, step.writes)
        self._write_record(shop)
        shop.close(done)

    def _write_record(self, shop: Workshop) -> None:
        order = [step.name for step in self.memory.steps]
        self.record.write(self.memory.opened, order, shop.folder)

    @contextmanager
    def _changes_named(self, step: Step, state: State) -> Iterator[None]:
        """Refuse the results of a step that read what changed meanwhile, and say what it was."""
        try:
            yield
        except PhytomassError:
            raise
        except Exception as error:
            self._refuse_changes(step, state, error)
            raise
        self._refuse_changes(step, state)

    def _refuse_changes(self, step: Step, state: State, error: Exception | None = None) -> None:
        changed = self.memory.changed_meanwhile(step, state)
        if changed:
            raise InputError(
                f"changed while '{step.name}' was reading: its results are not kept",
                where=", ".join(changed[:4]),
                remedy="run again when nothing else writes there",
            ) from error


def _outputs(shop: Workshop, step: Step) -> list[Output]:
    made = sorted(shop.made.iterdir())
    strange = sorted({path.name for path in made} - set(step.writes))
    if strange:
        raise RuntimeError(f"step {step.name!r} may not write {', '.join(strange)}")
    return [Output(path=path.name, sha256=sha256_of(path)) for path in made]


def with_needs(memory: Memory, targets: Sequence[str]) -> set[str]:
    """Return the target steps and those they need."""
    steps = {step.name: step for step in memory.steps}
    wanted: set[str] = set()
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += memory.needs_of(steps[name].reads.of(memory.opened))
    return wanted


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise InputError.of(problems)


def _check_writable(results: Path) -> None:
    with full_disk_named(results):
        try:
            results.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=results):
                pass
        except OSError as error:
            if error.errno in FULL:
                raise
            raise InputError(
                f"cannot write to the results folder ({error.strerror})",
                where=str(results),
                remedy="choose another `output` in the project file, or change its permissions",
            ) from error


def default_workers() -> int:
    """Return the number of processors this process may use, at most 8."""
    allowed = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return min(len(allowed(0)) if allowed else os.cpu_count() or 1, 8)
