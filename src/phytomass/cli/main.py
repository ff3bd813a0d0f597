"""The command `phytomass`."""

from __future__ import annotations

import sys

import typer
from typer.core import TyperGroup

from phytomass import __version__
from phytomass.cli import check, demo, new, schema, steps
from phytomass.cli.console import Screen
from phytomass.errors import PhytomassError

INTERRUPTED = 130

app = typer.Typer(
    help="From forest field plots and satellite images to biomass and carbon.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    cls=TyperGroup,
)
app.command("new")(new.new)
app.command("check")(check.check)
steps.register(app)
app.command("demo")(demo.demo)
app.command("schema")(schema.schema)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"phytomass {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """From forest field plots and satellite images to biomass and carbon."""


def main() -> None:
    """Run the command; bad input exits with 2, Ctrl-C with 130."""
    as_json = "--json" in sys.argv
    try:
        app()
    except PhytomassError as error:
        Screen(as_json=as_json).error(error)
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # typer turns Ctrl-C into this exit
            screen = Screen(as_json=as_json)
            screen.event("interrupted")
            if not as_json:
                screen.err.print("Interrupted. What is finished is kept: the next run goes on.")
        raise


if __name__ == "__main__":
    main()
