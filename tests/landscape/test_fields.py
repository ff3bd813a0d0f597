from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phytomass.landscape.fields import (
    compartments,
    correlated_field,
    uniform_scores,
    without_specks,
)


@pytest.mark.parametrize("lag", [4, 8, 16])
def test_rough_field_has_the_exponential_covariance(lag: int) -> None:
    """Mean over 20 draws of the correlation at a lag against exp(-h/L)."""
    length = 8.0
    draws = [correlated_field((300, 300), length, np.random.default_rng(i)) for i in range(20)]
    seen = np.mean([np.mean(f[lag:] * f[:-lag]) for f in draws])
    assert seen == pytest.approx(np.exp(-lag / length), abs=0.05)


def test_smooth_fields_are_smoother_than_rough_ones() -> None:
    rough, smooth = (
        correlated_field((100, 100), 8.0, np.random.default_rng(1), nu) for nu in (0.5, 1.5)
    )
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.5 * np.abs(np.diff(rough, axis=0)).mean()


def test_opposite_edges_do_not_match() -> None:
    field = correlated_field((200, 200), 20.0, np.random.default_rng(5), 1.5)
    across_edge = np.abs(field[0] - field[-1]).mean()
    assert across_edge > 10 * np.abs(np.diff(field, axis=0)).mean()


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 99))
def test_uniform_scores_keep_the_order_and_fill_the_unit_interval(
    rows: int, cols: int, seed: int
) -> None:
    field = np.random.default_rng(seed).standard_normal((rows, cols))
    scores = uniform_scores(field)
    assert np.array_equal(np.argsort(scores, axis=None), np.argsort(field, axis=None))
    assert np.allclose(np.sort(scores, axis=None), (np.arange(rows * cols) + 0.5) / (rows * cols))


def test_compartments_have_the_wished_mean_size_and_hang_together() -> None:
    cells = compartments((200, 200), 400.0, np.random.default_rng(2))
    sizes = np.bincount(cells.ravel())
    assert 380 <= sizes[sizes > 0].mean() <= 440
    inner = cells[1:-1, 1:-1]
    alone = np.ones_like(inner, dtype=bool)
    for row, col in ((0, 1), (2, 1), (1, 0), (1, 2)):
        alone &= cells[row : row + 198, col : col + 198] != inner
    assert alone.mean() < 0.005


def test_specks_are_dropped_and_pieces_kept_whole() -> None:
    mask = np.zeros((6, 6), dtype=bool)
    mask[0, 0] = True
    mask[2:4, 2:4] = True
    mask[4, 4] = True
    kept = without_specks(mask, 5)
    assert kept.sum() == 5
    assert not kept[0, 0]
    assert kept[4, 4]
