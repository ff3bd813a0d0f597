"""Which blocks of a walk are finished, so that one that was broken off goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phytomass.errors import InputError
from phytomass.files import write_text
from phytomass.grid import Block
from phytomass.progress import Progress, silent
from phytomass.walk.store import Store
from phytomass.walk.workers import Pool

MOST_PER_TASK = 8
"""Blocks of one task: what they are computed from is opened once."""
LARGEST_SQUARE = 8
"""Blocks on a side of the squares that tasks may be."""
REQUEST = "request.json"


@dataclass(frozen=True)
class Journal:
    """The finished blocks in a store: a small file beside them for each, with a note.

    Whoever computes a block writes its file, after the block, so that workers on several machines
    need no lock, and a block counts only when it is there.

    Parameters
    ----------
    store : Store
    """

    store: Store

    @property
    def folder(self) -> Path:
        """Where the marks lie: that of the store."""
        return self.store.folder

    def begin(self, request: dict[str, Any]) -> None:
        """Go on with the blocks of an earlier walk for the same request; else make a new folder.

        Parameters
        ----------
        request : dict
            All that the values of the blocks depend on (JSON-able).

        Raises
        ------
        InputError
            If nothing can be written there.
        """
        kind = type(self.store).__name__
        text = json.dumps({"store": kind, "size": self.store.lattice.size, **request})
        state = self.folder / REQUEST
        same = state.is_file() and state.read_text(encoding="utf-8") == text
        if same and self.store.there():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            where = str(self.folder.parent)
            raise InputError(f"cannot write here ({error})", where=where) from error
        self.store.create()
        write_text(state, text)

    @contextmanager
    def removed_if_bad(self) -> Iterator[None]:
        """Remove the folder when the input turns out to be bad: other input makes other blocks."""
        try:
            yield
        except InputError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def keep(self, block: Block, values: Any, note: object = None) -> None:
        """Write a block, then its mark.

        Parameters
        ----------
        block : Block
        values : array, shape (bands, rows, cols)
        note : object
            What else is known of the block (JSON-able), e.g. sums over it.
        """
        self.store.write(block, values)
        write_text(self._mark(block), json.dumps(note))

    def missing(self) -> list[Block]:
        """Return the blocks that are not there yet."""
        return [block for block in self.store.lattice if not self._mark(block).is_file()]

    def notes(self) -> list[Any]:
        """Return the notes of all blocks, in the order of the lattice."""
        marks = (self._mark(block) for block in self.store.lattice)
        return [json.loads(mark.read_text(encoding="utf-8")) for mark in marks]

    def _mark(self, block: Block) -> Path:
        return self.folder / f"done-{block.row}-{block.col}.json"

    def refuse_unseen(self) -> None:
        """Raise when a worker does not see the folder.

        Raises
        ------
        InputError
            If it lies on another machine.
        """
        if not (self.folder / REQUEST).is_file():
            raise InputError(
                "a worker does not see this folder",
                where=str(self.folder),
                remedy="workers of a cluster need the project's folders under the same paths",
            )

    def walk(
        self,
        work: Callable[..., int],
        arguments: Sequence[Any],
        pool: Pool,
        what: str,
        progress: Progress = silent,
        *,
        squares: bool = False,
    ) -> None:
        """Compute the blocks that are missing, some in one task.

        Parameters
        ----------
        work : callable
            Called as ``work(*arguments, blocks)`` in any worker: computes and keeps the blocks,
            and returns how many.
        arguments : sequence
            What a worker can be sent; each is sent them once.
        pool : Pool
            Who computes.
        what : str
            Names the work to `progress`, which is told of finished blocks.
        squares : bool
            Whether tasks are squares of blocks, which share more of what lies around them.

        Raises
        ------
        WorkersError
            As `Pool.run`; besides, whatever the work raises.
        """
        missing = self.missing()
        if squares:
            parts = self._squares(missing, 2 * pool.size)
        else:
            size = min(max(len(missing) // (2 * pool.size), 1), MOST_PER_TASK)
            parts = [missing[i : i + size] for i in range(0, len(missing), size)]
        total = len(self.store.lattice)
        done = total - len(missing)
        if not missing:
            return
        for finished in pool.sharing(*arguments).run(work, [(part,) for part in parts]):
            done += finished
            progress(what, done, total)

    def _squares(self, missing: list[Block], wanted: int) -> list[list[Block]]:
        """Return the largest squares of which there are enough for all workers."""
        side = LARGEST_SQUARE
        while side > 1 and side**2 * wanted > len(missing):
            side //= 2
        return self.store.lattice.squares(missing, side)
