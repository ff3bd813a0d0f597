"""Draws in a folder: one zarr group with the values of quantities and the draws they share.

Under its name lies each quantity, (n, k) float32, and under ``point/`` its point, (n,) float64;
under ``shared/<source>`` the shared draws, (m, k) float64, whose attribute `names` says what each
row is. The attributes of the group: ``<level>_id``, random_state, level, and of each quantity pool,
kind, unit and date.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from phytomass.errors import InputError, nearest

Array = NDArray[np.float64]

ITEM_CHUNK, DRAW_CHUNK = CHUNKS = 256, 1024
"""Shape of a block of a written array."""

TAKEN = ("point", "shared")
"""Names within the folder that no quantity may have."""

AGAIN = "write the draws again: remove the folder and run the step `plots`"


@dataclass(frozen=True)
class Meaning:
    """What a stored quantity is: as in `Draws`."""

    pool: str
    kind: str
    unit: str
    date: str = ""


@dataclass(frozen=True)
class Layout:
    """What a folder of draws will hold.

    Parameters
    ----------
    ids : tuple of str
        Items.
    n_draws : int
    quantities : mapping of str to Meaning
        By name of their array; the first is what `Draws.open` gives unasked.
    shared : tuple of str
        Names of the shared draws, ``source`` or ``source/row``.
    random_state : int
    level : str
        What an item is.
    """

    ids: tuple[str, ...]
    n_draws: int
    quantities: Mapping[str, Meaning]
    shared: tuple[str, ...] = ()
    random_state: int = 0
    level: str = "plot"

    def sources(self) -> dict[str, list[str]]:
        """Return the names of the shared draws by their source."""
        found: dict[str, list[str]] = {}
        for name in self.shared:
            found.setdefault(name.partition("/")[0], []).append(name)
        return found


@dataclass(frozen=True)
class Target:
    """Arrays to write to, in a folder or in memory, and the attributes of the folder."""

    values: dict[str, Any]
    point: dict[str, Any]
    sources: dict[str, tuple[list[str], Any]]
    attributes: dict[str, Any]

    def write_shared(self, drawn: Mapping[str, Array], columns: slice) -> None:
        """Write some draws of every shared error."""
        for names, array in self.sources.values():
            array[:, columns] = np.stack([drawn[name] for name in names])

    def shared(self) -> dict[str, Array]:
        """Return the shared draws by name, of arrays in memory."""
        pairs = ((names, array) for names, array in self.sources.values())
        return {name: row for names, array in pairs for name, row in zip(names, array, strict=True)}


def in_memory(layout: Layout) -> Target:
    """Return arrays in memory instead of those of a folder."""
    n, k = len(layout.ids), layout.n_draws
    return Target(
        {name: np.zeros((n, k), np.float32) for name in layout.quantities},
        {name: np.zeros(n) for name in layout.quantities},
        {s: (names, np.zeros((len(names), k))) for s, names in layout.sources().items()},
        {},
    )


@contextmanager
def whole_store(path: Path) -> Iterator[zarr.Group]:
    """Give a Zarr group to fill; its folder appears under its name only when all is done.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".zarr"))
    except OSError as error:
        raise InputError(f"cannot write here ({error.strerror})", where=str(path)) from error
    try:
        yield zarr.open_group(str(beside), mode="w")
        if path.exists():
            shutil.rmtree(path)
        beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def new_store(path: Path, layout: Layout) -> Iterator[Target]:
    """Give arrays to write to; the folder appears under its name only when all is done.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    with whole_store(path) as group:
        target = _arrays(group, layout)
        yield target
        quantities = {name: vars(meaning) for name, meaning in layout.quantities.items()}
        about = {"random_state": layout.random_state, "level": layout.level}
        ids = {f"{layout.level}_id": list(layout.ids)}
        described: dict[str, Any] = {**ids, **target.attributes, **about, "quantities": quantities}
        group.attrs.update(described)


def _arrays(group: zarr.Group, layout: Layout) -> Target:
    n, k = len(layout.ids), layout.n_draws

    def array(name: str, shape: tuple[int, ...], dtype: str, dims: tuple[str, ...]) -> Any:
        # A block that is lost reads as NaN, which `Stored` refuses; zero would pass for biomass.
        return group.create_array(
            name,
            shape=shape,
            chunks=tuple(max(1, min(s, c)) for s, c in zip(shape, CHUNKS, strict=False)),
            dtype=dtype,
            fill_value=np.nan,
            dimension_names=dims,
        )

    dims = (layout.level, "draw")
    values = {name: array(name, (n, k), "float32", dims) for name in layout.quantities}
    point = {name: array(f"point/{name}", (n,), "float64", dims[:1]) for name in layout.quantities}
    sources = {}
    for source, names in layout.sources().items():
        kept = array(f"shared/{source}", (len(names), k), "float64", ("name", "draw"))
        kept.attrs["names"] = names
        sources[source] = (names, kept)
    return Target(values, point, sources, {})


@dataclass(frozen=True)
class Stored:
    """Values in a folder; what is read must be there."""

    array: Any
    where: str
    shape: tuple[int, ...]

    def __getitem__(self, rows: Any) -> NDArray[np.floating[Any]]:
        """Read some items."""
        columns = (slice(self.shape[1]),) if len(self.shape) > 1 else ()
        try:
            values = np.asarray(self.array.oindex[(rows, *columns)])
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"cannot be read ({error})", where=self.where, remedy=AGAIN) from error
        if np.isnan(values).any():
            raise InputError("a part of the draws is missing", where=self.where, remedy=AGAIN)
        return values

    def first(self, k: int) -> Stored:
        """Return the first k draws."""
        return Stored(self.array, self.where, (self.shape[0], k))


class StoredShared(Mapping[str, Array]):
    """Shared draws in a folder, read when first asked for and kept: each block of items asks again."""

    def __init__(self, group: zarr.Group, where: str) -> None:
        self._rows = {
            str(name): (array, row)
            for _, array in sorted(group.arrays())
            for row, name in enumerate(array.attrs["names"])  # type: ignore[arg-type]
        }
        self._where = where
        self._read: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._read:
            array, row = self._rows[name]
            stored = Stored(array, f"{self._where}, {name}", array.shape)
            values = np.asarray(stored[slice(row, row + 1)][0], dtype=np.float64)
            values.flags.writeable = False
            self._read[name] = values
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(frozen=True)
class Opened:
    """A folder of draws."""

    group: zarr.Group
    where: str

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the folder."""
        return dict(self.group.attrs)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Items of the folder."""
        return tuple(str(name) for name in self.attributes[f"{self.attributes['level']}_id"])

    def _stored(self, path: str) -> Stored:
        if path not in self.group:
            raise InputError(f"no array {path!r}", where=self.where, remedy=AGAIN)
        array: Any = self.group[path]
        return Stored(array, self.where, array.shape)

    def names(self) -> list[str]:
        """Return the names of the quantities."""
        return list(self.attributes["quantities"])

    def quantity(self, name: str | None) -> dict[str, Any]:
        """Return a quantity as what `Draws` takes.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        known = self.names()
        name = known[0] if name is None else name
        if name not in known:
            remedy = nearest(name, known) or f"there are {', '.join(known)}"
            raise InputError(f"no draws of {name!r}", where=self.where, remedy=remedy)
        shared: Mapping[str, Array] = {}
        if "shared" in self.group:
            shared = StoredShared(self.group["shared"], self.where)  # type: ignore[arg-type]
        return {
            "point": np.asarray(self._stored(f"point/{name}")[:], dtype=np.float64),
            "values": self._stored(name),
            "ids": self.ids,
            **self.attributes["quantities"][name],
            **{key: self.attributes[key] for key in ("random_state", "level")},
            "shared": shared,
        }


def open_store(path: Path) -> Opened:
    """Open a folder of draws.

    Raises
    ------
    InputError
        If it is not there, is no folder of draws, or one of an earlier version.
    """
    where = Path(path).name
    if not Path(path).is_dir():
        raise InputError("no draws", where=where, remedy="run the step `plots` on trees")
    try:
        group = zarr.open_group(str(path), mode="r")
        opened = Opened(group, where)
        whole = {"random_state", "level", "quantities"} <= opened.attributes.keys()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot be opened ({error})", where=where, remedy=AGAIN) from error
    if not whole:
        raise InputError(
            "does not say what its draws are, as of an earlier version", where=where, remedy=AGAIN
        )
    return opened
