"""Values that stay as files store them give what the same values in float64 give, to the byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from scipy.ndimage import distance_transform_edt

from phytomass.grid import Block, blocks_of, grid_from_bounds
from phytomass.imagery import RasterSource, open_source
from phytomass.imagery.pixels.composite import composite
from phytomass.imagery.pixels.masking import bit_mask, class_mask, grown
from phytomass.imagery.pixels.stored import Scaling, drop_missing, kind_for, valid
from tests.conftest import write_raster

HOW = {"median": 0.5, "p25": 0.25, "p90": 0.9, "p0": 0.0, "p100": 1.0}
KINDS = ("uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64")
SCALINGS = (
    Scaling(),
    Scaling(-1000, 1e-4),
    Scaling(0, 2.75e-5, -0.2),
    Scaling(0, -0.3, 7),
    Scaling(0, 0.1, -20, decibel=True),
)


def in_float64(physical: np.ndarray, how: str) -> np.ndarray:
    """Composite values one pixel after the other, as the definition says."""
    result = np.full(physical.shape[1:], np.nan)
    for place in np.ndindex(*result.shape):
        seen = physical[:, *place]
        seen = seen[np.isfinite(seen)]
        if not seen.size:
            continue
        if how == "mean":
            result[place] = np.cumsum(seen)[-1] / seen.size
            continue
        row = np.sort(seen)
        place_in = HOW[how] * (len(row) - 1)
        low = int(place_in)
        part = place_in - low
        high = row[min(low + 1, len(row) - 1)]
        between = (row[low] + high) / 2 if part == 0.5 else row[low] + part * (high - row[low])
        result[place] = between if part else row[low]
    return result


@given(
    st.sampled_from([*HOW, "mean"]),
    st.sampled_from(KINDS),
    st.sampled_from(SCALINGS),
    st.integers(1, 44),
    st.integers(0, 999),
)
def test_composites_of_stored_numbers_are_those_of_their_values(
    how: str, kind: str, scaling: Scaling, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 120, (n, 3, 7)).astype(kind)
    absent = rng.random(raw.shape) < 0.3
    held = raw.astype(kind_for([kind], []))
    empty = np.iinfo(held.dtype).min if held.dtype.kind != "f" else np.nan
    held[absent] = empty
    physical = (raw.astype(np.float64) + scaling.shift) * scaling.scale + scaling.offset
    if scaling.decibel:
        physical = 10 ** (physical / 10)
    physical[absent] = np.nan
    expected = in_float64(physical, how)
    assert np.array_equal(composite(held, how, scaling=scaling), expected, equal_nan=True)
    few = composite(held, how, scaling=scaling, min_observations=5)
    expected[valid(held).sum(axis=0) < 5] = np.nan
    assert np.array_equal(few, expected, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_type_has_a_value_to_spare(kind: str) -> None:
    """Whatever a file may hold is a value, unless it is declared not to be."""
    own = np.dtype(kind)
    wide = kind_for([kind], [])
    if own.kind != "f":
        info = np.iinfo(own)
        ends = np.array([info.min, info.max], own).astype(wide)
        assert wide == np.float64 or valid(ends).all()
        assert ends.astype(np.float64).tolist() == [info.min, info.max]
        assert kind_for([kind], [info.min]) == own
        assert kind_for([kind], [info.max]) == wide
    assert kind_for([kind], [0], shifted=True).itemsize >= min(2 * own.itemsize, 8)


@given(st.sampled_from(KINDS), st.integers(0, 999), st.booleans(), st.booleans(), st.booleans())
def test_what_is_missing_is_what_numpy_says(
    kind: str, seed: int, fill: bool, hidden_zero: bool, positive: bool
) -> None:
    rng = np.random.default_rng(seed)
    held = kind_for([kind], [])
    raw = rng.integers(0, 5, (3, 4, 9)).astype(held)
    if held.kind == "f":
        raw[rng.random(raw.shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    gaps = rng.random(raw.shape) < 0.2
    scaling = Scaling(-1, 2.0, 1.0, positive=positive)
    values = raw.astype(np.float64)
    zero = (values == 0) | (gaps & hidden_zero)
    with np.errstate(invalid="ignore"):
        missing = gaps | ~np.isfinite(values) | (values == 3) | (fill & zero.all(axis=0))
        missing |= positive & ~((values - 1) * 2 + 1 > 0)
    out = raw.copy()
    empty = drop_missing(
        out, [scaling] * 3, gaps=gaps, absent=[3, None, 0.5], fill=fill, hidden_zero=hidden_zero
    )
    assert np.array_equal(valid(out), ~missing)
    assert np.array_equal(out[~missing], raw[~missing])
    assert np.array_equal(empty, missing.any(axis=0))


@given(
    st.sampled_from([0.001, 0.03, 0.4]),
    st.sampled_from([5.0, 10.0, 14.142, 14.1421356238, 35.0, 60.0, 223.7, 1e5]),
    st.tuples(st.integers(1, 40), st.integers(1, 70)),
    st.integers(0, 99),
)
def test_a_mask_grows_by_discs(
    share: float, distance: float, shape: tuple[int, int], seed: int
) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    away = distance_transform_edt(~mask) * 10
    expected = away <= distance * (1 + 1e-9) if mask.any() else mask
    assert np.array_equal(grown(mask, distance, 10), expected)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32", "float32"])
def test_classes_and_bits_of_any_type(kind: str) -> None:
    flags = np.arange(256).astype(kind)
    assert np.array_equal(class_mask(flags, [3, 8, 300]), np.isin(flags, [3, 8]))
    assert np.array_equal(bit_mask(flags, [0, 5, 12]), (np.arange(256) & 33) != 0)


@dataclass(frozen=True)
class Season:
    """Scenes with fill, clouds, and an offset in every other one."""

    stored: np.ndarray
    classes: np.ndarray
    shift: np.ndarray

    @classmethod
    def random(cls, grid: GeoBox, n: int, mixed: bool) -> Season:
        rng = np.random.default_rng(7)
        stored = rng.integers(1, 9000, (n, 2, *grid.shape)).astype(np.uint16)
        stored[rng.random(stored.shape) < 0.02] = 65535
        stored[np.broadcast_to(rng.random((n, 1, *grid.shape)) < 0.1, stored.shape)] = 0
        stored[rng.random(stored.shape) < 0.05] = 0
        classes = np.where(rng.random((n, *grid.shape)) < 0.004, 9, 4).astype(np.uint16)
        classes[rng.random(classes.shape) < 0.02] = 11
        return cls(stored, classes, np.where(np.arange(n) % 2 * mixed, -1000, 0))

    def write(self, root: Path, grid: GeoBox, nodata: int | None) -> None:
        for i, (bands, classes) in enumerate(zip(self.stored, self.classes, strict=True)):
            baseline = "0509" if self.shift[i] else "0214"
            name = f"S2A_MSIL2A_202007{i + 1:02d}T101031_N{baseline}_R022_T43SFT.tif"
            image = np.concatenate([bands, classes[None]])
            write_raster(root / name, image, grid, ["B4", "B8", "SCL"], nodata=nodata)

    def physical(self, nodata: int | None) -> np.ndarray:
        values = (self.stored.astype(np.float64) + self.shift[:, None, None, None]) * 1e-4
        values[(self.stored == 0) | (self.stored == (0 if nodata is None else nodata))] = np.nan
        for date, classes in enumerate(self.classes):
            cloud = distance_transform_edt(classes != 9) * 10 <= 60.0001
            values[date, :, (cloud & (classes == 9).any()) | (classes == 11)] = np.nan
        return values


@pytest.mark.parametrize(("mixed", "nodata"), [(False, None), (True, None), (True, 65535)])
@pytest.mark.parametrize("how", ["median", "mean", "p25"])
def test_a_season_from_files(tmp_path: Path, mixed: bool, nodata: int | None, how: str) -> None:
    grid = grid_from_bounds("EPSG:32643", 10, (0, 0, 530, 390))
    season = Season.random(grid, 5, mixed)
    season.write(tmp_path, grid, nodata)
    source = RasterSource.model_validate(
        {"files": "*.tif", "product": "sentinel-2-l2a", "composite": how, "extras": ["count"]}
    )
    expected = in_float64(season.physical(nodata), how)
    count = np.isfinite(season.physical(nodata)).all(axis=1).sum(axis=0)
    with open_source("s", source, tmp_path, grid) as reader:
        for side in (53, 17):
            for block in [Block(0, 0, *grid.shape), *blocks_of(grid.shape, side)]:
                seen = reader.read(block)
                for layer, band in enumerate(("B4", "B8")):
                    assert np.array_equal(seen[band], expected[layer][block.slices], equal_nan=True)
                assert np.array_equal(seen["s_count"], count[block.slices])
