"""Values as files store them, kept so until they are in order: what is no data is the lowest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phytomass.imagery.pixels.compiled import compiled

Array = NDArray[np.float64]
Stored = NDArray[Any]
"""Numbers of any type; its lowest value, and for floats whatever is not finite, means no data."""
LANES = 2048
"""Pixels that are looked at side by side."""
DECIBEL = (-3236.07, 3082.547)
"""Beyond these the power is 0 or infinite in float64."""


@dataclass(frozen=True)
class Scaling:
    """How stored values become physical ones, and which of these are none.

    Parameters
    ----------
    shift, scale, offset : float
        (stored + shift) × scale + offset.
    decibel : bool
        Whether that is in dB; the physical value is linear power then.
    positive : bool
        Whether only values above 0 count (power).

    Examples
    --------
    >>> Scaling(-1000, 1e-4)(np.array([0, 3000], np.uint16))
    array([nan, 0.2])
    """

    shift: float = 0.0
    scale: float = 1.0
    offset: float = 0.0
    decibel: bool = False
    positive: bool = False

    def __call__(self, stored: Stored) -> Array:
        """Return physical values, NaN where there are no data."""
        return np.where(valid(stored), self.of_valid(stored), np.nan)

    def of_valid(self, stored: Stored) -> Array:
        """Return physical values of stored ones that all count."""
        with np.errstate(all="ignore"):
            values: Array = np.add(stored, self.shift, dtype=np.float64)
            values *= self.scale
            values += self.offset
            return 10 ** (values / 10) if self.decibel else values

    @property
    def linear(self) -> Array:
        """Shift, scale and offset."""
        return np.array([self.shift, self.scale, self.offset], dtype=np.float64)

    @property
    def bounds(self) -> tuple[float, float]:
        """What (stored + shift) × scale + offset lies between."""
        if self.decibel:
            return DECIBEL
        return (0.0, np.inf) if self.positive else (-np.inf, np.inf)


_HELD = local()


def scratch(shape: tuple[int, ...], kind: np.dtype[Any]) -> Stored:
    """Return an array of any content, which holds until this thread asks for the next.

    New memory must be cleared each time, which takes as long as reading into it.

    Examples
    --------
    >>> scratch((4, 5), np.dtype("uint16")).base is scratch((3,), np.dtype("float32")).base
    True
    """
    size = prod(shape) * kind.itemsize
    if getattr(_HELD, "memory", np.empty(0)).size < size:
        _HELD.memory = None  # first given back
        _HELD.memory = np.empty(size, np.uint8)
    array: Stored = np.ndarray(shape, kind, _HELD.memory)
    return array


def lowest(kind: np.dtype[Any]) -> Any:
    """Return the lowest value of a type, which is no value of a pixel.

    Examples
    --------
    >>> lowest(np.dtype("uint16")), lowest(np.dtype("float32"))
    (np.uint16(0), np.float32(-inf))
    """
    return kind.type(-np.inf if kind.kind == "f" else np.iinfo(kind).min)


def no_data(kind: np.dtype[Any]) -> Any:
    """Return what is written where there are no data: NaN, and the lowest of whole numbers."""
    return kind.type(np.nan) if kind.kind == "f" else lowest(kind)


def valid(stored: Stored) -> NDArray[np.bool_]:
    """Return True where there are data."""
    if stored.dtype.kind == "f":
        return np.isfinite(stored)
    return np.asarray(stored != lowest(stored.dtype))


def kind_for(
    kinds: Iterable[Any], absent: Sequence[float | None], shifted: bool = False
) -> np.dtype[Any]:
    """Return the type that holds values of some types, with one to spare for no data.

    Parameters
    ----------
    kinds : iterable of dtype
        Of the files.
    absent : sequence of float or None
        Values that mean no data in all of them.
    shifted : bool
        Whether whole numbers of at most 16 bits are added to some.

    Examples
    --------
    >>> kind_for(["uint16"], [0]), kind_for(["uint16"], [None]), kind_for(["uint8", "float32"], [0])
    (dtype('uint16'), dtype('int32'), dtype('float32'))
    """
    kind = np.result_type(*kinds)
    if kind.kind == "f":
        return np.dtype(np.float64) if shifted else kind
    spare = kind.kind != "b" and any(value == lowest(kind) for value in absent)
    if spare and not shifted:
        return kind
    for wider in (np.int16, np.int32, np.int64):
        if kind.itemsize < np.dtype(wider).itemsize:
            return np.dtype(wider)
    return np.dtype(np.float64)


@lru_cache
def same_in(kind: np.dtype[Any], values: tuple[float | None, ...]) -> Stored:
    """Return those of some numbers that a type can hold, as numbers of the type."""
    held = []
    for value in values:
        with np.errstate(all="ignore"):
            if value is None or (kind.kind != "f" and not float(value).is_integer()):
                continue
            if kind.kind != "f" and not np.iinfo(kind).min <= value <= np.iinfo(kind).max:
                continue
            if float(kind.type(value)) == value:
                held.append(value)
    array = np.array(held, dtype=kind)
    array.flags.writeable = False
    return array


@compiled
def _all_zero(stored: Any, gaps: Any, start: int, zero: Any) -> None:
    for band in range(len(stored)):
        line = stored[band, start : start + len(zero)]
        if gaps is None:
            for i in range(len(zero)):
                zero[i] &= line[i] == 0
        else:
            gap = gaps[band, start : start + len(zero)]
            for i in range(len(zero)):
                zero[i] &= (line[i] == 0) | gap[i]


@compiled
def _out_of_bounds(line: Any, rule: Any, out: Any) -> None:
    shift, scale, offset, low, high = rule
    for i in range(len(line)):
        meant = (np.float64(line[i]) + shift) * scale + offset
        out[i] |= not ((meant > low) & (meant < high))


@compiled
def _drop(
    stored: Any,
    gaps: Any,
    zero_gaps: Any,
    absent: Any,
    rules: Any,
    fill: bool,
    none: Any,
    empty: Any,
) -> None:
    pixels = stored.shape[1]
    zero, out = np.empty(LANES, np.bool_), np.empty(LANES, np.bool_)
    for start in range(0, pixels, LANES):
        width = min(LANES, pixels - start)
        zero[:] = fill
        if fill:
            _all_zero(stored, zero_gaps, start, zero[:width])
        lost = empty[start : start + width]
        for band in range(len(stored)):
            line = stored[band, start : start + width]
            out[:] = zero
            if gaps is not None:
                gap = gaps[band, start : start + width]
                for i in range(width):
                    out[i] |= gap[i]
            for k in range(len(absent)):
                for i in range(width):
                    out[i] |= line[i] == absent[k]
            if rules is not None:
                _out_of_bounds(line, rules[band], out[:width])
            for i in range(width):
                value = line[i]  # read in any case: else the loop would branch
                lost[i] |= out[i]
                line[i] = none if out[i] else value


def drop_missing(
    stored: Stored,
    scalings: Sequence[Scaling],
    *,
    gaps: NDArray[np.bool_] | None = None,
    absent: Iterable[float | None] = (),
    fill: bool = False,
    hidden_zero: bool = True,
) -> NDArray[np.bool_]:
    """Mark in place what a scene itself has no data of.

    Parameters
    ----------
    stored : array, shape (bands, rows, cols)
        As read, of a type that `kind_for` gives; the lowest value is put where there are no data.
    scalings : sequence of Scaling
        Of each band.
    gaps : array of bool, of the same shape, optional
        Where the file says that it has no data.
    absent : iterable of float or None
        Values that mean the same.
    fill : bool
        Whether pixels that are 0 in every band are fill.
    hidden_zero : bool
        Whether gaps count as 0 for that.

    Returns
    -------
    array of bool, shape (rows, cols)
        Where a band has no data.

    Examples
    --------
    >>> stored = np.array([[[7, 0, 9]], [[0, 0, 5]]], np.int32)
    >>> drop_missing(stored, [Scaling()] * 2, fill=True, absent=[9]).tolist()
    [[False, True, True]]
    >>> Scaling()(stored)[:, 0].tolist()
    [[7.0, nan, nan], [0.0, nan, 5.0]]
    """
    bands, kind = len(stored), stored.dtype
    empty = np.zeros(stored.shape[1:], dtype=bool)
    flat = None if gaps is None else gaps.reshape(bands, -1)
    bounded = kind.kind == "f" or any(np.isfinite(scaling.bounds).any() for scaling in scalings)
    rules = np.array([(*scaling.linear, *scaling.bounds) for scaling in scalings])
    _drop(
        stored.reshape(bands, -1),
        flat,
        flat if hidden_zero else None,
        same_in(kind, tuple(absent)),
        rules if bounded else None,
        fill,
        no_data(kind),
        empty.reshape(-1),
    )
    return empty


@compiled
def _mask(stored: Any, bad: Any, none: Any) -> None:
    for band in range(len(stored)):
        line = stored[band]
        for i in range(len(bad)):
            value = line[i]
            line[i] = none if bad[i] else value


def mask(stored: Stored, bad: NDArray[np.bool_]) -> None:
    """Mark in place the pixels of all bands, shape (bands, rows, cols), that a mask rejects."""
    _mask(stored.reshape(len(stored), -1), bad.reshape(-1), no_data(stored.dtype))


@compiled
def _add(values: Any, none: Any, rule: Any, total: Any, count: Any) -> None:
    shift, scale, offset = rule
    for start in range(0, values.shape[1], LANES):
        stop = min(start + LANES, values.shape[1])
        sums, number = total[start:stop], count[start:stop]
        for date in range(len(values)):
            line = values[date, start:stop]
            for i in range(len(line)):
                value = line[i]
                good = np.isfinite(value) & (value != none)
                meant = (np.float64(value) + shift) * scale + offset
                sums[i] += meant if good else 0.0
                number[i] += good


def mean_rows(stored: Stored, scaling: Scaling, least: int = 1) -> Array:
    """Return the mean of the physical values over the first axis, added in their order.

    Parameters
    ----------
    stored : array, shape (n, ...)
        Values of any type; the lowest of whole numbers, and what is not finite, do not count.
    scaling : Scaling
        What they mean.
    least : int
        How many must count.

    Returns
    -------
    array, shape (...)
        NaN where fewer count.

    Examples
    --------
    >>> mean_rows(np.array([[0, 7], [2, 0], [4, 0]], np.uint8), Scaling(scale=0.5))
    array([1.5, 3.5])
    """
    flat = np.ascontiguousarray(stored).reshape(len(stored), -1)
    total, count = np.zeros(flat.shape[1]), np.zeros(flat.shape[1], dtype=np.int16)
    if scaling.decibel:
        for line in flat:  # powers of ten are numpy's own, date by date
            _add(scaling(line)[None], -np.inf, Scaling().linear, total, count)
    else:
        _add(flat, lowest(flat.dtype), scaling.linear, total, count)
    mean = np.where(count >= max(least, 1), total / np.maximum(count, 1), np.nan)
    return mean.reshape(stored.shape[1:])
