"""The verbs that run steps: plots, stack, compare, map, account, report, and run for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from phytomass.cli.console import Screen
from phytomass.cli.findings import show_findings
from phytomass.cli.options import AsJson, ProjectPath, Quiet, Scheduler, Workers
from phytomass.errors import InputError
from phytomass.workflow import (
    STEPS,
    OpenProject,
    check_project,
    check_scheduler,
    default_workers,
    keep_findings,
    load_project,
    run_steps,
)


def run_targets(
    opened: OpenProject,
    targets: Sequence[str],
    screen: Screen,
    workers: int | None,
    scheduler: str = "threads",
) -> None:
    """Run the target steps and those they need, and show what happens.

    Everything the steps read is checked first, so that bad input leaves the results as they were.
    """
    check_scheduler(scheduler)
    findings = check_project(opened, targets)
    screen.event("findings", warnings=[asdict(warning) for warning in findings.warnings])
    if findings.problems:
        raise InputError.of(findings.problems)
    show_findings(screen, findings)
    keep_findings(findings, opened, targets)
    with screen.bars():
        for outcome in run_steps(
            opened,
            STEPS,
            targets,
            workers=workers or default_workers(),
            progress=screen.progress,
            started=screen.started,
            scheduler=scheduler,
        ):
            screen.finished(outcome)
    screen.event("results", folder=str(opened.results))
    report = opened.results / "report.html"
    shown = report if "report" in targets and report.is_file() else opened.results
    screen.say(f"Results: {shown}")


def register(app: typer.Typer) -> None:
    """Add one verb per step, and `run`."""
    for step in STEPS:
        app.command(step.name, help=step.title[0].upper() + step.title[1:] + ".")(_verb(step.name))
    app.command("run", help="Run every step that is not up to date.")(
        _verb(*[s.name for s in STEPS])
    )


def _verb(*targets: str):  # type: ignore[no-untyped-def]  # typer reads the inner signature
    def verb(
        project: ProjectPath = Path("project.yaml"),
        quiet: Quiet = False,
        as_json: AsJson = False,
        workers: Workers = None,
        scheduler: Scheduler = "threads",
    ) -> None:
        opened, screen = load_project(project), Screen(quiet, as_json)
        run_targets(opened, targets, screen, workers, scheduler)

    return verb
