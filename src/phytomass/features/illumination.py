"""How far a topographic correction takes the sun's illumination out of reflectance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from phytomass.imagery import (
    IlluminationFit,
    OpenScene,
    PredictorSettings,
    ProductReader,
    evaluate,
    names_in,
    open_source,
    sun_incidence,
    sun_of,
)
from phytomass.walk.lattice import Lattice

COLUMNS = ["source", "scene", "date", "band", "method", "n", "r_before", "r_after"]


def illumination_table(settings: PredictorSettings, grid: GeoBox, root: Path) -> pd.DataFrame:
    """Correlate reflectance with illumination before and after the topographic correction.

    Both are over the pixels that the correction is fitted on: forest (`fit_where` exceeds
    `fit_above` before the correction), steeper than 5 %, not in shade.

    Parameters
    ----------
    settings, grid, root
        As in `build_stack`.

    Returns
    -------
    DataFrame
        One row per source with `topography`, scene and band: source, scene, date, band, method,
        n (pixels), r_before, r_after (Pearson's r with cos i; NaN with fewer than three pixels).
        Without such sources it has no rows.

    Raises
    ------
    InputError
        As `open_source`.
    """
    rows: list[list[object]] = []
    for key, source in settings.rasters.items():
        if source.topography is None:
            continue
        plain = source.model_copy(update={"speckle": None})
        with open_source(key, plain, root, grid) as reader:
            if not isinstance(reader, ProductReader):
                continue  # scenes that are not there yet
            for scene in reader.opened:
                rows += _of_scene(reader, scene)
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_scene(reader: ProductReader, scene: OpenScene) -> list[list[object]]:
    """Return the rows of one scene; walks over the grid once."""
    rule, elevation = reader.settings.topography, reader.corrections.elevation
    assert rule is not None and elevation is not None  # noqa: S101  # only called with both
    zenith, azimuth = sun_of(scene.scene, rule)
    bands = list(dict.fromkeys(reader.bands.values()))
    read = list(dict.fromkeys([*bands, *sorted(names_in(rule.fit_where))]))
    cos_zenith = float(np.cos(np.radians(zenith)))
    sums = {
        band: (IlluminationFit("c", cos_zenith), IlluminationFit("c", cos_zenith)) for band in bands
    }
    for block in Lattice(reader.grid):
        values = scene.read(read, block)
        by_name = dict(zip(read, values, strict=True))
        corrected = reader.corrections.apply(scene, bands, values[: len(bands)], block)
        _, east, north = elevation.block(block)
        cos_i, cos_s = sun_incidence(east, north, zenith, azimuth)
        forest = evaluate(rule.fit_where, by_name) > rule.fit_above
        for band, after in zip(bands, corrected, strict=True):
            sums[band][0].add(by_name[band], cos_i, cos_s, forest)
            sums[band][1].add(after, cos_i, cos_s, forest)
    where = [reader.key, scene.scene.name, scene.scene.date]
    return [
        [*where, band, rule.method, int(before.sums[0]), _r(before), _r(after)]
        for band, (before, after) in sums.items()
    ]


def _r(fit: IlluminationFit) -> float:
    return fit.correlation if fit.sums[0] >= 3 else float("nan")
