"""The dictionary of every column, for users: in the documentation and beside the results."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from phytomass.tables.methods import methods
from phytomass.tables.records import Column, Table, tables

TYPES = {"text": "text", "number": "number", "count": "whole number", "flag": "True or False"}


def dictionary_markdown() -> str:
    """Return the dictionary as the page `docs/tables.md`."""
    parts = [
        "# Every column of every result table\n\n"
        "Made from `src/phytomass/tables/*.csv`, by which the tables are written and read. Columns in "
        "bold are always there. Numbers are written with ten significant digits; empty is missing. "
        "Names of files and columns are a contract: they change only with a line in the changelog.\n"
    ]
    for table in tables().values():
        rows = [
            f"| {_bold(c)} | {TYPES[c.type]} | {c.unit} | {c.meaning} |"
            for c in table.columns.values()
        ]
        head = f"## {table.file}\n\n{table.meaning} Written by the step `{table.step}`.\n"
        parts.append(
            "\n".join([head, "| column | type | unit | meaning |", "|---|---|---|---|", *rows])
        )
        if table.name == "estimates":
            codes = [f"| `{code}` | {meaning} |" for code, meaning in methods().items()]
            parts.append("\n".join(["| code of `method` | meaning |", "|---|---|", *codes]))
    return "\n\n".join(parts) + "\n"


def _bold(column: Column) -> str:
    return f"**`{column.name}`**" if column.required else f"`{column.name}`"


def dictionary_text(names: Iterable[str]) -> str:
    """Return the dictionary of some tables as plain text, for `results/README.txt`.

    Examples
    --------
    >>> print(dictionary_text(["plots_left_out"]))
    plots_left_out.csv
      Plots without a complete row of predictors.
        plot_id: Plot.
        missing: Predictors without data there.
    <BLANKLINE>
    """
    return "\n".join(_described(tables()[name]) for name in names)


def _described(table: Table) -> str:
    lines = [table.file, f"  {table.meaning}"]
    for column in table.columns.values():
        unit = f" ({column.unit})" if column.unit else ""
        text = f"{column.name}{unit}: {column.meaning}"
        lines.append(fill(text, 96, initial_indent="    ", subsequent_indent="      "))
    if table.name == "estimates":
        lines += [f"      {code}: {meaning}" for code, meaning in methods().items()]
    return "\n".join(lines) + "\n"
