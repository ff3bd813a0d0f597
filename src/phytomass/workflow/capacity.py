"""What a project would take on this machine, for its own area and for larger ones; nothing is run."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from phytomass.grid import BLOCK
from phytomass.models.build import patch_of
from phytomass.workflow.durations import Duration, from_rates, joined, machine_factor
from phytomass.workflow.load import OpenProject
from phytomass.workflow.preflight.findings import Sizes
from phytomass.workflow.project import Project

LIBRARIES_BYTES = 350e6
"""Memory before anything is walked over (docs/performance.md)."""
CACHE_BYTES = 256e6
"""GDAL's block cache."""
MEMBER_CHUNK_BYTES = 200 * 16_384 * 8
"""Predictions of all members that a worker holds at a time."""
COPIES = 4
"""Copies of a block that a worker holds: as read, as floats, ordered, written."""
LAYERS_OF_MAP = 5
"""The map and its four layers of uncertainty."""
OVERVIEWS = 4 / 3
UNFINISHED = 2
"""Results stand twice for a moment: as finished blocks, and as the file that is made of them."""
PROBE_BYTES = 32 * 2**20
GROWS = ("stack", "map", "account")
"""Steps whose work grows with the area."""


@dataclass(frozen=True)
class Capacity:
    """What the project takes if its area were so many times as large.

    Parameters
    ----------
    times : int
        The factor.
    steps : tuple of (str, Duration)
        About how long each step takes.
    memory_bytes, disk_bytes : float
        At most, about.
    limit : str
        What runs out first: ``memory``, ``disk``, or the step that takes longest.
    """

    times: int
    steps: tuple[tuple[str, Duration], ...]
    memory_bytes: float
    disk_bytes: float
    limit: str

    @property
    def duration(self) -> Duration:
        """How long all steps take together."""
        return joined([duration for _, duration in self.steps])


@dataclass(frozen=True)
class Machine:
    """What was seen of the machine in less than a second.

    Parameters
    ----------
    factor : float
        How much slower than the machine of the rates.
    write_s_per_byte : float
        Of the disk of the results.
    memory_bytes, disk_bytes : float
        Free.
    """

    factor: float
    write_s_per_byte: float
    memory_bytes: float
    disk_bytes: float

    @classmethod
    def seen_at(cls, folder: Path) -> Machine:
        """Measure it: a small task, and a file of 32 MiB that is removed again."""
        while not folder.is_dir():
            folder = folder.parent
        begun = time.perf_counter()
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(os.urandom(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
        written = (time.perf_counter() - begun) / PROBE_BYTES
        pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return cls(machine_factor(), written, float(pages), float(shutil.disk_usage(folder).free))


def capacities(
    opened: OpenProject,
    sizes: Sizes,
    steps: Sequence[str],
    workers: int = 1,
    times: Sequence[int] = (1, 10, 1000),
    machine: Machine | None = None,
) -> list[Capacity]:
    """Return what a project takes for its own area and for larger ones with the same plots.

    Parameters
    ----------
    opened : OpenProject
        The project, checked without a problem.
    sizes : Sizes
        How large it is, as the check saw it.
    steps : sequence of str
        Names of its steps, in order.
    workers : int
        Threads or processes.
    times : sequence of int
        How many times the area.
    machine : Machine, optional
        Measured where the results lie, if absent.
    """
    seen = machine or Machine.seen_at(opened.root / "results")
    return [_capacity(opened.project, sizes, steps, workers, one, seen) for one in times]


def _capacity(
    project: Project, sizes: Sizes, steps: Sequence[str], workers: int, times: int, seen: Machine
) -> Capacity:
    larger = replace(sizes, n_pixels=sizes.n_pixels * times)
    disk = _disk(project, larger)
    found = []
    for step in steps:
        one = from_rates(step, project, larger, workers, seen.factor)
        written = seen.write_s_per_byte * disk / len(GROWS) if step in GROWS else 0.0
        found.append((step, Duration(one.low + written, one.high + written, one.how)))
    memory = _memory(project, sizes, workers)
    longest = max(found, key=lambda pair: pair[1].high)[0]
    short = [
        name
        for name, need, free in (
            ("disk", disk, seen.disk_bytes),
            ("memory", memory, seen.memory_bytes),
        )
        if need > free
    ]
    return Capacity(times, tuple(found), memory, disk, short[0] if short else longest)


def _dates(project: Project) -> int:
    return 2 if project.earlier_predictors() is not None else 1


def _disk(project: Project, sizes: Sizes) -> float:
    """Return the bytes of stack and maps, not compressed."""
    stack = 4.0 * sizes.n_pixels * sizes.n_layers
    layers = 1 if project.map.members == 0 else LAYERS_OF_MAP
    maps = 4.0 * sizes.n_pixels * layers * OVERVIEWS
    return _dates(project) * UNFINISHED * (stack + maps)


def _memory(project: Project, sizes: Sizes, workers: int) -> float:
    """Return the bytes at most: blocks, whose number does not grow with the area, and draws."""
    halo = max((patch_of(model) for model in project.models), default=1) // 2
    wide = max(sizes.n_reads, sizes.n_layers)
    block = 4.0 * COPIES * (BLOCK + 2 * halo) ** 2 * max(wide, 1)
    return LIBRARIES_BYTES + CACHE_BYTES + workers * (block + MEMBER_CHUNK_BYTES)
