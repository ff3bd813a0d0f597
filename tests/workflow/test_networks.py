"""Networks and stacks as models of a project, from comparison to map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

pytest.importorskip("torch")

from phytomass.features import PredictorStack
from phytomass.files import sha256_of
from phytomass.grid import Block
from phytomass.mapping import MapRules, predict_map
from phytomass.models.patch_cnn import load_network
from phytomass.workflow import STEPS, load_project, run_steps
from phytomass.workflow.check import check_project
from tests.workflow.small import small_settings, write_project

TINY = {"patch": 5, "filters": 2, "epochs": 3, "n_members": 2}
NET: dict[str, Any] = {"name": "resnet", "parameters": TINY}


def with_networks(chosen: str) -> dict[str, Any]:
    content = small_settings()
    content["models"] = ["mlr", NET, {"name": "stack", "members": ["mlr", NET]}]
    content["validation"] = {"splits": ["holdout_by_site"]}
    content["map"] = {**content.get("map", {}), "model": chosen}
    content["truth"]["models"] = "all"
    return content


def run(project: Path, workers: int = 1) -> Path:
    for _ in run_steps(load_project(project), STEPS, ["map"], workers=workers):
        pass
    return project / "results"


def test_a_network_is_compared_mapped_saved_and_loaded(project: Path) -> None:
    write_project(project, with_networks("resnet"))
    results = run(project)
    scores = pd.read_csv(results / "model_comparison.csv")
    assert set(scores["model"]) == {"mlr", "resnet", "stack"}
    differences = pd.read_csv(results / "truth_differences.csv")
    assert {"mlr", "stack"} <= set(differences["other_model"])
    assert (differences["r2_low"] <= differences["r2_high"]).all()
    card = json.loads((results / "map_network.json").read_text())
    chosen = json.loads((results / "map_model.json").read_text())
    assert card["bands"] == chosen["predictors"]
    assert chosen["parameters"]["patch"] == 5

    first = sha256_of(results / "agb.tif")
    for name in ("agb.tif", "map_model.json"):
        (results / name).unlink()  # train and map again, on more workers
    run(project, workers=2)
    assert sha256_of(results / "agb.tif") == first

    stack = PredictorStack.open(results / "predictors.tif")
    network, _ = load_network(results / "map_network.safetensors", available=stack.names)
    again = project / "again.tif"
    with rasterio.open(results / "agb.tif") as made:
        agb = made.read(1)

    def inside(block: Block) -> np.ndarray:
        return np.isfinite(agb[block.slices])

    predict_map(network, stack, card["bands"], inside, again, rules=MapRules())
    with rasterio.open(again) as loaded:
        assert np.array_equal(loaded.read(1), agb, equal_nan=True)


def test_a_stack_makes_the_map(project: Path) -> None:
    write_project(project, with_networks("stack"))
    results = run(project, workers=2)
    chosen = json.loads((results / "map_model.json").read_text())
    weights = [chosen["parameters"][name] for name in ("0_mlr", "1_resnet")]
    assert sum(weights) == pytest.approx(1)
    assert not (results / "map_network.json").exists()
    with rasterio.open(results / "agb.tif") as made:
        assert np.isfinite(made.read(1)).any()


def test_check_names_a_patch_that_does_not_fit(project: Path) -> None:
    content = with_networks("resnet")
    content["models"][1] = {
        "name": "resnet",
        "parameters": {**TINY, "family": "paper", "patch": 121},
    }
    write_project(project, content)
    problems = check_project(load_project(project)).problems
    assert any("121 × 121 pixels is larger than the raster" in p.what for p in problems)


def test_a_map_in_bf16_says_what_that_costs(project: Path) -> None:
    content = with_networks("resnet")
    content["models"] = [{"name": "resnet", "parameters": {**TINY, "precision": "bf16"}}]
    content["truth"]["models"] = "map"
    write_project(project, content)
    for _ in run_steps(load_project(project), STEPS, ["report"]):
        pass
    results = project / "results"
    card = json.loads((results / "map_network.json").read_text())
    error = card["precision_error"]
    assert error["precision"] == "bf16"
    assert 0 < error["rms"] <= error["largest"] < 1
    assert json.loads((results / "map_model.json").read_text())["precision_error"] == error
    assert "Mapped in bf16: on" in (results / "report.html").read_text(encoding="utf-8")
