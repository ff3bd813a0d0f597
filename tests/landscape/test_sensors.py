from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phytomass.landscape import SENTINEL2_BANDS, Landscape, LandscapeSettings
from phytomass.landscape.canopy import Nuisance
from phytomass.landscape.forest import Forest
from phytomass.landscape.optical import (
    coarsened,
    illumination,
    landsat_composite,
    skies,
    surface_reflectance,
)
from phytomass.landscape.radar import (
    LOOK,
    LOOKS,
    backscatter,
    optical_depth,
    sentinel1_scene,
    water_cloud,
)
from phytomass.landscape.tables import BANDS, GROUNDS, spectra
from phytomass.landscape.terrain import Terrain

LADDER = np.arange(0.0, 351.0, 10.0)[None, :]


def forest_on(agb: np.ndarray, kind: int = 3, ground: str = "understorey") -> Forest:
    flat = np.zeros(agb.shape)
    return Forest(
        type=np.full(agb.shape, kind),
        ground=np.full(agb.shape, GROUNDS.index(ground)),
        agb_mg_ha={2020: agb},
        mask={2020: agb > 0},
        site=flat,
        disturbed=flat > 0,
    )


def calm(shape: tuple[int, int]) -> Nuisance:
    flat = np.zeros(shape)
    return Nuisance({"optical": flat, "radar": flat}, flat, flat, flat, flat)


def plane(shape: tuple[int, int], slope: float = 0.0, aspect: float = 0.0) -> Terrain:
    flat = np.zeros(shape)
    return Terrain(flat, flat + slope, flat + aspect, flat, flat.astype(int), flat > 0)


def test_reflectance_runs_from_ground_to_shaded_crowns() -> None:
    agb = np.array([[0.0, 1e6]])
    image = surface_reflectance(forest_on(agb), calm(agb.shape), 2020)
    ground, crown, shade = spectra(("understorey", "fir and spruce", "shade"))
    assert image[:, 0, 0] == pytest.approx(ground)
    assert image[:, 0, 1] == pytest.approx(crown * (1 - shade))


@pytest.mark.parametrize("kind", range(5))
def test_red_and_shortwave_fall_with_biomass_and_saturate(kind: int) -> None:
    image = surface_reflectance(forest_on(LADDER, kind), calm(LADDER.shape), 2020)
    for band in ("B4", "B5", "B11", "B12"):
        step = np.diff(image[BANDS.index(band), 0])
        assert (step < 0).all(), band
        assert abs(step[LADDER[0, 1:] > 200].mean()) < 0.1 * abs(step[:5].mean()), band


def test_the_optical_signal_is_used_up_at_the_published_saturation() -> None:
    """Zhao et al. 2016: Landsat saturates at 123-159 Mg/ha; nine tenths of B11 are used there."""
    image = surface_reflectance(forest_on(LADDER), calm(LADDER.shape), 2020)
    shortwave = image[BANDS.index("B11"), 0]
    used = (shortwave[0] - shortwave) / (shortwave[0] - shortwave[-1])
    assert 0.85 < used[LADDER[0] == 120][0] < 0.97
    assert used[LADDER[0] == 160][0] > 0.9


def test_water_cloud_by_hand() -> None:
    """VH at 100 Mg/ha: 10^-2.06 e^-1.5 + 10^-1.38 (1 - e^-1.5) = 0.034330 → -14.643 dB."""
    assert water_cloud(np.array([100.0]), "VH") == pytest.approx([-14.643], abs=2e-3)


@pytest.mark.parametrize(("polarisation", "end"), [("VV", -8.6), ("VH", -13.8)])
def test_backscatter_rises_and_saturates(polarisation: str, end: float) -> None:
    db = water_cloud(LADDER[0], polarisation)
    assert (np.diff(db) > 0).all()
    assert db[-1] == pytest.approx(end, abs=0.15)
    first, last = db[LADDER[0] == 120] - db[0], db[-1] - db[LADDER[0] == 120]
    assert first > 3 * last


def test_vh_is_within_half_a_decibel_of_its_end_at_140() -> None:
    assert -13.8 - water_cloud(np.array([140.0]), "VH")[0] < 0.5


def test_speckle_has_the_looks_of_a_ground_range_product() -> None:
    """Mean power is kept, and mean²/variance is 4.4."""
    shape = (300, 300)
    settings_ = LandscapeSettings(rows=300, cols=300)
    scene = sentinel1_scene(settings_, np.zeros((2, *shape)), plane(shape), (2020, 7))
    power = 10 ** (scene[0].astype(float) / 10)
    blocks = power.reshape(30, 10, 30, 10).swapaxes(1, 2).reshape(900, 100)
    looks = blocks.mean(axis=1) ** 2 / blocks.var(axis=1, ddof=1)
    assert np.mean(1 / looks) == pytest.approx(1 / LOOKS, rel=0.05)
    assert abs(10 * np.log10(power.mean())) < 0.6
    assert np.array_equal(scene * 64, np.round(scene * 64))


def test_a_radar_facing_slope_is_brighter_and_its_back_darker() -> None:
    shape = (60, 60)
    settings_ = LandscapeSettings(rows=60, cols=60)
    mean = {
        aspect: sentinel1_scene(
            settings_, np.zeros((2, *shape)), plane(shape, 30, aspect), (2020, 5)
        ).mean()
        for aspect in (LOOK[1], LOOK[1] + 180)
    }
    assert mean[LOOK[1]] > mean[LOOK[1] + 180] + 0.3


def test_a_sunlit_slope_is_brighter_mildly() -> None:
    facing, away = (illumination(plane((2, 2), 35, a), 8).mean() for a in (122, 302))
    assert 1.0 < facing < 1.1
    assert 0.7 < away < 0.95
    assert illumination(plane((2, 2)), 7) == pytest.approx(1)


def test_backscatter_of_open_ground_and_forest() -> None:
    agb = np.array([[0.0, 0.0, 200.0]])
    rock = backscatter(forest_on(agb[:, :1], ground="rock"), calm((1, 1)), 2020)
    grass = backscatter(forest_on(agb), calm((1, 3)), 2020)
    assert rock[:, 0, 0] == pytest.approx([-10.5, -19.0])
    assert grass[:, 0, 0] == pytest.approx([-13.4, -20.6])
    assert (grass[:, 0, 2] > grass[:, 0, 0] + 4).all()


def test_optical_depth_is_nearly_linear() -> None:
    depth = optical_depth(LADDER[0, :26])
    assert (np.diff(depth) > 0).all()
    assert np.corrcoef(depth, LADDER[0, :26])[0, 1] ** 2 > 0.99


@settings(deadline=None, max_examples=30)
@given(
    arrays(float, st.tuples(st.integers(1, 17), st.integers(1, 17)), elements=st.floats(-9, 9)),
    st.integers(1, 6),
)
def test_coarse_cells_keep_the_total(values: np.ndarray, factor: int) -> None:
    means = coarsened(values, factor)
    sizes = coarsened(np.ones_like(values), factor)
    assert np.allclose(sizes, 1)
    rows, cols = (np.arange(n) // factor for n in values.shape)
    spread = means[rows][:, cols]
    assert spread.sum() == pytest.approx(values.sum(), abs=1e-9)
    assert means[0, 0] == pytest.approx(values[:factor, :factor].mean(), abs=1e-12)


def test_scenes_are_in_range_and_without_data_only_beyond_the_swath(small: Landscape) -> None:
    assert sorted(small.sentinel2) == [(y, m) for y in (2015, 2020) for m in (6, 7, 8)]
    for (_, month), scene in small.sentinel2.items():
        assert scene.dtype == np.uint16
        assert scene.shape == (len(SENTINEL2_BANDS), *small.settings.shape)
        empty = scene == 0
        assert np.array_equal(empty.any(axis=0), empty.all(axis=0))
        assert empty[0].mean() < 0.1
        assert month == 6 or not empty.any()
        assert scene[:-1].max() <= 20_000
        assert scene[-1].max() <= 100


def test_clouds_are_bright_cover_a_third_at_most_and_differ(small: Landscape) -> None:
    shapes = []
    for (year, month), scene in small.sentinel2.items():
        sky = skies(small.settings, year)[month]
        cloudy = scene[-1] > 50
        assert 0.01 < cloudy.mean() < 0.2
        assert ((sky.opacity > 0) | (sky.shadow > 0.05)).mean() <= 0.35
        blue = scene[0].astype(float)
        assert blue[cloudy].mean() > 5 * np.median(blue[scene[-1] < 15])
        shapes.append(cloudy)
    alike = [(a & b).sum() / (a | b).sum() for a in shapes for b in shapes if a is not b]
    assert max(alike) < 0.5


@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_is_clear_once_a_year(seed: int) -> None:
    settings_ = LandscapeSettings(rows=150, cols=150, random_state=seed)
    clear = [
        (s.opacity < 0.02) & (s.shadow < 0.05) & s.seen for s in skies(settings_, 2020).values()
    ]
    assert np.logical_or.reduce(clear).all()


def test_shadows_lie_beside_their_clouds_and_darken(small: Landscape) -> None:
    sky = skies(small.settings, 2020)[7]
    shaded, open_sky = sky.shadow > 0.4, (sky.opacity == 0) & (sky.shadow == 0)
    assert not (shaded & (sky.opacity > 0)).any()
    if shaded.any():
        infrared = small.sentinel2[2020, 7][SENTINEL2_BANDS.index("B8")]
        assert np.median(infrared[shaded]) < 0.75 * np.median(infrared[open_sky])


def test_landsat_sees_the_same_land_at_30_m(small: Landscape) -> None:
    rows, cols = small.settings.shape
    landsat = small.landsat8[2020]
    assert landsat.shape == (5, -(-rows // 3), -(-cols // 3))
    assert landsat.min() >= 1
    red = small.sentinel2[2020, 8][2].astype(float)
    clear = coarsened((small.sentinel2[2020, 8][-1] < 10).astype(float), 3) == 1
    fine, coarse = coarsened(red, 3)[clear], landsat[1].astype(float)[clear]
    assert np.corrcoef(fine, coarse)[0, 1] > 0.9


def test_landsat_composite_averages_the_surface() -> None:
    settings_ = LandscapeSettings(rows=60, cols=60)
    surface = np.full((len(BANDS), 60, 60), 0.2)
    image = landsat_composite(settings_, surface, np.ones((60, 60)), 2020)
    assert np.allclose(image.mean(axis=(1, 2)), 2000, rtol=0.06)


def test_depth_follows_the_mean_biomass_of_its_cells(small: Landscape) -> None:
    vod = small.vod[2020]
    mean = coarsened(small.forest.agb_mg_ha[2020], 50)
    assert vod.shape == mean.shape
    assert np.corrcoef(vod.ravel(), mean.ravel())[0, 1] > 0.9
