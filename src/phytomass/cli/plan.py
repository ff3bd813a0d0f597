"""`phytomass plan`: what a project takes on this machine, for its area and for larger ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from phytomass.cli.options import AsJson, ProjectPath, Quiet, Workers

MEASURING = "reading what the project names, and measuring this machine"


def plan(
    project: ProjectPath = Path("project.yaml"),
    quiet: Quiet = False,
    as_json: AsJson = False,
    workers: Workers = None,
) -> None:
    """Say what time, memory and disk a run takes: for this, ten and a thousand times the area."""
    from phytomass.cli.console import Screen
    from phytomass.cli.findings import show_findings
    from phytomass.workflow import check_project, default_workers, load_project, steps_of
    from phytomass.workflow.capacity import capacities

    screen = Screen(quiet, as_json)
    opened = load_project(project)
    with screen.at_work(MEASURING):
        findings = check_project(opened)
        names = [step.name for step in steps_of(opened.project)]
        used = workers or default_workers()
        found = [] if findings.problems else capacities(opened, findings.sizes, names, used)
    screen.event("plan", capacities=[{**asdict(one), "steps": dict(one.steps)} for one in found])
    if findings.problems:
        show_findings(screen, findings)
        raise typer.Exit(2)
    for one in found:
        area = "This area" if one.times == 1 else f"{one.times:,} times the area".replace(",", " ")
        screen.say(
            (f"{area}: ", "bold"),
            f"{one.duration}, {one.memory_bytes / 1e9:.1f} GB of memory, "
            f"{one.disk_bytes / 1e9:.2g} GB of disk; limited by: {one.limit}",
        )
        for name, duration in one.steps:
            screen.say("  ", (f"{name:<8}", "bold"), f"{duration}")
    screen.say("From rates and a measurement of this machine; a factor of 2 each way is usual.")
