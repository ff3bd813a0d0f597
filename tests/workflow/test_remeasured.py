"""A study of remeasured trees alone: from a sheet of two dates to the change of an area."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phytomass import tables
from phytomass.workflow import STEPS, check_project, keep_findings, load_project, run_steps
from tests.workflow.small import write_project

COLUMNS = {"plot_id": ["block", "plot"], "tree_id": "tree"}


def sheet() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 16 * 8
    table = pd.DataFrame({"block": np.repeat(["X", "Y"], n // 2), "plot": np.arange(n) // 8 % 8})
    table["tree"], table["species"] = np.arange(n) % 8, "Melia azedarach"
    table["D10"], table["H10"] = rng.uniform(10, 30, n).round(1), rng.uniform(8, 15, n).round(1)
    table["D20"], table["H20"] = table["D10"] + rng.uniform(1, 6, n).round(1), table["H10"] + 2
    dead, new = rng.random(n) < 0.1, rng.random(n) < 0.1
    table.loc[dead, ["D20", "H20"]] = np.nan
    table.loc[new & ~dead, ["D10", "H10"]] = np.nan
    table.loc[5, ["D10", "H10", "D20", "H20"]] = [12.0, 9.0, 130.0, 12.0]
    return table


def project(**inventory: Any) -> dict[str, Any]:
    return {
        "name": "Twice",
        "period": "2020",
        "random_state": 1,
        "inventory": {
            "trees": {"path": "trees.csv", "columns": COLUMNS},
            "plot_area_ha": 0.05,
            "design": {"kind": "simple_random", "area_ha": 400.0},
            **inventory,
        },
        "allometry": {"fallback": "chave2014"},
        "errors": {"draws": 200},
    }


def run(folder: Path, table: pd.DataFrame, content: dict[str, Any]) -> Path:
    folder.mkdir()
    table.to_csv(folder / "trees.csv", index=False)
    write_project(folder, content)
    opened = load_project(folder)
    keep_findings(check_project(opened), opened)
    list(run_steps(opened, STEPS, ["plots", "account", "report"]))
    return folder / "results"


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dates = {y: {"dbh_cm": f"D{y % 100}", "height_m": f"H{y % 100}"} for y in (2010, 2020)}
    folder = tmp_path_factory.mktemp("twice") / "wide"
    return run(folder, sheet(), project(remeasured=dates))


def test_the_change_of_the_plots_and_of_the_area(wide: Path) -> None:
    change, plots = tables.read(wide, "plot_change"), tables.read(wide, "plots")
    assert (change["n_survivors"] + change["n_died"] + change["n_recruits"]).sum() == 128
    assert np.allclose(plots["agb_mg_ha"], change["agb_mg_ha"])
    assert np.allclose(plots["agb_before_mg_ha"], change["agb_before_mg_ha"])
    net = (plots["agb_mg_ha"] - plots["agb_before_mg_ha"]) / 10
    assert np.allclose(net, change["change_mg_ha_yr"], rtol=1e-6)
    estimates = tables.read(wide, "estimates")
    agb = estimates[(estimates["pool"] == "AGB") & (estimates["kind"] == "dry_mass")]
    mean = agb[agb["statistic"] == "mean"].set_index(["quantity", "period"])
    for name, value in (("change", 10 * net.mean()), ("change_rate", net.mean())):
        for scope in ("plot", "area"):
            row = mean.loc[(f"{scope}_{name}", "2010 to 2020")]
            assert row["value"] == pytest.approx(value)
            assert row["low"] < value < row["high"]
            assert row["n_draws"] == 200
            assert row["se"] > net.sem() * (10 if name == "change" else 1)
    assert "area_change_total" in set(agb["quantity"])


def test_growth_and_impossible_steps_are_listed(wide: Path) -> None:
    growth = tables.read(wide, "tree_growth")
    odd = growth[growth["action"] != ""]
    assert odd[["plot_id", "tree_id", "flag"]].to_numpy().tolist() == [
        ["X/0", "5", "grew by 11.8 cm a year"]
    ]
    suspicious = tables.read(wide, "suspicious_rows")
    (row,) = suspicious[suspicious["reason"] == "grew by 11.8 cm a year"].to_dict("records")
    assert (row["plot_id"], row["tree_id"], row["value"]) == ("X/0", "5", "130.0")
    assert "Change of the area" in (wide / "report.html").read_text(encoding="utf-8")


def test_a_long_sheet_gives_the_same_bytes(wide: Path, tmp_path: Path) -> None:
    table = sheet()
    parts = [
        table[["block", "plot", "tree", "species"]].assign(
            year=2000 + y, dbh_cm=table[f"D{y}"], height_m=table[f"H{y}"]
        )
        for y in (10, 20)
    ]
    rows = pd.concat([part.dropna() for part in parts])
    content = project()
    content["inventory"]["trees"]["columns"] = COLUMNS | {"date": "year"}
    long = run(tmp_path / "long", rows, content)
    for name in ("plots", "trees", "tree_growth", "plot_change", "estimates", "field_error"):
        assert (long / f"{name}.csv").read_bytes() == (wide / f"{name}.csv").read_bytes(), name


def test_one_date_gives_the_same_bytes_with_its_date_and_without(tmp_path: Path) -> None:
    table = sheet().dropna().rename(columns={"D20": "dbh_cm", "H20": "height_m"}).assign(year=2020)
    content = project()
    plain = run(tmp_path / "plain", table, content)
    content["inventory"]["trees"]["columns"] = COLUMNS | {"date": "year"}
    dated = run(tmp_path / "dated", table, content)
    names = sorted(path.name for path in plain.glob("*.csv"))
    assert names == sorted(path.name for path in dated.glob("*.csv"))
    assert "plot_change.csv" not in names
    for name in names:
        assert (plain / name).read_bytes() == (dated / name).read_bytes(), name
