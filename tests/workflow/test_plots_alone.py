"""Studies of plots alone: nothing but a tree list is needed; areas follow from a design."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from phytomass import tables
from phytomass.errors import InputError
from phytomass.workflow import load_project, new_project, run
from phytomass.workflow.steps import targets_of
from tests.workflow.small import write_project


def trees(n_plots: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    plot = np.repeat([f"P{i:02d}" for i in range(n_plots)], 8)
    dbh = rng.uniform(8, 45, len(plot))
    return pd.DataFrame(
        {
            "plot_id": plot,
            "species": rng.choice(
                ["Pinus roxburghii", "Cedrus deodara", "Pinus roxburgii"], len(plot)
            ),
            "dbh_cm": dbh.round(1),
            "height_m": (2.2 * dbh**0.6).round(1),
            "stratum": np.where(np.arange(len(plot)) % (8 * n_plots) < 4 * n_plots, "low", "high"),
        }
    )


def project(folder: Path, **inventory: Any) -> Path:
    folder.mkdir(exist_ok=True)
    trees().to_csv(folder / "trees.csv", index=False)
    content = {
        "name": "Plots alone",
        "period": "2020",
        "inventory": {"trees": {"path": "trees.csv"}, "plot_area_ha": 0.05, **inventory},
        "errors": {"draws": 200},
    }
    write_project(folder, content)
    return folder


def estimates(folder: Path, quantity: str) -> pd.DataFrame:
    table = tables.read(folder / "results", "estimates")
    rows = table[(table["quantity"] == quantity) & (table["kind"] == "dry_mass")]
    return rows[rows["pool"] == "AGB"].set_index("zone")


def test_a_tree_list_is_enough(tmp_path: Path) -> None:
    folder = project(tmp_path / "study")
    assert [o.name for o in run(folder)] == ["plots", "account", "report"]
    plots = tables.read(folder / "results", "plots")
    assert len(plots) == 12 and "easting" not in plots
    assert (folder / "results/report.html").is_file()
    names = tables.read(folder / "results", "species_names").set_index("species")
    assert names.loc["Pinus roxburgii", "accepted_species"] == "Pinus roxburghii"
    species = tables.read(folder / "results", "species_classes")
    assert set(species["class"]) == {"Pinus roxburghii", "Cedrus deodara"}
    assert np.isclose(species["agb_mg_ha"].sum(), plots["agb_mg_ha"].mean())
    mean = estimates(folder, "plot_mean")
    assert mean["method"].iloc[0].startswith("plots_mean")
    assert estimates(folder, "area_mean").empty


def test_a_design_gives_the_area_its_mean_and_total(tmp_path: Path) -> None:
    strata = {"kind": "stratified", "strata_ha": {"low": 300.0, "high": 100.0}}
    folder = project(tmp_path / "study", design=strata)
    run(folder)
    mean, total = estimates(folder, "area_mean"), estimates(folder, "area_total")
    assert set(mean.index) == {"all", "low", "high"}
    by_hand = 0.75 * mean.loc["low", "value"] + 0.25 * mean.loc["high", "value"]
    assert np.isclose(mean.loc["all", "value"], by_hand)
    assert np.isclose(total.loc["all", "value"], 400 * by_hand)
    plots = tables.read(folder / "results", "plots")
    spread = plots.groupby("stratum")["agb_mg_ha"].var() / 6
    finite = {"low": 1 - 6 * 0.05 / 300, "high": 1 - 6 * 0.05 / 100}
    sampling = sum(w**2 * spread[s] * finite[s] for s, w in (("low", 0.75), ("high", 0.25)))
    assert mean.loc["all", "se"] > np.sqrt(sampling) * 1.05  # what plots share comes on top
    assert mean.loc["all", "n_draws"] == 200
    needed = tables.read(folder / "results", "plots_needed")
    assert needed["stratum"].tolist() == ["high", "low"]


def test_what_needs_a_map_is_refused(tmp_path: Path) -> None:
    opened = load_project(project(tmp_path / "study"))
    with pytest.raises(InputError, match="nothing to map: the study is of plots alone"):
        targets_of(opened.project, ["map"])
    folder = tmp_path / "zones"
    project(folder)
    text = (folder / "project.yaml").read_text() + "\nzones: {path: zones.gpkg}\n"
    (folder / "project.yaml").write_text(text)
    with pytest.raises(InputError, match="zones needs a map"):
        load_project(folder)


def test_trees_of_a_plot_agree_about_it(tmp_path: Path) -> None:
    folder = project(tmp_path / "study")
    table = trees()
    table.loc[3, "stratum"] = "high"
    table.to_csv(folder / "trees.csv", index=False)
    with pytest.raises(InputError, match=r"column stratum: the trees of plot 'P00' do not agree"):
        run(folder, ["plots"])


@pytest.mark.parametrize(
    ("design", "says"),
    [
        ("clusters", "no two plots share a site"),
        ({"kind": "stratified", "strata_ha": {"low": 3.0}}, "no area of the stratum 'high'"),
    ],
)
def test_a_design_that_the_plots_contradict_is_found_before_the_run(
    design: Any, says: str, tmp_path: Path
) -> None:
    folder = project(tmp_path / "study", design=design)
    with pytest.raises(InputError, match=says):
        run(folder)
    assert not (folder / "results/plots.csv").exists()


def test_a_new_project_of_plots_alone_is_a_few_edits_from_its_results(tmp_path: Path) -> None:
    new_project(tmp_path, field=True)
    (tmp_path / "data").mkdir()
    columns = {"plot_id": "PLOT", "species": "SPECIES", "dbh_cm": "DBH", "height_m": "H"}
    trees().rename(columns=columns).to_csv(tmp_path / "data/trees.csv", index=False)
    assert [o.name for o in run(tmp_path, ["plots"])] == ["plots"]
