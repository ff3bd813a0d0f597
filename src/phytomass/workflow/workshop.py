"""Where a step works, and how its results get into place: whole, even if that is broken off."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from phytomass.errors import InputError
from phytomass.files import sha256_of
from phytomass.workflow.record import Done, Record

WORKING = re.compile(r"\.working-(?P<step>[a-z_]+)-[a-z0-9_]{8}")
MARK = "done.json"


@dataclass(frozen=True)
class Workshop:
    """A folder beside the results, so that moving is a rename.

    `made` is where the step writes. `done.json` is written last, in one move: from then on the
    results count, and whoever finds the folder moves what is still in it into place.
    """

    folder: Path

    @property
    def made(self) -> Path:
        """Folder that the step writes to."""
        return self.folder / "made"

    def commit(self, done: Done) -> None:
        """Let the results count from here on."""
        beside = self.folder / "done.part"
        with beside.open("w", encoding="utf-8") as stream:
            json.dump(done.model_dump(), stream)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self.folder / MARK)

    def committed(self) -> Done | None:
        """Return what counts, or None."""
        try:
            return Done.model_validate_json((self.folder / MARK).read_bytes())
        except (OSError, ValidationError):
            return None

    def close(self, done: Done) -> None:
        """Remove the folder and parts of the work: everything is in place and in the record."""
        discard(unfinished(self.folder.parent, done.name))
        (self.folder / MARK).unlink(missing_ok=True)
        discard(self.folder)

    def in_the_way(self, done: Done, record: Record, results: Path) -> list[str]:
        """Return names of files that phytomass did not write, so far as the record tells.

        Those with the very bytes of the new result are in nobody's way.
        """
        return [
            output.path
            for output in done.outputs
            if output.path not in record.listed
            and os.path.lexists(results / output.path)
            and _contents(results / output.path) != output.sha256
        ]

    def move(self, done: Done, record: Record, results: Path, may: Collection[str]) -> None:
        """Move the results into place, and remove those of before that are no longer written.

        Broken off anywhere, it can be done again from the start.
        """
        aside = self.folder / "old"
        for name in done.names:
            new, target = self.made / name, results / name
            if not os.path.lexists(new):
                continue  # moved before it was broken off
            if os.path.lexists(target) and (new.is_dir() or target.is_dir()):
                _set_aside(target, aside)  # a folder cannot be replaced in one move as a file can
            new.replace(target)
        before = record.steps.get(done.name)
        others = {n for step in record.steps.values() if step.name != done.name for n in step.names}
        gone = set(before.names if before else ()) - set(done.names) - others
        for name in sorted(gone & set(may)):
            if os.path.lexists(results / name):
                _set_aside(results / name, aside)
        record.steps[done.name] = done


def _set_aside(path: Path, aside: Path) -> None:
    discard(aside / path.name)
    aside.mkdir(exist_ok=True)
    path.replace(aside / path.name)


def _contents(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None


def foreign_files(names: Collection[str], results: Path) -> InputError:
    """Return the error about files that a run would replace though phytomass did not write them."""
    return InputError(
        f"holds files that phytomass did not write, going by provenance.json, and that a run would "
        f"replace: {', '.join(sorted(names))}",
        where=f"results folder {results}",
        remedy="move them away, or choose another `output`; nothing was changed",
    )


def discard(path: Path) -> None:
    """Remove a folder or file of our own; of a link only the link goes, never what it leads to."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def left_behind(results: Path, steps: Collection[str]) -> list[Workshop]:
    """Return the working folders of runs that were broken off; call it under the lock."""
    found = []
    for path in sorted(results.iterdir()):
        name = WORKING.fullmatch(path.name)
        if name and name["step"] in steps:
            found.append(Workshop(path))
    return found


def pending(results: Path, steps: Collection[str]) -> set[str]:
    """Return names of results that count already but may not be in the record yet."""
    shops = [shop for shop in left_behind(results, steps) if not shop.folder.is_symlink()]
    return {name for shop in shops if (done := shop.committed()) for name in done.names}


@contextmanager
def workshop(results: Path, name: str) -> Iterator[Workshop]:
    """Give a step a folder to work in; it goes afterwards, unless its results count already.

    Raises
    ------
    InputError
        If the folder vanished while the step worked.
    """
    shop = Workshop(Path(tempfile.mkdtemp(dir=results, prefix=f".working-{name}-")))
    try:
        shop.made.mkdir()
        yield shop
    except Exception as error:
        if not shop.folder.is_dir():
            raise InputError(
                f"the results folder was moved or removed while '{name}' was at work",
                where=str(results),
                remedy="put it back if it holds earlier results, and run again",
            ) from error
        raise
    finally:
        if shop.committed() is None:
            discard(shop.folder)
        with suppress(OSError):  # absent, or it holds finished parts
            unfinished(results, name).rmdir()


def unfinished(results: Path, name: str) -> Path:
    """Return the place for parts of a step's work, which stay until its results are in place."""
    folder = results / f".unfinished-{name}"
    if folder.is_symlink():
        folder.unlink()
    return folder
