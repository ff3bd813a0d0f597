"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectPath = Annotated[
    Path, typer.Argument(help="The project file, or the folder that holds project.yaml.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON lines for other programs.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", "-j", min=1, max=1024, help="Processors to use; all by default."),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language", help="Language of the report, such as es; the project's by default."
    ),
]
Scheduler = Annotated[
    str,
    typer.Option(
        "--scheduler",
        help="Who computes stack and map: threads, processes, or a Dask scheduler's address "
        "(tcp://host:8786).",
    ),
]
