"""Corrections for terrain: radar backscatter and reflectance of slopes as if they were flat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SHADED = 0.15
"""Pixels with less cosine of the sun's incidence than this are in (near) shade: no data."""
STEEP = 0.05
"""Fitting uses slopes steeper than this rise per run: on flat ground there is nothing to fit."""


class Correction(NamedTuple):
    """Corrected values, and where no correction is possible."""

    values: Array
    invalid: NDArray[np.bool_]


def radar_slope_deg(east: Array, north: Array, look_azimuth_deg: float) -> tuple[Array, Array]:
    """Return the slope's steepness toward the radar, and across.

    Parameters
    ----------
    east, north : array, shape (rows, cols)
        Gradient of the elevation (rise per run), as from `gradient`.
    look_azimuth_deg : float
        Direction the radar looks to, clockwise from north.

    Returns
    -------
    toward, across : array, shape (rows, cols)
        Degrees; `toward` is positive where the slope faces the radar.

    Examples
    --------
    >>> # rises toward east by 45°, the radar looks east: it faces the radar
    >>> toward, across = radar_slope_deg(np.array([1.0]), np.array([0.0]), 90.0)
    >>> round(float(toward[0]), 6), round(float(across[0]), 6)
    (45.0, 0.0)
    """
    azimuth = np.radians(look_azimuth_deg)
    along = east * np.sin(azimuth) + north * np.cos(azimuth)
    aside = east * np.cos(azimuth) - north * np.sin(azimuth)
    return np.degrees(np.arctan(along)), np.degrees(np.arctan(aside))


def flattened_backscatter(
    power: Array,
    incidence_deg: Array | float,
    toward_deg: Array,
    across_deg: Array,
    model: Literal["volume", "surface"] = "volume",
) -> Correction:
    """Correct backscatter for the slope: what faces the radar gets darker, what turns away brighter.

    Parameters
    ----------
    power : array, shape (..., rows, cols)
        γ⁰ or σ⁰ in linear power.
    incidence_deg : array or float
        Incidence angle θ from the vertical on the ellipsoid.
    toward_deg, across_deg : array, shape (rows, cols)
        From `radar_slope_deg`: α toward the radar, β across.
    model : {"volume", "surface"}
        Volume: γ⁰ tan(90° − θ) / tan(90° − θ + α). Surface:
        γ⁰ cos β cos(90° − θ + α) / cos(90° − θ).

    Returns
    -------
    Correction
        Corrected power; invalid in layover (α ≥ θ) and shadow (α ≤ θ − 90°).

    Notes
    -----
    Vollrath et al. 2020, doi:10.3390/rs12111867; Hoekman and Reiche 2015,
    doi:10.1016/j.rse.2014.10.037.

    Examples
    --------
    >>> facing = flattened_backscatter(np.array([0.1]), 38.0, np.array([10.0]), np.array([0.0]))
    >>> bool(facing.values[0] < 0.1)
    True
    """
    theta, toward = np.radians(incidence_deg), np.radians(toward_deg)
    up = np.pi / 2 - theta
    invalid = np.asarray((toward >= theta) | (toward <= -up) | ~np.isfinite(toward), dtype=bool)
    safe = np.where(invalid, 0.0, toward)
    if model == "volume":
        factor = np.tan(up) / np.tan(up + safe)
    else:
        factor = np.cos(np.radians(across_deg)) * np.cos(up + safe) / np.cos(up)
    return Correction(np.where(invalid, np.nan, power * factor), invalid)


def sun_incidence(
    east: Array, north: Array, zenith_deg: float, azimuth_deg: float
) -> tuple[Array, Array]:
    """Return the cosine of the sun's incidence on the slope, and of the slope itself.

    Parameters
    ----------
    east, north : array, shape (rows, cols)
        Gradient of the elevation (rise per run).
    zenith_deg, azimuth_deg : float
        The sun; azimuth clockwise from north.

    Returns
    -------
    cos_incidence, cos_slope : array, shape (rows, cols)
        cos i = cos θ cos s + sin θ sin s cos(azimuth − aspect).

    Examples
    --------
    >>> cos_i, _ = sun_incidence(np.array([0.0]), np.array([-1.0]), 45.0, 0.0)  # faces north
    >>> round(float(cos_i[0]), 6)
    1.0
    """
    zenith, azimuth = np.radians(zenith_deg), np.radians(azimuth_deg)
    cos_slope = 1 / np.sqrt(1 + east**2 + north**2)
    facing = -(east * np.sin(azimuth) + north * np.cos(azimuth))
    return cos_slope * (np.cos(zenith) + np.sin(zenith) * facing), cos_slope


@dataclass
class IlluminationFit:
    """Sums of a straight line through reflectance over illumination, added block by block.

    For C and SCS+C the line is r = a + b cos i and c = a/b; for Minnaert it is
    ln r = ln r₀ + k ln(cos i / cos θ), k between 0 and 1.
    """

    method: Literal["cosine", "c", "scs_c", "minnaert"]
    cos_zenith: float
    sums: Array = field(default_factory=lambda: np.zeros(6))

    def add(
        self, reflectance: Array, cos_incidence: Array, cos_slope: Array, use: NDArray[np.bool_]
    ) -> None:
        """Add the pixels of a block.

        Parameters
        ----------
        reflectance, cos_incidence, cos_slope : array, shape (rows, cols)
            Values, NaN where there are none.
        use : array of bool, shape (rows, cols)
            Forest pixels.
        """
        steep = cos_slope < 1 / np.sqrt(1 + STEEP**2)
        good = use & steep & (cos_incidence > SHADED) & (reflectance > 0)
        x, y = cos_incidence[good], reflectance[good]
        if self.method == "minnaert":
            x, y = np.log(x / self.cos_zenith), np.log(y)
        self.sums += [len(x), x.sum(), y.sum(), (x * x).sum(), (x * y).sum(), (y * y).sum()]

    @property
    def line(self) -> tuple[float, float]:
        """Intercept a and slope b of the line; slope 0 where there is nothing to fit."""
        n, x, y, xx, xy, _ = self.sums
        spread = n * xx - x * x
        if n < 3 or spread <= 1e-12 * max(n * xx, 1.0):
            return (float(y / n) if n else 0.0), 0.0
        b = (n * xy - x * y) / spread
        return float((y - b * x) / n), float(b)

    @property
    def correlation(self) -> float:
        """Correlation r of the fitted pixels with illumination."""
        n, x, y, xx, xy, yy = self.sums
        spread = (n * xx - x * x) * (n * yy - y * y)
        return float((n * xy - x * y) / np.sqrt(spread)) if spread > 0 else 0.0


def flattened_reflectance(
    reflectance: Array, cos_incidence: Array, cos_slope: Array, fit: IlluminationFit
) -> Correction:
    """Correct reflectance for illumination.

    Parameters
    ----------
    reflectance, cos_incidence, cos_slope : array, shape (rows, cols)
        As from `sun_incidence`.
    fit : IlluminationFit
        Method and its fitted line. A line that does not rise (no dependence on illumination)
        leaves the values of C and SCS+C as they are.

    Returns
    -------
    Correction
        Invalid in shade, where cos i ≤ 0.15.

    Notes
    -----
    Cosine r cosθ/cos i; C r (cosθ + c)/(cos i + c) (Teillet et al. 1982,
    doi:10.1080/07038992.1982.10855028); SCS+C r (cos s cosθ + c)/(cos i + c) (Soenen et al.
    2005, doi:10.1109/TGRS.2005.852480); Minnaert r (cosθ/cos i)ᵏ.
    """
    invalid = np.asarray(~(cos_incidence > SHADED), dtype=bool)
    lit = np.where(invalid, 1.0, cos_incidence)
    a, b = fit.line
    if fit.method == "cosine":
        factor = fit.cos_zenith / lit
    elif fit.method == "minnaert":
        factor = (fit.cos_zenith / lit) ** float(np.clip(b, 0.0, 1.0))
    elif b <= 0:
        factor = np.ones_like(lit)
    else:
        c = max(a / b, 0.0)
        flat = fit.cos_zenith * (cos_slope if fit.method == "scs_c" else 1.0)
        factor = (flat + c) / (lit + c)
    return Correction(np.where(invalid, np.nan, reflectance * factor), invalid)
