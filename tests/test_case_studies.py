"""The shipped case studies on the real data, whole: what their pages say is what comes out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from phytomass.workflow import STEPS, default_workers, load_project, run_steps

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_case(case: str, data: Path, folder: Path) -> Path:
    """Run a shipped project file in a folder of its own; return its results."""
    shutil.copy(EXAMPLES / case / "project.yaml", folder)
    (folder / "data").symlink_to(data / case)
    opened = load_project(folder)
    for _ in run_steps(opened, STEPS, [step.name for step in STEPS], workers=default_workers()):
        pass
    return opened.results


@pytest.mark.slow
def test_finland(data: Path, tmp_path: Path) -> None:
    results = run_case("finland", data, tmp_path)
    truth = pd.read_csv(results / "truth_comparison.csv")
    fine = truth[truth["block_m"] == 10].set_index(["model", "predictors"])
    assert fine.loc[("random_forest", "both"), "r2"] >= 0.57
    chosen = fine[fine["used_for_map"]].iloc[0]
    assert chosen["map_mean"] == pytest.approx(76.49, rel=0.05)
    scores = pd.read_csv(results / "model_comparison.csv").set_index(
        ["split", "predictors", "model"]
    )
    for split in ("repeated_kfold", "spatial_blocks"):
        both = scores.loc[(split, "both", "random_forest"), "rmse"]
        assert both < scores.loc[(split, "optical", "random_forest"), "rmse"]
        assert both < scores.loc[(split, "sar", "random_forest"), "rmse"]


@pytest.mark.slow
def test_finland_months(data: Path, tmp_path: Path) -> None:
    """The stack alone of examples/finland_months: the other models take as long again."""
    pytest.importorskip("torch")
    content = yaml.safe_load((EXAMPLES / "finland_months" / "project.yaml").read_text("utf-8"))
    content["models"] = [model for model in content["models"] if "members" in model]
    (tmp_path / "project.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (tmp_path / "data").symlink_to(data / "finland")
    opened = load_project(tmp_path)
    for _ in run_steps(opened, STEPS, ["map"], workers=default_workers()):
        pass
    truth = pd.read_csv(opened.results / "truth_comparison.csv").set_index("block_m")
    assert truth.loc[10, "r2"] >= 0.68
    assert truth.loc[10, "map_mean"] == pytest.approx(76.49, rel=0.03)
    chosen = json.loads((opened.results / "map_model.json").read_text("utf-8"))["parameters"]
    assert chosen["1_resnet_slope"] > 1.2  # the ensemble predicts too close to the mean


@pytest.mark.slow
def test_bartlett(data: Path, tmp_path: Path) -> None:
    results = run_case("bartlett", data, tmp_path)
    estimates = pd.read_csv(results / "estimates.csv")
    agb = estimates[(estimates["pool"] == "AGB") & (estimates["kind"] == "dry_mass")]
    means = agb[(agb["quantity"] == "plot_mean") & (agb["statistic"] == "mean")]
    assert dict(zip(means["period"].astype(str), means["value"].round(2), strict=True)) == {
        "2002": 242.24,
        "1991": 217.25,
    }
    assert (means["n"] == 415).all()
    assert len(pd.read_csv(results / "rejected_rows.csv")) == 22
    scores = pd.read_csv(results / "model_comparison.csv").set_index(
        ["split", "predictors", "model"]
    )
    assert scores.loc[("repeated_kfold", "all", "random_forest"), "r2"] == pytest.approx(
        0.13, abs=0.05
    )
