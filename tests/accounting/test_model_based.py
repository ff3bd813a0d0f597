"""Hybrid and hierarchical model-based means against R's HMB 1.1, and a whole population."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from phytomass.accounting import survey
from phytomass.accounting.model_based import hierarchical, hybrid, linear_model, model_mean
from phytomass.errors import InputError

Array = np.ndarray


@pytest.fixture(scope="module")
def population(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "oracles" / "hybrid" / "population.csv.gz", nrows=20_000)


def lidar(table: pd.DataFrame) -> Array:
    return np.column_stack([np.ones(len(table)), table[["hMAX", "h80", "CRR", "pVeg"]]])


def image(table: pd.DataFrame) -> Array:
    return np.column_stack([np.ones(len(table)), table[["B20", "B30", "B50"]]])


def test_plots_lidar_and_images(population: pd.DataFrame) -> None:
    plots, flown = population.iloc[::64], population.iloc[::4]
    model = linear_model(lidar(plots), plots["GSV"])
    answer = [-71.2246437, 3.8427076, 11.9913220, 177.8080277, -0.7784936]
    assert_allclose(model.beta, answer, atol=5e-8, rtol=0)
    found = hierarchical(model, lidar(flown), image(flown), image(population))
    assert_allclose([found.value, found.se**2], [108.274195, 9.224505265], rtol=5e-9)
    assert abs(found.value - 104.200294) < 2 * found.se  # the truth
    assert_allclose(population["GSV"].mean(), 104.200294, rtol=5e-9)


def test_predictors_known_everywhere_have_no_sampling_error(population: pd.DataFrame) -> None:
    plots = population.iloc[::64]
    model = linear_model(lidar(plots), plots["GSV"])
    whole = model_mean(model, lidar(population))
    census = hybrid(model, survey.simple_random(20_000, 20_000), lidar(population))
    assert_allclose([census.value, census.model], [whole.value, whole.model], rtol=1e-9)
    assert census.sampling == 0


def test_the_hybrid_variance_is_right() -> None:
    """1 000 populations of the model itself: 40 plots, and tracks of 5 footprints each."""
    rng = np.random.default_rng(4)
    errors, said = [], []
    tracks = np.repeat(np.arange(30), 5)
    for _ in range(1000):
        height = 15 + rng.normal(0, 3, 30)[tracks] + rng.normal(0, 2, 150)
        h = rng.uniform(5, 25, 40)
        model = linear_model(np.column_stack([np.ones(40), h]), 10 + 8 * h + rng.normal(0, 30, 40))
        design = survey.clustered(np.ones(150), tracks)
        found = hybrid(model, design, np.column_stack([np.ones(150), height]))
        errors.append(found.value - 130)
        said.append(found.se**2)
    assert_allclose(np.sqrt(np.mean(said)), np.std(errors), rtol=0.06)


def test_models_that_are_none() -> None:
    with pytest.raises(InputError, match="coefficients apart"):
        linear_model([[1, 2], [1, 2], [1, 2]], [1, 2, 3])
    with pytest.raises(InputError, match="not all of them known"):
        linear_model([[1, 2], [1, 3], [1, 4]], [1, 2, np.nan])
    model = linear_model([[1, 0], [1, 1], [1, 2]], [1.0, 2.0, 6.0])
    with pytest.raises(InputError, match="3 predictors for 2"):
        model_mean(model, [1, 2, 3])
    with pytest.raises(InputError, match="for 2 coefficients"):
        hybrid(model, survey.simple_random(2), [[1, 2, 3], [1, 2, 4]])
    with pytest.raises(InputError, match="missing"):
        model_mean(model, [1, np.nan])
