"""Terrain corrections: which way is darker, and what is left of the illumination."""

from __future__ import annotations

import numpy as np
import pytest

from phytomass.imagery.pixels.slopes import (
    IlluminationFit,
    flattened_backscatter,
    flattened_reflectance,
    radar_slope_deg,
    sun_incidence,
)
from phytomass.imagery.pixels.terrain import extended, gradient

ZENITH, AZIMUTH = 50.0, 140.0


def plane(east: float, north: float) -> tuple[np.ndarray, np.ndarray]:
    rows, cols = np.indices((5, 5))
    return gradient(extended(10 * cols * east - 10 * rows * north), (10, 10))


@pytest.mark.parametrize("model", ["volume", "surface"])
@pytest.mark.parametrize(("look", "rise"), [(90, (1, 0)), (270, (-1, 0)), (0, (0, 1))])
def test_a_slope_that_faces_the_radar_gets_darker(
    look: float, rise: tuple[int, int], model: str
) -> None:
    # ground that rises in the direction the radar looks to faces it
    facing = plane(0.2 * rise[0], 0.2 * rise[1])
    away = plane(-0.2 * rise[0], -0.2 * rise[1])
    for (east, north), darker in ((facing, True), (away, False)):
        toward, across = radar_slope_deg(east, north, look)
        assert np.allclose(toward, np.degrees(np.arctan(0.2)) * (1 if darker else -1))
        out = flattened_backscatter(np.full((5, 5), 0.1), 38.0, toward, across, model)
        assert ((out.values < 0.1) == darker).all()
        assert not out.invalid.any()


def test_the_volume_model_by_hand() -> None:
    out = flattened_backscatter(np.array([0.1]), 40.0, np.array([15.0]), np.array([0.0]))
    assert out.values[0] == pytest.approx(0.1 * np.tan(np.radians(50)) / np.tan(np.radians(65)))


def test_what_the_model_brightened_is_undone() -> None:
    toward, across = np.array([12.0, -20.0, 0.0]), np.array([5.0, -8.0, 0.0])
    seen = 0.07 / (np.cos(np.radians(across)) * np.cos(np.radians(52 + toward)))
    out = flattened_backscatter(seen * np.cos(np.radians(52)), 38.0, toward, across, "surface")
    assert np.allclose(out.values, 0.07)


def test_layover_and_shadow_have_no_data() -> None:
    toward = np.array([38.0, 37.0, -51.0, -53.0, np.nan])
    out = flattened_backscatter(np.full(5, 0.1), 38.0, toward, np.zeros(5))
    assert out.invalid.tolist() == [True, False, False, True, True]
    assert np.array_equal(np.isnan(out.values), out.invalid)


def sphere() -> tuple[np.ndarray, np.ndarray]:
    """Gradient of a dome whose sides fall by up to 35°."""
    rows, cols = np.indices((201, 201)) - 100.0
    radius = 100 / np.sin(np.radians(35)) * 1.45
    height = np.sqrt(np.maximum(radius**2 - rows**2 - cols**2, 0))
    return gradient(extended(10 * height), (10, 10))


def test_illumination_by_the_angle_between_sun_and_slope() -> None:
    east, north = sphere()
    cos_i, cos_s = sun_incidence(east, north, ZENITH, AZIMUTH)
    zenith, azimuth = np.radians([ZENITH, AZIMUTH])
    sun = [np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith)]
    normal = np.stack([-east, -north, np.ones_like(east)])
    normal /= np.linalg.norm(normal, axis=0)
    assert np.allclose(cos_i, np.tensordot(sun, normal, axes=1))
    assert np.allclose(cos_s, normal[2])


@pytest.mark.parametrize(
    ("method", "left"), [("cosine", 0.45), ("c", 0.06), ("scs_c", 0.35), ("minnaert", 0.2)]
)
def test_the_correlation_with_illumination_falls_on_a_dome(method: str, left: float) -> None:
    east, north = sphere()
    cos_i, cos_s = sun_incidence(east, north, ZENITH, AZIMUTH)
    noise = np.random.default_rng(1).normal(0, 0.01, cos_i.shape)
    seen = 0.08 + 0.25 * cos_i + noise  # direct light, and light from the sky
    fit = IlluminationFit(method, float(np.cos(np.radians(ZENITH))))  # type: ignore[arg-type]
    for half in (np.s_[:90], np.s_[90:]):
        fit.add(seen[half], cos_i[half], cos_s[half], np.ones(cos_i[half].shape, bool))
    out = flattened_reflectance(seen, cos_i, cos_s, fit)
    lit = ~out.invalid
    before = np.corrcoef(seen[lit], cos_i[lit])[0, 1]
    after = np.corrcoef(out.values[lit], cos_i[lit])[0, 1]
    assert before > 0.95
    assert abs(after) < max(left, 0.0) or (method == "cosine" and abs(after) < before)
    if method in ("c", "scs_c"):
        assert fit.line == pytest.approx((0.08, 0.25), abs=0.003)


def test_nothing_to_fit_leaves_reflectance_alone() -> None:
    flat = np.zeros((4, 4))
    cos_i, cos_s = sun_incidence(flat, flat, ZENITH, AZIMUTH)
    fit = IlluminationFit("scs_c", float(np.cos(np.radians(ZENITH))))
    fit.add(np.full((4, 4), 0.2), cos_i, cos_s, np.ones((4, 4), bool))
    out = flattened_reflectance(np.full((4, 4), 0.2), cos_i, cos_s, fit)
    assert np.array_equal(out.values, np.full((4, 4), 0.2))
