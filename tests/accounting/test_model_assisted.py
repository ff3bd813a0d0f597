"""A map put right by plots, and areas of classes put right by points."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from phytomass.accounting import survey
from phytomass.errors import InputError


def test_a_constant_map_changes_nothing() -> None:
    y = np.array([3.0, 5.0, 8.0, 4.0])
    design = survey.simple_random(4, 40)
    found = survey.model_assisted(design, y, np.full(4, 7.0), 7.0)
    plain = survey.mean(design, y)
    assert_allclose([found.value, found.se], [plain.value, plain.se])
    assert_allclose(found.interval(), plain.interval())


def test_greg_undoes_any_line_between_map_and_plots() -> None:
    rng = np.random.default_rng(1)
    f = rng.uniform(0, 100, 30)
    found = survey.model_assisted(survey.simple_random(30), 20 + 0.5 * f, f, 40.0, "greg")
    assert_allclose(found.value, 40.0)
    assert found.se < 1e-9


def test_draws_add_what_the_plots_share() -> None:
    """A common factor of 0.9 and 1.1 on plots, folds and map, by hand: s² = 2 · 1.3² over 3."""
    y, f = np.array([9.0, 12, 14, 21]), np.array([8.0, 12, 15, 20])
    k = np.array([1.0, 0.9, 1.1])
    found = survey.model_assisted(survey.simple_random(4), np.outer(y, k), np.outer(f, k), 13 * k)
    assert_allclose(found.draws, 13.25 * k[1:])
    assert_allclose(found.shared, 2 * 1.325**2)
    assert_allclose(found.se**2, found.shared + 0.25 * np.var([1, 0, -1, 1], ddof=1))


def test_a_biased_map_is_put_right() -> None:
    """Unbiased, with the right variance, over 1 000 samples of a known population."""
    rng = np.random.default_rng(3)
    truth = rng.gamma(4, 30, 2000)
    biased = 0.6 * truth + 50 + rng.normal(0, 15, 2000)
    design = survey.simple_random(60, 2000)
    found = []
    for _ in range(1000):
        at = rng.choice(2000, 60, replace=False)
        found.append(survey.model_assisted(design, truth[at], biased[at], biased.mean()))
    error = np.array([one.value for one in found]) - truth.mean()
    ses = np.array([one.se for one in found])
    assert abs(error.mean()) < 3 * error.std() / np.sqrt(1000)
    assert_allclose(np.sqrt((ses**2).mean()), error.std(), rtol=0.08)
    inside = [one.interval()[0] <= truth.mean() <= one.interval()[1] for one in found]
    assert 0.93 <= np.mean(inside) <= 0.97


def test_what_does_not_fit_together() -> None:
    design = survey.simple_random(4)
    with pytest.raises(InputError, match="same draws"):
        survey.model_assisted(design, np.ones((4, 3)), np.ones((4, 2)), np.ones(3))
    with pytest.raises(InputError, match="mean of the map is missing"):
        survey.model_assisted(design, np.arange(4), np.arange(4), np.nan)
    with pytest.raises(InputError, match="same at all plots"):
        survey.model_assisted(design, np.arange(4), np.ones(4), 1.0, "greg")


MATRIX = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
MAPPED = [200_000, 150_000, 3_200_000, 6_450_000]


def test_areas_of_change() -> None:
    """Olofsson et al. 2014, section 5: Landsat pixels of deforestation, gain, forest, other."""
    found = survey.class_areas(MATRIX, MAPPED)
    assert_allclose(found.area, [235_086, 129_846, 3_175_221, 6_459_846], atol=0.5)
    half = 1.96 * found.area_se
    assert_allclose(half, [68_418, 41_731, 172_332, 180_907], atol=0.5)
    assert_allclose(found.half_width(), half, rtol=2e-5)
    assert_allclose([found.overall, 1.96 * found.overall_se], [0.9465, 0.0185], atol=5e-5)
    assert_allclose(found.users, [0.88, 0.7333, 0.9273, 0.9631], atol=5e-5)
    assert_allclose(found.producers, [0.7487, 0.8472, 0.9345, 0.9616], atol=5e-5)
    assert_allclose(1.96 * found.users_se, [0.07, 0.10, 0.04, 0.02], atol=6e-3)
    assert_allclose(1.96 * found.producers_se, [0.21, 0.25, 0.03, 0.02], atol=6e-3)


def test_error_matrices_that_are_none() -> None:
    with pytest.raises(InputError, match="1 reference points in the mapped class 2"):
        survey.class_areas([[5, 2], [0, 1]], [1, 2])
    with pytest.raises(InputError, match="for 3 mapped classes"):
        survey.class_areas([[5, 2], [0, 4]], [1, 2, 3])
    with pytest.raises(InputError, match="above 0"):
        survey.class_areas([[5, 2], [0, 4]], [1, 0])
    with pytest.raises(InputError, match="from 0"):
        survey.class_areas([[5, -2], [0, 4]], [1, 1])
