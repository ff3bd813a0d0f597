from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phytomass.models import ModelSettings, Training

OPTICAL, SAR = ["NDVI", "SAVI", "B4"], ["VV", "VH"]
SETS = {"optical": OPTICAL, "sar": SAR, "both": OPTICAL + SAR}


def make_samples(n=60, n_sites=24, seed=0):
    rng = np.random.default_rng(seed)
    site = np.sort(rng.integers(n_sites, size=n))
    centre = rng.uniform(0, 5000, size=(n_sites, 2))
    places = centre[site] + rng.normal(size=(n, 2)) * 30
    X = pd.DataFrame(rng.normal(size=(n, 5)), columns=OPTICAL + SAR)
    y = 80 + 20 * X["NDVI"] + 12 * X["VV"] + rng.normal(size=n) * 10
    return Training(
        X.to_numpy(),
        y.to_numpy(),
        groups=np.array([f"S{s}" for s in site]),
        plot_id=np.array([f"P{i:03d}" for i in range(n)]),
        positions=places,
        names=tuple(X),
    )


def changed(samples, **columns):
    """Give some predictors other values."""
    return replace(samples, X=samples.table.assign(**columns).to_numpy())


@pytest.fixture
def samples():
    return make_samples()


def fast(*names):
    small = {"random_forest": {"n_estimators": 8}, "xgboost": {"n_estimators": 8}}
    grids = {"svr": {"C": [1, 10]}, "random_forest": {"min_samples_leaf": [1, 5]}}
    grids["xgboost"] = {"max_depth": [2, 4]}
    return [
        ModelSettings(name=name, parameters=small.get(name, {}), grid=grids.get(name))
        for name in names
    ]
