"""What the terminal shows: steps with progress bars, nothing, or JSON lines for other programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from phytomass.errors import PhytomassError, Problem
from phytomass.workflow import Outcome, Step


@dataclass
class Screen:
    """Where a verb shows what it does.

    Parameters
    ----------
    quiet : bool
        Show errors only.
    as_json : bool
        One JSON object per line on standard output instead of text.
    """

    quiet: bool = False
    as_json: bool = False
    out: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    err: Console = field(
        default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True)
    )
    _bars: Progress | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Show a line of text."""
        if not (self.quiet or self.as_json):
            self.out.print(text)

    def event(self, event: str, /, **content: Any) -> None:
        """Write a JSON line, in JSON mode only."""
        if self.as_json:
            sys.stdout.write(json.dumps({"event": event, **content}, default=str) + "\n")
            sys.stdout.flush()

    def error(self, error: PhytomassError) -> None:
        """Show an error, one line per problem."""
        if self.as_json:
            self.event("error", problems=[asdict(problem) for problem in error.problems])
            return
        for problem in error.problems:
            self.problem(problem)

    def problem(self, problem: Problem, colour: str = "red") -> None:
        """Show one problem: where, what, and the remedy on a line of its own."""
        where = f"[bold]{_plain(problem.where)}[/]: " if problem.where else ""
        self.err.print(f"[{colour}]✗[/] {where}{_plain(problem.what)}")
        if problem.remedy:
            self.err.print(f"  → {_plain(problem.remedy)}")

    @contextmanager
    def bars(self) -> Iterator[None]:
        """Show progress bars, with time left, while the block runs."""
        if self.quiet or self.as_json or not self.out.is_terminal:
            yield
            return
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.out, transient=True) as self._bars:
            try:
                yield
            finally:
                self._bars, self._tasks = None, {}

    def progress(self, what: str, done: int, total: int) -> None:
        """Report progress: the library's callback."""
        if self.as_json:
            self.event("progress", what=what, done=done, total=total)
        if self._bars is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)

    def started(self, step: Step, why: str) -> None:
        """Report that a step begins."""
        self.event("started", step=step.name, why=why)
        self.say(f"[bold]{step.name}[/]  {step.title}  [dim]({_plain(why)})[/]")

    def finished(self, outcome: Outcome) -> None:
        """Report what became of a step."""
        self.event("finished", **asdict(outcome))
        if outcome.status == "skipped":
            self.say(f"[bold]{outcome.name}[/]  [dim]skipped: {_plain(outcome.why)}[/]")
        else:
            self.say(f"  [green]✓[/] {outcome.seconds:.1f} s: {', '.join(outcome.outputs)}")
        self._tasks = {}
        if self._bars is not None:
            for task in self._bars.task_ids:
                self._bars.remove_task(task)


def _plain(text: str) -> str:
    """Keep square brackets of user text from being read as markup."""
    return text.replace("[", r"\[")
