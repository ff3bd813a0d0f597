"""A bounded look at the images of a source: some of them, in some windows, whatever their size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import Problem
from phytomass.grid import Block
from phytomass.imagery import BlockReader, RasterSource, files_of, open_source, scenes_of

Array = NDArray[np.float64]
T = TypeVar("T")
MOST_IMAGES = 4
WINDOWS = 3
"""Windows along rows and along columns."""
SIDE = 96
"""Pixels of a window's side; a grid up to three times as large is seen whole."""
_BARE: dict[str, Any] = {
    "speckle": None,
    "slope": None,
    "topography": None,
    "extras": [],
    "min_observations": 1,
}
"""What only the whole of an image can give, or several dates."""
_PLAIN: dict[str, Any] = {
    "product": None,
    "keep_where": {},
    "boa_offset": "auto",
    "mask": "usual",
    "dates": None,
    "months": None,
    "dilate_m": None,
    "border_m": None,
    "orbits": "joined",
}
"""What only products have."""


@dataclass(frozen=True, eq=False)
class Image:
    """A sample of one image of a source, on the project's grid.

    Parameters
    ----------
    key : str
        The source.
    name : str
        File or scene.
    source : RasterSource
        Its settings.
    bands : mapping of str to array
        Predictor → stored values (of products: as `physical`), NaN where they are masked.
    physical : mapping of str to array
        The same with scale and offset.
    units : mapping of str to str
        Predictor → unit, where the file states it.
    stated : (float, float), optional
        Scale and offset that the file itself states.
    """

    key: str
    name: str
    source: RasterSource
    bands: Mapping[str, Array]
    physical: Mapping[str, Array]
    units: Mapping[str, str] = field(default_factory=dict)
    stated: tuple[float, float] | None = None

    @property
    def pixels(self) -> int:
        """Pixels with a value in some band."""
        seen = [np.isfinite(band) for band in self.bands.values()]
        return int(np.logical_or.reduce(seen).sum()) if seen else 0

    def problem(self, bands: str, what: str, remedy: str) -> Problem:
        """Return a problem of some bands of this image; of all of them if none is named."""
        where = f"{self.name}, band {bands}" if bands else self.name
        place = "predictors" if self.key == "terrain" else "predictors.rasters"
        return Problem(f"{where} ({place}.{self.key})", what, remedy)


def windows_of(shape: tuple[int, int]) -> list[Block]:
    """Return windows spread over a grid; the whole of a small one.

    Examples
    --------
    >>> windows_of((40, 1000))[:2]
    [Block(row=0, col=0, rows=40, cols=96), Block(row=0, col=452, rows=40, cols=96)]
    """
    along = []
    for n in shape:
        side = min(SIDE, n)
        starts = np.linspace(0, n - side, min(WINDOWS, -(-n // side))).astype(int)
        along.append([(int(start), side) for start in starts])
    return [Block(r, c, rows, cols) for r, rows in along[0] for c, cols in along[1]]


def probe(key: str, source: RasterSource, root: Path, grid: GeoBox) -> list[Image]:
    """Sample some images of a source.

    Parameters
    ----------
    key, source, root, grid
        As in `open_source`.

    Raises
    ------
    InputError
        If a file cannot be read; other checks say so too.
    """
    if source.catalog is not None or (source.record is not None and source.record.grid_crs):
        return []  # scenes not fetched yet; vegetation optical depth has a grid of its own
    if source.record is None or source.record.power:
        return [_stored(key, source, *one, root, grid) for one in _files(key, source, root)]
    return list(_scenes(key, source, root, grid))


def _files(
    key: str, source: RasterSource, root: Path
) -> list[tuple[Path, dict[str, str | int] | None]]:
    """Return files with the bands to read of each; of radar products those that scenes are of."""
    if source.record is None:
        return [(path, None) for path in _some(files_of(source.files, root, key))]
    scenes = _some(scenes_of(key, source, root))
    assets = [
        (asset.path, {band: asset.band})
        for scene in scenes
        for band, asset in scene.assets.items()
        if band in source.record.predictors
    ]
    together: dict[Path, dict[str, str | int]] = {}
    for path, bands in assets:
        together.setdefault(path, {}).update(bands)
    return list(together.items())


def _some(items: list[T]) -> list[T]:
    places = np.linspace(0, len(items) - 1, min(len(items), MOST_IMAGES)).round().astype(int)
    return [items[i] for i in places]


def _stored(
    key: str,
    source: RasterSource,
    path: Path,
    bands: dict[str, str | int] | None,
    root: Path,
    grid: GeoBox,
) -> Image:
    one: dict[str, Any] = {"files": [str(path.resolve())], "scale": None, "offset": None}
    one |= {"composite": None, "decibel": False, "min_observations": 1}
    if bands is not None:
        one |= {**_BARE, **_PLAIN, "bands": bands, "sensor": source.group}
    plain = source.model_copy(update=one)
    with open_source(key, plain, root, grid) as reader:
        values = _sampled(reader, grid)
    scale, offset = source.scaling
    with rasterio.open(path) as file:
        own = file.units if len(values) == file.count else file.units[:1] * (len(values) == 1)
        units = {name: unit or "" for name, unit in zip(values, own, strict=False)}
        stated = (float(file.scales[0]), float(file.offsets[0]))
    physical = {name: band * scale + offset for name, band in values.items()}
    return Image(key, path.name, source, values, physical, units, stated)


def _scenes(key: str, source: RasterSource, root: Path, grid: GeoBox) -> Iterator[Image]:
    for scene in _some(scenes_of(key, source, root)):
        files = list(dict.fromkeys(str(asset.path.resolve()) for asset in scene.assets.values()))
        one = source.model_copy(update={**_BARE, "files": files, "composite": None})
        with open_source(key, one, root, grid) as reader:
            values = _sampled(reader, grid)
        yield Image(key, scene.name, source, values, values)


def _sampled(reader: BlockReader, grid: GeoBox) -> dict[str, Array]:
    rows, cols = grid.shape
    parts = [reader.read(block) for block in windows_of((rows, cols))]
    return {name: np.concatenate([part[name].ravel() for part in parts]) for name in reader.names}
