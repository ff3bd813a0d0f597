"""Texts that a sheet repeats are looked at once: what comes out is what each cell gives alone."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phytomass.delimited import read_delimited, table_of
from phytomass.files import as_meant, inert, write_csv
from phytomass.inventory import tables as module
from phytomass.inventory.columns import (
    ERRORS,
    Column,
    Reading,
    is_missing,
    parse_number,
    standard_columns,
)
from phytomass.inventory.findings import Findings, Rejection, as_written
from phytomass.inventory.settings import TableSource
from phytomass.inventory.suspicion import _copied_plots
from phytomass.inventory.tables import RawTable, read_table

CELLS = st.one_of(
    st.sampled_from(["", "NA", "-", "12,4", "12.4", "1_0", "inf", "nan", "#REF!", "#ref!", "-99"]),
    st.sampled_from(["-99.0", "Pinus", " 7 ", "1e3", "'-12", "'=1", "'s", "0x1", "١٢", "\u2212 4"]),
    st.floats(allow_nan=False).map(repr),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4),
)


def slow_columns(
    cells: list[str], source: TableSource, column: Column
) -> tuple[list[object], list[Rejection], int]:
    """One cell after the other, by the definition: values, rejections, problems."""
    missing = [is_missing(c, source.missing) for c in cells]
    rejected: list[Rejection] = []

    def reject(row: int, reason: str) -> None:
        one = Rejection("t", "f", row, column.name, cells[row], reason, line=row + 2)
        rejected.append(one)

    values: list[object] = []
    if column.kind == "text":
        values = ["" if gone else c for c, gone in zip(cells, missing, strict=True)]
        for row, cell in enumerate(cells):
            if cell.upper() in ERRORS:
                reject(row, "an error of the spreadsheet")
        problems = 0
    else:
        numbers = [parse_number(c, source.decimal) for c in cells]
        bad = [not np.isfinite(x) and not m for x, m in zip(numbers, missing, strict=True)]
        values = [np.nan if b or m else x for x, b, m in zip(numbers, bad, missing, strict=True)]
        problems = int(sum(bad) * 2 > len(cells) - sum(missing) and any(bad))
        for row in np.flatnonzero(bad) if not problems else ():
            reject(int(row), "not a number")
    problems += all(missing)
    for row in np.flatnonzero(missing):
        reject(int(row), "missing")
    return values, rejected, problems


@given(st.lists(CELLS, min_size=1, max_size=12), st.sampled_from(".,"), st.booleans())
def test_cells_are_read_as_one_by_one(cells: list[str], decimal: str, more: bool) -> None:
    cells = [as_written(cell) for cell in cells]
    missing = ["-99"] if more else []
    source = TableSource(path="f.csv", decimal=decimal, missing=missing)
    for column in (Column("plot_id", "text"), Column("dbh_cm", "number", "length_cm")):
        raw = RawTable("f", pd.DataFrame({column.name: cells}, dtype=object))
        findings = Findings()
        reading = Reading(raw, source, "t", {column.name: column.name})
        table = standard_columns(reading, np.ones(len(cells), bool), (column,), findings)
        values, rejected, problems = slow_columns(cells, source, column)
        if column.kind == "text":
            assert table[column.name].tolist() == values
        else:
            assert np.array_equal(table[column.name], np.array(values, float), equal_nan=True)
        assert findings.rejected == rejected and len(findings.problems) == problems


@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), max_size=8))
def test_a_text_table_is_its_cells(rows: list[list[str]]) -> None:
    wide = [[*row, "", ""][:3] for row in rows]
    table = table_of([["a", "", "c"], *rows], "f")
    assert list(table.columns) == ["a", "c"] and len(table) == len(rows)
    assert table.to_numpy().tolist() == [[row[0], row[2]] for row in wide]


def test_texts_come_as_they_were_meant(tmp_path: Path) -> None:
    cells = ["'-12", "'-12", "'s-Hertogenbosch", "-12", "'s-Hertogenbosch"]
    (tmp_path / "t.csv").write_text("a\n" + "\n".join(cells) + "\n")
    rows = read_delimited(tmp_path / "t.csv", "t.csv")
    assert rows == [["a"], *([as_meant(cell)] for cell in cells)]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), CELLS),
            st.one_of(st.floats(), st.sampled_from([0.1, -0.0, 1e-12])),
            st.integers(-(2**62), 2**62),
            st.booleans(),
            st.one_of(st.none(), st.integers(0, 9)),
        ),
        max_size=9,
    )
)
def test_a_table_is_written_as_pandas_writes_it(rows: list[tuple[object, ...]]) -> None:
    table = pd.DataFrame(rows, columns=["t\xb3", "=x", "n", "yes", "some"], dtype=object)
    table = table.astype({"=x": float, "n": "int64", "yes": bool, "some": "Int64"})
    safe = table.rename(columns={"=x": "'=x"})
    safe["t\xb3"] = [inert(c) if isinstance(c, str) else c for c in table["t\xb3"]]
    how = {"index": False, "float_format": "%.10g", "lineterminator": "\n"}
    wanted = safe.to_csv(**how)
    if "\r" in wanted:
        wanted = safe.to_csv(**how, quoting=csv.QUOTE_ALL)
    with TemporaryDirectory() as folder:
        write_csv(Path(folder) / "t.csv", table)
        assert (Path(folder) / "t.csv").read_bytes().decode() == wanted
    assert len(list(csv.reader(io.StringIO(wanted)))) == len(rows) + 1


def slow_copies(trees: pd.DataFrame) -> list[tuple[object, object]]:
    seen: dict[object, object] = {}
    found = []
    for plot, part in trees.groupby("plot_id", sort=False):
        cells = part[["species", "dbh_cm", "height_m"]].to_numpy(dtype=object)
        key = tuple(map(tuple, cells.tolist()))
        if len(part) >= 5 and key in seen:
            found.append((plot, seen[key]))
        seen.setdefault(key, plot)
    return found


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.integers(0, 2))
def test_copies_of_plots_are_those_that_are_alike(kinds: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    heights = {0: np.arange(5.0), 1: np.arange(5.0), 2: np.arange(5.0), 3: np.arange(4.0)}
    heights[2] = np.where(np.arange(5) == 2, np.nan, heights[2])
    parts = [
        pd.DataFrame(
            {
                "plot_id": f"P{i}",
                "species": "ab"[kind == 1],
                "dbh_cm": 9.0,
                "height_m": heights[kind],
            }
        )
        for i, kind in enumerate(kinds)
    ]
    trees = pd.concat(parts, ignore_index=True)
    trees["tree_id"] = rng.permutation(len(trees)).astype(str)
    found = [(row[0], row[4].split("of plot ")[1]) for row in _copied_plots(trees)]  # type: ignore[attr-defined]
    assert found == slow_copies(trees)


def test_what_check_read_is_taken_once_and_only_of_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []

    def read(path: Path, *rest: str) -> list[list[str]]:
        looks.append(path)
        return read_delimited(path, *rest)

    monkeypatch.setattr(module, "read_delimited", read)
    source = TableSource(path=Path("t.csv"))
    for text, n in (("a\n1\n", 1), ("a\n1\n", 1), ("a\n2\n", 2), ("a\n1\n", 3)):
        (tmp_path / "t.csv").write_text(text)
        assert read_table(source, tmp_path).cells["a"].tolist() == [text[2]]
        assert len(looks) == n
