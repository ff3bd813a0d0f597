"""One open scene: its bands in physical units on the project's grid, without what is masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.imagery.pixels.masking import (
    bit_mask,
    class_mask,
    fill_mask,
    grown,
    outside_limits,
    pads_with_zeros,
)
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.readers.reader import on_grid, read_masked
from phytomass.imagery.scenes.listing import Scene
from phytomass.imagery.scenes.offsets import boa_offset
from phytomass.imagery.settings import RasterSource
from phytomass.rasters import as_numbers, pixels_of

Array = NDArray[np.float64]
Bad = NDArray[np.bool_]


class Observed(NamedTuple):
    """Bands of a block, NaN where masked, and where the scene itself has no data in one of them."""

    values: Array
    empty: Bad


@dataclass(frozen=True)
class OpenScene:
    """A scene whose files are open."""

    scene: Scene
    record: SensorRecord
    settings: RasterSource
    datasets: Mapping[str, tuple[Any, int]]
    offset_dn: float
    pixel_m: float

    def read(self, bands: Sequence[str], block: Block) -> Array:
        """Read bands of a block, without the margin along the scene's borders.

        Parameters
        ----------
        bands : sequence of str
            Our names.
        block : Block
            Where.

        Returns
        -------
        array, shape (bands, rows, cols)
            Reflectance, backscatter in linear power, or whatever the product holds; NaN where
            there are no data or the mask rejects the pixel.

        Raises
        ------
        InputError
            If a file turns out to be damaged.
        """
        seen = self.observe(bands, block)
        return np.where(self.margin(seen.empty), np.nan, seen.values)

    def margin(self, empty: Bad) -> Bad:
        """Return what to cut off along the borders of where there are no data."""
        if self.border_m == 0:
            return np.zeros_like(empty)
        return grown(empty, self.border_m, self.pixel_m)

    def observe(self, bands: Sequence[str], block: Block) -> Observed:
        """Read bands of a block up to the scene's borders, as `read` does otherwise."""
        layers, empty = [], np.zeros((block.rows, block.cols), dtype=bool)
        read = [self._raw(band, block) for band in bands]
        fill = fill_mask(np.stack([raw for raw, _ in read]), self.record.sensor)
        for band, (raw, invalid) in zip(bands, read, strict=True):
            values = self._physical(band, raw)
            values[fill | invalid | ~np.isfinite(values)] = np.nan
            empty |= np.isnan(values)
            layers.append(values)
        stacked = np.stack(layers)
        stacked[:, self._masked(block)] = np.nan
        return Observed(stacked, empty)

    @property
    def border_m(self) -> float:
        """Margin along the borders that is cut off, in metres."""
        own = self.settings.border_m
        return self.record.border_m if own is None else own

    def _physical(self, band: str, raw: Array) -> Array:
        if band in self.record.hidden:
            return raw
        scale, offset = self.settings.scaling
        values: Array = (raw + self.offset_dn) * scale + offset
        if self.record.power:
            values = 10 ** (values / 10) if self.settings.decibel else values
            values = np.where(values > 0, values, np.nan)
        return values

    def _raw(self, band: str, block: Block) -> tuple[Array, Bad]:
        raw = self._stored(band, block)
        values = as_numbers(raw)
        invalid = np.ma.getmaskarray(raw) | ~np.isfinite(values)
        for nodata in (self.record.nodata, self.settings.nodata):
            if nodata is not None and band in self.record.bands:
                invalid |= values == nodata
        return values, np.asarray(invalid, dtype=bool)

    def _stored(self, band: str, block: Block) -> Any:
        dataset, index = self.datasets[band]
        place = f"{self.scene.assets[band].path.name}, band {band}"
        with pixels_of(place, "the file is damaged: get it again, or take the scene out"):
            # of bits 0 says that all is well, whatever value the file declares as no data
            if band in self.record.bits:
                return dataset.read(index, window=block.window)
            return read_masked(dataset, index, block)

    def _masked(self, block: Block) -> Bad:
        """Return what clouds, shadows, flags and limits reject."""
        bad = np.zeros((block.rows, block.cols), dtype=bool)
        rule, how = self.record.classes, self.settings.mask
        if rule is not None and rule.band in self.datasets:
            raw, invalid = self._raw(rule.band, block)
            classes = raw.astype(np.int64)
            reject = rule.reject + (rule.strict if how == "strict" else [])
            distance = self.settings.dilate_m
            soft = class_mask(classes, rule.grown) & ~invalid
            bad |= invalid | class_mask(classes, reject)
            bad |= grown(soft, rule.dilate_m if distance is None else distance, self.pixel_m)
        for band, bits in self.record.bits.items():
            if band in self.datasets:
                raw, invalid = self._raw(band, block)
                bad |= invalid | bit_mask(raw.astype(np.int64), bits)
        for band, limits in self.settings.keep_where.items():
            bad |= outside_limits(self._stored(band, block), limits, self.datasets[band][0].nodata)
        return bad


def open_scene(
    scene: Scene,
    settings: RasterSource,
    bands: Sequence[str],
    grid: GeoBox,
    held: ExitStack,
    where: str,
) -> OpenScene:
    """Open the bands of a scene, and those its mask needs.

    Parameters
    ----------
    scene : Scene
        The scene.
    settings : RasterSource
        Its source.
    bands : sequence of str
        Our names of the bands to be read.
    grid : GeoBox
        The project's grid.
    held : ExitStack
        Closes the files.
    where : str
        For messages.

    Raises
    ------
    InputError
        If a band is absent, or the mask's, which is never left out silently.
    """
    record = settings.record
    assert record is not None  # noqa: S101  # only products have scenes
    masks = [] if settings.mask == "none" else record.mask_bands
    if settings.keep_where:
        masks = [band for band in masks if band in scene.assets]
    opened: dict[Any, Any] = {}
    datasets = {}
    for band in dict.fromkeys([*bands, *masks, *settings.keep_where]):
        if band not in scene.assets:
            raise InputError(
                f"has no band {band}; it has {', '.join(scene.assets)}",
                where=f"{scene.name} ({where})",
                remedy="set mask: none, or mask by keep_where"
                if band in masks
                else f"name the bands it has under {where}.bands",
            )
        asset = scene.assets[band]
        flags = band in masks or band in settings.keep_where
        kernel = "nearest" if flags and settings.resample else settings.resample
        identity = (asset.path, kernel)
        if identity not in opened:
            nodata = None if flags else settings.undeclared
            together = sum(scene.assets[b].path == asset.path for b in bands if b in scene.assets)
            padded = not flags and pads_with_zeros(record.sensor, together)
            view = on_grid(asset.path, grid, kernel, where, nodata, padded)
            opened[identity] = held.enter_context(view)
        datasets[band] = (opened[identity], asset.band)
    offset = boa_offset(scene, settings.boa_offset) if record.offset_rule != "none" else 0.0
    if offset and settings.offset:
        raise InputError(
            f"its values would be shifted twice: by {offset:.0f} before scaling, by "
            f"{settings.offset:g} after it",
            where=f"{scene.name} ({where})",
            remedy=f"leave {where}.offset out, or set boa_offset: applied",
        )
    return OpenScene(scene, record, settings, datasets, offset, abs(grid.transform.a))
