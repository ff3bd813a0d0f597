"""A source that is a known product: scenes, corrections, filters and one composite of a season."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError, nearest
from phytomass.grid import Block
from phytomass.imagery.pixels.composite import chosen_date, composite, take_date
from phytomass.imagery.pixels.formula import evaluate, names_in
from phytomass.imagery.pixels.sorting_network import quantile_rows
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.readers.corrections import Filter, Flattening, Prepared, open_corrections
from phytomass.imagery.readers.opened import OpenScene, open_scene
from phytomass.imagery.readers.reader import need_rule
from phytomass.imagery.scenes.kept import fetched_files
from phytomass.imagery.scenes.listing import Scene, in_season, local_scenes
from phytomass.imagery.scenes.overpass import first_complete, overpasses
from phytomass.imagery.scenes.places import files_of
from phytomass.imagery.settings import CHOOSING, RasterSource
from phytomass.walk.lattice import Lattice

Array = NDArray[np.float64]
Overpass = Sequence[OpenScene]
"""The scenes of one overpass in their fixed order: together one date."""


def bands_of(settings: RasterSource, record: SensorRecord, has: set[str]) -> dict[str, str]:
    """Return predictor name → our band, as the source asks for.

    Parameters
    ----------
    settings : RasterSource
        The source; `bands` may list our names, or rename them (`{blue: B2}`), or say which
        number of a file is which band (`{B2: 1}`).
    record : SensorRecord
        The product.
    has : set of str
        Bands that every scene has.

    Raises
    ------
    InputError
        For a band that the product or the scenes do not have.
    """
    if settings.bands is None:
        return {band: band for band in record.predictors if band in has}
    wanted: dict[str, str] = {}
    items = settings.bands.items() if isinstance(settings.bands, dict) else None
    pairs = items if items is not None else [(str(band), band) for band in settings.bands]
    for name, place in pairs:
        band = record.band_called(name if isinstance(place, int) else str(place))
        band = band or record.band_called(name)
        if band is None or (has and band not in has):
            raise InputError(
                f"no band {place!r}",
                where=f"{record.id} bands",
                remedy=nearest(str(place), sorted(has) or list(record.bands))
                or f"there are {', '.join(sorted(has) or record.bands)}",
            )
        wanted[name] = band
    return wanted


@dataclass(frozen=True)
class ProductReader:
    """An open product: gives blocks of its predictors on the project's grid."""

    key: str
    settings: RasterSource
    record: SensorRecord
    bands: Mapping[str, str]
    groups: Mapping[str, Sequence[Overpass]]
    grid: GeoBox
    corrections: Flattening
    filter: Filter
    left_out: Sequence[str] = field(default=())

    @property
    def names(self) -> list[str]:
        """Names of the predictors, in order; those of an orbit end in its name."""
        return [
            name + suffix
            for suffix in self.groups
            for name in [*self.bands, *(f"{self.key}_{extra}" for extra in self.settings.extras)]
        ]

    @property
    def scenes(self) -> list[Scene]:
        """The scenes that are used."""
        return [scene.scene for scene in _flat(self.groups)]

    @property
    def opened(self) -> list[OpenScene]:
        """The same, open."""
        return _flat(self.groups)

    @property
    def prepared(self) -> Prepared:
        """What was found by reading whole scenes."""
        return Prepared(self.corrections.fits, self.filter)

    @property
    def halo(self) -> int:
        """Pixels around a block that its values depend on."""
        rule, own = self.record.classes, self.settings.dilate_m
        dilate = own if own is not None else rule.dilate_m if rule else 0.0
        border = max(scene.border_m for scene in _flat(self.groups))
        return ceil(max(dilate, border) / abs(self.grid.transform.a)) + self.filter.halo

    def read(self, block: Block) -> dict[str, Array]:
        """Read one block: predictor name → array (rows, cols), NaN where there are no data."""
        around, inner = Lattice(self.grid).around(block, self.halo)
        layers: dict[str, Array] = {}
        for suffix, passes in self.groups.items():
            dates = np.stack([self._overpass(scenes, around) for scenes in passes])
            if self.filter.together:
                dates = self.filter.series(dates)
            layers |= self._combined(suffix, passes, dates[:, :, *inner])
        return layers

    def _read_bands(self) -> list[str]:
        """Bands to read: those of the predictors, then those only the best date is chosen by."""
        chosen_by = names_in(self.settings.best_by) if self.settings.composite == "best" else set()
        return list(dict.fromkeys([*self.bands.values(), *sorted(chosen_by)]))

    def _overpass(self, scenes: Overpass, block: Block) -> Array:
        """Lay the scenes of an overpass over one another, shape (bands, rows, cols).

        The margin is cut along the border of the whole overpass: where one frame ends and the next
        goes on, the next is taken as far as it is away from its own border, then to the border.
        """
        seen = [scene.observe(self._read_bands(), block) for scene in scenes]
        inside = [
            self._corrected(scene, np.where(scene.margin(one.empty), np.nan, one.values), block)
            for scene, one in zip(scenes, seen, strict=True)
        ]
        if len(scenes) == 1:
            return inside[0]
        if scenes[0].border_m == 0:
            return first_complete(np.stack(inside))
        whole = [
            self._corrected(scene, one.values, block)
            for scene, one in zip(scenes, seen, strict=True)
        ]
        joined = first_complete(np.stack([*inside, *whole]))
        outside = np.logical_and.reduce([one.empty for one in seen])
        return np.where(scenes[0].margin(outside), np.nan, joined)

    def _corrected(self, scene: OpenScene, values: Array, block: Block) -> Array:
        bands = self._read_bands()
        values = self.corrections.apply(scene, bands, values, block)
        return values if self.filter.together else self.filter.scene(scene, bands, values)

    def _combined(self, suffix: str, passes: Sequence[Overpass], dates: Array) -> dict[str, Array]:
        how, least = self.settings.composite or "median", self.settings.min_observations
        bands, n = self._read_bands(), len(self.bands)
        count = np.isfinite(dates[:, :n]).all(axis=1).sum(axis=0)
        days = np.array([_day_number(scenes[0].scene) for scenes in passes])
        if how in CHOOSING:
            score = None
            if how == "best":
                by_name = {band: dates[:, i] for i, band in enumerate(bands)}
                score = evaluate(self.settings.best_by, by_name)
            position = chosen_date(dates[:, :n], "best" if how == "best" else "medoid", score)
            position = np.where(count >= least, position, -1)
            merged = take_date(dates[:, :n], position)
            day = np.where(position >= 0, days[position], np.nan)
        else:
            merged = composite(dates[:, :n], how, min_observations=least)
            seen = np.isfinite(dates[:, :n]).all(axis=1)
            day = quantile_rows(np.where(seen, days[:, None, None], np.nan), 0.5)
        if self.record.power:
            with np.errstate(divide="ignore", invalid="ignore"):
                merged = 10 * np.log10(merged)
        layers = {name + suffix: merged[i] for i, name in enumerate(self.bands)}
        extras = {"count": count.astype(np.float64), "date": day}
        return layers | {f"{self.key}_{e}{suffix}": extras[e] for e in self.settings.extras}


def _flat(groups: Mapping[str, Sequence[Overpass]]) -> list[OpenScene]:
    return [scene for passes in groups.values() for scenes in passes for scene in scenes]


def _day_number(scene: Scene) -> float:
    return float((scene.date - dt.date(1970, 1, 1)).days) if scene.date else np.nan


def extra_layers(key: str, settings: RasterSource) -> set[str]:
    """Return the layers of a source that describe its images and must not be predictors."""
    suffixes = ["", "_ascending", "_descending"]
    cell = {f"{key}_cell"} if settings.record is not None and settings.record.grid_crs else set()
    return cell | {f"{key}_{extra}{suffix}" for extra in settings.extras for suffix in suffixes}


def scenes_of(key: str, settings: RasterSource, root: Path) -> list[Scene]:
    """Return the scenes of a product source, in order of their days.

    Raises
    ------
    InputError
        For missing files, unnamed bands, or none in the season; the nearest days are named.
    """
    where, record = f"predictors.rasters.{key}", settings.record
    assert record is not None  # noqa: S101  # only products have scenes
    named = settings.bands if isinstance(settings.bands, dict) else None
    places = {record.band_called(name) or name: place for name, place in (named or {}).items()}
    places = {name: place for name, place in places.items() if name in record.bands}
    places |= {band: band for band in settings.keep_where}
    scenes = local_scenes(_paths(settings, root, where), record, places, where)
    scenes = in_season(scenes, settings.dates, settings.months, where)
    need_rule(f"{len(overpasses(scenes))} dates", len(overpasses(scenes)), settings, where)
    return scenes


def _paths(settings: RasterSource, root: Path, where: str) -> list[Path]:
    if settings.files:
        return files_of(settings.files, root, where)
    fetched = fetched_files(settings, root)
    if fetched is None:
        raise InputError(
            "its scenes have not been fetched yet", where=where, remedy="run: phytomass stack"
        )
    return files_of([str(path) for path in fetched], root, where)


def _grouped(scenes: Sequence[Scene], apart: bool, where: str) -> dict[str, list[Scene]]:
    if not apart:
        return {"": list(scenes)}
    groups: dict[str, list[Scene]] = {}
    for scene in scenes:
        if scene.orbit is None:
            raise InputError(
                "does not say whether its orbit is ascending or descending",
                where=f"{scene.name} ({where})",
                remedy="put asc or desc into the file's name, or set orbits: joined",
            )
        groups.setdefault(f"_{scene.orbit}", []).append(scene)
    return dict(sorted(groups.items()))


@contextmanager
def open_product(
    key: str, settings: RasterSource, root: Path, grid: GeoBox, prepared: Prepared | None = None
) -> Iterator[ProductReader]:
    """Open a product source on a grid.

    Parameters
    ----------
    key : str
        Its name in the project file, for messages.
    settings : RasterSource
        Files, product, season, corrections, filters and composite.
    root : Path
        Folder that relative paths start from.
    grid : GeoBox
        The project's grid.
    prepared : Prepared, optional
        What is known of its whole scenes already; found by reading them if absent.

    Raises
    ------
    InputError
        For anything that is missing, with what to do about it.
    """
    where, record = f"predictors.rasters.{key}", settings.record
    assert record is not None  # noqa: S101  # only products have scenes
    scenes = scenes_of(key, settings, root)
    has = set.intersection(*(set(scene.assets) for scene in scenes))
    bands = bands_of(settings, record, has)
    needed = set(bands.values())
    if settings.composite == "best":
        needed |= names_in(settings.best_by)
    if settings.topography is not None:
        needed |= names_in(settings.topography.fit_where)
    if settings.slope is not None and settings.slope.incidence_deg is None:
        needed.add("angle")
    with ExitStack() as held:
        groups = {
            suffix: [
                [open_scene(scene, settings, sorted(needed), grid, held, where) for scene in scenes]
                for scenes in overpasses(group)
            ]
            for suffix, group in _grouped(scenes, settings.orbits == "apart", where).items()
        }
        flattening, speckle = open_corrections(
            settings, record, _flat(groups), root, grid, held, prepared
        )
        yield ProductReader(key, settings, record, bands, groups, grid, flattening, speckle)
