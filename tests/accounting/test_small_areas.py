"""Small areas against R's sae 1.3."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from phytomass.accounting.small_areas import UnitLevel, eblup, fay_herriot
from phytomass.errors import InputError

CORN = """122.195403 126.228017 106.663763 108.422190 144.307170 112.158586 112.780104 122.001967
115.343847 124.414368 106.888267 143.031211"""


def corn(data: Path, leave_out: int = 0) -> UnitLevel:
    folder = data / "oracles" / "small_area"
    fields = pd.read_csv(folder / "cornsoybean.csv").drop(index=32)
    fields = fields[fields["County"] != leave_out]
    counties = pd.read_csv(folder / "cornsoybeanmeans.csv")
    x = np.column_stack([np.ones(len(fields)), fields[["CornPix", "SoyBeansPix"]]])
    known = counties[["MeanCornPixPerSeg", "MeanSoyBeansPixPerSeg"]]
    means = np.column_stack([np.ones(12), known])
    areas = fields["County"].to_numpy() - 1
    return eblup(fields["CornHec"], x, areas, means, counties["PopnSegments"])


def test_corn_of_iowa(data: Path) -> None:
    """Battese, Harter and Fuller 1988, by REML; the search of sae ends within 2e-7 of the maximum."""
    found = corn(data)
    assert_allclose(found.value, [float(value) for value in CORN.split()], rtol=2e-8)
    own = [9.9, 9.7, 9.3, 8.1, 6.5, 6.6, 6.6, 6.6, 5.8, 5.3, 5.2, 5.7]  # standard errors, Table 3
    assert_allclose(np.sqrt(found.mse), own, rtol=0.05)
    assert_allclose([found.between, found.within], [140.02389, 147.26863], rtol=2e-7)


def test_a_county_without_fields_is_synthetic(data: Path) -> None:
    found = corn(data, leave_out=3)
    assert found.method[2] == "synthetic"
    assert found.method.count("unit-level EBLUP") == 11
    assert found.mse[2] > found.between
    means = [1, 289.60, 205.28]
    assert_allclose(found.value[2], np.asarray(means) @ found.beta, rtol=1e-9)


def test_the_mean_squared_error_is_right_on_average() -> None:
    """400 populations of the model itself: 20 areas of 4 plots."""
    rng = np.random.default_rng(5)
    areas, x = np.repeat(np.arange(20), 4), np.column_stack([np.ones(80), rng.normal(size=80)])
    means = np.column_stack([np.ones(20), rng.normal(size=20)])
    squares, said = [], []
    for _ in range(400):
        u = rng.normal(0, 2, 20)
        found = eblup(x @ [10, 3] + u[areas] + rng.normal(0, 3, 80), x, areas, means)
        squares.append((found.value - means @ [10, 3] - u) ** 2)
        said.append(found.mse)
    assert_allclose(np.mean(said), np.mean(squares), rtol=0.05)


def test_milk(data: Path) -> None:
    """The scoring of sae stops at 1e-4; the root of the score is 6e-6 away from it."""
    milk = pd.read_csv(data / "oracles" / "small_area" / "milk.csv")
    x = np.column_stack([np.ones(43), pd.get_dummies(milk["MajorArea"], drop_first=True)])
    found = fay_herriot(milk["yi"], milk["SD"] ** 2, x.astype(float))
    answer = [1.02197034, 1.04760182, 1.06795126, 0.76081705, 0.84615736]
    assert_allclose(found.value[:5], answer, rtol=1e-6)
    assert_allclose(found.between, 0.018550222, rtol=1e-5)
    assert_allclose(found.mse[:2], [0.0134602202, 0.0053728760], rtol=3e-6)


def test_areas_that_differ_by_chance_alone_follow_the_regression() -> None:
    found = fay_herriot([10.0, 10.1, 9.9, 10.0], np.full(4, 4.0), np.ones((4, 1)))
    assert found.between == 0
    assert_allclose(found.value, 10.0)


def test_areas_that_have_no_estimate() -> None:
    x, means = np.ones((4, 1)), np.ones((2, 1))
    with pytest.raises(InputError, match="within and between"):
        eblup([1, 2, 3, 4], x, [0, 0, 0, 0], means)
    with pytest.raises(InputError, match="means of all areas"):
        eblup([1, 2, 3, 4], x, [0, 0, 1, 2], means)
    with pytest.raises(InputError, match="fewer plots than"):
        eblup([1, 2, 3, 4], x, [0, 0, 1, 1], means, [1, 9])
    with pytest.raises(InputError, match="without a value"):
        eblup([1, 2, np.nan, 4], x, [0, 0, 1, 1], means)
    with pytest.raises(InputError, match="predictors"):
        eblup([1, 2, 3], x, [0, 0, 1, 1], means)
    with pytest.raises(InputError, match="above 0"):
        fay_herriot([1, 2], [0, 1], np.ones((2, 1)))
    with pytest.raises(InputError, match="2 areas for 2"):
        fay_herriot([1, 2], [1, 1], np.ones((2, 2)))
