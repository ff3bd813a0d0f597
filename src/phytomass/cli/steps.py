"""The verbs that run steps: plots, stack, compare, map, account, report, and run for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from phytomass.cli.check import CHECKING
from phytomass.cli.options import AsJson, Language, ProjectPath, Quiet, Scheduler, Workers
from phytomass.cli.stops import STOPS
from phytomass.errors import InputError
from phytomass.workflow.names import TITLES

if TYPE_CHECKING:
    from phytomass.cli.console import Screen
    from phytomass.workflow import OpenProject


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
    from phytomass.cli.findings import show_findings
    from phytomass.workflow import (
        check_project,
        check_scheduler,
        default_workers,
        keep_findings,
        run_steps,
        steps_of,
        targets_of,
    )

    check_scheduler(scheduler)
    targets = targets_of(opened.project, targets)
    with screen.at_work(CHECKING):
        findings = check_project(opened, targets)
    screen.event("findings", warnings=[asdict(warning) for warning in findings.warnings])
    if findings.problems:
        raise InputError.of(findings.problems)
    show_findings(screen, findings)
    keep_findings(findings, opened, targets)
    with STOPS.gently(), screen.bars():
        for outcome in run_steps(
            opened,
            steps_of(opened.project),
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
    for name, title in TITLES.items():
        verb = _report if name == "report" else _verb(name)
        app.command(name, help=title[0].upper() + title[1:] + ".")(verb)
    app.command("run", help="Run every step that is not up to date.")(_verb(*TITLES))


def _verb(*targets: str):  # type: ignore[no-untyped-def]  # typer reads the inner signature
    def verb(
        project: ProjectPath = Path("project.yaml"),
        quiet: Quiet = False,
        as_json: AsJson = False,
        workers: Workers = None,
        scheduler: Scheduler = "threads",
    ) -> None:
        from phytomass.cli.console import Screen
        from phytomass.workflow import load_project

        opened = load_project(project)
        run_targets(opened, targets, Screen(quiet, as_json), workers, scheduler)

    return verb


def _report(
    project: ProjectPath = Path("project.yaml"),
    quiet: Quiet = False,
    as_json: AsJson = False,
    workers: Workers = None,
    scheduler: Scheduler = "threads",
    language: Language = None,
) -> None:
    from phytomass.cli.console import Screen
    from phytomass.workflow import load_project
    from phytomass.workflow.load import in_language

    opened = load_project(project)
    opened = opened if language is None else in_language(opened, language)
    run_targets(opened, ("report",), Screen(quiet, as_json), workers, scheduler)
