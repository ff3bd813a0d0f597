"""Area of applicability: the published example, and what must hold of any."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from sklearn.utils.estimator_checks import parametrize_with_checks

from phytomass.errors import InputError
from phytomass.validation import AreaOfApplicability, applicability

DATA = os.environ.get("PHYTOMASS_DATA")
ORACLE = Path(DATA or "") / "oracles" / "aoa"
NAMES = ("DEM", "NDRE.Sd", "TWI")
DENSITIES = "7 9 12 1 12 12 4 2 8 10 6 1 3 4 11 9 9 7 5 5 6 5 0 5 9 8 4 11 3 2"


@parametrize_with_checks([AreaOfApplicability()])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def _cookfarm():
    with rasterio.open(ORACLE / "predictors.tif") as raster:
        bands = raster.read([raster.descriptions.index(name) + 1 for name in NAMES])
        with (ORACLE / "pts30.csv").open(newline="") as file:
            places = [(float(r["Easting"]), float(r["Northing"])) for r in csv.DictReader(file)]
        cells = [raster.index(*place) for place in places]
    plots = np.array([bands[:, row, col] for row, col in cells])
    pixels = bands.reshape(len(NAMES), -1).T
    return plots, pixels[np.isfinite(pixels).all(axis=1)]


@pytest.mark.skipif(not ORACLE.exists(), reason="needs PHYTOMASS_DATA")
@pytest.mark.parametrize("pairs", [applicability.BLOCK_PAIRS, 100])
def test_the_example_of_the_authors(monkeypatch, pairs):
    """Threshold, area and densities as R's CAST 1.0 prints them, in blocks of any size."""
    monkeypatch.setattr(applicability, "BLOCK_PAIRS", pairs)
    plots, pixels = _cookfarm()
    area = AreaOfApplicability().fit(plots)
    found = area.transform(pixels)
    assert area.threshold_ == pytest.approx(0.52872, abs=5e-6)
    assert (len(pixels), area.predict(pixels).sum()) == (3865, 3377)
    assert found[:, 0].mean() == pytest.approx(0.3109, abs=5e-5)
    assert found[:, 0].max() == pytest.approx(2.6631, abs=5e-5)
    assert " ".join(map(str, area.train_density_)) == DENSITIES


def test_folds_put_neighbours_out_of_sight():
    """Two clusters, each one fold: a plot is as unlike as the other cluster is far."""
    line = np.array([[0.0], [1.0], [10.0], [11.0]])
    alone = AreaOfApplicability().fit(line)
    apart = AreaOfApplicability().fit(line, folds=["a", "a", "b", "b"])
    mean = (22 + 20 + 20 + 22) / 3 / 4  # of the distances to the other three
    assert alone.train_dissimilarity_ == pytest.approx(np.array([1, 1, 1, 1]) / mean)
    assert apart.train_dissimilarity_ == pytest.approx(np.array([10, 9, 9, 10]) / mean)
    assert apart.train_density_.tolist() == [0, 1, 1, 0]  # nearer than 10 / mean
    assert apart.threshold_ == pytest.approx(10 / mean)  # the whisker ends at the most unlike
    assert apart.predict([[15.0], [21.0], [21.1]]).tolist() == [True, True, False]


def test_importance_weighs_and_what_has_none_is_not_seen():
    rng = np.random.default_rng(1)
    plots, pixels = rng.normal(size=(40, 3)), 2 * rng.normal(size=(200, 3))
    weighted = AreaOfApplicability([2.0, 0.0, -1.0]).fit(plots).transform(pixels)
    alone = AreaOfApplicability([1.0]).fit(plots[:, :1]).transform(pixels[:, :1])
    assert weighted == pytest.approx(alone)
    constant = np.column_stack([plots[:, 0], np.full(40, 7.0)])
    elsewhere = np.column_stack([pixels[:, 0], np.full(200, 9.0)])
    assert AreaOfApplicability().fit(constant).transform(elsewhere) == pytest.approx(alone)


def test_units_do_not_matter():
    rng = np.random.default_rng(2)
    plots, pixels = rng.normal(size=(30, 2)), 2 * rng.normal(size=(50, 2))
    feet = np.array([3.28, 1000.0])
    metres = AreaOfApplicability().fit(plots).transform(pixels)
    assert AreaOfApplicability().fit(plots * feet).transform(pixels * feet) == pytest.approx(metres)


@pytest.mark.parametrize(
    ("importance", "folds", "message"),
    [
        ([1.0], None, "for 2 predictors"),
        ([1.0, np.nan], None, "finite number"),
        ([0.0, -1.0], None, "do not differ"),
        (None, ["a"] * 4, "two or more folds"),
        (None, ["a", "b"], "for 4 plots"),
    ],
)
def test_what_cannot_be_is_refused(importance, folds, message):
    plots = np.arange(8.0).reshape(4, 2)
    with pytest.raises(InputError, match=message):
        AreaOfApplicability(importance).fit(plots, folds=folds)
