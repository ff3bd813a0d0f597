"""Bringing scenes of a catalogue onto the project's grid: each whole and kept, or left out by name."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pystac
import rasterio
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError as ProjCRSError
from rasterio._err import CPLE_BaseError
from rasterio.errors import CRSError, RasterioError

from phytomass.errors import InputError
from phytomass.files import whole_file
from phytomass.grid import BLOCK, describe_grid, same_grid
from phytomass.imagery.catalogs.addresses import masked, resolved
from phytomass.imagery.catalogs.remote import SceneError, gdal_options, opened
from phytomass.imagery.catalogs.retry import GaveUp, PassingError, Patience
from phytomass.imagery.catalogs.signatures import Signer, profile_of
from phytomass.imagery.catalogs.stac import collection_of, hrefs_of, search
from phytomass.imagery.catalogs.traffic import Traffic
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.readers.product import bands_of
from phytomass.imagery.readers.reader import warped
from phytomass.imagery.scenes.kept import safe_name, write_list
from phytomass.imagery.scenes.listing import STAC_TAG
from phytomass.imagery.settings import RasterSource
from phytomass.progress import Progress, silent
from phytomass.walk.lattice import Lattice
from phytomass.walk.workers import Workers

WORKERS = 4
COLUMNS = ["source", "scene", "date", "status", "reason", "attempts"]
_KEPT_TAGS = (
    "boa_offset_applied",
    "processing_baseline",
    "processing:version",
    "platform",
    "orbit_state",
    "relative_orbit",
    "absolute_orbit",
    "wrs_path",
    "sun_elevation",
    "sun_azimuth",
    "mean_solar_zenith",
    "mean_solar_azimuth",
)
"""Properties that later steps ask for, whatever the prefix of their extension."""
_NUMBERS = (
    "processing_baseline",
    "processing:version",
    "sun_elevation",
    "sun_azimuth",
    "mean_solar_zenith",
    "mean_solar_azimuth",
)
"""Those that are numbers: a catalogue that says something else there has not said it."""
_PASSING = (RasterioError, CRSError, ProjCRSError, CPLE_BaseError, PassingError, TimeoutError)
"""Faults of a scene that may be gone at the next attempt."""


class WrongGridError(InputError):
    """A scene on another grid where no kernel is named: trying again would not help."""


@dataclass(frozen=True)
class Request:
    """What is wanted of one scene, and where it goes."""

    item: pystac.Item
    hrefs: Mapping[str, str]
    masks: Sequence[str]
    target: Path
    settings: RasterSource
    grid: GeoBox

    @property
    def fingerprint(self) -> str:
        """Changes with everything that the kept file depends on."""
        rows, cols = self.grid.shape
        addresses = {band: href.split("?")[0] for band, href in self.hrefs.items()}
        parts = [addresses, str(self.grid.crs), list(self.grid.transform), rows, cols]
        text = json.dumps([*parts, self.settings.resample], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def kept(self) -> bool:
        """Whether the scene was brought here before."""
        if not self.target.is_file():
            return False
        try:
            with rasterio.open(self.target) as dataset:
                return bool(dataset.tags().get("phytomass_request") == self.fingerprint)
        except RasterioError:
            return False

    @property
    def tags(self) -> dict[str, str]:
        """What later steps must know about the scene."""
        said = {
            key: str(value)
            for key, value in self.item.properties.items()
            for name in {key, key.rsplit(":", 1)[-1]} & set(_KEPT_TAGS)
            if isinstance(value, str | float | int) and (name not in _NUMBERS or is_number(value))
        }
        day = self.item.datetime.isoformat() if self.item.datetime else ""
        return {
            "datetime": day,
            "phytomass_request": self.fingerprint,
            STAC_TAG: json.dumps(said, sort_keys=True),
        }


def is_number(value: object) -> bool:
    """Tell whether something can be read as a finite number.

    Examples
    --------
    >>> is_number("05.09"), is_number("N0509"), is_number("nan")
    (True, False, False)
    """
    try:
        return isfinite(float(str(value)))
    except ValueError:
        return False


def bring(request: Request, signer: Signer, attempt: int, deadline: float) -> None:
    """Read all bands of a scene on the project's grid and write them as one file.

    Raises
    ------
    RasterioError, PassingError, TimeoutError
        If it cannot be read: nothing is left behind then.
    SceneError
        If trying again would not help, though other scenes may be read.
    WrongGridError
        If it is on another grid and no kernel is named.
    """
    catalog = request.settings.catalog
    assert catalog is not None  # noqa: S101  # only called for catalogues
    with ExitStack() as held:
        seconds = min(catalog.timeout_s, deadline - time.monotonic())
        held.enter_context(rasterio.Env(**gdal_options(seconds)))
        bands = {}
        for band, href in request.hrefs.items():
            _stop_at(deadline)
            address = signer.signed(href, renew=attempt > 1)
            dataset = held.enter_context(opened(address, request.grid, catalog.max_read_mb))
            kernel = "nearest" if band in request.masks else request.settings.resample
            bands[band] = held.enter_context(_warped(dataset, request, kernel))
        dtype = np.result_type(*(dataset.dtypes[0] for dataset in bands.values()))
        beside = held.enter_context(whole_file(request.target))
        out = held.enter_context(rasterio.open(beside, "w", **_profile(bands, request, dtype)))
        out.descriptions = tuple(bands)
        out.update_tags(**request.tags)
        for block in Lattice(request.grid):
            for index, dataset in enumerate(bands.values(), 1):
                _stop_at(deadline)
                values = dataset.read(1, window=block.window)
                out.write(values.astype(dtype), index, window=block.window)


def _stop_at(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the time for all scenes was over")


def _profile(bands: Mapping[str, Any], request: Request, dtype: np.dtype[Any]) -> dict[str, Any]:
    rows, cols = request.grid.shape
    return {
        "driver": "GTiff",
        "height": rows,
        "width": cols,
        "count": len(bands),
        "dtype": dtype,
        "crs": str(request.grid.crs),
        "transform": request.grid.transform,
        "nodata": _nodata(bands, request),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "bigtiff": "if_safer",
    }


def _nodata(bands: Mapping[str, Any], request: Request) -> float | None:
    declared = [d.nodata for name, d in bands.items() if name not in request.masks]
    found = next((value for value in declared if value is not None), None)
    return found if found is not None else request.settings.undeclared


def _warped(dataset: Any, request: Request, kernel: str | None) -> Any:
    own = GeoBox(dataset.shape, dataset.transform, dataset.crs)
    if kernel is None and not same_grid(own, request.grid):
        raise WrongGridError(
            f"is on another grid: {describe_grid(own)}; "
            f"the project's is {describe_grid(request.grid)}",
            where=request.item.id,
            remedy="name a kernel, e.g. resample: bilinear",
        )
    return warped(dataset, request.grid, kernel or "nearest", request.settings.undeclared)


def wanted_bands(settings: RasterSource, record: SensorRecord) -> list[str]:
    """Return the bands a catalogue source needs: its predictors, and its mask's."""
    named = settings.bands is not None
    bands = list(bands_of(settings, record, set()).values()) if named else record.predictors
    masks = [] if settings.mask == "none" else record.mask_bands
    return list(dict.fromkeys([*bands, *masks]))


def fetch_scenes(
    key: str,
    settings: RasterSource,
    root: Path,
    grid: GeoBox,
    *,
    progress: Progress = silent,
    pause: float = 0.5,
) -> pd.DataFrame:
    """Bring the scenes of a catalogue source onto the grid, into its folder.

    Scenes that are there already are not asked for again. A scene that cannot be read whole after
    all attempts, or within the time for all scenes, is left out: it has a row that says why.

    Parameters
    ----------
    key : str
        Name of the source.
    settings : RasterSource
        A source with `catalog`, `product` and `dates`.
    root : Path
        Folder that relative paths start from.
    grid : GeoBox
        The project's grid.
    progress : callable
        Called with (what, done, total) per scene.
    pause : float
        Seconds before a second attempt.

    Returns
    -------
    DataFrame
        One row per scene: source, scene, date, status (fetched, kept, left_out), reason, attempts.

    Raises
    ------
    InputError
        If the catalogue cannot be used, has no scene, or fewer than `min_scenes` can be read.
    """
    where = f"predictors.rasters.{key}"
    catalog, record = settings.catalog, settings.record
    assert catalog is not None and record is not None  # noqa: S101  # only called for these
    patience = Patience(catalog.attempts, time.monotonic() + catalog.total_s, pause)
    items = search(settings, grid, root, Traffic(catalog, patience, where))
    _refuse_one_file_for_two(items, where)
    tokens = Traffic(catalog, patience, where)
    signer = Signer(profile_of(catalog), collection_of(settings), tokens)
    wanted, folder = wanted_bands(settings, record), root / catalog.folder
    done: list[int] = []

    def one(item: pystac.Item) -> list[object]:
        row = _one(item, wanted, folder, settings, grid, signer, patience)
        done.append(1)
        progress(f"scenes of {key}", len(done), len(items))
        return [key, item.id, item.datetime.date() if item.datetime else None, *row]

    with Workers(WORKERS).pool() as pool:
        rows = list(pool.run(one, [(item,) for item in items], ordered=True))
    table = pd.DataFrame(rows, columns=COLUMNS)
    used = int((table["status"] != "left_out").sum())
    if used < catalog.min_scenes:
        why = [f"{r.scene}: {r.reason}" for r in table.itertuples() if r.status == "left_out"]
        raise InputError(
            f"only {used} of {len(table)} scenes can be read, {catalog.min_scenes} are needed: "
            + "; ".join(why[:5]),
            where=f"{masked(catalog.url)} ({where})",
            remedy="try again later: scenes that were read are kept",
        )
    names = sorted(table.loc[table["status"] != "left_out", "scene"])
    write_list(folder, names)
    return table


def _one(
    item: pystac.Item,
    wanted: Sequence[str],
    folder: Path,
    settings: RasterSource,
    grid: GeoBox,
    signer: Signer,
    patience: Patience,
) -> list[object]:
    """Bring one scene; return its status, the reason, and the attempts it took."""
    record = settings.record
    assert record is not None  # noqa: S101  # checked by `fetch_scenes`
    hrefs = hrefs_of(item, record)
    absent = [band for band in wanted if band not in hrefs]
    if absent:
        return ["left_out", f"has no {', '.join(absent)}", 0]
    try:
        own = {band: resolved(item.self_href, hrefs[band]) for band in wanted}
    except InputError as error:
        return ["left_out", error.problems[0].what, 0]
    target = folder / f"{safe_name(item.id)}.tif"
    request = Request(item, own, record.mask_bands, target, settings, grid)
    if request.kept:
        return ["kept", "", 0]
    try:
        _, attempts = patience.persist(
            lambda attempt: bring(request, signer, attempt, patience.deadline), _PASSING
        )
    except SceneError as error:
        return ["left_out", masked(error), 1]
    except GaveUp as error:
        return ["left_out", str(error), error.attempts]
    return ["fetched", "", attempts]


def _refuse_one_file_for_two(items: Sequence[pystac.Item], where: str) -> None:
    names: dict[str, str] = {}
    for item in items:
        name = safe_name(item.id).casefold()
        if name in names:
            raise InputError(
                f"two scenes would be kept in one file: {names[name]!r} and {item.id!r}",
                where=f"{masked(item.self_href)} ({where})",
                remedy="name the `collection` of one of them, or other `dates`",
            )
        names[name] = item.id
