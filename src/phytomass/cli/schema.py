"""`phytomass schema`: the JSON schema of the project file, for editors."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON schema of the project file."""
    from phytomass.workflow import project_schema

    typer.echo(project_schema())
