"""Running moments: parts joined in any way are the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phytomass.walk.moments import Moments

numbers = arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e3, 1e3))


@given(numbers, st.integers(0, 40))
def test_moments_of_parts_are_those_of_the_whole(values, cut):
    joined = Moments.of(values[:cut]) + Moments.of(values[cut:])
    assert joined.n == len(values)
    assert joined.mean == pytest.approx(values.mean(), abs=1e-9)
    assert joined.sd == pytest.approx(values.std(), abs=1e-6)
    assert (joined.low, joined.high) == (values.min(), values.max())


def test_moments_of_large_numbers_with_a_small_spread():
    values = 1e9 + np.array([0.0, 1.0, 2.0, 3.0])
    assert (Moments.of(values[:1]) + Moments.of(values[1:])).sd == pytest.approx(
        np.std([0, 1, 2, 3])
    )
