"""Mountain relief: a rough tilted block that rivers have cut, with its watersheds."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from phytomass.draws import stream
from phytomass.imagery import aspect_deg, extended, gradient, slope_deg
from phytomass.landscape.fields import correlated_field
from phytomass.landscape.settings import LandscapeSettings

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

COARSE_M = 50.0
"""Cell side of the grid on which the rivers work, in metres."""

MARGIN = 0.25
"""Share of each side by which the rivers' grid is larger, so that no edge shows in the relief."""

ROUNDS, SWEEPS = 10, 4
"""Re-routings of the rivers, and steps of erosion between them."""

UPLIFT, HARDNESS, CONCAVITY, CREEP = 0.45, 0.5, 0.4, 0.12
"""U and K of a step of erosion, exponent of the drained area, and hillslope diffusion; chosen for
valleys every few hundred metres and slopes around 31° (Burbank et al. 1996,
doi:10.1038/379505a0, find means near 32° in the north-western Himalaya)."""

STEEPEST = np.tan(np.radians(42.0))
"""Slopes above this fail as landslides."""

TREND = 0.42
"""Rise of the whole mountain side away from the main river, metres per metre."""

ZONES = ("River valley", "Chir catchment", "Deodar catchment", "Fir catchment")
"""Names of the zones, from the lowest to the highest."""


@dataclass(frozen=True)
class Terrain:
    """The ground of a landscape, all arrays of shape (rows, cols).

    Parameters
    ----------
    elevation_m, slope_deg, aspect_deg : array
        Metres; degrees; degrees clockwise from north, NaN where flat.
    river_m : array
        Distance to the main river in metres.
    zone : array of int
        Index into `ZONES`.
    lake : array of bool
        The lake.
    """

    elevation_m: Array
    slope_deg: Array
    aspect_deg: Array
    river_m: Array
    zone: Labels
    lake: NDArray[np.bool_]

    @property
    def northness(self) -> Array:
        """How much a slope faces north: cos(aspect) · sin(slope), 0 where flat, from -1 to 1."""
        facing = np.cos(np.radians(np.nan_to_num(self.aspect_deg)))
        return np.asarray(facing * np.sin(np.radians(self.slope_deg)))

    def cos_incidence(self, zenith_deg: float, azimuth_deg: float) -> Array:
        """Cosine of the angle between the surface normal and a beam from the given direction.

        cos i = cos θ cos s + sin θ sin s cos(azimuth - aspect).
        """
        zenith, slope = np.radians(zenith_deg), np.radians(self.slope_deg)
        turn = np.cos(np.radians(azimuth_deg - np.nan_to_num(self.aspect_deg)))
        return np.asarray(np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * turn)


@dataclass(frozen=True)
class Drainage:
    """Where the water of each coarse cell goes.

    Parameters
    ----------
    order : array of int, shape (n,)
        Flat indices of the cells, from the river upward: a receiver stands before its givers.
    receiver : array of int, shape (n,)
        The cell each cell drains to; itself at the river.
    distance : array, shape (n,)
        Distance to the receiver in cells (1 or √2; 1 at the river).
    """

    order: Labels
    receiver: Labels
    distance: Array


def drainage(elevation: Array, river: NDArray[np.bool_]) -> Drainage:
    """Route water by flooding from the river: each cell drains to where the flood came from.

    Follows priority-flood, so pits need no filling.

    References
    ----------
    Barnes, Lehman & Mulla (2014), doi:10.1016/j.cageo.2013.04.024.

    Examples
    --------
    >>> z = np.array([[0.0, 2.0, 1.0, 3.0]])
    >>> drainage(z, np.array([[True, False, False, False]])).receiver
    array([0, 0, 1, 2])
    """
    rows, cols = elevation.shape
    height = elevation.ravel().tolist()
    receiver = [-1] * len(height)
    distance = [1.0] * len(height)
    heap: list[tuple[float, int]] = []
    for cell in np.flatnonzero(river).tolist():
        receiver[cell] = cell
        heapq.heappush(heap, (height[cell], cell))
    order = []
    around = [(r, c, np.hypot(r, c).item()) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c]
    while heap:
        level, cell = heapq.heappop(heap)
        order.append(cell)
        row, col = divmod(cell, cols)
        for d_row, d_col, step in around:
            r, c = row + d_row, col + d_col
            if 0 <= r < rows and 0 <= c < cols:
                other = r * cols + c
                if receiver[other] < 0:
                    receiver[other] = cell
                    distance[other] = step
                    heapq.heappush(heap, (max(level, height[other]), other))
    return Drainage(np.array(order), np.array(receiver), np.array(distance))


def erode(elevation: Array, flow: Drainage, uplift: Array, hardness: Array) -> Array:
    """Let rivers cut one step: dz/dt = U - K A^m · slope, solved implicitly from the river upward.

    Parameters
    ----------
    elevation : array, shape (rows, cols)
        In cells' sides (height over cell width).
    flow : Drainage
        Routing of the same grid.
    uplift, hardness : array, shape (rows, cols)
        U of the step, in cells' sides; K of the step.

    References
    ----------
    Braun & Willett (2013), doi:10.1016/j.geomorph.2012.10.008.
    """
    receiver, distance = flow.receiver.tolist(), flow.distance.tolist()
    order = flow.order.tolist()
    area = [1.0] * len(order)
    for cell in reversed(order):
        if receiver[cell] != cell:
            area[receiver[cell]] += area[cell]
    height = (elevation + uplift).ravel().tolist()
    strength = (hardness.ravel() * np.power(area, CONCAVITY) / flow.distance).tolist()
    for cell in order:
        below = receiver[cell]
        if below == cell:
            height[cell] = float(elevation.flat[cell])
            continue
        base = height[below]
        cut = (height[cell] + strength[cell] * base) / (1 + strength[cell])
        height[cell] = min(cut, base + STEEPEST * distance[cell])
    return np.array(height).reshape(elevation.shape)


@dataclass(frozen=True)
class Frame:
    """The rivers' grid and how it lies under the landscape's pixels.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns, margins included.
    margin : int
        Cells of margin on each side.
    cell_m : float
        Cell side in metres.
    across_m, along_m : array
        Signed distance uphill from the main river, and position along it, in metres.
    at : array, shape (2, rows, cols)
        Row and column on this grid of each pixel of the landscape, gently warped, because water
        on a square grid prefers its eight directions.
    """

    shape: tuple[int, int]
    margin: int
    cell_m: float
    across_m: Array
    along_m: Array
    at: Array

    def fine(self, coarse: Array, order: Literal[0, 1, 3]) -> Array:
        """Bring an array of this grid to the landscape's pixels (0 nearest, 1 linear, 3 spline)."""
        return np.asarray(ndimage.map_coordinates(coarse, self.at, order=order, mode="nearest"))


def frame_of(settings: LandscapeSettings) -> Frame:
    """Lay out the rivers' grid: the main river crosses the south-west, slopes rise north-east."""
    step = max(1, round(COARSE_M / settings.resolution_m))
    cell_m = float(step * settings.resolution_m)
    sides = np.ceil(np.array(settings.shape) / step)
    margin = int(np.ceil(MARGIN * sides.max()))
    row, col = np.indices(tuple((sides + 2 * margin).astype(int))).astype(float)
    east, north = (col + 0.5 - margin) * cell_m, (sides[0] + margin - row - 0.5) * cell_m
    height, width = sides * cell_m
    diagonal = np.hypot(width, height)
    up = (east * height + north * width) / diagonal
    along = (east * width - north * height) / diagonal
    random = stream(settings.random_state, "river")
    phase = random.uniform(0, 2 * np.pi, 2)
    bends = 0.05 * np.sin(2 * np.pi * along / (0.75 * diagonal) + phase[0])
    bends += 0.015 * np.sin(2 * np.pi * along / (0.21 * diagonal) + phase[1])
    at = (np.indices(settings.shape) + 0.5) / step - 0.5 + margin
    for axis in range(2):
        at[axis] += 1.2 * correlated_field(settings.shape, 7.0 * step, random, smoothness=1.5)
    return Frame(row.shape, margin, cell_m, up - (0.16 + bends) * diagonal, along, at)


def relief(settings: LandscapeSettings, frame: Frame) -> tuple[Array, Drainage]:
    """Build the coarse relief: a rough tilted block, lifted and cut by rivers.

    Returns
    -------
    elevation : array, shape of the frame
        In metres, before it is fitted to the wished range.
    flow : Drainage
        The last routing.
    """
    random = stream(settings.random_state, "relief")
    extent = max(frame.shape)
    rough = correlated_field(frame.shape, extent / 6, random, smoothness=0.9)
    rock = correlated_field(frame.shape, extent / 10, random)
    away = np.abs(frame.across_m) / frame.cell_m
    river = away <= 0.75
    z = 0.3 * away + 0.067 * extent * (rough - rough.min()) * np.minimum(1, away / 2)
    z = np.where(river, -0.02 * frame.along_m / frame.cell_m, np.maximum(z, 0.3))
    uplift = np.where(river, 0.0, UPLIFT * (0.5 + away / extent))
    hardness = HARDNESS * np.exp(0.4 * rock)
    flow = drainage(z, river)
    for _ in range(ROUNDS):
        for _ in range(SWEEPS):
            z = erode(z, flow, uplift, hardness)
            z = np.where(river, z, z + CREEP * ndimage.laplace(z, mode="nearest"))
        flow = drainage(z, river)
    return z * frame.cell_m + TREND * np.abs(frame.across_m), flow


def watersheds(frame: Frame, flow: Drainage, elevation: Array) -> Labels:
    """Divide the drainage tree into catchments of similar size and what remains of the valley.

    Three times, the largest zone gives away the side valley that is nearest to half of it.

    Returns
    -------
    array of int, shape of the frame
        Index into `ZONES`, numbered by mean elevation.
    """
    inside = np.zeros(frame.shape)
    inside[frame.margin : -frame.margin, frame.margin : -frame.margin] = 1
    weight = inside.ravel()
    zone = np.zeros(weight.size, dtype=np.int64)
    receiver, order = flow.receiver, flow.order.tolist()
    for new in range(1, len(ZONES)):
        largest = int(np.argmax(np.bincount(zone, weights=weight)))
        area = np.where(zone == largest, weight, 0.0)
        for cell in reversed(order):
            if receiver[cell] != cell and zone[cell] == largest:
                area[receiver[cell]] += area[cell]
        area[zone != largest] = np.inf
        mouth = int(np.argmin(np.abs(area - weight[zone == largest].sum() / 2)))
        zone[mouth] = new
        for cell in order:
            if zone[cell] == largest and zone[receiver[cell]] == new:
                zone[cell] = new
    mean = np.bincount(zone, weights=weight * elevation.ravel()) / np.bincount(zone, weights=weight)
    return np.argsort(np.argsort(mean))[zone].reshape(frame.shape)


def simulate_terrain(settings: LandscapeSettings) -> Terrain:
    """Simulate the ground of a landscape.

    Parameters
    ----------
    settings : LandscapeSettings
        Size, elevation range and seed.

    Examples
    --------
    >>> ground = simulate_terrain(LandscapeSettings(rows=60, cols=60))
    >>> round(float(ground.elevation_m.min())), round(float(ground.elevation_m.max()))
    (1800, 2165)
    """
    frame = frame_of(settings)
    coarse, flow = relief(settings, frame)
    zone = frame.fine(watersheds(frame, flow, coarse).astype(float), 0).astype(np.int64)
    elevation = frame.fine(coarse, 3)
    across = np.abs(frame.fine(frame.across_m, 1))
    elevation += _roughness(settings) * np.clip(across / 120, 0.1, 1)
    elevation -= elevation.min()
    elevation *= (settings.top_m - settings.low_m) / elevation.max()
    elevation, lake = with_lake(settings, elevation + settings.low_m)
    elevation = np.round(elevation, 1)
    east, north = gradient(extended(elevation), (settings.resolution_m, settings.resolution_m))
    slope, aspect = slope_deg(east, north), aspect_deg(east, north)
    return Terrain(elevation, slope, aspect, across, zone, lake)


def with_lake(settings: LandscapeSettings, elevation_m: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Dam a small lake on the gentlest ground of the upper middle of the relief.

    Returns
    -------
    elevation_m : array
        Level on the lake and blending into the slopes around it.
    lake : array of bool
    """
    random = stream(settings.random_state, "lake")
    wide = ndimage.gaussian_filter(elevation_m, settings.pixels(60))
    steep = np.hypot(*np.gradient(wide)) / settings.resolution_m
    low, high = np.quantile(elevation_m, [0.45, 0.8])
    inner = np.zeros(settings.shape, dtype=bool)
    edge = min(round(settings.pixels(200)), min(settings.shape) // 4)
    inner[edge:-edge, edge:-edge] = True
    steep[(wide < low) | (wide > high) | ~inner] = np.inf
    row, col = np.unravel_index(np.argmin(steep), settings.shape)
    rows, cols = np.indices(settings.shape)
    shore = 1 + 0.2 * correlated_field(settings.shape, settings.pixels(60), random, smoothness=1.0)
    reach = np.hypot(rows - row, cols - col) * settings.resolution_m / 65.0
    lake = reach < shore
    level = np.quantile(elevation_m[lake], 0.3)
    blend = np.clip((reach / shore - 1) / 0.9, 0, 1)
    return level + (elevation_m - level) * blend * blend * (3 - 2 * blend), lake


def _roughness(settings: LandscapeSettings) -> Array:
    random = stream(settings.random_state, "roughness")
    return 4.0 * correlated_field(settings.shape, settings.pixels(120), random, smoothness=1.0)
