"""One open scene: its bands in physical units on the project's grid, without what is masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError
from phytomass.grid import Block
from phytomass.imagery.pixels.masking import (
    bit_mask,
    class_mask,
    grown,
    outside_limits,
    pads_with_zeros,
)
from phytomass.imagery.pixels.stored import (
    Array,
    Scaling,
    Stored,
    drop_missing,
    kind_for,
    mask,
    same_in,
)
from phytomass.imagery.products.sensors import SensorRecord
from phytomass.imagery.readers.raw import Gaps, Raw
from phytomass.imagery.readers.reader import on_grid
from phytomass.imagery.scenes.listing import Scene
from phytomass.imagery.scenes.offsets import boa_offset
from phytomass.imagery.settings import RasterSource
from phytomass.rasters import pixels_of

Bad = NDArray[np.bool_]
Around = tuple[Block, tuple[slice, slice]]
"""A larger window, and the place of a block in it."""


@dataclass(frozen=True)
class OpenScene:
    """A scene whose files are open."""

    scene: Scene
    record: SensorRecord
    settings: RasterSource
    datasets: Mapping[str, tuple[Raw, int]]
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
        kind = kind_for(self.kinds(bands), self.absent(bands))
        stored = np.empty((len(bands), block.rows, block.cols), kind)
        empty = self.observe(bands, block, stored)
        if self.border_m > 0:
            mask(stored, self.margin(empty))
        return self.physical(bands, stored)

    def margin(self, empty: Bad) -> Bad:
        """Return what to cut off along the borders of where there are no data."""
        if self.border_m == 0:
            return np.zeros_like(empty)
        return grown(empty, self.border_m, self.pixel_m)

    def observe(
        self, bands: Sequence[str], block: Block, out: Stored, around: Around | None = None
    ) -> Bad:
        """Read bands of a block up to the scene's borders, as they are stored.

        Parameters
        ----------
        bands, block
            As in `read`.
        out : array, shape (bands, rows, cols)
            Is given the stored values, of a type that `kind_for` names; the lowest where there
            are no data or the mask rejects the pixel.
        around : Block and place of the block in it, optional
            Where masks are read that reach from pixel to pixel; the block if absent.

        Returns
        -------
        array of bool, shape (rows, cols)
            Where the scene itself has no data in one of the bands.
        """
        gaps = self._read_into(bands, block, out)
        judged = pads_with_zeros(self.record.sensor, len(bands))
        scalings = [self.scaling(band) for band in bands]
        absent = self.absent(bands)
        empty = drop_missing(out, scalings, gaps=gaps, absent=absent, fill=judged)
        window, inner = around or (block, (slice(None), slice(None)))
        mask(out, np.ascontiguousarray(self._masked(window)[inner]))
        return empty

    def physical(self, bands: Sequence[str], stored: Stored) -> Array:
        """Return what stored values of bands mean, NaN where there are no data."""
        layers = zip(bands, stored, strict=True)
        return np.stack([self.scaling(band)(layer) for band, layer in layers])

    def scaling(self, band: str) -> Scaling:
        """Return what the stored values of a band mean."""
        if band in self.record.hidden:
            return Scaling()
        power, decibel = self.record.power, self.record.power and self.settings.decibel
        return Scaling(self.offset_dn, *self.settings.scaling, decibel, power)

    def kinds(self, bands: Sequence[str]) -> set[np.dtype[Any]]:
        """Return the types that bands are stored in."""
        return {raw.kind(index) for raw, index in map(self.datasets.__getitem__, bands)}

    def absent(self, bands: Sequence[str]) -> list[float | None]:
        """Return stored values that mean no data in all of some bands, whatever files declare."""
        if not all(band in self.record.bands for band in bands):
            return []  # classes and flags are among them
        return [self.record.nodata, self.settings.nodata]

    @property
    def border_m(self) -> float:
        """Margin along the borders that is cut off, in metres."""
        own = self.settings.border_m
        return self.record.border_m if own is None else own

    @property
    def reach_m(self) -> float:
        """Distance that masks reach from pixel to pixel, in metres."""
        rule, own = self.record.classes, self.settings.dilate_m
        if rule is None or rule.band not in self.datasets:
            return 0.0
        return rule.dilate_m if own is None else own

    def _read_into(self, bands: Sequence[str], block: Block, out: Stored) -> Gaps:
        """Read bands, those of one file together; return where files say that they have no data."""
        found: Gaps = None
        first = 0
        for raw, run in groupby(bands, lambda band: self.datasets[band][0]):
            together = list(run)
            indexes = [self.datasets[band][1] for band in together]
            here = slice(first, first + len(together))
            with self._pixels_of(together):
                raw.read(indexes, block, out[here])
                gaps = raw.gaps(indexes, block, out[here])
            if gaps is not None:
                found = np.zeros(out.shape, dtype=bool) if found is None else found
                found[here] = gaps
            first = here.stop
        if not self.absent(bands):
            absent = same_in(out.dtype, (self.record.nodata, self.settings.nodata))
            own = np.array([band in self.record.bands for band in bands])
            gaps = np.asarray(np.isin(out, absent) & own[:, None, None])
            found = gaps if found is None else found | gaps
        return found

    def _pixels_of(self, bands: Sequence[str]) -> AbstractContextManager[None]:
        named = f"band{'s' if len(bands) > 1 else ''} {', '.join(bands)}"
        place = f"{self.scene.assets[bands[0]].path.name}, {named}"
        return pixels_of(place, "the file is damaged: get it again, or take the scene out")

    def _flags(self, band: str, block: Block) -> tuple[Stored, Gaps]:
        raw, index = self.datasets[band]
        with self._pixels_of([band]):
            values = raw.read([index], block)
            # of bits 0 says that all is well, whatever value the file declares as no data
            gaps = None if band in self.record.bits else raw.gaps([index], block, values)
        return values[0], None if gaps is None else gaps[0]

    def _masked(self, block: Block) -> Bad:
        """Return what clouds, shadows, flags and limits reject."""
        bad = np.zeros((block.rows, block.cols), dtype=bool)
        rule, how = self.record.classes, self.settings.mask
        if rule is not None and rule.band in self.datasets:
            classes, invalid = _decided(*self._flags(rule.band, block))
            reject = rule.reject + (rule.strict if how == "strict" else [])
            soft = class_mask(classes, rule.grown) & ~invalid
            bad |= invalid | class_mask(classes, reject) | grown(soft, self.reach_m, self.pixel_m)
        for band, bits in self.record.bits.items():
            if band in self.datasets:
                flags, invalid = _decided(*self._flags(band, block))
                bad |= invalid | bit_mask(flags, bits)
        for band, limits in self.settings.keep_where.items():
            nodata = self.datasets[band][0].nodata
            bad |= outside_limits(*self._flags(band, block), limits, nodata)
        return bad


def _decided(flags: Stored, gaps: Gaps) -> tuple[Stored, Bad]:
    """Return flags, and where there are none."""
    invalid = np.zeros(flags.shape, dtype=bool) if gaps is None else gaps
    return flags, invalid if flags.dtype.kind != "f" else invalid | ~np.isfinite(flags)


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
            opened[identity] = Raw(held.enter_context(view))
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
