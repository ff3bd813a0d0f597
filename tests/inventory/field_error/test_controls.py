"""Errors of diameters and heights from trees that were measured twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phytomass import tables
from phytomass.errors import InputError
from phytomass.inventory import TableSource, read_controls
from phytomass.inventory.field_error import ErrorSettings, control_errors, with_controls
from phytomass.inventory.field_error.prepare import diameter_sd
from phytomass.workflow import check_project, load_project, run
from tests.workflow.small import write_project


def stand(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"plot_id": "A", "tree_id": np.arange(n).astype(str)})
    dbh = rng.uniform(8, 60, n)
    return table.assign(dbh_cm=dbh, height_m=2.5 * dbh**0.6)


def by_parameter(found: pd.DataFrame) -> pd.DataFrame:
    return found.set_index("parameter")


def measured(true: pd.DataFrame, share: float, cm: float, seed: int) -> pd.DataFrame:
    """Heights err by a share of themselves, diameters by a constant of so many cm, by numpy."""
    rng = np.random.default_rng(seed)
    height = true["height_m"] * (1 + share * rng.standard_normal(len(true)))
    return true.assign(height_m=height, dbh_cm=true["dbh_cm"] + cm * rng.standard_normal(len(true)))


@pytest.mark.parametrize("control", ["alike", "exact"])
def test_errors_that_were_put_in_are_found(control: str) -> None:
    true = stand(4000)
    first = measured(true, 0.06, 0.5, 2)
    second = measured(true, 0.06, 0.5, 3) if control == "alike" else true
    errors = ErrorSettings.model_validate({"control": control})
    found = control_errors(first, second, errors)
    rows = by_parameter(found)
    assert rows["n_pairs"].tolist() == [4000] * 4 and rows["used"].all()
    assert rows.loc["height_cv", "found"] == pytest.approx(0.06, rel=0.03)
    assert rows.loc["height_cv", "error_sd"] == pytest.approx(
        0.06 * true["height_m"].mean(), rel=0.03
    )
    known = with_controls(errors, found)
    assert (known["height_cv"], known["gross_share"]) == (rows.loc["height_cv", "found"], 0.0)
    of_one = diameter_sd(true["dbh_cm"].to_numpy(), known)
    assert np.sqrt((of_one**2).mean()) == pytest.approx(0.5, rel=0.35)  # the shape is the table's
    expected = diameter_sd(true["dbh_cm"].to_numpy(), ErrorSettings(values={"gross_share": 0}))
    ratio = (first["dbh_cm"] - second["dbh_cm"]) / expected
    both = np.sqrt(2) if control == "alike" else 1.0
    assert of_one / expected == pytest.approx(ratio.std() / both, rel=0.01)


def test_four_and_twenty_pairs_by_hand() -> None:
    """Heights of 10 m, half 0.5 m above the control and half below: SD 0.5 √(24/23) / 10 of r."""
    first = stand(24).assign(height_m=[9.75, 10.25] * 12, dbh_cm=20.0)
    control = first.assign(height_m=[10.25, 9.75] * 12, dbh_cm=np.nan)
    found = control_errors(first, control, ErrorSettings())
    (row,) = found.to_dict("records")
    sd = 0.5 * np.sqrt(24 / 23)
    assert row["found"] == pytest.approx(sd / 10 / np.sqrt(2))
    assert row["difference"] == pytest.approx(0)
    assert row["difference_se"] == pytest.approx(sd / np.sqrt(24))
    assert (row["quantity"], row["general"], row["used"]) == ("height_m", 0.1, True)


def test_few_pairs_and_named_values_are_told_and_not_used() -> None:
    first = stand(19)
    found = control_errors(first, measured(first, 0.05, 0.2, 4), ErrorSettings())
    assert not found["used"].any() and set(found["reason"]) == {"fewer than 20 pairs"}
    assert with_controls(ErrorSettings(), found) == ErrorSettings()
    first, named = stand(30), ErrorSettings(values={"height_cv": 0.02})
    found = control_errors(first, measured(first, 0.05, 0.2, 4), named)
    assert by_parameter(found)["used"].to_dict() == {
        **{"dbh_slope": True, "dbh_constant": True, "gross_share": True, "height_cv": False}
    }
    assert with_controls(named, found)["height_cv"] == 0.02
    biomass_r = ErrorSettings(preset="biomass_r")
    assert not control_errors(first, measured(first, 0.05, 0.2, 4), biomass_r)["used"].any()


def test_a_bias_is_told_and_not_taken_for_scatter() -> None:
    true = stand(2000)
    found = control_errors(
        measured(true.assign(height_m=true["height_m"] * 1.08), 0.03, 0.3, 5),
        true,
        ErrorSettings(control="exact"),
    )
    row = by_parameter(found).loc["height_cv"]
    assert row["difference"] == pytest.approx(0.08 * true["height_m"].mean(), rel=0.03)
    assert row["found"] == pytest.approx(0.03, rel=0.1)


def test_pairs_that_cannot_be_are_refused() -> None:
    first = stand(30)
    with pytest.raises(InputError, match="all 30 pairs of dbh_cm are equal → map the columns"):
        control_errors(first, first, ErrorSettings())
    with pytest.raises(InputError, match="no control measurement has its plot_id and tree_id"):
        control_errors(first, first.assign(plot_id="B"), ErrorSettings())
    wild = first.assign(height_m=first["height_m"] * np.tile([20, 0.05], 15), dbh_cm=np.nan)
    with pytest.raises(InputError, match=r"differ too much: height_cv: .* same trees"):
        with_controls(ErrorSettings(), control_errors(first, wild, ErrorSettings()))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("plot_id,tree_id,dbh_cm\nA,1,20\nA,1,21\n", "a tree that stands there already"),
        ("plot_id,tree_id,dbh_cm\nA,1,0\n", "a size is above 0"),
        ("plot_id,tree_id,dbh_cm\nA,1,x\nA,2,5\nA,3,6\n", "row 2, column dbh_cm: not a number"),
        ("plot_id,tree_id\nA,1\n", "has neither dbh_cm nor height_m"),
        ("plot_id,dbh_cm\nA,1\n", "no column 'tree_id'"),
    ],
)
def test_tables_of_controls_that_are_broken(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "controls.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        read_controls(TableSource(path=Path("controls.csv")), tmp_path)


def test_a_project_takes_its_errors_from_the_second_columns_of_its_list(tmp_path: Path) -> None:
    true = stand(60)
    one, two = measured(true, 0.02, 0.2, 6), measured(true, 0.02, 0.2, 7)
    second = {"dbh_cm_2": (two["dbh_cm"] / 2.54).round(3), "height_m_2": two["height_m"].round(2)}
    sheet = one.round(2).assign(species="Melia azedarach", **second)
    sheet.loc[::2, list(second)] = np.nan
    sheet.to_csv(tmp_path / "trees.csv", index=False)
    columns = {"dbh_cm": "dbh_cm_2", "height_m": "height_m_2"}
    content: dict[str, Any] = {
        "name": "Controls",
        "period": "2020",
        "inventory": {"trees": {"path": "trees.csv"}, "plot_area_ha": 0.5},
        "allometry": {"fallback": "chave2014"},
        "errors": {"draws": 2000, "off": ["site_effect", "residual", "parameters", "wood_density"]},
    }
    content["inventory"]["trees"]["columns"] = {"plot_id": "plot_id"}
    spread = {}
    for name in ("general", "controls"):
        if name == "controls":
            source = {"path": "trees.csv", "columns": columns, "units": {"dbh_cm": "in"}}
            content["inventory"]["controls"] = source
        write_project(tmp_path, content)
        run(tmp_path, ["plots"])
        plots = tables.read(tmp_path / "results", "plots")
        spread[name] = plots["agb_se_mg_ha"].iloc[0] / plots["agb_mg_ha"].iloc[0]
    found = tables.read(tmp_path / "results", "control_measurements")
    assert set(found["n_pairs"]) == {30} and found["used"].all()
    assert by_parameter(found).loc["height_cv", "found"] == pytest.approx(0.02, rel=0.3)
    assert spread["controls"] < spread["general"]
    notes = [str(note.what) for note in check_project(load_project(tmp_path)).notes]
    assert any("height_m was measured twice on 30 trees" in note for note in notes)
