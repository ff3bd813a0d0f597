"""Terrain corrections and speckle filters of a product's scenes, prepared once and used per block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block, blocks_of
from phytomass.imagery.elevation import Elevation, open_elevation
from phytomass.imagery.formula import evaluate, names_in
from phytomass.imagery.opened import OpenScene
from phytomass.imagery.product_settings import SpeckleSettings
from phytomass.imagery.sensors import SensorRecord
from phytomass.imagery.settings import RasterSource
from phytomass.imagery.slopes import (
    IlluminationFit,
    flattened_backscatter,
    flattened_reflectance,
    radar_slope_deg,
    sun_incidence,
)
from phytomass.imagery.speckle import bright_level, improved_sigma, lee, quegan, refined_lee

Array = NDArray[np.float64]
DB_EDGES = np.linspace(-60.0, 40.0, 10_001)
"""Classes of 0.01 dB in which the bright level of a scene is found."""


@dataclass(frozen=True)
class Filter:
    """A speckle filter with what it has to know of whole scenes."""

    settings: SpeckleSettings | None = None
    looks: float = 1.0
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
        out = np.empty_like(values)
        for i, band in enumerate(bands):
            if self.settings.filter == "lee":
                out[i] = lee(values[i], self.looks, self.settings.window)
            elif self.settings.filter == "refined_lee":
                out[i] = refined_lee(values[i], self.looks)
            else:
                bright = self.bright[scene.scene.name, band]
                out[i] = improved_sigma(values[i], self.looks, bright, window=self.settings.window)
        return out

    def series(self, dates: Array) -> Array:
        """Filter all dates, shape (dates, bands, rows, cols)."""
        assert self.settings is not None  # noqa: S101  # only called when `together`
        filtered = [quegan(dates[:, i], self.settings.window) for i in range(dates.shape[1])]
        return np.stack(filtered, axis=1)


@dataclass(frozen=True)
class Prepared:
    """What is found by reading whole scenes: (scene, band) → fit, and the speckle filter.

    Found once by walking over the grid, it can be handed to readers on other workers.
    """

    fits: Mapping[tuple[str, str], IlluminationFit] = field(default_factory=dict)
    filter: Filter = field(default_factory=Filter)


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
        zenith, azimuth = sun_of(scene, self.settings)
        cos_i, cos_s = sun_incidence(east, north, zenith, azimuth)
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


def sun_of(scene: OpenScene, settings: RasterSource) -> tuple[float, float]:
    """Return zenith and azimuth of the sun in degrees, of the scene or as the project says.

    Raises
    ------
    InputError
        If neither says it.
    """
    rule, tags = settings.topography, scene.scene.tags
    assert rule is not None  # noqa: S101  # only asked for a topographic correction
    elevation, azimuth = tags.get("view:sun_elevation"), tags.get("view:sun_azimuth")
    if elevation is not None and azimuth is not None:
        return 90.0 - float(elevation), float(azimuth)
    if rule.sun_zenith_deg is None or rule.sun_azimuth_deg is None:
        raise InputError(
            "does not say where the sun stood",
            where=scene.scene.name,
            remedy="set topography.sun_zenith_deg and sun_azimuth_deg",
        )
    return rule.sun_zenith_deg, rule.sun_azimuth_deg


def open_corrections(
    settings: RasterSource,
    record: SensorRecord,
    groups: Mapping[str, Sequence[OpenScene]],
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
    groups : mapping of str to sequence of OpenScene
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
    scenes = [scene for group in groups.values() for scene in group]
    rule = settings.slope or settings.topography
    elevation = None
    if rule is not None:
        elevation = held.enter_context(open_elevation(rule.dem, rule.resample, root, grid))
    if settings.topography is not None:
        for scene in scenes:
            sun_of(scene, settings)
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
    if speckle is None:
        return Filter()
    bright: dict[tuple[str, str], float] = {}
    if speckle.filter == "improved_sigma":
        for scene in scenes:
            bright |= _bright_levels(scene, flattening, grid)
    return Filter(speckle, speckle.looks or record.looks, bright)


def fit_scene(
    scene: OpenScene, settings: RasterSource, elevation: Elevation, grid: GeoBox
) -> dict[tuple[str, str], IlluminationFit]:
    """Fit the correction of each band of a scene on its forest pixels; (scene, band) → fit."""
    rule = settings.topography
    assert rule is not None  # noqa: S101  # only called for a topographic correction
    zenith, azimuth = sun_of(scene, settings)
    bands = [band for band in scene.datasets if band in scene.record.predictors]
    fits = {band: IlluminationFit(rule.method, float(np.cos(np.radians(zenith)))) for band in bands}
    chooses = sorted(names_in(rule.fit_where))
    for block in blocks_of(grid.shape):
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
    bands = [band for band in scene.datasets if band in scene.record.predictors]
    counts = {band: np.zeros(len(DB_EDGES) - 1, dtype=np.int64) for band in bands}
    for block in blocks_of(grid.shape):
        values = flattening.apply(scene, bands, scene.read(bands, block), block)
        for band, layer in zip(bands, values, strict=True):
            power = layer[np.isfinite(layer)]
            counts[band] += np.histogram(10 * np.log10(power), DB_EDGES)[0]
    return {
        (scene.scene.name, band): float(10 ** (bright_level(count, DB_EDGES) / 10))
        for band, count in counts.items()
    }
