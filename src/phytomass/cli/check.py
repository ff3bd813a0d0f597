"""`phytomass check`: read everything, compute nothing, say what is wrong and what a run would do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from phytomass.cli.options import AsJson, ProjectPath, Quiet, Workers

CHECKING = "reading what the project names"


def check(
    project: ProjectPath = Path("project.yaml"),
    quiet: Quiet = False,
    as_json: AsJson = False,
    workers: Workers = None,
) -> None:
    """Read everything, compute nothing: list all that is wrong, and what a run would do."""
    from phytomass.cli.console import Screen
    from phytomass.cli.findings import show_findings, show_plan
    from phytomass.workflow import (
        check_project,
        default_workers,
        load_project,
        plan_steps,
        steps_of,
    )

    screen = Screen(quiet, as_json)
    opened = load_project(project)
    with screen.at_work(CHECKING):
        findings = check_project(opened)
    planned = []
    if not findings.problems:
        steps = steps_of(opened.project)
        names = [step.name for step in steps]
        planned = plan_steps(opened, steps, names, findings.sizes, workers or default_workers())
    screen.event(
        "checked",
        problems=[asdict(problem) for problem in findings.problems],
        warnings=[asdict(warning) for warning in findings.warnings],
        notes=[asdict(note) for note in findings.notes],
        plan=[asdict(step) for step in planned],
    )
    show_findings(screen, findings, notes=True)
    if findings.problems:
        n = len(findings.problems)
        screen.say(f"{n} {'problem' if n == 1 else 'problems'}; nothing was computed.")
        raise typer.Exit(2)
    show_plan(screen, planned)
