"""The shipped case studies on the real data, whole: what their pages say is what comes out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

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
