"""How findings and plans look on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from phytomass.cli.console import Screen
from phytomass.errors import Problem
from phytomass.workflow import Findings, Planned, joined


def show_findings(screen: Screen, findings: Findings, notes: bool = False) -> None:
    """Show problems and warnings, and notes where asked; nothing in JSON mode.

    Problems go to standard error, like every error; quiet shows only them.
    """
    if screen.as_json:
        return
    for problem in findings.problems:
        screen.problem(problem)
    for warning in findings.warnings:
        _say(screen, warning, ("!", "yellow"))
    for note in findings.notes if notes else ():
        _say(screen, note, ("·", "dim"))


def show_plan(screen: Screen, planned: Sequence[Planned]) -> None:
    """Show which steps would run, why, and about how long they would take."""
    todo = [step for step in planned if step.why is not None]
    done = ("✓", "green")
    if not todo:
        screen.say(done, " Everything can be read; nothing is left to do for: phytomass run")
        return
    screen.say(done, " Everything can be read. A run would do this:")
    for step in planned:
        how = "up to date" if step.why is None else step.why
        took = f"  {step.duration}" if step.duration is not None else ""
        screen.say("  ", (f"{step.name:<8}", "bold"), f"{took}  ", (f"({how})", "dim"))
    times = [step.duration for step in todo if step.duration is not None]
    if times:
        screen.say(f"{str(joined(times)).capitalize()} on this machine. Go on with: phytomass run")


def _say(screen: Screen, problem: Problem, mark: tuple[str, str]) -> None:
    where = ((problem.where, "bold"), ": ") if problem.where else ()
    screen.say(mark, " ", *where, problem.what)
    if problem.remedy:
        screen.say(f"  → {problem.remedy}")
