"""The records of result tables: reading, writing, the dictionary, and that every verb keeps them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass import tables
from phytomass.errors import InputError

ROOT = Path(__file__).parents[2]


def test_every_column_says_what_it_is() -> None:
    for table in tables.tables().values():
        assert table.meaning.endswith(".")
        assert table.columns
        for column in table.columns.values():
            assert column.meaning
            if column.name.endswith("_mg_ha") and table.name == "plots":
                assert column.unit.endswith("/ha")


def test_types_come_back_as_they_were(tmp_path: Path) -> None:
    plots = pd.DataFrame(
        {"plot_id": ["007", "NA"], "easting": [1.5, 2.0], "northing": [3.0, 4.0],
         "agb_mg_ha": [np.nan, 2.5], "outlier": [True, False], "n_trees": [3, 0]}
    )  # fmt: skip
    tables.write(tmp_path, "plots", plots)
    read = tables.read(tmp_path, "plots")
    pd.testing.assert_frame_equal(read[list(plots.columns)], plots, check_dtype=False)
    assert "site" not in read
    complete = tables.table("plots").completed(read)
    assert complete["site"].tolist() == ["", ""]
    assert complete["agb_before_mg_ha"].isna().all()
    assert list(complete.columns[: len(plots.columns)]) == list(plots.columns)


def test_what_is_not_in_the_record_is_not_written(tmp_path: Path) -> None:
    rows = pd.DataFrame({"plot_id": ["A"], "missing": ["NDVI"], "new": [1]})
    with pytest.raises(ValueError, match=r"not in its record \['new'\]"):
        tables.write(tmp_path, "plots_left_out", rows)
    with pytest.raises(ValueError, match="missing"):
        tables.write(tmp_path, "plots_left_out", rows[["missing"]])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plot_id,easting\nA,1\n", "has no column agb_mg_ha"),
        (b"plot_id,easting,northing,agb_mg_ha\nA,east,1,2\n", "column easting: holds something else than a number"),
        (b"plot_id,easting,northing,agb_mg_ha,outlier\nA,1,1,2,maybe\n", "column outlier: holds something else than a flag"),
        (b"", "cannot be read as a table"),
        (b"\xff\xfe", "cannot be read as a table"),
    ],
)  # fmt: skip
def test_a_broken_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "plots.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        tables.read(tmp_path, "plots")


def test_the_dictionary_in_the_documentation_is_the_records() -> None:
    """Written by: python -m phytomass.tables > docs/tables.md."""
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == tables.dictionary_markdown()
