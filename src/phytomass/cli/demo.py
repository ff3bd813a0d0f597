"""`phytomass demo`: simulate a mountain landscape with known truth and run everything on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phytomass.cli.options import AsJson, Quiet, Workers
from phytomass.cli.steps import run_targets
from phytomass.cli.stops import STOPS
from phytomass.workflow.names import TITLES


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the demo; made if absent.")],
    seed: Annotated[int, typer.Option(help="Seed of the landscape and of the run.")] = 2020,
    models: Annotated[
        str | None,
        typer.Option(help="Compare this list of models (mountain_paper) instead of the demo's."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    workers: Workers = None,
) -> None:
    """Simulate a mountain landscape with known truth, and run everything on it."""
    from phytomass.cli.console import Screen
    from phytomass.workflow import make_demo

    screen = Screen(quiet, as_json)
    with STOPS.gently(), screen.bars():
        opened = make_demo(folder, seed=seed, models=models, progress=screen.progress)
    screen.say(f"Simulated landscape and project file in {folder}")
    run_targets(opened, list(TITLES), screen, workers)
