"""What the terminal shows: steps with progress bars, nothing, or JSON lines for other programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from phytomass.cli.plain import harmless
from phytomass.errors import Problem

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from phytomass.workflow import Outcome, Step

Part = str | tuple[str, str]
"""Text as it is, or text and style. Nothing in it is read as markup: names are a user's."""


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

    def say(self, *parts: Part) -> None:
        """Show a line of text."""
        if not (self.quiet or self.as_json):
            self.out.print(_line(parts))

    def event(self, event: str, /, **content: Any) -> None:
        """Write a JSON line, in JSON mode only."""
        if self.as_json:
            sys.stdout.write(json.dumps({"event": event, **content}, default=str) + "\n")
            sys.stdout.flush()

    def problems(self, problems: Sequence[Problem], **more: str) -> None:
        """Show what ended the command, one line per problem."""
        self.event("error", problems=[asdict(problem) for problem in problems], **more)
        if not self.as_json:
            for problem in problems:
                self.problem(problem)

    def problem(self, problem: Problem) -> None:
        """Show one problem: where, what, and the remedy on a line of its own."""
        where: list[Part] = [(problem.where, "bold"), ": "] if problem.where else []
        self.err.print(_line([("✗", "red"), " ", *where, problem.what]))
        if problem.remedy:
            self.err.print(_line([f"  → {problem.remedy}"]))

    def warning(self, text: str) -> None:
        """Show a warning; the command goes on."""
        self.event("warning", what=text)
        if not self.as_json:
            self.err.print(_line([("!", "yellow"), f" {text}"]))

    @contextmanager
    def bars(self) -> Iterator[None]:
        """Show progress bars, with time left, while the block runs."""
        if self.quiet or self.as_json or not self.out.is_terminal:
            yield
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("  {task.description}", markup=False),
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

    @contextmanager
    def at_work(self, what: str) -> Iterator[None]:
        """Show, in a terminal, that the block is at work, where nothing says how far it is."""
        with self.bars():
            if self._bars is not None:
                self._bars.add_task(what, total=None)
            yield

    def progress(self, what: str, done: int, total: int) -> None:
        """Report progress: the library's callback."""
        if self.as_json:
            self.event("progress", what=what, done=done, total=total)
        if self._bars is None:
            return
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(harmless(what), total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)

    def started(self, step: Step, why: str) -> None:
        """Report that a step begins."""
        self.event("started", step=step.name, why=why)
        self.say((step.name, "bold"), f"  {step.title}  ", (f"({why})", "dim"))

    def finished(self, outcome: Outcome) -> None:
        """Report what became of a step."""
        self.event("finished", **asdict(outcome))
        if outcome.status == "skipped":
            self.say((outcome.name, "bold"), (f"  skipped: {outcome.why}", "dim"))
        else:
            files = ", ".join(outcome.outputs)
            self.say(("  ✓", "green"), f" {outcome.seconds:.1f} s: {files}")
        self._tasks = {}
        if self._bars is not None:
            for task in self._bars.task_ids:
                self._bars.remove_task(task)


def _line(parts: Sequence[Part]) -> Text:
    return Text.assemble(
        *(
            harmless(part) if isinstance(part, str) else (harmless(part[0]), part[1])
            for part in parts
        )
    )
