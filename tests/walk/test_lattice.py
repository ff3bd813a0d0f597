"""Blocks of a grid: each pixel once, at its own place, whatever the sizes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from phytomass.grid import Block, blocks_of, grid_from_bounds
from phytomass.walk.lattice import Lattice
from tests.conftest import coordinate_image

sides = st.integers(1, 40)


def lattice_of(rows: int, cols: int, size: int) -> Lattice:
    bounds = (500_000, 3_800_000, 500_000 + 10 * cols, 3_800_000 + 10 * rows)
    return Lattice(grid_from_bounds("EPSG:32643", 10, bounds), size)


@given(sides, sides, st.integers(1, 50))
def test_every_pixel_is_in_one_block_which_knows_where_it_lies(
    rows: int, cols: int, size: int
) -> None:
    lattice = lattice_of(rows, cols, size)
    image, seen = coordinate_image(lattice.grid), np.zeros((rows, cols), int)
    for block in lattice:
        seen[block.slices] += 1
        assert block.grid.shape == (block.rows, block.cols)
        assert np.array_equal(coordinate_image(block.grid), image[:, *block.slices])
    assert (seen == 1).all()
    assert list(lattice) == list(blocks_of((rows, cols), size))
    assert len(lattice) == len(list(lattice))


@given(sides, sides, st.integers(1, 20), st.integers(0, 12))
def test_a_window_with_a_halo_is_cut_from_the_whole(
    rows: int, cols: int, size: int, halo: int
) -> None:
    lattice = lattice_of(rows, cols, size)
    image = np.arange(rows * cols).reshape(rows, cols)
    padded = np.pad(image, halo, constant_values=-1)
    for block in lattice:
        around, inner = lattice.around(block, halo)
        assert np.array_equal(image[around.slices][inner], image[block.slices])
        wanted = padded[block.row : block.row + block.rows + 2 * halo]
        wanted = wanted[:, block.col : block.col + block.cols + 2 * halo]
        assert sorted(image[around.slices].ravel()) == sorted(wanted[wanted >= 0])


@given(sides, sides, st.integers(1, 20), st.data())
def test_a_mirrored_halo_is_that_of_the_whole_array(
    rows: int, cols: int, size: int, data: st.DataObject
) -> None:
    halo = data.draw(st.integers(0, min(rows, cols)))
    lattice = lattice_of(rows, cols, size)
    image = np.arange(rows * cols).reshape(rows, cols)
    padded = np.pad(image, halo, mode="symmetric")
    for block in lattice:
        window, r, c = lattice.mirrored(block, halo)
        wanted = padded[block.row : block.row + block.rows + 2 * halo]
        wanted = wanted[:, block.col : block.col + block.cols + 2 * halo]
        assert np.array_equal(image[window.slices][r][:, c], wanted)


@given(sides, sides, st.integers(1, 20), st.integers(0, 30), st.integers(0, 9))
def test_every_point_is_found_once_in_the_block_that_holds_it(
    rows: int, cols: int, size: int, n: int, seed: int
) -> None:
    lattice = lattice_of(rows, cols, size)
    rng = np.random.default_rng(seed)
    r, c = rng.integers(0, rows, n), rng.integers(0, cols, n)
    among = rng.random(n) < 0.7
    image = rng.random((rows, cols))
    found = np.full(n, np.nan)
    for window, here in lattice.holding(r, c, among):
        assert np.isnan(found[here]).all()
        assert window.row // size == (window.row + window.rows - 1) // size
        assert window.col // size == (window.col + window.cols - 1) // size
        found[here] = image[window.slices][r[here] - window.row, c[here] - window.col]
    assert np.array_equal(found, np.where(among, image[r, c], np.nan), equal_nan=True)


@given(sides, sides, st.integers(1, 9), st.integers(1, 4), st.sampled_from([0.7, 1.0]))
def test_windows_are_made_of_each_block_once(
    rows: int, cols: int, size: int, side: int, there: float
) -> None:
    lattice = lattice_of(rows, cols, size)
    rng = np.random.default_rng(rows)
    blocks = [block for block in lattice if rng.random() < there]
    found = list(lattice.windows(blocks, side))
    seen = np.zeros((rows, cols), int)
    for window, part in found:
        covered = np.zeros((rows, cols), int)
        for block in part:
            covered[block.slices] += 1
        assert (covered[window.slices] == 1).all()
        assert covered.sum() == window.rows * window.cols
        assert max(window.rows, window.cols) <= side * size
        seen += covered
    assert seen.sum() == sum(block.rows * block.cols for block in blocks)
    assert seen.max(initial=0) <= 1
    if there == 1:
        assert len(found) == -(-rows // (side * size)) * -(-cols // (side * size))


def test_a_lattice_can_be_sent_to_a_worker(grid: GeoBox) -> None:
    lattice = Lattice(grid, 16)
    blocks = list(lattice)
    there = pickle.loads(pickle.dumps((lattice, blocks)))  # noqa: S301  # our own bytes
    assert there == (lattice, blocks)
    assert [block.grid for block in there[1]] == [block.grid for block in blocks]


def test_a_block_of_numbers_knows_no_grid() -> None:
    with pytest.raises(ValueError, match="does not know the grid"):
        _ = Block(0, 0, 1, 1).grid
