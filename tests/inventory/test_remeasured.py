"""Trees of two dates: long and wide, fates, impossible steps, keys of several columns, bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.errors import InputError
from phytomass.inventory import (
    Inventory,
    InventorySettings,
    Remeasurement,
    check_inventory,
    read_inventory,
    survey_inventory,
)

STATUS = {"L": "live", "D": "dead", "M": "missing"}
ROWS = [  # plot, tree, species, diameter and status in 1991 and in 2001
    ("A", "1", "oak", 10.0, "L", 14.0, "L"),
    ("A", "2", "oak", 20.0, "L", None, "D"),
    ("A", "3", "ash", None, "", 6.0, "L"),
    ("A", "4", "ash", 30.0, "L", 20.0, "L"),
    ("B", "1", "oak", 12.0, "L", 15.0, "L"),
    ("B", "2", "oak", 15.0, "L", None, "M"),
    ("B", "3", "oak", 8.0, "L", None, ""),
]
NAMES = ["plot_id", "tree_id", "species", "D91", "S91", "D01", "S01"]
WIDE = {1991: {"dbh_cm": "D91", "status": "S91"}, 2001: {"dbh_cm": "D01", "status": "S01"}}


def wide() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=NAMES)


def long(table: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for year, short in ((1991, "91"), (2001, "01")):
        part = table[["plot_id", "tree_id", "species"]].assign(
            year=year, dbh_cm=table[f"D{short}"], status=table[f"S{short}"]
        )
        parts.append(part[(part["status"] != "") | part["dbh_cm"].notna()])
    return pd.concat(parts)


def settings(folder: Path, table: pd.DataFrame, **more: object) -> InventorySettings:
    table.to_csv(folder / "trees.csv", index=False)
    columns: dict[str, object] = {} if "remeasured" in more else {"date": "year"}
    columns |= more.pop("columns", {})  # type: ignore[arg-type]
    given = {"trees": {"path": "trees.csv", "columns": columns}, "plot_area_ha": 0.1}
    return InventorySettings.model_validate({"status": STATUS, **given, **more})


def read(folder: Path, table: pd.DataFrame, **more: object) -> tuple[Inventory, Remeasurement]:
    inventory = read_inventory(settings(folder, table, **more), folder, None)
    assert inventory.earlier is not None
    return inventory, inventory.earlier


def by_tree(earlier: Remeasurement, column: str) -> dict[str, object]:
    table = earlier.growth
    return dict(zip(table["plot_id"] + table["tree_id"], table[column], strict=True))


@pytest.mark.parametrize("shape", ["long", "wide"])
def test_fates_of_a_case_by_hand(tmp_path: Path, shape: str) -> None:
    if shape == "long":
        inventory, earlier = read(tmp_path, long(wide()))
    else:
        inventory, earlier = read(tmp_path, wide(), remeasured=WIDE)
    assert by_tree(earlier, "fate") == {
        "A1": "survivor", "A2": "died", "A3": "recruit", "A4": "survivor",
        "B1": "survivor", "B2": "lost", "B3": "lost",
    }  # fmt: skip
    increments = by_tree(earlier, "increment_cm_yr")
    assert increments["A1"] == pytest.approx(0.4)
    assert np.isnan(float(str(increments["A2"])))
    assert by_tree(earlier, "flag")["A4"] == "shrank by 10 cm"
    assert by_tree(earlier, "flag")["B2"] == "not found at the later date"
    assert by_tree(earlier, "flag")["B3"] == "no row at the later date"
    assert earlier.plots.to_dict("index")["A"] == {
        "date_before": "1991", "date": "2001", "years": 10.0,
    }  # fmt: skip
    assert inventory.trees is not None
    assert (inventory.trees["plot_id"] + inventory.trees["tree_id"]).tolist() == [
        "A1", "A3", "A4", "B1",
    ]  # fmt: skip
    assert earlier.trees["dbh_cm"].tolist() == [10, 20, 30, 12, 15, 8]
    assert list(earlier.trees.columns) == list(inventory.trees.columns)
    assert set(inventory.rejected["kind"]) == {"left out"}
    assert inventory.losses.empty
    assert (inventory.plots["n_trees_rejected"] == 0).all()


def test_one_date_is_read_as_ever(tmp_path: Path) -> None:
    one = long(wide())[lambda t: t["year"] == 2001]
    dated = settings(tmp_path, one)
    plain = settings(tmp_path, one, columns={"date": ""})
    a, b = (read_inventory(s, tmp_path, None) for s in (dated, plain))
    assert a.earlier is None
    assert a.trees is not None and b.trees is not None
    for one_table, other in ((a.trees, b.trees), (a.plots, b.plots), (a.rejected, b.rejected)):
        pd.testing.assert_frame_equal(one_table, other)


def test_the_later_date_alone_gives_the_same_trees(tmp_path: Path) -> None:
    both, _ = read(tmp_path, long(wide()))
    later = read_inventory(settings(tmp_path, long(wide())[lambda t: t["year"] == 2001]), tmp_path, None)  # fmt: skip
    assert both.trees is not None and later.trees is not None
    pd.testing.assert_frame_equal(both.trees, later.trees)


def test_mended_and_rejected_steps(tmp_path: Path) -> None:
    rows = [("A", str(i), "oak", 10.0, "L", 13.0 + i / 10, "L") for i in range(9)]
    rows += [("A", "99", "oak", 20.0, "L", 200.0, "L"), ("A", "98", "oak", None, "", 120.0, "L")]
    table = pd.DataFrame(rows, columns=NAMES)
    _, kept = read(tmp_path, table, remeasured=WIDE)
    assert by_tree(kept, "flag")["A99"] == "grew by 18 cm a year"
    assert "new and 120 cm thick" in str(by_tree(kept, "flag")["A98"])
    assert by_tree(kept, "fate")["A98"] == "recruit"
    inventory, mended = read(tmp_path, table, remeasured=WIDE, impossible_steps="mend")
    assert inventory.trees is not None
    diameter = inventory.trees.set_index("tree_id")["dbh_cm"]
    assert diameter["99"] == pytest.approx(20 + 3.4)  # the median growth of the nine
    assert by_tree(mended, "action")["A99"] == "mended"
    inventory, rejected = read(tmp_path, table, remeasured=WIDE, impossible_steps="reject")
    assert inventory.trees is not None
    assert inventory.trees.set_index("tree_id")["dbh_cm"]["99"] == 200
    assert rejected.trees.set_index("tree_id")["dbh_cm"]["99"] == 200
    assert by_tree(rejected, "fate")["A99"] == by_tree(rejected, "fate")["A98"] == "unchanged"


def test_where_a_step_begins_to_be_impossible(tmp_path: Path) -> None:
    steps = {"1": (10.0, 109.9), "2": (10.0, 110.3), "3": (30.0, 25.1), "4": (30.0, 24.9)}
    rows = [("A", tree, "oak", a, "L", b, "L") for tree, (a, b) in steps.items()]
    _, kept = read(tmp_path, pd.DataFrame(rows, columns=NAMES), remeasured=WIDE)
    flags = by_tree(kept, "flag")
    assert [bool(flags[f"A{tree}"]) for tree in steps] == [False, True, False, True]


def test_a_row_at_fault_makes_no_growth(tmp_path: Path) -> None:
    table = wide().astype({"D91": object, "D01": object})
    table.loc[0, "D91"], table.loc[4, "D01"] = "1o", "?"
    inventory, earlier = read(tmp_path, table, remeasured=WIDE)
    fate = by_tree(earlier, "fate")
    assert (fate["A1"], fate["B1"]) == ("unchanged", "left out")
    at_first = dict(zip(earlier.trees["plot_id"] + earlier.trees["tree_id"], earlier.trees["dbh_cm"], strict=True))  # fmt: skip
    assert at_first["A1"] == 14.0  # as it is later
    assert "B1" not in at_first
    faults = inventory.rejected[inventory.rejected["kind"] == "rejected"]
    assert faults[["column", "value"]].to_numpy().tolist() == [["D91", "1o"], ["D01", "?"]]


def test_visits_of_several_days_and_of_each_plot(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [
            ("A", "1", "oak", "1991-06-01", 10.0), ("A", "2", "oak", "1991-06-20", 11.0),
            ("A", "1", "oak", "1996-07-01", 12.0), ("A", "1", "oak", "2001-06-01", 14.0),
            ("A", "2", "oak", "2001-06-20", 15.0), ("B", "1", "oak", "1993-06-01", 9.0),
            ("B", "1", "oak", "2003-06-01", 12.0), ("C", "1", "oak", "2002-06-01", 12.0),
        ],
        columns=["plot_id", "tree_id", "species", "year", "dbh_cm"],
    )  # fmt: skip
    inventory, earlier = read(tmp_path, table, status={})
    assert earlier.plots["years"].round(2).to_dict() == {"A": 10.0, "B": 10.0}
    assert earlier.plots["date_before"].to_dict() == {"A": "1991-06", "B": "1993-06"}
    assert inventory.plots["plot_id"].tolist() == ["A", "B", "C"]  # C is new
    (between,) = inventory.rejected["reason"]
    assert "between the first and the last date" in between
    assert (earlier.growth["fate"] == "survivor").all()
    chosen = table.assign(code=["x", "x", "y", "x", "x", "x", "x", "x"])
    given = settings(tmp_path, chosen, status={}).model_dump()
    given["trees"]["where"] = {"code": "x"}
    fewer = read_inventory(InventorySettings.model_validate(given), tmp_path, None).earlier
    assert fewer is not None
    pd.testing.assert_frame_equal(fewer.growth, earlier.growth)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"species": "elm"}, "1 trees change species: 1 of plot A ('oak' and 'elm')"),
        ({"D01": 0.0}, "1 trees have a diameter of 0 at one date: 1 of plot A"),
    ],
)
def test_trees_that_cannot_be_one(tmp_path: Path, change: dict[str, object], what: str) -> None:
    table = long(wide())
    for name, value in change.items():
        name = {"D01": "dbh_cm"}.get(name, name)
        later = (table["year"] == 2001) & (table["plot_id"] == "A") & (table["tree_id"] == "1")
        table.loc[later, name] = value
    problems = check_inventory(settings(tmp_path, table), tmp_path, None)
    assert [p.what for p in problems] == [what]
    assert problems[0].remedy


def test_a_tree_that_changes_plot(tmp_path: Path) -> None:
    table = wide().assign(tree_id=[str(i) for i in range(7)])
    moved = long(table)
    moved.loc[(moved["year"] == 2001) & (moved["tree_id"] == "0"), "plot_id"] = "B"
    (problem,) = check_inventory(settings(tmp_path, moved), tmp_path, None)
    assert problem.what == "1 trees change plot: tree 0: 'A' and 'B'"


def test_swapped_dates(tmp_path: Path) -> None:
    rows = [("A", str(i), "oak", 14.0, "L", 10.0, "L") for i in range(12)]
    table = pd.DataFrame(rows, columns=NAMES)
    (problem,) = check_inventory(settings(tmp_path, table, remeasured=WIDE), tmp_path, None)
    assert problem.what == "12 of 12 trees are thinner at the later date"
    assert "swapped" in problem.remedy


def test_dates_that_are_none(tmp_path: Path) -> None:
    table = long(wide()).assign(year=lambda t: "census " + t["year"].astype(str))
    (problem, *_) = check_inventory(settings(tmp_path, table), tmp_path, None)
    assert "does not hold years or days" in problem.what
    given = settings(tmp_path, wide(), remeasured={"1": WIDE[1991], "2": WIDE[2001]})
    (problem, *_) = check_inventory(given, tmp_path, None)
    assert "are not two dates" in problem.what


def test_what_cannot_be_followed(tmp_path: Path) -> None:
    table = long(wide())
    lost = table[(table["plot_id"] == "A") | (table["year"] == 1991)]
    (problem,) = check_inventory(settings(tmp_path, lost), tmp_path, None)
    assert problem.what == "1 plots have no row at the later date: B"
    bare = settings(tmp_path, table.drop(columns="tree_id"))
    (problem,) = check_inventory(bare, tmp_path, None)
    assert "without numbers" in problem.what
    found = survey_inventory(bare, tmp_path, None, placed=False)
    assert [p.what for p in found.problems] == [problem.what]
    undated = settings(tmp_path, table, columns={"date": ""}, status={})
    problem = check_inventory(undated, tmp_path, None)[-1]
    assert "the same tree id within a plot more than once" in problem.what
    assert "or follow the trees with inventory.trees.columns.date: year" in problem.remedy


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"remeasured": {1991: WIDE[1991]}}, "two dates"),
        ({"remeasured": {1991: {"status": "S91"}, 2001: WIDE[2001]}}, "name the column of dbh_cm"),
        ({"remeasured": WIDE, "columns": {"date": "year"}}, "without columns.date"),
        ({"columns": {"dbh_cm": ["a", "b"]}}, "can be made of several columns"),
    ],
)
def test_settings_that_contradict(tmp_path: Path, more: dict[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        settings(tmp_path, wide(), **more)


def test_keys_of_several_columns(tmp_path: Path) -> None:
    trees = wide().assign(site="S", block=lambda t: t["plot_id"], plot="1").drop(columns="plot_id")
    plots = pd.DataFrame({"site": "S", "block": ["A", "B"], "plot": "1", "area": [0.1, 0.2]})
    plots.to_csv(tmp_path / "plots.csv", index=False)
    key = {"plot_id": ["site", "block", "plot"]}
    given = {"path": "plots.csv", "columns": {**key, "area_ha": "area", "site": ""}}
    made = settings(
        tmp_path, trees, columns=key, remeasured=WIDE, plots=given,
        plot_area_ha=None,
    )  # fmt: skip
    inventory = read_inventory(made, tmp_path, None)
    assert inventory.plots["plot_id"].tolist() == ["S/A/1", "S/B/1"]
    assert inventory.trees is not None
    assert set(inventory.trees["plot_id"]) == {"S/A/1", "S/B/1"}
    trees.loc[0, "block"] = ""
    trees.loc[1, "block"] = "C"
    trees.to_csv(tmp_path / "trees.csv", index=False)
    (problem,) = check_inventory(made, tmp_path, None)
    assert "trees of plots that are not in the table of plots: 'S/C/1'" in problem.what
    assert problem.where == "trees.csv, row 3, column site/block/plot"


def test_keys_that_look_alike_once_joined(tmp_path: Path) -> None:
    table = wide().assign(block=["a/b"] + ["a"] * 6, plot=["c"] + ["b/c"] * 6)
    made = settings(tmp_path, table, columns={"plot_id": ["block", "plot"]}, remeasured=WIDE)
    with pytest.raises(InputError, match="two different keys are both 'a/b/c'"):
        read_inventory(made, tmp_path, None)
    made = settings(tmp_path, table, columns={"plot_id": ["blok", "plot"]}, remeasured=WIDE)
    with pytest.raises(InputError, match=r"no column 'blok' \(inventory.trees.columns.plot_id\)"):
        read_inventory(made, tmp_path, None)
