from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phytomass.report.messages.formatting import (
    ABSENT,
    aligned,
    count,
    fixed,
    measured,
    number,
    percent,
    plus_minus,
    probability,
    signed,
)
from tests.report.page import value_of

sizes = st.floats(min_value=1e-3, max_value=1e12).flatmap(lambda v: st.sampled_from([v, -v]))


@given(sizes, st.integers(min_value=2, max_value=6))
def test_a_number_is_right_to_its_last_digit(value: float, digits: int) -> None:
    for write in (number, measured):
        shown = value_of(write(value, digits))
        assert abs(shown - value) <= 0.5000001 * 10.0 ** (
            math.floor(math.log10(abs(value))) + 1 - digits
        )


@given(st.floats(min_value=-1e9, max_value=1e9), st.integers(min_value=0, max_value=4))
def test_fixed_decimals(value: float, decimals: int) -> None:
    text = fixed(value, decimals)
    rounding = 4 * np.spacing(abs(value))  # of the float itself, near a tie
    assert abs(value_of(text) - value) <= 0.5000001 * 10.0**-decimals + rounding
    assert len(text.partition(".")[2]) == decimals
    assert text not in ("−0", "−0.0", "−0.00", "−0.000", "−0.0000")


@pytest.mark.parametrize("write", [number, measured, count, percent, signed, probability])
@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf])
def test_nothing_is_a_dash(write, nothing) -> None:
    assert write(nothing) == ABSENT


def test_thousands_are_grouped_by_thin_spaces() -> None:
    assert count(1234567) == "1\u202f234\u202f567"
    assert number(948_997.6) == "949\u202f000"


def test_rounding_up_to_the_next_power_of_ten_keeps_the_digits() -> None:
    assert number(9.9999, 3) == "10.0"
    assert measured(999.96, 4) == "1\u202f000"
    assert percent(0.99996) == "100\u202f%"


@given(st.lists(st.floats(min_value=-1e3, max_value=1e3), min_size=1, max_size=8))
def test_an_aligned_column_has_one_number_of_decimals(values: list[float]) -> None:
    texts = aligned([*values, 1.25])
    decimals = {len(text.partition(".")[2]) for text in texts if text != "0"}
    assert len(decimals) == 1


def test_value_and_error_share_their_decimals() -> None:
    assert plus_minus(217.2549, 2.7183, 2) == "217.3 ± 2.7"
    assert plus_minus(99.18, 15.0, 2) == "99 ± 15"  # afforestation paper, section 3.6
    assert plus_minus(5.0, 0.0) == "5.000"
