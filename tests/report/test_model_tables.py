"""The published comparison tables in the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from phytomass.report import write_report
from tests.report.page import parse


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        ("4", "resnet", "ResNet", 0.561, 44.31, *[float("nan")] * 6, 0.80, 15.8),
        ("4", "svr", "SVM", 0.512, 46.74, -0.049, -0.1, 0.002, 2.43, -0.1, 4.96, 0.56, 30.4),
        ("5", "resnet", "ResNet", 0.561, 44.31, *[float("nan")] * 6, 0.80, 15.8),
        ("5", "vgg", "VGG", 0.57, 43.9, 0.009, -0.01, 0.03, -0.41, -1.3, 0.5, 0.74, 18.2),
    ]
    names = "table model label r2 rmse r2_difference r2_low r2_high rmse_difference rmse_low"
    names += " rmse_high published_r2 published_rmse"
    made = pd.DataFrame(rows, columns=names.split())
    return made.assign(
        publication="mountain_paper",
        title="Comparison of models",
        split="spatial_blocks",
        predictors="all",
        reference="resnet",
        n_test=300,
        rrmse_percent=58.0,
        mae=33.0,
        n_units=16,
        published_unit="MgC/ha",
    )


def test_two_tables_with_differences_and_the_papers_own_figures(
    some_results: Callable[..., Path], table: pd.DataFrame
) -> None:
    folder = some_results("model_comparison.csv", "map_model.json")
    table.to_csv(folder / "model_tables.csv", index=False)
    page = parse(write_report(folder).read_text(encoding="utf-8"))
    head, first, second = page.table("Table 4 of the mountain paper")
    assert first[:3] == ["ResNet", "0.56", "44.31"]
    assert first[head.index("R² − ResNet")] == ""
    shown = dict(zip(head, second, strict=True))
    assert shown["Algorithm"] == "SVM"
    assert shown["R² − ResNet"] == "−0.05"
    assert shown["95 %, R²"] == "−0.10 to 0.00"
    assert shown["RMSE − ResNet"] == "+2.4"
    assert shown["95 %, RMSE"] == "−0.1 to +5.0"
    assert (shown["Their R²"], shown["Their RMSE, MgC/ha"]) == ("0.56", "30.4")
    assert page.column("Table 5 of the mountain paper", "Algorithm") == ["ResNet", "VGG"]
    assert "over 16 resampled sites or blocks" in page.text
    assert "for orientation only" in page.text


def test_a_project_without_the_tables_does_not_mention_them(
    some_results: Callable[..., Path],
) -> None:
    folder = some_results("model_comparison.csv", "map_model.json")
    page = parse(write_report(folder).read_text(encoding="utf-8"))
    assert not [heading for heading in page.headings if "comparison tables" in heading]
