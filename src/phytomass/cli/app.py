"""The verbs of the command. What they need is imported when they run: help and version are quick."""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from phytomass.cli import audit, check, demo, new, plan, schema, steps

app = typer.Typer(
    help="From forest field plots and satellite images to biomass and carbon.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    cls=TyperGroup,
)
app.command("new")(new.new)
app.command("check")(check.check)
app.command("plan")(plan.plan)
steps.register(app)
app.command("audit")(audit.audit)
app.command("demo")(demo.demo)
app.command("schema")(schema.schema)


def _show_version(wanted: bool) -> None:
    if wanted:
        from phytomass import __version__

        typer.echo(f"phytomass {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", help="Show where in the code an error comes from; allowed anywhere."
    ),
) -> None:
    """From forest field plots and satellite images to biomass and carbon."""
