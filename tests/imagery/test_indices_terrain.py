"""Indices against hand-computed values, terrain against planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phytomass.errors import InputError
from phytomass.imagery import (
    OwnIndex,
    aspect_deg,
    evaluate,
    extended,
    find_index,
    gradient,
    load_indices,
    slope_deg,
)

BANDS = {
    "B2": 0.03,
    "B4": 0.05,
    "B5": 0.1,
    "B6": 0.2,
    "B7": 0.25,
    "B8": 0.3,
    "B11": 0.15,
    "B12": 0.1,
}
HAND = {
    "NDVI": 0.25 / 0.35,
    "SAVI": 1.5 * 0.25 / 0.85,
    "RENDVI_B8B6": 0.1 / 0.5,
    "RENDVI_B6B5": 0.1 / 0.3,
    "NDREI": 0.2 / 0.4,
    "EVI": 2.5 * 0.25 / (0.3 + 0.3 - 0.225 + 1),
    "EVI2": 2.5 * 0.25 / (0.3 + 0.12 + 1),
    "NBR": 0.2 / 0.4,
    "NDMI": 0.15 / 0.45,
    "IRECI": 0.2 / 0.5,
    "MTCI": 0.1 / 0.05,
    "S2REP": 705 + 35 * (0.15 - 0.1) / 0.1,
    "VH_VV": -16.0 - -9.5,
    "RVI_VVVH": 4 * 10**-1.6 / (10**-0.95 + 10**-1.6),
    "NDPOL": (10**-0.95 - 10**-1.6) / (10**-0.95 + 10**-1.6),
}


@pytest.mark.parametrize("name", list(load_indices()))
def test_index_by_hand(name: str) -> None:
    bands = {k: np.array([v]) for k, v in (BANDS | {"VV": -9.5, "VH": -16.0}).items()}
    assert evaluate(find_index(name).formula, bands)[0] == pytest.approx(HAND[name])


def test_the_two_indices_called_rendvi_cannot_be_confused() -> None:
    with pytest.raises(InputError, match="RENDVI_B8B6"):
        find_index("RENDVI")


def test_division_by_zero_is_nodata_and_nodata_stays() -> None:
    values = {"B8": np.array([0.0, np.nan, 0.3]), "B4": np.array([0.0, 0.1, 0.1])}
    assert np.isnan(evaluate(load_indices()["NDVI"].formula, values)).tolist() == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "text", ["__import__('os')", "B8.real", "B8[0]", "B8 if B4 else 1", "'a'", "B8 +"]
)
def test_formulas_hold_arithmetic_only(text: str) -> None:
    with pytest.raises(InputError):
        evaluate(text, {"B8": np.ones(1), "B4": np.ones(1)})


def test_own_index() -> None:
    index = find_index(OwnIndex(name="own", formula="-(B8 - B4) ** 2"))
    assert index.bands == {"B8", "B4"}
    assert evaluate(index.formula, {"B8": np.array([3.0]), "B4": np.array([1.0])})[0] == -4.0


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_a_plane_has_its_slope_everywhere_edges_included(
    rise_east: float, rise_north: float
) -> None:
    rows, cols = np.indices((6, 7))
    z = 1000 + 10 * cols * rise_east - 10 * rows * rise_north
    east, north = gradient(extended(z), (10, 10))
    assert np.allclose(east, rise_east)
    assert np.allclose(north, rise_north)
    expected = np.degrees(np.arctan(np.hypot(rise_east, rise_north)))
    assert np.allclose(slope_deg(east, north), expected)


@pytest.mark.parametrize(
    ("downhill", "aspect"),
    [((0, 1), 0), ((1, 1), 45), ((1, 0), 90), ((0, -1), 180), ((-1, 0), 270)],
)
def test_aspect_is_the_direction_the_slope_faces(downhill: tuple[int, int], aspect: int) -> None:
    east, north = (np.array([-float(part)]) for part in downhill)
    assert aspect_deg(east, north)[0] == pytest.approx(aspect)


def test_a_hole_in_the_elevation_is_a_hole_in_its_slope() -> None:
    z = np.zeros((5, 5))
    z[2, 2] = np.nan
    east, _ = gradient(extended(z), (10, 10))
    assert np.isnan(east[1:4, 1:4]).sum() == 6  # Horn's east-west weights leave the column out
    assert np.isfinite(east[0]).all()
