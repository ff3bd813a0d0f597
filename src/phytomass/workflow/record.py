"""The memory of a results folder: `provenance.json`, checked like any other input when read."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from phytomass.workflow.load import OpenProject

RECORD = "provenance.json"
LAYOUT = 2
"""Of what is written about a step; one of another layout runs again."""

LARGEST = 256 * 2**20
"""Bytes. The longest record of a real run is a few megabytes."""

PACKAGES = (
    "numpy",
    "pandas",
    "scikit-learn",
    "xgboost-cpu",
    "rasterio",
    "geopandas",
    "odc-geo",
    "torch",
)


def plain_name(name: str) -> str:
    """Return a name that stays in its folder on any system.

    Raises
    ------
    ValueError
        If it is empty, leads elsewhere, or holds a character that no name may have.

    Examples
    --------
    >>> plain_name("plots.csv")
    'plots.csv'
    >>> plain_name("../plots.csv")
    Traceback (most recent call last):
    ...
    ValueError: '../plots.csv' is no plain file name
    """
    alone = PurePosixPath(name).name == name == PureWindowsPath(name).name
    if not alone or name in ("", ".", "..") or not name.isprintable():
        raise ValueError(f"{name!r} is no plain file name")
    return name


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, AfterValidator(plain_name)]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class Input(_Entry):
    """A file that a step read."""

    path: str
    role: str
    sha256: Sha256
    bytes: int


class Output(_Entry):
    """A file or folder that a step wrote."""

    path: Name
    sha256: Sha256


class Done(_Entry):
    """What a step did, and everything its results depend on."""

    name: Name
    status: str
    why: str
    started: str
    seconds: float
    version: str
    settings: dict[str, Any]
    inputs: list[Input]
    needs: dict[str, dict[str, Sha256]]
    outputs: list[Output] = Field(min_length=1)
    layout: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its results."""
        return tuple(output.path for output in self.outputs)


class _Written(_Entry):
    """What is read back from the file; the rest is for people."""

    steps: list[Done]
    steps_sha256: str | None = None


@dataclass
class Record:
    """The memory of a results folder.

    Parameters
    ----------
    path : Path
        The file.
    steps : dict
        Step → what it did last.
    doubt : str
        Why the file that is there cannot be believed; empty if it can, or if there is none.
    """

    path: Path
    steps: dict[str, Done] = field(default_factory=dict)
    doubt: str = ""

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read the record of a results folder; one that cannot be believed has no steps."""
        path = folder / RECORD
        try:
            if not path.exists():
                return cls(path)
            if not path.is_file() or path.stat().st_size > LARGEST:
                return cls(path, doubt="it is no file that phytomass wrote")
            written = _Written.model_validate_json(path.read_bytes())
        except OSError as error:
            return cls(path, doubt=str(error.strerror))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            return cls(path, doubt=f"{place}: {first['msg']}" if place else first["msg"])
        if written.steps_sha256 not in (None, _fingerprint(written.steps)):
            return cls(path, doubt="something else than phytomass edited it")
        return cls(path, {step.name: step for step in written.steps})

    @property
    def listed(self) -> set[str]:
        """Names of all results that phytomass wrote."""
        return {name for step in self.steps.values() for name in step.names}

    def content(self, opened: OpenProject, order: Sequence[str]) -> dict[str, Any]:
        """Return everything a verifier needs to repeat the run."""
        steps = [self.steps[name] for name in order if name in self.steps]
        inputs = {(entry.path, entry.role): entry for step in steps for entry in step.inputs}
        return {
            "phytomass": version("phytomass"),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "packages": {name: _version(name) for name in PACKAGES},
            "random_state": opened.project.random_state,
            "project": opened.project.model_dump(mode="json"),
            "inputs": [inputs[key].model_dump() for key in sorted(inputs)],
            "steps": [step.model_dump(exclude_unset=True) for step in steps],
            "steps_sha256": _fingerprint(steps),
        }

    def sha256(self, opened: OpenProject, order: Sequence[str], reader: str) -> str:
        """Return the fingerprint of what a step finds in the record: no times, and not itself."""
        content = self.content(opened, [name for name in order if name != reader])
        del content["steps_sha256"]
        for step in content["steps"]:
            for key in ("status", "why", "started", "seconds"):
                del step[key]
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def write(self, opened: OpenProject, order: Sequence[str], beside: Path) -> None:
        """Write the record.

        It is written in the folder `beside` and then moved into place. A record that could not be
        believed is kept under another name.
        """
        content = self.content(opened, order)
        new = beside / RECORD
        with new.open("w", encoding="utf-8", newline="\n") as stream:
            json.dump(content, stream, indent=2, ensure_ascii=False, default=str)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())  # after a power cut it would cost every step
        if self.doubt:
            self.path.replace(_free(self.path))
            self.doubt = ""
        new.replace(self.path)


def _fingerprint(steps: Sequence[Done]) -> str:
    listed = [step.model_dump(exclude_unset=True) for step in steps]  # as it is read back
    text = json.dumps(listed, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _free(path: Path) -> Path:
    """Return the first unused name for a record that is kept aside."""
    n = 1
    while os.path.lexists(kept := path.with_name(f"{path.stem}.unreadable-{n}{path.suffix}")):
        n += 1
    return kept


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
