"""Where the field crews go: sites over the elevation bands, and the plots of each site."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage
from scipy.spatial import cKDTree

from phytomass.draws import stream
from phytomass.errors import InputError
from phytomass.landscape.forest import Forest
from phytomass.landscape.settings import LandscapeSettings
from phytomass.landscape.terrain import Terrain

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

BAND_M = 200.0
"""Height of the elevation bands over which sites are spread."""

NEAR_M, FAR_M = 80.0, 200.0
"""Distance of a site's further plots from its first."""

APART_M = (250.0, 150.0, 100.0, 60.0)
"""Wished distance between sites; the next one is tried where the forest is too small."""

SUBPIXELS = 10


def circle_weights(
    grid: GeoBox, easting: float, northing: float, radius_m: float
) -> tuple[Labels, Labels, Array]:
    """Return the pixels that a circle touches and the share of the circle in each.

    Parameters
    ----------
    grid : GeoBox
        North-up grid in metres.
    easting, northing, radius_m : float
        Centre and radius in metres; the circle must lie inside the grid.

    Returns
    -------
    rows, cols : array of int, shape (n,)
    weights : array, shape (n,)
        Sum to 1; areas are counted on 10 × 10 points in each pixel.

    Examples
    --------
    >>> from phytomass.grid import grid_from_bounds
    >>> grid = grid_from_bounds("EPSG:32646", 10, (0, 0, 30, 30))
    >>> rows, cols, weights = circle_weights(grid, 15, 15, 5)
    >>> rows, cols, weights
    (array([1]), array([1]), array([1.]))
    """
    pixel = grid.transform.a
    row_c = (grid.transform.f - northing) / pixel
    col_c = (easting - grid.transform.c) / pixel
    reach = radius_m / pixel
    first_row, first_col = int(np.floor(row_c - reach)), int(np.floor(col_c - reach))
    span = int(np.ceil(2 * reach)) + 2
    points = (np.arange(span * SUBPIXELS) + 0.5) / SUBPIXELS
    away = np.hypot(first_row + points[:, None] - row_c, first_col + points[None, :] - col_c)
    inside = (away < reach).reshape(span, SUBPIXELS, span, SUBPIXELS).sum(axis=(1, 3))
    rows, cols = np.nonzero(inside)
    weights = inside[rows, cols] / inside.sum()
    return rows + first_row, cols + first_col, weights


def circle_mean(
    values: Array, grid: GeoBox, easting: float, northing: float, radius_m: float
) -> float:
    """Return the area-weighted mean of an image over a circle; see `circle_weights`."""
    rows, cols, weights = circle_weights(grid, easting, northing, radius_m)
    return float(np.sum(values[rows, cols] * weights))


def sites_per_band(area: NDArray[np.int64], n_sites: int) -> Labels:
    """Divide sites over bands in proportion to area, at least one in each band where possible.

    Examples
    --------
    >>> sites_per_band(np.array([10, 500, 480, 10]), 10)
    array([1, 4, 4, 1])
    """
    present = area > 0
    least = present.astype(np.int64) if n_sites >= present.sum() else np.zeros_like(area)
    wish = area / area.sum() * n_sites
    count: Labels = np.maximum(np.floor(wish).astype(np.int64), least)
    while count.sum() > n_sites:
        count[np.argmax(np.where(count > least, count - wish, -np.inf))] -= 1
    while count.sum() < n_sites:
        count[np.argmax(wish - count)] += 1
    return count


def plot_table(
    settings: LandscapeSettings, grid: GeoBox, terrain: Terrain, forest: Forest
) -> pd.DataFrame:
    """Choose sites and plots, and read the truth on them.

    Every plot lies inside the forest of the second date with its whole circle, and no two
    circles touch.

    Returns
    -------
    DataFrame
        plot_id, site, easting, northing, radius_m, elevation_m, survey_year; and, for the
        simulation only, row, col, agb_mg_ha (the truth averaged over the circle).

    Raises
    ------
    InputError
        If the forest is too small for the wished number of sites.
    """
    year, radius = settings.dates[1], settings.plot_radius_m
    sites = _plot_pixels(settings, terrain, _deep_inside(forest.mask[year], settings))
    names = [
        (f"S{i:02d}{letter}", f"S{i:02d}")
        for i, plots in enumerate(sites, 1)
        for letter in "ABCDEFGHIJ"[: len(plots)]
    ]
    table = pd.DataFrame(names, columns=["plot_id", "site"])
    row, col = np.array([pixel for plots in sites for pixel in plots]).T
    jitter = stream(settings.random_state, "positions").uniform(0.2, 0.8, (2, len(table)))
    table["easting"] = np.round(grid.transform.c + (col + jitter[0]) * settings.resolution_m, 1)
    table["northing"] = np.round(grid.transform.f - (row + jitter[1]) * settings.resolution_m, 1)
    table["radius_m"] = radius
    table["elevation_m"] = np.round(terrain.elevation_m[row, col]).astype(int)
    table["survey_year"] = year
    truth = forest.agb_mg_ha[year]
    at = zip(table["easting"], table["northing"], strict=True)
    agb = [circle_mean(truth, grid, float(e), float(n), radius) for e, n in at]
    return table.assign(row=row, col=col, agb_mg_ha=agb)


def _deep_inside(mask: Mask, settings: LandscapeSettings) -> Mask:
    """Pixels around which the plot lies inside the forest and the grid."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    corner = 1.2 * settings.resolution_m
    return np.asarray(depth * settings.resolution_m > settings.plot_radius_m + corner)


def _plot_pixels(
    settings: LandscapeSettings, terrain: Terrain, usable: Mask
) -> list[list[tuple[int, int]]]:
    """Return row and column of the plots of each site, sites ordered by elevation."""
    for apart in APART_M:
        sites = list(_draw_sites(settings, terrain, usable, apart))
        if len(sites) == settings.n_sites:
            return sorted(sites, key=lambda plots: terrain.elevation_m[plots[0]])
    raise InputError(
        f"the forest has room for {len(sites)} sites of {settings.plots_per_site} plots, "
        f"and {settings.n_sites} are wanted",
        where="n_sites",
        remedy="lower n_sites or plots_per_site, or make the landscape larger",
    )


def _draw_sites(
    settings: LandscapeSettings, terrain: Terrain, usable: Mask, apart_m: float
) -> Iterator[list[tuple[int, int]]]:
    random = stream(settings.random_state, "sites")
    pixels = np.argwhere(usable)
    if not len(pixels):
        return
    band = ((terrain.elevation_m[usable] - settings.low_m) // BAND_M).astype(np.int64)
    quota = sites_per_band(np.bincount(band), settings.n_sites)
    tree = cKDTree(pixels)
    shuffled = random.permutation(len(pixels))
    taken: list[tuple[int, int]] = []
    starts: list[tuple[int, int]] = []
    for number in shuffled.tolist():
        start = (int(pixels[number, 0]), int(pixels[number, 1]))
        if quota[band[number]] <= 0 or not _clear(start, starts, settings.pixels(apart_m)):
            continue
        around = pixels[sorted(tree.query_ball_point(start, settings.pixels(FAR_M)))]
        plots = _plots_around(settings, start, random.permutation(around), taken)
        if len(plots) == settings.plots_per_site:
            quota[band[number]] -= 1
            starts.append(start)
            taken.extend(plots)
            yield plots


def _plots_around(
    settings: LandscapeSettings,
    start: tuple[int, int],
    around: NDArray[np.int64],
    taken: list[tuple[int, int]],
) -> list[tuple[int, int]]:
    """Pick the plots of one site; fewer than wanted where there is no room."""
    gap = settings.pixels(2 * settings.plot_radius_m) + 2
    near = settings.pixels(NEAR_M)
    if not _clear(start, taken, gap):
        return []
    plots = [start]
    for row, col in around.tolist():
        if len(plots) == settings.plots_per_site:
            break
        away = np.hypot(row - start[0], col - start[1])
        if away >= near and _clear((row, col), plots[1:], near) and _clear((row, col), taken, gap):
            plots.append((row, col))
    return plots


def _clear(pixel: tuple[int, int], others: list[tuple[int, int]], gap: float) -> bool:
    return all(np.hypot(pixel[0] - row, pixel[1] - col) >= gap for row, col in others)
