"""Terrain corrections and speckle filters of a product's scenes, prepared once and used per block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.imagery.pixels.formula import evaluate, names_in
from phytomass.imagery.pixels.slopes import (
    IlluminationFit,
    flattened_backscatter,
    flattened_reflectance,
    radar_slope_deg,
    sun_incidence,
)
from phytomass.imagery.pixels.speckle.filters import (
    bright_level,
    improved_sigma,
    lee,
    quegan,
    refined_lee,
)
from phytomass.imagery.pixels.speckle.looks import estimated_looks, window_variations
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.products.settings import SpeckleSettings
from phytomass.imagery.readers.elevation import Elevation, open_elevation
from phytomass.imagery.readers.opened import OpenScene
from phytomass.imagery.scenes.listing import Scene
from phytomass.imagery.scenes.sun import sun_of
from phytomass.imagery.settings import RasterSource
from phytomass.walk.lattice import Lattice

Array = NDArray[np.float64]
DB_EDGES = np.linspace(-60.0, 40.0, 10_001)
"""Classes of 0.01 dB in which the bright level of a scene is found."""


@dataclass(frozen=True)
class Filter:
    """A speckle filter with what it has to know of whole scenes."""

    settings: SpeckleSettings | None = None
    looks: Mapping[tuple[str, str], float] = field(default_factory=dict)
    bright: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @property
    def together(self) -> bool:
        """Whether it filters all dates together."""
        return self.settings is not None and self.settings.filter == "quegan"

    @property
    def halo(self) -> int:
        """Pixels around a block that it reads."""
        return 0 if self.settings is None else max(self.settings.window // 2, 3)

    def scene(self, scene: OpenScene, bands: Sequence[str], values: Array) -> Array:
        """Filter the bands of one scene, shape (bands, rows, cols)."""
        if self.settings is None:
            return values
        return np.stack(
            [
                self._one(layer, (scene.scene.name, band))
                for band, layer in zip(bands, values, strict=True)
            ]
        )

    def _one(self, power: Array, image: tuple[str, str]) -> Array:
        """Filter one band of one scene."""
        rule, looks = self.settings, self.looks[image]
        assert rule is not None  # noqa: S101  # checked by `scene`
        if rule.filter == "lee":
            return lee(power, looks, rule.window)
        if rule.filter == "refined_lee":
            return refined_lee(power, looks)
        bright, correct = self.bright[image], rule.bias_correction
        return improved_sigma(power, looks, bright, window=rule.window, bias_correction=correct)

    def series(self, dates: Array) -> Array:
        """Filter all dates, shape (dates, bands, rows, cols)."""
        assert self.settings is not None  # noqa: S101  # only called when `together`
        filtered = [quegan(dates[:, i], self.settings.window) for i in range(dates.shape[1])]
        return np.stack(filtered, axis=1)


@dataclass(frozen=True)
class Prepared:
    """What is found once and handed to readers on other workers.

    Parameters
    ----------
    fits : mapping of (str, str) to IlluminationFit
        (scene, band) → fit, found by walking over the grid.
    filter : Filter
        The speckle filter, with what was found in the same way.
    passes : mapping of str to list of list of Scene, optional
        The overpasses of each orbit; to be listed from their files if absent.
    """

    fits: Mapping[tuple[str, str], IlluminationFit] = field(default_factory=dict)
    filter: Filter = field(default_factory=Filter)
    passes: Mapping[str, Sequence[Sequence[Scene]]] | None = None


@dataclass(frozen=True)
class Flattening:
    """The terrain correction of a source; without one values pass unchanged."""

    settings: RasterSource
    elevation: Elevation | None = None
    fits: Mapping[tuple[str, str], IlluminationFit] = field(default_factory=dict)

    def apply(self, scene: OpenScene, bands: Sequence[str], values: Array, block: Block) -> Array:
        """Correct the bands of a block, shape (bands, rows, cols)."""
        if self.elevation is None:
            return values
        _, east, north = self.elevation.block(block)
        if self.settings.slope is not None:
            return self._radar(scene, values, block, east, north)
        rule = self.settings.topography
        assert rule is not None  # noqa: S101  # an elevation model is for one or the other
        cos_i, cos_s = sun_incidence(east, north, *sun_of(scene.scene, rule))
        return np.stack(
            [
                flattened_reflectance(layer, cos_i, cos_s, self.fits[scene.scene.name, band]).values
                for band, layer in zip(bands, values, strict=True)
            ]
        )

    def _radar(
        self, scene: OpenScene, values: Array, block: Block, east: Array, north: Array
    ) -> Array:
        rule = self.settings.slope
        assert rule is not None  # noqa: S101  # checked by `apply`
        orbit = scene.scene.orbit
        if orbit is None:
            raise InputError(
                "does not say whether its orbit is ascending or descending",
                where=scene.scene.name,
                remedy="the slope correction needs the look direction: put asc or desc into the name",
            )
        toward, across = radar_slope_deg(east, north, rule.look_azimuth_deg[orbit])
        angle: Array | float = (
            rule.incidence_deg
            if rule.incidence_deg is not None
            else scene.read(["angle"], block)[0]
        )
        return flattened_backscatter(values, angle, toward, across, rule.model).values


def open_corrections(
    settings: RasterSource,
    record: SensorRecord,
    scenes: Sequence[OpenScene],
    root: Path,
    grid: GeoBox,
    held: ExitStack,
    prepared: Prepared | None = None,
) -> tuple[Flattening, Filter]:
    """Open the elevation model, fit the corrections and find the bright level of each scene.

    Parameters
    ----------
    settings, record : RasterSource, SensorRecord
        The source and its product.
    scenes : sequence of OpenScene
        Its scenes.
    root : Path
        Folder that relative paths start from.
    grid : GeoBox
        The project's grid.
    held : ExitStack
        Closes the elevation model.
    prepared : Prepared, optional
        What is known of the scenes already: nothing is read then.
    """
    rule = settings.slope or settings.topography
    elevation = None
    if rule is not None:
        elevation = held.enter_context(open_elevation(rule.dem, rule.resample, root, grid))
    if settings.topography is not None:
        for scene in scenes:
            sun_of(scene.scene, settings.topography)
    prepared = prepared or _prepare(settings, record, scenes, elevation, grid)
    return Flattening(settings, elevation, prepared.fits), prepared.filter


def _prepare(
    settings: RasterSource,
    record: SensorRecord,
    scenes: Sequence[OpenScene],
    elevation: Elevation | None,
    grid: GeoBox,
) -> Prepared:
    """Walk over the grid for all that corrections and filters must know of whole scenes."""
    fits: dict[tuple[str, str], IlluminationFit] = {}
    if settings.topography is not None and elevation is not None:
        for scene in scenes:
            fits |= fit_scene(scene, settings, elevation, grid)
    flattening = Flattening(settings, elevation, fits)
    return Prepared(fits, _open_filter(settings.speckle, record, scenes, flattening, grid))


def _open_filter(
    speckle: SpeckleSettings | None,
    record: SensorRecord,
    scenes: Sequence[OpenScene],
    flattening: Flattening,
    grid: GeoBox,
) -> Filter:
    """Prepare a speckle filter: find what it must know of whole scenes."""
    if speckle is None or speckle.filter == "quegan":
        return Filter(speckle)
    images = [(scene, band) for scene in scenes for band in _layers(scene)]
    given = speckle.looks if isinstance(speckle.looks, float) else record.looks
    looks = {(scene.scene.name, band): given for scene, band in images}
    bright: dict[tuple[str, str], float] = {}
    for scene in scenes:
        if speckle.looks == "estimate":
            looks |= _estimated_looks(scene, flattening, grid)
        if speckle.filter == "improved_sigma":
            bright |= _bright_levels(scene, flattening, grid)
    return Filter(speckle, looks, bright)


def _layers(scene: OpenScene) -> list[str]:
    """Return the open bands of a scene that become predictors."""
    return [band for band in scene.datasets if band in scene.record.predictors]


def _flat_blocks(
    scene: OpenScene, flattening: Flattening, grid: GeoBox
) -> Iterator[Mapping[str, Array]]:
    """Yield the corrected bands of a scene, block by block of the whole grid."""
    bands = _layers(scene)
    for block in Lattice(grid):
        values = flattening.apply(scene, bands, scene.read(bands, block), block)
        yield dict(zip(bands, values, strict=True))


def fit_scene(
    scene: OpenScene, settings: RasterSource, elevation: Elevation, grid: GeoBox
) -> dict[tuple[str, str], IlluminationFit]:
    """Fit the correction of each band of a scene on its forest pixels; (scene, band) → fit."""
    rule = settings.topography
    assert rule is not None  # noqa: S101  # only called for a topographic correction
    zenith, azimuth = sun_of(scene.scene, rule)
    bands = _layers(scene)
    fits = {band: IlluminationFit(rule.method, float(np.cos(np.radians(zenith)))) for band in bands}
    chooses = sorted(names_in(rule.fit_where))
    for block in Lattice(grid):
        values = dict(zip(bands, scene.read(bands, block), strict=True))
        _, east, north = elevation.block(block)
        cos_i, cos_s = sun_incidence(east, north, zenith, azimuth)
        forest = evaluate(rule.fit_where, {name: values[name] for name in chooses})
        for band, fit in fits.items():
            fit.add(values[band], cos_i, cos_s, forest > rule.fit_above)
    return {(scene.scene.name, band): fit for band, fit in fits.items()}


def _bright_levels(
    scene: OpenScene, flattening: Flattening, grid: GeoBox
) -> dict[tuple[str, str], float]:
    """Find the 98th percentile of each band over the whole grid: of a tile it would not do."""
    counts = {band: np.zeros(len(DB_EDGES) - 1, dtype=np.int64) for band in _layers(scene)}
    for values in _flat_blocks(scene, flattening, grid):
        for band, layer in values.items():
            power = layer[np.isfinite(layer)]
            counts[band] += np.histogram(10 * np.log10(power), DB_EDGES)[0]
    return {
        (scene.scene.name, band): float(10 ** (bright_level(count, DB_EDGES) / 10))
        for band, count in counts.items()
    }


def _estimated_looks(
    scene: OpenScene, flattening: Flattening, grid: GeoBox
) -> dict[tuple[str, str], float]:
    """Estimate the number of looks of each band over the whole grid."""
    seen: dict[str, list[Array]] = {band: [] for band in _layers(scene)}
    for values in _flat_blocks(scene, flattening, grid):
        for band, layer in values.items():
            seen[band].append(window_variations(layer))
    name = scene.scene.name
    return {
        (name, band): estimated_looks(np.concatenate(parts), f"{name} {band}")
        for band, parts in seen.items()
    }
