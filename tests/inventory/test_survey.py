"""What a survey says of field sheets that can be read and look wrong; each guard has its own case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phytomass.inventory import InventorySettings, Survey, read_inventory, survey_inventory
from phytomass.inventory.unit_doubts import LOWEST, TALLEST, usual_height

CRS = "EPSG:32643"
PLOTS = "plot_id,easting,northing\nP01,500000,3800000\nP02,500100,3800000\n"


def forest(seed: int = 1, largest: float = 60.0, n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    d = rng.uniform(largest / 10, largest, n)
    h = usual_height(d) * rng.lognormal(0, 0.15, n)
    plot = np.where(np.arange(n) % 2, "P01", "P02")
    return pd.DataFrame(
        {
            "plot_id": plot,
            "species": "Pinus roxburghii",
            "dbh_cm": d.round(1),
            "height_m": h.round(1),
        }
    )


def survey(folder: Path, trees: pd.DataFrame, plots: str = PLOTS, **source: object) -> Survey:
    trees.to_csv(folder / "trees.csv", index=False)
    (folder / "plots.csv").write_text(plots, encoding="utf-8")
    return survey_inventory(sheet(**source), folder, CRS)


def sheet(**source: object) -> InventorySettings:
    return InventorySettings.model_validate(
        {
            "trees": {"path": "trees.csv", **source},
            "plots": {"path": "plots.csv"},
            "plot_area_ha": 0.1,
        }
    )


def warned(found: Survey) -> str:
    return "\n".join(map(str, found.warnings))


def test_a_good_list_is_not_doubted(tmp_path: Path) -> None:
    found = survey(tmp_path, forest())
    assert (found.problems, found.warnings, found.notes) == ([], [], [])


@pytest.mark.parametrize(
    ("height", "diameter", "remedy"),
    [
        (0.3048, 1.0, "heights are feet, set inventory.trees.units.height_m: ft"),
        (0.1, 1.0, "heights are decimetres, set inventory.trees.units.height_m: dm"),
        (0.3048, 2.54, "diameters are inches and heights are feet"),
    ],
)
def test_units_out_of_proportion(
    tmp_path: Path, height: float, diameter: float, remedy: str
) -> None:
    trees = forest(largest=25.0 if height > 0.1 else 5.0)
    trees["height_m"] /= height
    trees["dbh_cm"] /= diameter
    found = survey(tmp_path, trees)
    assert found.problems == []
    assert "times as tall as trees of their diameter usually are" in warned(found)
    assert remedy in warned(found)


def test_declared_feet_are_believed(tmp_path: Path) -> None:
    trees = forest()
    trees["height_m"] /= 0.3048
    assert survey(tmp_path, trees, units={"height_m": "ft"}).warnings == []


def test_declared_inches_leave_the_heights_to_doubt(tmp_path: Path) -> None:
    trees = forest()
    trees["height_m"] /= 0.3048
    trees["dbh_cm"] /= 2.54
    found = survey(tmp_path, trees, units={"dbh_cm": "in"})
    assert warned(found).endswith("if heights are feet, set inventory.trees.units.height_m: ft")


def test_the_unit_of_a_header_is_taken_and_told(tmp_path: Path) -> None:
    trees = forest().rename(columns={"dbh_cm": "DBH_in", "height_m": "HT (m)"})
    columns = {"dbh_cm": "DBH_in", "height_m": "HT (m)"}
    found = survey(tmp_path, trees, columns=columns)
    told = [f"{note.where}: {note.what}" for note in found.notes]
    assert "trees.csv, column DBH_in: its unit is taken from the header: in" in told
    assert found.trees["dbh_cm"].tolist() == pytest.approx(2.54 * trees["DBH_in"])
    assert survey(tmp_path, trees, columns=columns, units={"dbh_cm": "in"}).problems == []
    (problem,) = survey(tmp_path, trees, columns=columns, units={"dbh_cm": "mm"}).problems
    assert "the header says in, and inventory.trees.units.dbh_cm says mm" in problem.what


def test_a_single_letter_is_doubted(tmp_path: Path) -> None:
    trees = forest().rename(columns={"dbh_cm": "dbh_m"})
    found = survey(tmp_path, trees, columns={"dbh_cm": "dbh_m"})
    assert "column dbh_m: the header says m, and it is read as cm" in warned(found)
    assert found.trees["dbh_cm"].tolist() == pytest.approx(trees["dbh_m"])


def test_two_dates_without_tree_numbers(tmp_path: Path) -> None:
    both = pd.concat([forest().assign(year=2015), forest(seed=2).assign(year=2020)])
    found = survey(tmp_path, both)
    assert "column year: most plots hold trees of several dates (2015, 2020)" in warned(found)
    assert "inventory.trees.where: {year: 2020}" in warned(found)
    assert survey(tmp_path, both, where={"year": 2020}).warnings == []
    planted = both.rename(columns={"year": "year_planted"})
    assert survey(tmp_path, planted).warnings == []


def test_two_dates_with_tree_numbers(tmp_path: Path) -> None:
    first = forest().assign(tree_id=range(80), INVYR=2015)
    found = survey(tmp_path, pd.concat([first, first.assign(INVYR=2020)]))
    (problem,) = found.problems
    assert "the same tree id within a plot more than once" in problem.what
    assert "there seem to be 2 dates (2015, 2020)" in problem.remedy
    assert "inventory.trees.where: {INVYR: 2020}" in problem.remedy
    assert found.warnings == []  # told once


def test_days_are_told_by_their_year(tmp_path: Path) -> None:
    days = ["2015-06-01", "2015-06-02", "2020-07-01", "2020-07-03"]
    trees = forest().assign(date=np.resize(np.repeat(days, 2), 80))
    found = survey(tmp_path, trees)
    assert "(2015, 2020)" in warned(found)
    assert "a column of the year and inventory.trees.where" in warned(found)
    one_season = forest().assign(date=np.resize(np.repeat(days[:2], 2), 80))
    assert survey(tmp_path, one_season).warnings == []


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        (("p01", "p02"), "capital letters differ"),
        (("P 01", "P 02"), "blanks differ"),
        (("P1", "P2"), "leading zeros differ"),
        (("P-01", "P-02"), "signs differ"),
    ],
)
def test_plot_ids_that_differ_in_spelling(tmp_path: Path, ids: tuple[str, str], why: str) -> None:
    trees = forest()
    trees["plot_id"] = trees["plot_id"].map(dict(zip(("P01", "P02"), ids, strict=True)))
    (problem,) = survey(tmp_path, trees).problems
    assert f"{ids[1]!r} is probably 'P02'" in problem.remedy
    assert why in problem.remedy


def test_what_rejected_trees_take_from_their_plot(tmp_path: Path) -> None:
    trees = pd.DataFrame(
        {
            "plot_id": ["P01"] * 4 + ["P02"] * 2,
            "species": ["a", "a", "", "a", "a", "a"],
            "dbh_cm": ["30", "40", "50", "", "20", "20"],
        }
    )
    trees["ok"] = ["yes"] * 5 + ["no"]
    found = survey(tmp_path, trees, where={"ok": "yes"})
    row = found.losses.iloc[0]
    assert (row["plot_id"], row["n_trees"], row["n_rejected"]) == ("P01", 4, 2)
    assert row["stem_share"] == 0.5
    assert np.isnan(row["basal_area_share"])  # one of the two has no diameter
    assert len(found.losses) == 1  # the row that `where` leaves out is no loss of P02
    assert "P01 50 % of 4 stems, an unknown share of the basal area" in warned(found)
    assert [str(note) for note in found.notes] == [
        "trees.csv: 1 rows are left out as the project file asks"
    ]
    trees.loc[3, "dbh_cm"] = "10"
    found = survey(tmp_path, trees, where={"ok": "yes"})
    assert found.losses.iloc[0]["basal_area_share"] == pytest.approx(
        2500 / (900 + 1600 + 2500 + 100)
    )
    inventory = read_inventory(sheet(where={"ok": "yes"}), tmp_path, CRS)
    assert inventory.rejected["kind"].tolist() == ["rejected", "left out"]
    assert inventory.losses.equals(found.losses)


def test_trees_of_a_plot_that_where_leaves_out_are_not_rejected(tmp_path: Path) -> None:
    forest().to_csv(tmp_path / "trees.csv", index=False)
    (tmp_path / "plots.csv").write_text(
        "plot_id,easting,northing,use\nP01,500000,3800000,1\nP02,500100,3800000,0\n"
    )
    settings = InventorySettings.model_validate(
        {
            "trees": {"path": "trees.csv"},
            "plots": {"path": "plots.csv", "where": {"use": 1}},
            "plot_area_ha": 0.1,
        }
    )
    found = survey_inventory(settings, tmp_path, CRS)
    assert found.losses.empty and found.warnings == []
    inventory = read_inventory(settings, tmp_path, CRS)
    assert set(inventory.rejected["kind"]) == {"left out"}


def test_trees_are_looked_at_though_the_plots_cannot_be_read(tmp_path: Path) -> None:
    trees = forest()
    trees["height_m"] /= 0.3048
    found = survey(tmp_path, trees, plots="plot_id,x,y\nP01,1,1\n")
    assert found.plots is None and found.trees is not None
    assert "feet" in warned(found)


@pytest.mark.parametrize("unit", [1.0, 0.3048])
def test_real_sites_in_metres_and_in_feet(data: Path, unit: float) -> None:
    """Of 54 sites of felled and weighed trees none is doubted; in feet nearly all are."""
    trees = pd.read_csv(data / "harvest/trees.csv", encoding="latin-1")
    d, h = trees["Trunk.diameter..cm."], trees["Total.height..m."] / unit
    ratio = pd.Series(h / usual_height(d)).groupby(trees["Locality"]).agg(["median", "count"])
    medians = ratio.loc[ratio["count"] >= 20, "median"]
    doubted = (medians >= TALLEST) | (medians <= LOWEST)
    assert len(medians) == 54
    assert doubted.sum() == (0 if unit == 1.0 else 51)
