"""`phytomass schema`: the JSON schema of the project file, for editors."""

from __future__ import annotations

import typer

from phytomass.workflow import project_schema


def schema() -> None:
    """Print the JSON schema of the project file."""
    typer.echo(project_schema())
