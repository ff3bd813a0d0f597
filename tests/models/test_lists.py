"""Named lists of models and the published tables they repeat."""

from __future__ import annotations

import pytest

from phytomass.errors import InputError
from phytomass.models import (
    build_model,
    grid_of,
    list_names,
    model_list,
    publication_of,
    published_tables,
)


def test_the_mountain_papers_models_have_its_parameters():
    """Tibet paper, section 3.2: 3000 trees; rbf, C = 5; 1000 base classifiers at rate 0.01."""
    by_name = {model.name: build_model(model) for model in model_list("mountain_paper")}
    assert by_name["random_forest"]["model"].n_estimators == 3000
    machine = by_name["svr"]["model"].regressor
    assert (machine.kernel, machine.C) == ("rbf", 5.0)
    boosted = by_name["xgboost"]["model"]
    assert (boosted.n_estimators, boosted.learning_rate) == (1000, 0.01)


def test_the_full_list_builds_the_papers_networks():
    """Tibet paper, section 3.1: 64 filters, doubling over four repeats; six fully connected layers."""
    for model in model_list("mountain_paper_full"):
        if not model.needs_torch:
            continue
        net = build_model(model)["model"]
        assert (net.family, net.filters, net.growth) == ("paper", 64, 2)
        assert net.dense is None  # six in this family
        assert grid_of(model) == {}


def test_tables_4_and_5_of_the_mountain_paper():
    four, five = published_tables("mountain_paper")
    printed = {row.label: (row.r2, row.rmse) for row in four.rows}
    assert printed == {
        "ResNet": (0.80, 15.8),
        "DNN": (0.68, 24.1),
        "XGBoost": (0.66, 23.3),
        "RF": (0.59, 29.3),
        "SVM": (0.56, 30.4),
    }
    printed = {row.label: (row.r2, row.rmse) for row in five.rows}
    assert printed == {"ResNet": (0.80, 15.8), "VGG": (0.74, 18.2), "AlexNet": (0.70, 21.1)}


@pytest.mark.parametrize("name", list_names())
def test_a_list_holds_every_model_of_its_tables(name):
    listed = {model.name for model in model_list(name)}
    tables = published_tables(publication_of(name))
    assert {row.model for table in tables for row in table.rows} == listed


def test_unknown_names():
    with pytest.raises(InputError, match="did you mean 'mountain_paper'"):
        model_list("montain_paper")
    with pytest.raises(InputError, match="known are mountain_paper"):
        published_tables("afforestation_paper")
