"""Values that can be read and look wrong: judged on a sample of each image, never repaired.

A warning here says what a person would say who looks at a histogram: these are decibels, this
scale is missing, that is fill. Rules are functions on the values of one image; each says nothing
where it is not sure, because a warning that cries wolf is read by nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from phytomass.errors import InputError, Problem
from phytomass.features.probes import Image, probe
from phytomass.imagery import PredictorSettings, RasterSource

Array = NDArray[np.float64]
DARK = 0.1
"""Reflectance above which no band of a whole scene should begin."""
MOST_REFLECTANCE = 2.0
BRIGHT = 1.5
"""Reflectance that only glint, fresh snow and cloud exceed; a whole band never does."""
FAINT = 0.02
"""Reflectance below which no image has all its values in all bands."""
FILLS = (-9999.0, -32768.0, -99999.0, -999.0, -3.4e38, -1.7e308, 65535.0, 255.0)
"""Values that formats and programs write where they have none; larger magnitudes count as the last
of their sign."""
HIGHEST_M = 8850.0
ELEVATIONS = ("elevation", "dem", "height", "altitude")
"""Names of bands that hold elevation."""
SEEN_OFTEN = 1e-3
"""Share of the pixels from which on a value is no accident."""
FEWEST = 100
"""Pixels of an image below which nothing is said about it."""


def suspicious_values(settings: PredictorSettings, root: Path, grid: GeoBox) -> list[Problem]:
    """Return what looks wrong in the values of the sources of a stack.

    At most four images of each source are looked at, in at most nine windows spread over the grid.
    Sources that cannot be read are passed over: other checks name their problems.

    Parameters
    ----------
    settings : PredictorSettings
        The `predictors` section.
    root : Path
        Folder that relative paths start from.
    grid : GeoBox
        The project's grid.
    """
    found: list[Problem] = []
    sources = dict(settings.rasters)
    if settings.terrain is not None:
        terrain = {"files": settings.terrain.dem, "resample": settings.terrain.resample}
        sources["terrain"] = RasterSource.model_validate(
            {**terrain, "bands": {"elevation": 1}, "sensor": "terrain"}
        )
    seen: dict[str, list[Image]] = {}
    for key, source in sources.items():
        try:
            images = [image for image in probe(key, source, root, grid) if image.pixels >= FEWEST]
        except (InputError, OSError):
            continue
        found += _gathered([problem for image in images for problem in _asked(image)])
        if images:
            found += _lifeless(images)
            seen[key] = images
    return found + _twins(seen)


def _asked(image: Image) -> list[Problem]:
    """Ask every rule; of an image with undeclared fill only that can be said for sure."""
    undeclared = list(fills(image))
    return undeclared or [problem for rule in RULES for problem in rule(image)]


def _gathered(found: list[Problem]) -> list[Problem]:
    """Say once what is wrong in several images of a source: the first of them is named."""
    kept: dict[tuple[str, str], list[Problem]] = {}
    for problem in found:
        source = problem.where.rpartition(" (")[2]
        kept.setdefault((source, problem.remedy), []).append(problem)
    return [
        Problem(
            same[0].where,
            same[0].what + (f"; the same in {len(same) - 1} more" if len(same) > 1 else ""),
            same[0].remedy,
        )
        for same in kept.values()
    ]


def decibels(image: Image) -> Iterator[Problem]:
    """Find decibels without `decibel: true` where values are averaged, or power that is called decibels."""
    values = np.concatenate([v[np.isfinite(v)] for v in image.bands.values()] or [np.empty(0)])
    source = image.source
    if source.group != "sar" or values.size < FEWEST:
        return
    low, middle, high = np.quantile(values, (0.01, 0.5, 0.99))
    averaged = source.composite or source.resample not in (None, "nearest") or source.record
    if not source.decibel and averaged and middle < -1 and high < 5 and low < -5:
        yield image.problem(
            "",
            f"values from {low:.3g} to {high:.3g} look like decibels, and are averaged as power",
            "set decibel: true",
        )
    if source.decibel and low >= 0 and high < 5:
        yield image.problem(
            "",
            f"values from {low:.3g} to {high:.3g} look like linear power, and are taken for decibels",
            "leave decibel out",
        )


def reflectance(image: Image) -> Iterator[Problem]:
    """Find reflectance without its scale, scaled twice, or with its offset added twice or never."""
    bands = {name: v[np.isfinite(v)] for name, v in image.physical.items()}
    bands = {name: v for name, v in bands.items() if v.size >= FEWEST}
    if image.source.group != "optical" or image.source.layer_unit or len(bands) < 2:
        return
    centres = [float(np.median(v)) for v in bands.values()]
    high = {name: float(np.quantile(v, 0.98)) for name, v in bands.items()}
    if np.median(centres) > 300 and max(high.values()) > 1500:
        yield image.problem(
            ", ".join(bands),
            f"the median is {np.median(centres):.0f}: no reflectance between 0 and 1",
            "set scale: 0.0001 (Sentinel-2), or name the `product`",
        )
        return
    if max(centres) > MOST_REFLECTANCE:
        return  # tasselled cap, counts, or any other unit that is no reflectance
    bright = [name for name, top in high.items() if top > BRIGHT]
    if bright:
        yield image.problem(
            ", ".join(bright),
            f"more than 2 % of the values are above {BRIGHT} (98 %: {high[bright[0]]:.3g})",
            "check scale and offset, and that clouds are masked",
        )
    if max(float(np.abs(v).max()) for v in bands.values()) < FAINT:
        yield image.problem(
            ", ".join(bands), f"no value reaches {FAINT}", "check scale: it may be applied twice"
        )
    below = [name for name, v in bands.items() if (v < -0.01).mean() > 0.2]
    if below and image.source.record is not None:
        yield image.problem(
            ", ".join(below),
            "more than 20 % of the values are below 0",
            "check offset and boa_offset: −1000 may have been added already (boa_offset: applied)",
        )
    if lacks_dark([v.min() for v in bands.values()], [v.max() for v in bands.values()]):
        yield image.problem(
            "",
            f"no pixel is darker than {DARK} in any band",
            "of Sentinel-2 images the offset of −1000 may not have been added yet "
            "(boa_offset: pending, or offset: -0.1)",
        )


def lacks_dark(low: ArrayLike, high: ArrayLike) -> bool:
    """Tell whether reflectance in three bands or more begins above 0.1 in each.

    Water, shade and vegetation are darker than that in some band of almost any scene. Values of
    Sentinel-2 to which the offset of −1000 has not been added start at 0.1.

    Parameters
    ----------
    low, high : array, shape (bands,)
        Least and greatest value of each band; bands that exceed 2 hold no reflectance.

    Examples
    --------
    >>> lacks_dark([0.11, 0.12, 0.1], [0.4, 0.5, 0.7])
    True
    """
    begins = np.asarray(low, dtype=np.float64)[np.asarray(high) <= MOST_REFLECTANCE]
    return len(begins) >= 3 and bool(begins.min() >= DARK)


def zeros(image: Image) -> Iterator[Problem]:
    """Find pixels that are 0 in every band and that nothing masks."""
    bands = list(image.bands.values())
    judged = len(bands) >= 3 or image.source.group in ("optical", "sar")
    if not judged or image.source.record is not None:
        return
    share = float(np.logical_and.reduce([v == 0 for v in bands]).sum()) / image.pixels
    if share > (0.01 if len(bands) == 1 else SEEN_OFTEN):
        yield image.problem(
            ", ".join(image.bands),
            f"{100 * share:.1f} % of the pixels are 0 in every band, and count as values",
            "if that is fill, set nodata: 0",
        )


def fills(image: Image) -> Iterator[Problem]:
    """Find values that stand for 'no data' by custom, far from all others, and are not declared."""
    for name, band in image.bands.items():
        values = band[np.isfinite(band)]
        if values.size < FEWEST or image.source.record is not None:
            continue
        for end in (float(values.min()), float(values.max())):
            rest = values[values != end]
            if _custom(end) is None or not rest.size:
                continue
            if (values == end).sum() < 3 or np.abs(rest).max() > abs(end) / 2:
                continue
            yield image.problem(
                name,
                f"{100 * (1 - rest.size / values.size):.1f} % of the values are {end:g}, the others "
                f"lie between {rest.min():.4g} and {rest.max():.4g}",
                f"set nodata: {end:g}"
                if image.key != "terrain"
                else f"declare {end:g} as its nodata",
            )


def _custom(value: float) -> float | None:
    same = (f for f in FILLS if value == f or (abs(f) > 1e30 and value / f >= 1))
    return next(same, None)


def elevations(image: Image) -> Iterator[Problem]:
    """Find elevation in feet, or with its voids."""
    record = image.source.record
    if image.key != "terrain" and (record is None or record.id != "elevation"):
        names = [name for name in image.bands if name.lower() in ELEVATIONS]
    else:
        names = list(image.bands)
    for name in names:
        values = image.bands[name][np.isfinite(image.bands[name])]
        said = image.units.get(name, "").lower()
        if "f" in said and ("feet" in said or "foot" in said or said.startswith("ft")):
            yield image.problem(name, f"its file says {said}", "convert it to metres")
        elif values.size and np.quantile(values, 0.99) > HIGHEST_M:
            yield image.problem(
                name,
                f"reaches {values.max():.0f}: no land is that high in metres",
                "convert it to metres if it is in feet (× 0.3048), or declare its nodata",
            )


def unapplied(image: Image) -> Iterator[Problem]:
    """Find a scale and an offset that the file itself states, and that nobody applies."""
    source = image.source
    if image.stated in (None, (1.0, 0.0)) or source.record is not None:
        return
    if source.scale is None and source.offset is None and image.stated is not None:
        scale, offset = image.stated
        yield image.problem(
            "",
            f"its file states scale {scale:g} and offset {offset:g}, which are not applied",
            f"set scale: {scale:g}" + (f" and offset: {offset:g}" if offset else ""),
        )


def _lifeless(images: list[Image]) -> list[Problem]:
    """Bands that have one value in every image that was looked at."""
    found = []
    for name in images[0].bands:
        seen = [image.bands[name] for image in images if name in image.bands]
        values = np.concatenate([v[np.isfinite(v)] for v in seen])
        if values.size >= FEWEST and values.min() == values.max():
            what = f"is {values[0]:.6g} everywhere it was looked at"
            found.append(images[0].problem(name, what, "leave it out: it says nothing"))
    return found


def _twins(seen: Mapping[str, list[Image]]) -> list[Problem]:
    """Bands that hold the same values in all images, pixel by pixel, and are not constant."""
    known: dict[bytes, str] = {}
    found = []
    for key, images in seen.items():
        for name in images[0].bands:
            band = np.concatenate([image.bands[name] for image in images if name in image.bands])
            values = band[np.isfinite(band)]
            if values.size < FEWEST or values.min() == values.max():
                continue
            where = f"{name} (predictors.rasters.{key})"
            same = known.setdefault(sha256(band.tobytes()).digest(), where)
            if same != where:
                what = f"holds the values of {same}, pixel by pixel"
                found.append(Problem(where, what, "check `files` and `bands`: one may be mistaken"))
    return found


@dataclass(frozen=True)
class _Scale:
    """The middle and the reach of a band, to tell units apart."""

    middle: float
    reach: float


def differing_dates(
    now: PredictorSettings, earlier: PredictorSettings, root: Path, grid: GeoBox
) -> list[Problem]:
    """Return the bands that hold another unit at the earlier date than now.

    A model of the later images is used on the earlier ones: values that differ by a factor of 50
    or have another sign are of another scale, offset or unit.

    Parameters
    ----------
    now, earlier : PredictorSettings
        The `predictors` sections of the two dates.
    root : Path
        Folder that relative paths start from.
    grid : GeoBox
        The project's grid.
    """
    later, before = _scales(now, root, grid), _scales(earlier, root, grid)
    found = []
    for place in sorted(later.keys() & before.keys()):
        (key, name), new, old = place, later[place], before[place]
        large, small = max(new.reach, old.reach), min(new.reach, old.reach)
        turned = new.middle * old.middle < 0 and min(abs(new.middle), abs(old.middle)) > large / 4
        if turned or large > 50 * max(small, 1e-12):
            found.append(
                Problem(
                    f"{name} (earlier.predictors.rasters.{key})",
                    f"its median is {old.middle:.4g} at the earlier date, {new.middle:.4g} now",
                    "give both dates the same unit: set scale, offset or decibel of one of them",
                )
            )
    return found


def _scales(settings: PredictorSettings, root: Path, grid: GeoBox) -> dict[tuple[str, str], _Scale]:
    found: dict[tuple[str, str], _Scale] = {}
    for key, source in settings.rasters.items():
        try:
            images = probe(key, source, root, grid)[:1]
        except (InputError, OSError):
            continue
        for name, band in ((n, v) for image in images for n, v in image.physical.items()):
            values = band[np.isfinite(band)]
            if values.size >= FEWEST:
                reach = float(np.quantile(np.abs(values), 0.9))
                found[key, name] = _Scale(float(np.median(values)), reach)
    return found


RULES: tuple[Callable[[Image], Iterator[Problem]], ...] = (
    decibels,
    reflectance,
    zeros,
    elevations,
    unapplied,
)
"""What is asked of every image without undeclared fill."""
