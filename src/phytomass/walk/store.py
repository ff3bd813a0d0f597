"""Where the blocks of a walk lie: one protocol for files, folders of files and Zarr stores."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.walk.lattice import Lattice

Values = NDArray[np.float32]
"""Of shape (bands, rows, cols), NaN where there are no data."""


@dataclass(frozen=True)
class Band:
    """A band: its name, its unit, and what else is known of it."""

    name: str
    unit: str = ""
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """What is known of it beside its name."""
        return {key: text for key, text in self.known.items() if text and key != "name"}


class Bands(Protocol):
    """Open bands of a finished store."""

    def read(self, block: Block) -> Values:
        """Read a block.

        Raises
        ------
        InputError
            If it is damaged.
        """


@dataclass(frozen=True)
class Store(ABC):
    """Finished blocks of a walk, and the one result that is made of them.

    Workers in other threads, processes or machines write blocks side by side; which are there is
    for the journal to know. The result has the same bytes for any order of writing. The static
    methods serve results that are finished, from wherever they came.

    Parameters
    ----------
    folder : Path
        Where the blocks lie until the result is made; nothing else is in it.
    lattice : Lattice
        The blocks.
    bands : tuple of Band
    tags : mapping of str to str
        Said of the whole result.
    """

    folder: Path
    lattice: Lattice
    bands: tuple[Band, ...]
    tags: Mapping[str, str] = field(default_factory=dict)

    @abstractmethod
    def create(self) -> None:
        """Make the folder, without a block in it."""

    @abstractmethod
    def there(self) -> bool:
        """Tell whether all that was ever written to the folder is still in it."""

    @abstractmethod
    def write(self, block: Block, values: Values) -> None:
        """Keep one block of the lattice.

        Raises
        ------
        DiskFullError, OSError
            If there is no room for it.
        """

    @abstractmethod
    def finish(self, target: Path) -> None:
        """Make the result of all blocks, whole or not at all; broken off, it can be done again."""

    @staticmethod
    @abstractmethod
    def describe(path: Path) -> tuple[GeoBox, tuple[str, ...]]:
        """Return grid and band names of a finished result.

        Raises
        ------
        InputError
            If it is none.
        """

    @staticmethod
    @abstractmethod
    def open(path: Path, names: Sequence[str]) -> AbstractContextManager[Bands]:
        """Open some bands of a finished result for reading block by block."""

    @staticmethod
    @abstractmethod
    def to_xarray(path: Path) -> xr.Dataset:
        """Open a finished result with one lazily read variable per band."""


REMEDY = "run: phytomass stack"


def no_stack(path: Path, error: BaseException) -> InputError:
    """Return the error about a folder that holds no stack of predictors."""
    return InputError(f"is no stack of predictors ({error})", where=str(path), remedy=REMEDY)


def linked(made: Path, target: Path) -> None:
    """Let what is finished stand at `target` too, in one move and without room of its own.

    It stays where it is as well, so that a step which is broken off afterwards finds it again;
    where the file system has no links, it is moved.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.linked")
    _remove(beside)
    try:
        if made.is_dir():
            shutil.copytree(made, beside, copy_function=os.link)
        else:
            os.link(made, beside)
    except (OSError, shutil.Error):
        _remove(beside)
        shutil.move(made, beside)
    if target.is_dir():
        shutil.rmtree(target)
    beside.replace(target)
    _remove(beside)  # which stays where both were names of one file already


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
