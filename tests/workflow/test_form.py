"""The field form: written, filled in, read without a mapping; and forms that were broken."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from phytomass import tables
from phytomass.errors import InputError
from phytomass.inventory import design_of, read_inventory
from phytomass.workflow import load_project, new_project, open_project, run_steps, steps_of
from phytomass.workflow.check import check_project

TREES = [
    *(("P1", 1, "Pinus roxburghii", 20.5, 13.0, "live"), ("P1", 2, "Quercus incana", 12, 7, None)),
    *(("P2", 1, "Quercus incana", 18.25, 9.5, "dead"), ("P2", 2, "Quercus incana", 30, 15, None)),
]


def form(folder: Path) -> tuple[Path, Path]:
    """Write a project with a form; return both."""
    path = new_project(folder, field=True, form=True)
    return path, folder / "data" / "field_form.xlsx"


def fill(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    for name in ("plots", "trees"):
        book[name].delete_rows(2, 20)
    for row, plot in enumerate(("P1", "P2"), start=2):
        for column, value in enumerate((plot, 73.3 + row, 33.9, 0.05, None, "pine"), start=1):
            book["plots"].cell(row, column).value = value
    for row, tree in enumerate(TREES, start=2):
        for column, value in enumerate(tree, start=1):
            book["trees"].cell(row, column).value = value
    book.save(workbook)


def wrong(path: Path) -> str:
    return "\n".join(map(str, check_project(open_project(path), ["plots"]).problems))


def test_the_form_offers_lists_holds_numbers_and_locks_its_headers(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(form(tmp_path)[1])
    assert book.sheetnames == ["README", "plots", "trees", "species", "strata"]
    trees = book["trees"]
    rules = {str(r.sqref).split(":")[0]: r for r in trees.data_validations.dataValidation}
    assert rules["A2"].formula1 == "'plots'!$A$2:$A$2001"
    assert rules["C2"].formula1 == "'species'!$A$2:$A$1001"
    assert (rules["D2"].type, rules["D2"].formula1, rules["D2"].formula2) == (
        "decimal",
        "0.1",
        "1200",
    )
    assert rules["F2"].formula1 == '"live,dead,missing,below_threshold"'
    assert all(rule.showErrorMessage for rule in rules.values())
    assert trees.freeze_panes == "B2" and trees.protection.sheet
    assert all(cell.protection.locked for cell in trees[1])
    assert not trees["D2"].protection.locked and not trees.column_dimensions["D"].protection.locked
    offered = {row[0].value for row in book["species"]["A2:A20"]}
    assert {row[2].value for row in trees["A2:G7"]} <= offered


def test_the_example_is_clean_and_gives_plots(tmp_path: Path) -> None:
    path, _ = form(tmp_path)
    opened = open_project(path)
    source = load_project(path).project.inventory
    assert not source.trees.columns and not source.plots.columns
    findings = check_project(opened)
    assert findings.problems == [] and findings.warnings == []
    for _ in run_steps(opened, steps_of(opened.project), ["plots"]):
        pass
    plots = pd.read_csv(tmp_path / "results" / "plots.csv")
    assert plots["plot_id"].tolist() == ["EXAMPLE-1", "EXAMPLE-2"]
    assert plots["n_trees"].tolist() == [3, 2] and (plots["agb_mg_ha"] > 0).all()
    assert plots["stratum"].tolist() == ["pine", "broadleaved"]


def test_a_form_filled_in_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, workbook = form(tmp_path)
    fill(workbook)
    read_back(path)


def read_back(path: Path) -> None:
    findings = check_project(open_project(path), ["plots"])
    assert findings.problems == [] and findings.warnings == []
    inventory = read_inventory(load_project(path).project.inventory, path.parent, None)
    assert inventory.plots["area_ha"].tolist() == [0.05, 0.05]
    assert inventory.plots["easting"].tolist() == pytest.approx([75.3, 76.3])
    assert inventory.trees["dbh_cm"].tolist() == [20.5, 12.0, 30.0]
    assert inventory.trees["height_m"].tolist() == [13.0, 7.0, 15.0]
    assert inventory.rejected["value"].tolist() == ["dead"]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_a_form_saved_by_libreoffice_is_read_as_it_was_written(tmp_path: Path) -> None:
    path, workbook = form(tmp_path)
    fill(workbook)
    for kind, source in (("ods", workbook), ("xlsx", workbook.with_suffix(".ods"))):
        command = ["soffice", "--headless", "--convert-to", kind, "--outdir", workbook.parent]
        subprocess.run([*map(str, command), str(source)], check=True, timeout=120)
    read_back(path)
    stratify(path)
    design = design_of(load_project(path).project.inventory, tmp_path)
    assert design.strata_ha == {"pine": 1200.0, "broadleaved": 800.0}
    rules = openpyxl.load_workbook(workbook)["trees"].data_validations.dataValidation
    assert {rule.type for rule in rules} == {"list", "decimal"}


def stratify(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  # design: simple_random", "  design: stratified  # "))


def fill_strata(workbook: Path) -> None:
    """Two plots of one tree each in both strata of the form."""
    book = openpyxl.load_workbook(workbook)
    for name in ("plots", "trees"):
        book[name].delete_rows(2, 20)
    for row, dbh in enumerate((20, 30, 25, 35), start=2):
        stratum = ("pine", "broadleaved")[row % 2]
        for column, value in enumerate((f"P{row}", None, None, 0.1, None, stratum), start=1):
            book["plots"].cell(row, column).value = value
        for column, value in enumerate((f"P{row}", 1, "Pinus roxburghii", dbh, 15), start=1):
            book["trees"].cell(row, column).value = value
    book.save(workbook)


def test_the_strata_of_the_form_give_the_area_its_mean_and_total(tmp_path: Path) -> None:
    """1 200 ha of pine and 800 ha of broadleaves: their plots' means, weighed 0.6 and 0.4."""
    path, workbook = form(tmp_path)
    fill_strata(workbook)
    stratify(path)
    opened = open_project(path)
    assert check_project(opened, ["account"]).problems == []
    for _ in run_steps(opened, steps_of(opened.project), ["account"]):
        pass
    plots = tables.read(tmp_path / "results", "plots")
    means = plots.groupby("stratum")["agb_mg_ha"].mean()
    rows = tables.read(tmp_path / "results", "estimates")
    rows = rows[(rows["pool"] == "AGB") & (rows["kind"] == "dry_mass") & (rows["zone"] == "all")]
    found = rows.set_index("quantity")["value"]
    by_hand = 0.6 * means["pine"] + 0.4 * means["broadleaved"]
    assert found["area_mean"] == pytest.approx(by_hand)
    assert found["area_total"] == pytest.approx(2000 * by_hand)


def test_another_area_of_a_stratum_is_another_estimate(tmp_path: Path) -> None:
    path, workbook = form(tmp_path)
    fill_strata(workbook)
    stratify(path)
    steps = steps_of(open_project(path).project)
    assert [o.status for o in run_steps(open_project(path), steps, ["account"])] == ["run"] * 2
    strata = tmp_path / "strata.csv"
    strata.write_text("stratum,area_ha\npine,1200\nbroadleaved,900\n")
    text = path.read_text().replace("data/field_form.xlsx, sheet: strata", "strata.csv")
    path.write_text(text)
    again = [o.status for o in run_steps(open_project(path), steps, ["account"])]
    assert again == ["skipped", "run"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("pine,1200\nbroadleaved,\n", "strata.csv, row 3, column area_ha: missing → complete it"),
        ("pine,1200\npine,1200\nbroadleaved,800\n", "'pine' stands there twice"),
        ("pine,1200\nbroadleaved,0\n", "a stratum has an area above 0"),
        ("pine,1200\n", "no area of the stratum 'broadleaved'"),
        ("pine,1200\nbroadleaved,800\nbog,3\n", "no plot in the stratum 'bog'"),
    ],
)
def test_strata_that_are_not_complete_are_told(rows: str, says: str, tmp_path: Path) -> None:
    path, workbook = form(tmp_path)
    fill_strata(workbook)
    stratify(path)
    (tmp_path / "strata.csv").write_text(f"stratum,area_ha\n{rows}")
    text = path.read_text().replace("data/field_form.xlsx, sheet: strata", "strata.csv")
    path.write_text(text)
    assert says in "\n".join(map(str, check_project(open_project(path), ["account"]).problems))


def test_strata_need_their_hectares_from_somewhere(tmp_path: Path) -> None:
    path, _ = form(tmp_path)
    stratify(path)
    path.write_text(path.read_text().replace("  strata: {", "  # strata: {"))
    with pytest.raises(InputError, match=r"stratified needs the hectares .* or a table strata"):
        load_project(path)


def test_a_form_is_never_written_over(tmp_path: Path) -> None:
    path, workbook = form(tmp_path)
    path.unlink()
    before = workbook.read_bytes()
    with pytest.raises(InputError, match="there is a form already"):
        new_project(tmp_path, form=True)
    assert workbook.read_bytes() == before and not path.exists()


def test_a_mapped_project_reads_the_form_too(tmp_path: Path) -> None:
    project = load_project(new_project(tmp_path, form=True)).project
    assert project.is_mapped and str(project.inventory.trees.sheet) == "trees"
    (problem,) = [p for p in wrong(tmp_path / "project.yaml").splitlines() if "field_form" in p]
    assert "needs 10 plots or more to train on, there are 2" in problem


def test_rows_of_the_example_among_others_are_warned_of(tmp_path: Path) -> None:
    path, workbook = form(tmp_path)
    book = openpyxl.load_workbook(workbook)
    book["plots"]["A2"].value = "P1"
    for row in (2, 3, 4):
        book["trees"].cell(row, 1).value = "P1"
    book.save(workbook)
    (warning,) = check_project(open_project(path), ["plots"]).warnings
    assert "1 plots of the form's example are among the plots" in warning.what


def no_sheet(book: Any) -> None:
    del book["trees"]


def renamed_sheet(book: Any) -> None:
    book["trees"].title = "tree"


def no_header(book: Any) -> None:
    book["trees"].delete_rows(1)


def renamed_column(book: Any) -> None:
    book["trees"]["D1"].value = "girth"


def repeated_column(book: Any) -> None:
    book["trees"]["E1"].value = "dbh_cm"


def emptied(book: Any) -> None:
    book["trees"].delete_rows(2, 20)


def cleared(book: Any) -> None:
    book["trees"].delete_rows(1, 20)


def unknown_plot(book: Any) -> None:
    book["trees"]["A2"].value = "EXAMPLE-3"


def twice(book: Any) -> None:
    book["plots"]["A3"].value = "EXAMPLE-1"


def texts(book: Any) -> None:
    for row in range(2, 8):
        book["trees"].cell(row, 4).value = "12,5"


def formulas(book: Any) -> None:
    book["trees"]["D2"].value = "=77/PI()"


def no_area(book: Any) -> None:
    for row in (2, 3):
        book["plots"].cell(row, 4).value = None


def another_status(book: Any) -> None:
    book["trees"]["F2"].value = "alive"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (no_sheet, "no sheet 'trees' → sheets: README, plots, species, strata"),
        (renamed_sheet, "no sheet 'trees' → did you mean 'tree'?"),
        (no_header, "no column 'plot_id'"),
        (renamed_column, "no column 'dbh_cm'"),
        (repeated_column, "columns of the same name: dbh_cm"),
        (emptied, "field_form.xlsx [trees]: has no data rows"),
        (cleared, "sheet 'trees' is empty"),
        (unknown_plot, "trees of plots that are not in the table of plots: 'EXAMPLE-3'"),
        (twice, "the same plot id more than once: EXAMPLE-1 (rows 2, 3)"),
        (texts, "does not hold numbers but, for instance, '12,5' → set inventory.trees.decimal"),
        (formulas, "row 2: formulas that were never calculated"),
        (no_area, "column area_ha: is empty in every row"),
        (another_status, "codes without a meaning: 'alive'"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_broken_forms_are_told(tmp_path: Path, harm: Callable[[Any], None], message: str) -> None:
    path, workbook = form(tmp_path)
    book = openpyxl.load_workbook(workbook)
    harm(book)
    book.save(workbook)
    assert message in wrong(path)


def test_a_form_that_is_no_workbook(tmp_path: Path) -> None:
    path, workbook = form(tmp_path)
    workbook.write_bytes(workbook.read_bytes()[:5000])
    assert "field_form.xlsx: cannot be read as an Excel file" in wrong(path)
