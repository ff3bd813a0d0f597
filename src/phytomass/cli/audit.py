"""`phytomass audit`: the numbers of a table or a results folder against each other."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from phytomass.cli.options import AsJson, Quiet


def audit(
    path: Annotated[Path, typer.Argument(help="A results folder, or a CSV of typed numbers.")],
    again: Annotated[
        bool, typer.Option("--replay", help="Repeat the run, and compare every result with it.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="List what agrees too, one by one.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Hold the numbers of a table against each other, and a results folder against its seal."""
    from phytomass.accounting.audit import AGREES, CONTRADICTS, UNKNOWN
    from phytomass.accounting.audit import audit as audited
    from phytomass.cli.console import Screen
    from phytomass.workflow import default_workers
    from phytomass.workflow.seal import check_seal, replay

    screen = Screen(quiet, as_json)
    findings = [*(check_seal(path) if path.is_dir() else ()), *audited(path)]
    if again:
        with screen.bars():
            findings += replay(path, workers=default_workers(), progress=screen.progress)
    for finding in findings:
        screen.event("audited", **asdict(finding))
    signs = {CONTRADICTS: ("✗", "red"), UNKNOWN: ("·", "dim"), AGREES: ("✓", "green")}
    for status, sign in signs.items():
        of_one = [finding for finding in findings if finding.status == status]
        screen.say((f"{len(of_one)} {status}", "bold"))
        for one in of_one if every or status != AGREES else ():
            values = f": {one.stated}" if one.stated else ""
            values += f", would be {one.expected}" if status == CONTRADICTS and one.expected else ""
            note = f" ({one.note})" if one.note else ""
            row = f"row {one.line}, {one.row}" if one.line else one.row
            screen.say(sign, f" {row}, {one.rule}{values}{note}")
    if any(finding.status == CONTRADICTS for finding in findings):
        raise typer.Exit(1)
