"""How a map's area and biomass are shared out: by classes of biomass, by bands of elevation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from phytomass.accounting.summary import zone_moments
from phytomass.accounting.sums import Layer, walk
from phytomass.accounting.zones import ALL
from phytomass.errors import InputError
from phytomass.grid import grid_of_raster, pixel_area_ha
from phytomass.walk.moments import Moments


def round_limits(low: float, high: float, most: int = 8) -> list[float]:
    """Return round class limits from at or below `low` to above `high`, at most `most` classes.

    Steps are 1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> round_limits(3.0, 341.0)
    [0.0, 50.0, 100.0, 150.0, 200.0, 250.0, 300.0, 350.0]
    """
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    power = 10.0 ** np.floor(np.log10(span / most))
    for step in power * np.array([1.0, 2.0, 5.0, 10.0, 20.0]):
        first, last = np.floor(low / step), np.floor(high / step) + 1
        if last - first <= most:
            break
    return [round(float(k * step), 10) for k in np.arange(first, last + 1)]


def class_shares(agb: Path, breaks: Sequence[float] | None = None) -> pd.DataFrame:
    """Return area and biomass of classes of biomass density.

    A class holds its lower limit, the last one its upper limit too. Where the map reaches beyond
    the breaks, a class is added at that end, up to the map's least or greatest value, so that the
    shares always sum to one.

    Parameters
    ----------
    agb : Path
        Map, Mg/ha.
    breaks : sequence of float, optional
        Ascending limits, Mg/ha; round ones when left out.

    Returns
    -------
    DataFrame
        Columns low_mg_ha, high_mg_ha, area_ha, area_share, agb_mg, agb_share (NaN where the
        map's total is not above zero).

    Raises
    ------
    InputError
        If breaks do not ascend, or the map is empty.
    """
    whole = zone_moments(agb)[ALL]
    if not whole.n:
        raise InputError("has no pixel with a value", where=agb.name)
    limits = _limits(breaks, whole)
    n = np.zeros(len(limits) - 1, dtype=np.int64)
    mass = np.zeros(len(limits) - 1)
    for _, (values,) in walk([Layer(agb)]):
        held = values[np.isfinite(values)]
        place = np.clip(np.searchsorted(limits, held, side="right") - 1, 0, len(n) - 1)
        n += np.bincount(place, minlength=len(n))
        mass += np.bincount(place, held, minlength=len(n))
    pixel = pixel_area_ha(grid_of_raster(agb))
    return pd.DataFrame(
        {
            "low_mg_ha": limits[:-1],
            "high_mg_ha": limits[1:],
            "area_ha": n * pixel,
            "area_share": n / n.sum(),
            "agb_mg": mass * pixel,
            "agb_share": mass / mass.sum() if mass.sum() > 0 else np.nan,
        }
    )


def _limits(breaks: Sequence[float] | None, whole: Moments) -> list[float]:
    if breaks is None:
        return round_limits(whole.low, whole.high)
    limits = [float(b) for b in breaks]
    if len(limits) < 2 or any(b <= a for a, b in pairwise(limits)):
        raise InputError(
            f"class limits {limits} do not ascend",
            where="map.classes",
            remedy="give two or more limits from low to high",
        )
    below = [whole.low] if whole.low < limits[0] else []
    above = [whole.high] if whole.high > limits[-1] else []
    return below + limits + above


def elevation_profile(
    agb: Path, dem: Path, band_m: float, before: Path | None = None, dem_band: int = 1
) -> pd.DataFrame:
    """Return area, mean and stock by bands of elevation, and the change where there is any.

    Pixels without an elevation are in no band. The columns of change are over the pixels that
    both dates have (one common mask), so `change_mg_ha` is not the difference of the two means
    where the masks differ; `change_share` is the band's part of the whole change.

    Parameters
    ----------
    agb : Path
        Map, Mg/ha.
    dem : Path
        Elevation in metres, on the same grid.
    band_m : float
        Height of a band, metres; bands start at multiples of it.
    before : Path, optional
        Map of the earlier date.
    dem_band : int
        Band of `dem`.

    Returns
    -------
    DataFrame
        Columns low_m, high_m, area_ha, area_share, mean_mg_ha, sd_mg_ha (spread of the pixels),
        stock_mg; with `before` also mean_before_mg_ha, change_mg_ha, change_mg, change_share.

    Raises
    ------
    InputError
        If the grids differ, the bands have no height, or no mapped pixel has an elevation.
    """
    if not band_m > 0:
        raise InputError(f"bands of {band_m} m", where="map.elevation_band_m", remedy="above 0")
    layers = [Layer(agb), Layer(dem, dem_band)] + ([Layer(before)] if before is not None else [])
    found: dict[int, list[Moments]] = {}
    for _, arrays in walk(layers):
        _add_block(found, arrays, band_m)
    if not found:
        raise InputError("no mapped pixel has an elevation", where=dem.name)
    pixel = pixel_area_ha(grid_of_raster(agb))
    bands = [(k, found[k]) for k in sorted(found)]
    table = pd.DataFrame([_band_row(k, m, band_m, pixel) for k, m in bands])
    table.insert(3, "area_share", table["area_ha"] / table["area_ha"].sum())
    if before is None:
        return table
    earlier = pd.DataFrame([_change_row(m, pixel) for _, m in bands])
    whole = earlier["change_mg"].sum()
    earlier["change_share"] = earlier["change_mg"] / whole if whole else np.nan
    return pd.concat([table, earlier], axis=1)


def _add_block(found: dict[int, list[Moments]], arrays: list[np.ndarray], band_m: float) -> None:
    """Add a block's pixels to the moments of (after, before on both, change on both) by band."""
    agb, elevation = arrays[:2]
    held = np.isfinite(agb) & np.isfinite(elevation)
    band = np.floor(np.where(held, elevation, 0) / band_m).astype(np.int64)
    for k in np.unique(band[held]).tolist():
        here = held & (band == k)
        parts = [agb[here]]
        if len(arrays) > 2:
            both = here & np.isfinite(arrays[2])
            parts += [arrays[2][both], agb[both] - arrays[2][both]]
        sums = found.setdefault(k, [Moments() for _ in parts])
        found[k] = [old + Moments.of(part) for old, part in zip(sums, parts, strict=True)]


def _band_row(k: int, moments: list[Moments], band_m: float, pixel_ha: float) -> dict[str, float]:
    after = moments[0]
    return {
        "low_m": k * band_m,
        "high_m": (k + 1) * band_m,
        "area_ha": after.n * pixel_ha,
        "mean_mg_ha": after.mean,
        "sd_mg_ha": after.sd,
        "stock_mg": after.total * pixel_ha,
    }


def _change_row(moments: list[Moments], pixel_ha: float) -> dict[str, float]:
    _, before, change = moments
    return {
        "mean_before_mg_ha": before.mean,
        "change_mg_ha": change.mean,
        "change_mg": change.total * pixel_ha,
    }
