"""`phytomass new`: write a commented project file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phytomass.cli.stops import STOPS


def new(
    folder: Annotated[Path, typer.Argument(help="Folder for the project; made if absent.")],
    field: Annotated[
        bool, typer.Option("--field", help="A study of plots alone: no images, no positions.")
    ] = False,
    form: Annotated[
        bool, typer.Option("--form", help="With a workbook to fill in: data/field_form.xlsx.")
    ] = False,
) -> None:
    """Write a commented project file, and its schema for editors."""
    from phytomass.cli.console import Screen
    from phytomass.workflow import new_project

    with STOPS.gently():
        path = new_project(folder, field=field, form=form)
    screen = Screen()
    what = f"{folder / 'data' / 'field_form.xlsx'} and {path}" if form else f"{path}"
    screen.say(f"Wrote {what}. Fill it in, then: phytomass check {path}")
