"""Published comparison tables, repeated with the scores of a comparison."""

from __future__ import annotations

import numpy as np
import pytest

from phytomass.experiments import compare, model_tables, paired_difference
from phytomass.models import ModelSettings
from phytomass.validation import ValidationSettings
from tests.experiments.conftest import SETS, fast, make_samples

ONE_SPLIT = ValidationSettings(splits=["spatial_blocks"], n_splits=3)


def like_a_resnet():
    """A network without a neighbourhood: the tables only ask for the name."""
    small = {"patch": 1, "filters": 2, "epochs": 2, "n_members": 1, "dense": 2}
    return ModelSettings(name="resnet", parameters=small)


@pytest.fixture(scope="module")
def comparison():
    pytest.importorskip("torch")
    models = [*fast("svr", "mlr", "random_forest"), like_a_resnet()]
    return compare(make_samples(), {"both": SETS["both"]}, models, ONE_SPLIT, random_state=2)


def test_rows_follow_the_paper_with_our_scores_and_theirs(comparison):
    table = model_tables(comparison, "mountain_paper")
    assert list(table["table"]) == ["4", "4", "4", "5"]
    assert list(table["label"]) == ["ResNet", "RF", "SVM", "ResNet"]  # mlr is in none of them
    assert list(table["published_r2"]) == [0.80, 0.59, 0.56, 0.80]
    ours = comparison.scores.set_index("model")
    for row in table.to_dict("records"):
        assert row["rmse"] == ours.loc[row["model"], "rmse"]
        assert row["r2"] == ours.loc[row["model"], "r2"]


def test_differences_are_model_minus_resnet(comparison):
    table = model_tables(comparison, "mountain_paper").set_index("label")
    scores = comparison.scores.set_index("model")
    gap = paired_difference(
        comparison, "spatial_blocks", ("random_forest", "both"), ("resnet", "both")
    )
    forest = table.loc["RF"]
    own = scores.loc["random_forest", "rmse"] - scores.loc["resnet", "rmse"]
    assert forest["rmse_difference"] == pytest.approx(own)  # one repeat: pooled is the mean
    assert (forest["rmse_low"], forest["rmse_high"]) == (gap.rmse_low, gap.rmse_high)
    assert (forest["r2_low"], forest["r2_high"]) == (gap.r2_low, gap.r2_high)
    assert forest["r2_low"] <= forest["r2_difference"] <= forest["r2_high"]
    assert forest["n_units"] == gap.n_units
    reference = table.loc["ResNet"].iloc[0]
    assert np.isnan([reference["rmse_difference"], reference["r2_low"]]).all()
