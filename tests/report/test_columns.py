"""Columns of the report by the records of result tables."""

from __future__ import annotations

import pandas as pd
import pytest

from phytomass import tables
from phytomass.report import speaking
from phytomass.report.content.columns import columns_of

EVERY = [(t.name, c) for t in tables.tables().values() for c in t.columns.values()]


@pytest.mark.parametrize(("table", "column"), EVERY, ids=[f"{t}.{c.name}" for t, c in EVERY])
def test_every_column_is_written_as_its_record_says(table: str, column: tables.Column) -> None:
    cells = pd.Series(["1"]) if column.type != "flag" else pd.Series(["True"])
    rows = pd.DataFrame({column.name: column.typed(cells)})
    ((_, align, texts),) = columns_of(table, rows, column.name)
    assert align in ("text", "number", "short")
    assert len(texts) == 1
    assert texts[0]


def test_headings_and_numbers_follow_the_language() -> None:
    rows = pd.DataFrame({"model": ["mlr"], "rmse": [31.26], "bias": [0.5], "r2": [0.5123]})
    names = ("model", "r2", "rmse", "bias")
    assert columns_of("model_comparison", rows, *names) == [
        ("Model", "short", ["Multiple linear"]),
        ("R²", "number", ["0.512"]),
        ("RMSE, Mg/ha", "number", ["31.26"]),
        ("Bias, Mg/ha", "number", ["+0.500"]),
    ]
    with speaking("es"):
        spanish = columns_of("model_comparison", rows, *names)
    assert spanish[1][2] == ["0,512"]
    assert spanish[0][2] == ["Regresión lineal múltiple"]


def test_a_column_may_bring_its_own_texts() -> None:
    rows = pd.DataFrame({"plot_id": ["P1"], "missing": [""]})
    shown = columns_of("plots_left_out", rows, "plot_id", "missing", missing=["(empty)"])
    assert [texts for _, _, texts in shown] == [["P1"], ["(empty)"]]
