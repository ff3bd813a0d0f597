"""A source that is a known product: scenes, corrections, filters and one composite of a season."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError, nearest
from phytomass.grid import Block
from phytomass.imagery.pixels.composite import chosen_date, composite, take_date
from phytomass.imagery.pixels.formula import evaluate, names_in
from phytomass.imagery.pixels.sorting_network import quantile_rows
from phytomass.imagery.pixels.stored import Array, Scaling, Stored, kind_for, mask, scratch, valid
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.readers.corrections import Filter, Flattening, Prepared, open_corrections
from phytomass.imagery.readers.opened import Bad, OpenScene, open_scene
from phytomass.imagery.readers.reader import need_rule
from phytomass.imagery.scenes.kept import fetched_files
from phytomass.imagery.scenes.listing import Scene, in_season, local_scenes
from phytomass.imagery.scenes.overpass import first_complete, overpasses
from phytomass.imagery.scenes.places import files_of
from phytomass.imagery.settings import CHOOSING, RasterSource
from phytomass.walk.lattice import Lattice

T = TypeVar("T")
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
        """The scenes, and what was found by reading them whole."""
        passes = {
            suffix: [[scene.scene for scene in scenes] for scenes in passes]
            for suffix, passes in self.groups.items()
        }
        return Prepared(self.corrections.fits, self.filter, passes)

    @property
    def halo(self) -> int:
        """Pixels around a block whose values its own depend on."""
        border = max(scene.border_m for scene in self.opened)
        return ceil(border / abs(self.grid.transform.a)) + self.filter.halo

    @cached_property
    def _reach(self) -> int:
        """Pixels around what is read that its masks depend on."""
        return ceil(max(scene.reach_m for scene in self.opened) / abs(self.grid.transform.a))

    @cached_property
    def _read_bands(self) -> list[str]:
        """Bands to read: those of the predictors, then those only the best date is chosen by."""
        chosen_by = names_in(self.settings.best_by) if self.settings.composite == "best" else set()
        return list(dict.fromkeys([*self.bands.values(), *sorted(chosen_by)]))

    @cached_property
    def _as_stored(self) -> bool:
        """Whether nothing but the composite needs values: they can stay as they are stored."""
        plain = self.corrections.elevation is None and self.filter.settings is None
        alike = all(band in self.record.predictors for band in self._read_bands)
        return plain and alike and self.settings.composite not in CHOOSING

    @cached_property
    def _shifted(self) -> bool:
        """Whether scenes differ in what is added to their stored values."""
        return len({scene.offset_dn for scene in self.opened}) > 1

    @cached_property
    def _kind(self) -> np.dtype[Any]:
        """The type that values are held in until they are in order."""
        if not self._as_stored:
            return np.dtype(np.float64)
        bands = self._read_bands
        kinds = set[np.dtype[Any]]().union(*(scene.kinds(bands) for scene in self.opened))
        return kind_for(kinds, self.opened[0].absent(bands), self._shifted)

    @cached_property
    def _scaling(self) -> Scaling:
        """What the held values mean."""
        if not self._as_stored:
            return Scaling()
        scaling = self.opened[0].scaling(self._read_bands[0])
        return replace(scaling, shift=0.0) if self._shifted else scaling

    @property
    def held_bytes(self) -> int:
        """Bytes that are held of each pixel while a block is read."""
        most = max(len(passes) for passes in self.groups.values())
        return most * len(self._read_bands) * self._kind.itemsize

    def read(self, block: Block) -> dict[str, Array]:
        """Read one block: predictor name → array (rows, cols), NaN where there are no data."""
        around, inner = Lattice(self.grid).around(block, self.halo)
        layers: dict[str, Array] = {}
        for suffix, passes in self.groups.items():
            shape = (len(passes), len(self._read_bands), around.rows, around.cols)
            dates = scratch(shape, self._kind)
            for scenes, out in zip(passes, dates, strict=True):
                self._overpass(scenes, around, out)
            if self.filter.together:
                dates = self.filter.series(dates)
            layers |= self._combined(suffix, passes, dates[:, :, *inner])
        return layers

    def _overpass(self, scenes: Overpass, block: Block, out: Stored) -> None:
        """Lay the scenes of an overpass over one another, shape (bands, rows, cols).

        The margin is cut along the border of the whole overpass: where one frame ends and the next
        goes on, the next is taken as far as it is away from its own border, then to the border.
        """
        if len(scenes) == 1:
            inside = self._inside(scenes[0], *self._observed(scenes[0], block, out), block)
            if inside is not out:
                out[:] = inside
            return
        seen = [self._observed(scene, block) for scene in scenes]
        layers = [self._inside(scene, *one, block) for scene, one in zip(scenes, seen, strict=True)]
        if scenes[0].border_m > 0:
            pairs = zip(scenes, seen, strict=True)
            layers += [self._corrected(scene, values, block) for scene, (values, _) in pairs]
        out[:] = first_complete(np.stack(layers))
        if scenes[0].border_m > 0:
            outside = np.logical_and.reduce([empty for _, empty in seen])
            mask(out, scenes[0].margin(outside))

    def _observed(
        self, scene: OpenScene, block: Block, out: Stored | None = None
    ) -> tuple[Stored, Bad]:
        """Read a scene as values are held, into `out` if it may; and where it has no data."""
        bands = self._read_bands
        around = Lattice(self.grid).around(block, self._reach)
        kind = self._kind if self._as_stored else kind_for(scene.kinds(bands), scene.absent(bands))
        if out is None or not self._as_stored:
            out = np.empty((len(bands), block.rows, block.cols), kind)
        empty = scene.observe(bands, block, out, around)
        if not self._as_stored:
            return scene.physical(bands, out), empty
        if self._shifted:
            np.add(out, out.dtype.type(scene.offset_dn), out=out, where=valid(out))
        return out, empty

    def _inside(self, scene: OpenScene, values: Stored, empty: Bad, block: Block) -> Stored:
        if scene.border_m > 0:
            values = values.copy()
            mask(values, scene.margin(empty))
        return self._corrected(scene, values, block)

    def _corrected(self, scene: OpenScene, values: Stored, block: Block) -> Stored:
        if self._as_stored:
            return values
        values = self.corrections.apply(scene, self._read_bands, values, block)
        together = self.filter.together
        return values if together else self.filter.scene(scene, self._read_bands, values)

    def _combined(self, suffix: str, passes: Sequence[Overpass], dates: Stored) -> dict[str, Array]:
        how, least = self.settings.composite or "median", self.settings.min_observations
        held, extras = dates[:, : len(self.bands)], self.settings.extras
        days = np.array([_day_number(scenes[0].scene) for scenes in passes])
        seen = valid(held).all(axis=1) if extras or how in CHOOSING else np.empty((0, 0, 0), bool)
        count, day = seen.sum(axis=0), np.empty(0)
        if how in CHOOSING:
            position = np.where(count >= least, self._chosen(dates, how), -1)
            merged = take_date(held, position)
            day = np.where(position >= 0, days[position], np.nan)
        else:
            merged = composite(held, how, scaling=self._scaling, min_observations=least)
            if "date" in extras:
                day = quantile_rows(np.where(seen, days[:, None, None], np.nan), 0.5)
        if self.record.power:
            with np.errstate(divide="ignore", invalid="ignore"):
                merged = 10 * np.log10(merged)
        layers = {name + suffix: merged[i] for i, name in enumerate(self.bands)}
        described = {"count": count.astype(np.float64), "date": day}
        return layers | {f"{self.key}_{e}{suffix}": described[e] for e in extras}

    def _chosen(self, dates: Array, how: str) -> NDArray[np.int64]:
        """Return the position of each pixel's date."""
        held = dates[:, : len(self.bands)]
        if how != "best":
            return chosen_date(held, "medoid")
        by_name = {band: dates[:, i] for i, band in enumerate(self._read_bands)}
        return chosen_date(held, "best", evaluate(self.settings.best_by, by_name))


def _flat(groups: Mapping[str, Sequence[Sequence[T]]]) -> list[T]:
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
    dates = len(overpasses(scenes))
    need_rule(f"{dates} dates", dates, settings, where)
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
    passes = prepared.passes if prepared is not None else None
    if passes is None:
        apart = settings.orbits == "apart"
        grouped = _grouped(scenes_of(key, settings, root), apart, where)
        passes = {suffix: overpasses(group) for suffix, group in grouped.items()}
    has = set.intersection(*(set(scene.assets) for scene in _flat(passes)))
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
                for scenes in group
            ]
            for suffix, group in passes.items()
        }
        flattening, speckle = open_corrections(
            settings, record, _flat(groups), root, grid, held, prepared
        )
        yield ProductReader(key, settings, record, bands, groups, grid, flattening, speckle)
