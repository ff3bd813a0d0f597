"""Variogram and block kriging against R's gstat 2.1 (zinc along the Meuse)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from phytomass.accounting.model_based import (
    Bins,
    Spherical,
    fit_spherical,
    krige,
    mean_variance,
    semivariances,
)
from phytomass.errors import InputError

GSTAT = Spherical(0.05066242682, 0.59060780221, 897.0209098)


@pytest.fixture(scope="module")
def meuse(data: Path) -> tuple[np.ndarray, np.ndarray]:
    table = pd.read_csv(data / "oracles" / "kriging" / "meuse.csv")
    return table[["x", "y"]].to_numpy(float), np.log(table["zinc"].to_numpy(float))


def test_the_variogram(meuse: tuple[np.ndarray, np.ndarray]) -> None:
    bins = semivariances(*meuse)
    assert bins.pairs[:3].tolist() == [57, 299, 419]
    assert_allclose(bins.semivariance[:3], [0.1234479349, 0.2162184853, 0.3027858756], rtol=5e-10)
    found = fit_spherical(bins)
    mine, theirs = ([v.nugget, v.sill, v.range_m] for v in (found, GSTAT))
    assert_allclose(mine, theirs, rtol=5e-5)  # gstat stops at 1e-5 of the least squares


def test_blocks_and_points(meuse: tuple[np.ndarray, np.ndarray], data: Path) -> None:
    grid = pd.read_csv(data / "oracles" / "kriging" / "meuse_grid.csv")[["x", "y"]]
    points, _ = krige(GSTAT, *meuse, grid)
    assert_allclose(points.mean(), 5.707229, rtol=1e-7)
    _, variance = krige(GSTAT, *meuse, grid, 40)
    assert_allclose(variance.mean(), 0.115908411, rtol=5e-8)


def test_a_known_variogram_comes_back() -> None:
    h = np.linspace(50, 1500, 30)
    truth = Spherical(2.0, 5.0, 700.0)
    found = fit_spherical(Bins(h, 7 - truth.covariance(h), np.full(30, 100)))
    assert_allclose([found.nugget, found.sill, found.range_m], [2, 5, 700], rtol=1e-5)


def test_the_variance_of_a_mean() -> None:
    """By hand: without correlation σ²/N; all within a range far beyond the area σ²."""
    cells = np.stack(np.meshgrid(np.arange(10), np.arange(10)), -1).reshape(-1, 2) * 100.0
    assert_allclose(mean_variance(Spherical(1, 3, 1), cells), 4 / 100)
    assert_allclose(mean_variance(Spherical(0, 4, 1e9), cells), 4, rtol=1e-5)
    assert_allclose(mean_variance(Spherical(0, 4, 1e9), cells, np.full(100, 3.0)), 9, rtol=1e-5)


def test_what_has_no_variogram() -> None:
    line = np.column_stack([np.arange(9.0), np.zeros(9)])
    with pytest.raises(InputError, match="all alike"):
        fit_spherical(semivariances(line, np.ones(9), 8))
    with pytest.raises(InputError, match="three bins"):
        semivariances(line, np.arange(9), 0.5)
    with pytest.raises(InputError, match="not all of them known"):
        semivariances(line, np.full(9, np.nan))
    with pytest.raises(InputError, match="one position"):
        krige(GSTAT, np.zeros((2, 2)), [1, 2], line)
