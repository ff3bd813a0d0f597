"""An empty field form: a workbook with lists to choose from, which is read without a mapping."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from pydantic import model_validator

from phytomass.files import whole_file
from phytomass.settings import Settings

EXAMPLE = "EXAMPLE-"
"""How the plots of the example begin."""

README = "README"
HEADER_FILL = PatternFill("solid", fgColor="DDE8DD")
EXAMPLE_FONT = Font(italic=True, color="777777")
WORDS = Alignment(wrap_text=True, vertical="top")


class FormColumn(Settings):
    """A column of the form: its header, what it means, and which values it takes."""

    name: str
    meaning: str
    width: int
    unique: bool = False
    low: float | None = None
    high: float | None = None
    list: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """Say which values the column takes."""
        if self.choices:
            return ", ".join(self.choices)
        if self.list:
            return f"one of the sheet {self.list}"
        if self.low is not None:
            return f"a number from {self.low:g} to {self.high:g}"
        return "each once" if self.unique else ""


class FormSheet(Settings):
    """A sheet of the form, with the rows of the example."""

    name: str
    meaning: str
    last_row: int
    columns: tuple[FormColumn, ...]
    rows: tuple[tuple[str | int | float, ...], ...]

    @model_validator(mode="after")
    def _whole_rows(self) -> FormSheet:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of the example of {self.name} has not one cell per column")
        return self


class Form(Settings):
    """The form: how to fill it in, and its sheets."""

    steps: tuple[str, ...]
    sheets: tuple[FormSheet, ...]


@cache
def field_form() -> Form:
    """Return the form as the package describes it.

    Examples
    --------
    >>> [sheet.name for sheet in field_form().sheets]
    ['plots', 'trees', 'species', 'strata']
    """
    text = files("phytomass.inventory").joinpath("form.json").read_text(encoding="utf-8")
    return Form.model_validate_json(text)


def write_form(path: Path) -> None:
    """Write the field form: sheets README, plots, trees, species and strata, with an example.

    Headers are locked and stay in view, lists offer plots, species, strata and status, numbers are
    held within bounds. Its columns have names that are found without a mapping.

    Parameters
    ----------
    path : path
        An .xlsx file; replaced as a whole.

    Raises
    ------
    InputError
        If it cannot be written there.
    """
    form = field_form()
    book = Workbook()
    _write_readme(book.active, form)
    for sheet in form.sheets:
        _write_sheet(book.create_sheet(sheet.name), sheet, form)
    with whole_file(path) as beside:
        book.save(beside)


def _write_readme(page: Any, form: Form) -> None:
    page.title = README
    page.append(["Field form"])
    page["A1"].font = Font(bold=True, size=14)
    for number, step in enumerate(form.steps, start=1):
        page.append([f"{number}. {step}"])
    page.append([])
    page.append(["sheet", "column", "meaning", "allowed"])
    for cell in page[page.max_row]:
        cell.font, cell.fill = Font(bold=True), HEADER_FILL
    for sheet in form.sheets:
        page.append([sheet.name, "", sheet.meaning, ""])
        for column in sheet.columns:
            page.append([sheet.name, column.name, column.meaning, column.allowed])
            page.cell(page.max_row, 3).alignment = WORDS
    for letter, width in zip("ABCD", (12, 18, 70, 36), strict=True):
        page.column_dimensions[letter].width = width


def _write_sheet(page: Any, sheet: FormSheet, form: Form) -> None:
    page.append([column.name for column in sheet.columns])
    for row in sheet.rows:
        page.append([cell if cell != "" else None for cell in row])
        for cell in page[page.max_row]:
            cell.font, cell.protection = EXAMPLE_FONT, Protection(locked=False)
    for number, column in enumerate(sheet.columns, start=1):
        letter, head = get_column_letter(number), page.cell(1, number)
        head.font, head.fill = Font(bold=True), HEADER_FILL
        head.comment = Comment(column.meaning, "phytomass")
        page.column_dimensions[letter].width = column.width
        page.column_dimensions[letter].protection = Protection(locked=False)
        head.protection = Protection(locked=True)
        rule = _rule_of(column, letter, sheet, form)
        if rule is not None:
            rule.add(f"{letter}2:{letter}{sheet.last_row}")
            page.add_data_validation(rule)
    page.freeze_panes = "B2"
    protection = page.protection
    protection.sheet = True
    for right in ("formatCells", "formatColumns", "formatRows", "sort", "autoFilter"):
        setattr(protection, right, False)  # what stays allowed


def _rule_of(
    column: FormColumn, letter: str, sheet: FormSheet, form: Form
) -> DataValidation | None:
    """Return which values a column takes, in the words of Excel."""
    if column.list:
        last = next(other.last_row for other in form.sheets if other.name == column.list)
        rule = DataValidation("list", formula1=f"'{column.list}'!$A$2:$A${last}")
    elif column.choices:
        rule = DataValidation("list", formula1=f'"{",".join(column.choices)}"')
    elif column.low is not None:
        bounds = {"formula1": f"{column.low:.15g}", "formula2": f"{column.high:.15g}"}
        rule = DataValidation("decimal", operator="between", **bounds)
    elif column.unique:
        whole = f"${letter}$2:${letter}${sheet.last_row}"
        rule = DataValidation("custom", formula1=f"COUNTIF({whole},{letter}2)=1")
    else:
        return None
    rule.allow_blank, rule.showErrorMessage = True, True
    rule.errorTitle, rule.error = column.name, f"{column.meaning} Allowed: {column.allowed}."[:225]
    return rule
