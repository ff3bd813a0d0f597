"""Standard errors and draws of the plots, from the field to training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr

from phytomass.workflow import STEPS, check_project, load_project, run_steps
from phytomass.workflow.comparison import CompareReads
from tests.workflow.small import small_settings, write_project


def content(models: list[Any], **training: Any) -> dict[str, Any]:
    made = small_settings()
    made["models"] = models
    made["validation"] = {"splits": ["holdout_by_site"]}
    made["training"] = training
    return made


def problems_of(project: Path) -> str:
    return "; ".join(str(problem) for problem in check_project(load_project(project)).problems)


def weighed_plots(project: Path, made: dict[str, Any]) -> pd.DataFrame:
    """Give the plots their biomass instead of trees; return the table."""
    plots = pd.read_csv(project / "results/plots.csv")
    columns = ["plot_id", "easting", "northing", "site", "agb_mg_ha", "agb_se_mg_ha"]
    del made["inventory"]["trees"]
    return plots[columns]


def test_errors_of_the_chain_weigh_the_plots(project: Path) -> None:
    before = pd.read_csv(project / "results/predictions.csv")
    made = content(["mlr"], weights="standard_errors")
    made["validation"] = small_settings()["validation"]
    write_project(project, made)
    for _ in run_steps(load_project(project), STEPS, ["map"]):
        pass
    results = project / "results"
    after = pd.read_csv(results / "predictions.csv")
    old = before[before["model"] == "mlr"].reset_index(drop=True)
    assert np.array_equal(old["observed"], after["observed"])  # scored against the same, unweighted
    assert not np.allclose(old["predicted"], after["predicted"])
    card = json.loads((results / "map_model.json").read_text())
    assert card["training"] == {"weights": "standard_errors", "draws": False}
    samples = CompareReads.of(load_project(project)).samples().samples
    plots = pd.read_csv(results / "plots.csv").set_index("plot_id")
    assert samples.y_se == pytest.approx(plots.loc[samples.plot_id, "agb_se_mg_ha"].to_numpy())


def test_the_draws_of_each_plot_reach_the_networks(project: Path) -> None:
    pytest.importorskip("torch")
    tiny = {"patch": 3, "filters": 2, "epochs": 2, "n_members": 3}
    made = content([{"name": "resnet", "parameters": tiny}], draws=True)
    write_project(project, made)
    assert problems_of(project) == ""
    for _ in run_steps(load_project(project), STEPS, ["compare"]):
        pass
    results = project / "results"
    samples = CompareReads.of(load_project(project)).samples().samples
    group = zarr.open_group(str(results / "plot_draws.zarr"), mode="r")
    order = [list(group.attrs["plot_id"]).index(plot) for plot in samples.plot_id]
    assert np.array_equal(samples.y_draws, np.asarray(group["agb_mg_ha"])[order][:, :3])


def test_errors_of_the_sheet_weigh_the_plots(project: Path) -> None:
    made = content(["mlr"], weights="standard_errors")
    weighed_plots(project, made).to_csv(project / "data/plots.csv", index=False)
    write_project(project, made)
    assert problems_of(project) == ""
    for _ in run_steps(load_project(project), STEPS, ["compare"]):
        pass
    assert CompareReads.of(load_project(project)).samples().samples.y_se.min() > 0


def test_check_refuses_weights_and_draws_that_are_not_there(project: Path) -> None:
    made = content(["mlr"], weights="standard_errors", draws=True)
    table = weighed_plots(project, made)
    table.drop(columns="agb_se_mg_ha").to_csv(project / "data/plots.csv", index=False)
    write_project(project, made)
    said = problems_of(project)
    assert "training.weights: standard_errors, and the plots have none" in said
    assert "training.draws: no network among `models` learns draws" in said

    table.loc[[2, 4], "agb_se_mg_ha"] = np.nan
    table.to_csv(project / "data/plots.csv", index=False)
    names = ", ".join(table["plot_id"].iloc[[2, 4]].astype(str))
    assert f"no standard error for 2 plots: {names}" in problems_of(project)


def test_check_counts_the_draws(project: Path) -> None:
    pytest.importorskip("torch")
    made = content(["resnet"], draws=True)
    made["errors"] = {"draws": 3}
    write_project(project, made)
    said = problems_of(project)
    assert "errors.draws is 3, the largest ensemble has 5 members" in said


def test_a_standard_error_of_the_sheet_beside_trees_is_refused(project: Path) -> None:
    made = small_settings()
    made["inventory"]["plots"]["columns"] = {"agb_se_mg_ha": "agb_se"}
    plots = pd.read_csv(project / "data/plots.csv").assign(agb_se=3.0)
    plots.to_csv(project / "data/plots.csv", index=False)
    write_project(project, made)
    assert "the standard error of biomass is given both by trees and by plots" in problems_of(
        project
    )
