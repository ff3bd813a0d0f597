"""Two-phase estimates against R's forestinventory 1.0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from phytomass.accounting import survey
from phytomass.errors import InputError

MEANS = [1, 11.39, 8.84, 32.68, 18.03]


@pytest.fixture(scope="module")
def grisons(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "oracles" / "two_phase" / "grisons.csv")


def phases(table: pd.DataFrame, *, boundary: bool = False) -> survey.Phases:
    columns = table[["mean", "stddev", "max", "q75"]]
    x = np.column_stack([np.ones(len(table)), columns])
    y = table["tvol"].where(table["phase_id_2p"] == 2).to_numpy()
    return survey.Phases(x, y, None, table["boundary_weights"].to_numpy() if boundary else None)


def test_one_phase(grisons: pd.DataFrame) -> None:
    found = survey.one_phase(phases(grisons))
    assert_allclose([found.value, found.g_weight], [399.432087, 567.200075], rtol=1e-8)


def test_two_phases_with_boundary_weights(grisons: pd.DataFrame) -> None:
    found = survey.two_phase(phases(grisons, boundary=True))
    answer = [383.535449, 279.953981, 271.505696]
    assert_allclose([found.value, found.external, found.g_weight], answer, rtol=2e-9)


def test_predictors_known_everywhere(grisons: pd.DataFrame) -> None:
    found = survey.two_phase(phases(grisons), exhaustive=MEANS)
    answer = [376.742642, 202.560162, 187.278667]
    assert_allclose([found.value, found.external, found.g_weight], answer, rtol=4e-9)


@pytest.mark.parametrize(
    ("area", "value", "variance"),
    [
        ("A", 391.160516, 1016.95575),
        ("B", 419.674629, 1019.26981),
        ("C", 328.011651, 1035.09076),
        ("D", 371.059583, 1112.73456),
    ],
)
def test_small_areas(grisons: pd.DataFrame, area: str, value: float, variance: float) -> None:
    found = survey.two_phase(phases(grisons), grisons["smallarea"] == area)
    assert_allclose([found.value, found.g_weight], [value, variance], rtol=5e-9)


def test_clusters(data: Path) -> None:
    table = pd.read_csv(data / "oracles" / "two_phase" / "zberg.csv", dtype={"cluster": str})
    classes = pd.get_dummies(table[["stade", "couver", "melange"]].astype(str), drop_first=True)
    x = np.column_stack([np.ones(len(table)), classes.astype(float)])
    y = table["basal"].where(table["phase_id_2p"] == 2).to_numpy()
    found = survey.two_phase(survey.Phases(x, y, table["cluster"]))
    assert_allclose([found.value, found.g_weight], [31.341672, 0.87530428], rtol=2e-8)
    assert (found.n1, found.n2) == (298, 73)


def test_what_has_no_two_phase_estimate(grisons: pd.DataFrame) -> None:
    given = phases(grisons)
    nobody = np.zeros(len(grisons), bool)
    with pytest.raises(InputError, match="without measured plots"):
        survey.two_phase(given, nobody)
    with pytest.raises(InputError, match="3 mean predictors for 5"):
        survey.two_phase(given, exhaustive=[1, 2, 3])
    with pytest.raises(InputError, match="copies"):
        survey.two_phase(survey.Phases(np.column_stack([given.x, given.x[:, 1]]), given.y))
    with pytest.raises(InputError, match="measured in part"):
        survey.Phases(given.x, given.y, np.repeat(np.arange(153), 2))
    with pytest.raises(InputError, match="shares"):
        survey.Phases(given.x, given.y, None, np.full(len(grisons), 1.5))
    with pytest.raises(InputError, match="without predictors"):
        survey.Phases(np.where(nobody[:, None], 1, np.nan), given.y)
