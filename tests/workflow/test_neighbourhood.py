"""A model listed twice, once with neighbourhood means, from comparison to report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from phytomass.errors import InputError
from phytomass.files import sha256_of
from phytomass.workflow import STEPS, load_project, run_steps
from tests.workflow.small import small_settings, write_project

FOREST = {"name": "random_forest", "parameters": {"n_estimators": 12, "min_samples_leaf": 2}}
MEANS = {**FOREST, "label": "forest_means", "neighbourhood": [3, 7]}


ALL = [step.name for step in STEPS]
TO_THE_MAP = [name for name in ALL if name not in ("account", "report")]


def run(project: Path, model: str, steps: list[str], workers: int = 1) -> Path:
    content = small_settings()
    stack = {"name": "stack", "members": [FOREST, MEANS], "parameters": {"n_splits": 2}}
    content["models"] = [FOREST, MEANS, stack]
    content["validation"] = {"splits": ["spatial_blocks"], "n_splits": 3}
    content["map"] = {**content.get("map", {}), "model": model}
    content["truth"]["models"] = "all"
    write_project(project, content)
    for _ in run_steps(load_project(project), STEPS, steps, workers=workers):
        pass
    return project / "results"


def test_a_labelled_model_with_means_is_compared_mapped_and_reported(project: Path) -> None:
    results = run(project, "forest_means", ALL)
    scores = pd.read_csv(results / "model_comparison.csv").set_index("model")
    assert set(scores.index) == {"random_forest", "forest_means", "stack"}
    rmse = scores.groupby("model")["rmse"].first()
    assert rmse["random_forest"] != rmse["forest_means"]
    assert scores["n_train"].nunique() == 1  # the same plots for both, apart by the patch of one
    truth = pd.read_csv(results / "truth_comparison.csv")
    assert set(truth.loc[truth["used_for_map"], "model"]) == {"forest_means"}
    card = json.loads((results / "map_model.json").read_text())
    assert card["model"] == "forest_means"
    assert card["parameters"]["neighbourhood"] == "3, 7"
    assert "forest_means" in (results / "report.html").read_text(encoding="utf-8")

    first = sha256_of(results / "agb.tif")
    for name in ("agb.tif", "map_model.json"):
        (results / name).unlink()
    run(project, "forest_means", TO_THE_MAP, workers=2)
    assert sha256_of(results / "agb.tif") == first


def test_a_stack_of_both_makes_the_map_and_says_its_lines(project: Path) -> None:
    results = run(project, "stack", TO_THE_MAP)
    chosen = json.loads((results / "map_model.json").read_text())["parameters"]
    assert chosen["0_random_forest"] + chosen["1_forest_means"] == pytest.approx(1)
    assert chosen["1_forest_means_slope"] > 0
    with rasterio.open(results / "agb.tif") as made:
        assert np.isfinite(made.read(1)).any()


def test_a_model_listed_twice_needs_a_label(project: Path) -> None:
    content = small_settings()
    content["models"] = [FOREST, {**FOREST, "neighbourhood": [3]}]
    write_project(project, content)
    with pytest.raises(InputError, match="`label` of its own"):
        load_project(project)
