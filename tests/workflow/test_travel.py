"""A map made with the model of another study: what is matched, said and written."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

from phytomass.errors import InputError, PhytomassWarning
from phytomass.workflow import check_project, load_project, run_steps, steps_of, targets_of
from tests.workflow.small import write_project
from tests.workflow.tiny import make_tiny, tiny_project

ALL = ["plots", "stack", "compare", "map", "account", "report"]


def _run(folder: Path, *targets: str) -> list[str]:
    opened = load_project(folder)
    wanted = targets_of(opened.project, targets or ALL)
    return [o.name for o in run_steps(opened, steps_of(opened.project), wanted, workers=1)]


def _away(**sections: Any) -> dict[str, Any]:
    """Return a project with the model of `../home` and no plots."""
    content = tiny_project()
    for name in ("inventory", "models", "training", "validation", "truth", "errors", "allometry"):
        del content[name]
    content["map"] = {"model_from": "../home/results", "minimum": 0}
    content["name"] = "Away"
    return {**content, **sections}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose map is made, with a random forest."""
    folder = make_tiny(tmp_path_factory.mktemp("travel") / "home")
    content = tiny_project()
    content["models"] = content["models"][1:]
    content["predictors"]["sets"] = {"all": ["B4", "B8", "VH", "NDVI", "ratio"]}
    del content["truth"]
    write_project(folder, content)
    _run(folder, "map")
    return folder


@pytest.fixture
def away(home: Path, tmp_path: Path) -> Path:
    """A study beside it, on the same images, without field data."""
    shutil.copytree(home, tmp_path / "home")
    folder = make_tiny(tmp_path / "away")
    for name in ("plots.csv", "trees.csv"):
        (folder / name).unlink()
    write_project(folder, _away())
    return folder


def test_the_same_images_give_the_same_map_without_any_plots(away: Path) -> None:
    assert not check_project(load_project(away)).problems
    assert _run(away) == ["stack", "map", "account", "report"]
    maps = []
    for folder in (away, away.parent / "home"):
        with rasterio.open(folder / "results/agb.tif") as dataset:
            maps.append(dataset.read())
    np.testing.assert_array_equal(*maps)
    card = json.loads((away / "results/map_model.json").read_text())
    assert card["scores"] == {}
    assert card["trained_elsewhere"]["study"] == "Tiny"
    assert not card["trained_elsewhere"]["judged_here"]
    page = (away / "results/report.html").read_text()
    assert "not judged here" in page and "R² 0" not in page
    stock = pd.read_csv(away / "results/estimates.csv")
    assert {"stock", "map_mean", "potential"} <= set(stock["quantity"])
    assert not stock["quantity"].str.startswith("plot").any()


def test_how_far_the_pixels_lie_from_the_plots_is_counted_and_warned_of(away: Path) -> None:
    """Radar far higher than at any training plot: every pixel is outside in VH."""
    for name in ("s1_a", "s1_b"):
        with rasterio.open(away / f"{name}.tif", "r+") as dataset:
            dataset.write(dataset.read() + 20)
    with pytest.warns(PhytomassWarning, match=r"100% .* range of the training plots of 'Tiny'"):
        _run(away, "map")
    table = pd.read_csv(away / "results/model_distance.csv").set_index("predictor")
    assert table.loc["VH", "share_above"] == table.loc["any", "share_outside"] == 1
    plots = table.loc["B8"]
    with rasterio.open(away / "results/predictors.tif") as stack:
        b8 = stack.read(stack.descriptions.index("B8") + 1)
    low, high = (np.float32(plots[f"training_{end}"]) for end in ("low", "high"))
    outside = (b8 < low) | (b8 > high)
    assert plots["share_outside"] == pytest.approx(outside.mean(), abs=1e-6)


def test_images_of_another_season_are_warned_of(away: Path) -> None:
    card = away.parent / "home/results/map_model/model.json"
    content = json.loads(card.read_text())
    content["about"]["period"] = "2020-07"
    card.write_text(json.dumps(content))
    write_project(away, _away(period="2021-01"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _run(away, "map")
    assert any("another season" in str(one.message) for one in caught)


def _broken(away: Path, **sections: Any) -> None:
    write_project(away, _away(**sections))
    _run(away, "map")


def test_what_does_not_match_is_named_with_the_remedy(away: Path) -> None:
    predictors = tiny_project()["predictors"]
    less = json.loads(json.dumps(predictors))
    less["indices"], less["textures"] = [], []
    with pytest.raises(InputError, match="no NDVI, which the model was trained with"):
        _broken(away, predictors=less)
    units = json.loads(json.dumps(predictors))
    units["rasters"]["s1"]["unit"] = "1"
    with pytest.raises(InputError, match="VH has unit '1', the model was trained with 'dB'"):
        _broken(away, predictors=units)
    formula = json.loads(json.dumps(predictors))
    formula["indices"][1]["formula"] = "B8 / (B4 + 2)"
    with pytest.raises(InputError, match="ratio has formula"):
        _broken(away, predictors=formula)


def test_a_model_that_is_not_there_or_newer_is_a_clear_error(away: Path) -> None:
    write_project(away, _away(map={"model_from": "../nowhere"}))
    problems = check_project(load_project(away)).problems
    assert any("no saved model" in str(one) for one in problems)
    with pytest.raises(InputError, match="no saved model"):
        _run(away, "map")
    card = away.parent / "home/results/map_model/model.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"format_version": 99}))
    write_project(away, _away())
    with pytest.raises(InputError, match="format version 99, this phytomass reads up to"):
        _run(away, "map")


def test_settings_that_contradict_a_model_from_elsewhere_are_refused(away: Path) -> None:
    for sections, what in (
        ({"map": {"model_from": "x", "model": "mlr"}}, "not both"),
        ({"truth": {"path": "truth.tif"}}, "truth compares models that are trained here"),
        ({"predictors": None, "grid": None}, "needs images"),
    ):
        write_project(away, _away(**sections))
        with pytest.raises(InputError, match=what):
            load_project(away)
    write_project(away, _away())
    with pytest.raises(InputError, match="the model comes from another study"):
        targets_of(load_project(away).project, ["compare"])


def test_a_changed_model_makes_the_map_again(away: Path) -> None:
    _run(away, "map")
    opened = load_project(away)
    again = list(run_steps(opened, steps_of(opened.project), ["map"]))
    assert [one.status for one in again if one.name == "map"] == ["skipped"]
    card = away.parent / "home/results/map_model/model.json"
    card.write_text(card.read_text() + " ")
    again = list(run_steps(opened, steps_of(opened.project), ["map"]))
    assert [one.status for one in again if one.name == "map"] == ["run"]
