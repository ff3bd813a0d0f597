"""`phytomass check`: read everything, compute nothing, list every problem at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from phytomass.cli.options import AsJson, ProjectPath, Quiet


def check(
    project: ProjectPath = Path("project.yaml"), quiet: Quiet = False, as_json: AsJson = False
) -> None:
    """Read everything, compute nothing, and list every problem at once."""
    from phytomass.cli.console import Screen
    from phytomass.workflow import check_project, load_project

    screen = Screen(quiet, as_json)
    findings = check_project(load_project(project))
    screen.event(
        "checked",
        problems=[asdict(problem) for problem in findings.problems],
        notes=[asdict(note) for note in findings.notes],
    )
    if not as_json:
        for problem in findings.problems:
            screen.problem(problem)
        for note in findings.notes:
            screen.say(("·", "yellow"), f" {note}")
    if findings.problems:
        screen.say(f"{len(findings.problems)} problem(s); nothing was computed.")
        raise typer.Exit(2)
    screen.say(("✓", "green"), " Everything can be read. Go on with: phytomass run")
