"""Writing a map: block by block on any workers, so that one that was broken off goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import rasterio
from odc.geo.geobox import GeoBox
from threadpoolctl import threadpool_limits

from phytomass.files import full_disk_named
from phytomass.progress import Progress, silent
from phytomass.walk.geotiff import CACHE_MB
from phytomass.walk.journal import Journal
from phytomass.walk.lattice import Lattice
from phytomass.walk.raster_stores import Cog
from phytomass.walk.store import Band
from phytomass.walk.workers import Workers

KEPT = "; the finished part of the map is kept"


@dataclass(frozen=True)
class Walking:
    """How a map is walked over: nothing that its bytes depend on.

    Parameters
    ----------
    workers : Workers
        Who computes.
    folder : Path, optional
        Where finished blocks are kept, and stay; by default a hidden folder beside the map, which
        goes when the map is there.
    progress : callable
        Called with (what, done, total) as blocks are finished.
    what : str
        Names the work to `progress`.
    """

    workers: Workers = field(default_factory=Workers)
    folder: Path | None = None
    progress: Progress = silent
    what: str = "map"


@contextmanager
def made_map(
    target: Path,
    grid: GeoBox,
    bands: Sequence[Band],
    tags: Mapping[str, str],
    request: Mapping[str, Any],
    work: Callable[..., int],
    sent: Sequence[Any],
    walking: Walking,
) -> Iterator[list[Any]]:
    """Walk over a grid, give the notes of all blocks, and then write the map.

    Parameters
    ----------
    target : Path
        The Cloud-Optimised GeoTIFF; nothing stands there unless the body ends well.
    grid, bands, tags
        Of the map; bands beside the first go into a file of their own (`beside`).
    request : mapping
        All that its values depend on (JSON-able).
    work : callable
        Called as ``work(journal, *sent, blocks)`` in any worker (see `Journal.walk`).
    sent : sequence
        What each worker is sent once.
    walking : Walking
        Who computes, and where.

    Raises
    ------
    WorkersError, DiskFullError
        If workers are lost, or there is no room: finished blocks stay.
    InputError
        From the work: finished blocks go.
    """
    folder = (walking.folder or target.with_name(f".{target.name}.unfinished")).resolve()
    journal = Journal(Cog(folder, Lattice(grid), tuple(bands), tags))
    place = [str(grid.crs), list(grid.transform), list(grid.shape)]
    asked = {"version": version("phytomass"), "grid": place, "tags": dict(tags), **request}
    with (
        threadpool_limits(1),
        walking.workers.pool() as pool,
        full_disk_named(folder.parent, KEPT),
        journal.removed_if_bad(),
    ):
        journal.begin(asked)
        journal.walk(work, (journal, *sent), pool, walking.what, walking.progress)
        yield journal.notes()
    target.parent.mkdir(parents=True, exist_ok=True)
    with full_disk_named(folder.parent, KEPT):
        journal.store.finish(target)
    if walking.folder is None:
        shutil.rmtree(folder)


@contextmanager
def at_work(journal: Journal) -> Iterator[None]:
    """Work on blocks in whichever worker: one thread per task, small caches, a full disk named."""
    journal.refuse_unseen()
    threadpool_limits(1)  # of a worker process; in the calling one `made_map` restores it
    with full_disk_named(journal.folder.parent, KEPT), rasterio.Env(GDAL_CACHEMAX=CACHE_MB):
        yield
