"""The section on the errors of the field."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from phytomass.report import write_report
from tests.report.page import parse


def test_bounds_and_shares_are_those_of_the_files(results_folder: Path) -> None:
    page = parse(write_report(results_folder).read_text(encoding="utf-8"))
    table = pd.read_csv(results_folder / "field_error.csv")
    shown = [
        float(v.replace("\u202f", "").replace("\u2009", ""))
        for v in page.column("Error of the mean", "97.5 %")
    ]
    assert shown == [float(f"{v:.4g}") for v in table["high95"]]
    shares = [v.split("\u202f")[0] for v in page.column("Each source alone", "Share, mean")]
    assert [float(v) for v in shares] == [0.02, 2, 90]
    assert page.column("Each source alone", "Source")[-1] == "choice of equation"


def test_trees_of_impossible_density_are_counted(results_folder: Path, tmp_path: Path) -> None:
    trees = pd.read_csv(results_folder / "trees.csv")
    trees["implied_density_impossible"] = [True] + [False] * (len(trees) - 1)
    for name in ("field_error.csv", "error_shares.csv"):
        (tmp_path / name).write_text((results_folder / name).read_text())
    trees.to_csv(tmp_path / "trees.csv", index=False)
    page = parse(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "of the AGB comes from 1 trees whose biomass would need a wood denser" in page.text
