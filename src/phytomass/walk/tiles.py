"""Encoded tiles of GeoTIFFs: found in one file, and put into another without decoding them.

A GeoTIFF is written by one process from its head to its last tile, and cannot be gone on with after
a stop. Its tiles are encoded each by itself, though: workers write every block as a small GeoTIFF of
its own, and the tiles of all are moved behind the head of the large one, whose two tables say where
each lies (TIFF 6.0, section 15; BigTIFF has 8 bytes where TIFF has 4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

OFFSETS, SIZES = 324, 325
"""Tags of the tables: first byte of each tile, number of its bytes."""
TYPES = {3: "u2", 4: "u4", 16: "u8"}

Table = NDArray[np.int64]


@dataclass(frozen=True)
class _Place:
    """Where a table lies in a file, and the type of its numbers."""

    start: int
    dtype: np.dtype[Any]
    count: int


def _places(stream: BinaryIO) -> dict[int, _Place]:
    """Find the two tables in the first directory of a TIFF."""
    order = {b"II": "<", b"MM": ">"}[stream.read(2)]
    big = struct.unpack(f"{order}H", stream.read(2))[0] == 43
    first, number, entry, room = (8, "Q", "HHQ8s", 8) if big else (4, "H", "HHI4s", 4)
    stream.seek(first)
    start = struct.unpack(f"{order}{'Q' if big else 'I'}", stream.read(room))[0]
    stream.seek(start)
    count = struct.unpack(f"{order}{number}", stream.read(struct.calcsize(f"{order}{number}")))[0]
    size, at = struct.calcsize(f"{order}{entry}"), stream.tell()
    found = {}
    for i, packed in enumerate(struct.iter_unpack(f"{order}{entry}", stream.read(count * size))):
        tag, kind, n, value = packed
        if tag not in (OFFSETS, SIZES):
            continue
        dtype = np.dtype(f"{order}{TYPES[kind]}")
        here = at + i * size + size - room  # few numbers stand in the entry itself
        if n * dtype.itemsize > room:
            here = struct.unpack(f"{order}{'Q' if big else 'I'}", value)[0]
        found[tag] = _Place(here, dtype, n)
    return found


def tiles_in(path: Path) -> tuple[Table, Table]:
    """Return first byte and number of bytes of the tiles of a TIFF, all of band 1 first."""
    with path.open("rb") as stream:
        places = _places(stream)
        tables = [_read(stream, places[tag]) for tag in (OFFSETS, SIZES)]
    return tables[0], tables[1]


def _read(stream: BinaryIO, place: _Place) -> Table:
    stream.seek(place.start)
    raw = stream.read(place.count * place.dtype.itemsize)
    return np.frombuffer(raw, place.dtype).astype(np.int64)


def lay_out(head: Path, sizes: Table) -> None:
    """Write into the head of a GeoTIFF without tiles where each of them will lie.

    Parameters
    ----------
    head : Path
        A GeoTIFF without tiles, one of whose bands follows the other.
    sizes : array, shape (blocks, bands)
        Bytes of the tiles. They will lie block by block, and band by band within a block.
    """
    ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
    offsets = head.stat().st_size + ends - sizes
    with head.open("r+b") as stream:
        places = _places(stream)
        for tag, table in ((OFFSETS, offsets), (SIZES, sizes)):
            stream.seek(places[tag].start)
            stream.write(table.T.ravel().astype(places[tag].dtype).tobytes())


def encoded(part: Path, bands: Sequence[int]) -> Iterator[bytes]:
    """Give the encoded tile of some bands of a GeoTIFF of one block."""
    offsets, sizes = tiles_in(part)
    with part.open("rb") as stream:
        for band in bands:
            stream.seek(offsets[band])
            yield stream.read(sizes[band])
