from __future__ import annotations

import numpy as np
import pytest

from phytomass.landscape import Landscape, LandscapeSettings
from phytomass.landscape.forest import Forest, simulate_forest, stands_of, terrain_effect
from phytomass.landscape.tables import (
    BANDS,
    GROUNDS,
    forest_types,
    species_of,
    spectra,
)
from phytomass.landscape.terrain import Terrain, simulate_terrain


@pytest.fixture(scope="module")
def full() -> tuple[Terrain, Forest]:
    settings = LandscapeSettings()
    terrain = simulate_terrain(settings)
    return terrain, simulate_forest(settings, terrain)


def test_growth_curve_by_hand() -> None:
    """Chir pine, k = 0.035, p = 1.5: (1 - exp(-0.35))^1.5 = 0.295312^1.5 at 10 years."""
    pine = forest_types()[1]
    assert pine.grown(np.array([-5.0, 0.0, 10.0])) == pytest.approx([0, 0, 0.16048], abs=1e-5)
    assert pine.grown(np.array([1e4])) == pytest.approx([1])


def test_tables_are_complete() -> None:
    for kind in forest_types():
        assert kind.low_m < kind.high_m
        assert 0 < kind.youngest_year < kind.oldest_year
        assert sum(one.share for one in species_of(kind.name)) == pytest.approx(1)
    surfaces = (*(kind.name for kind in forest_types()), *GROUNDS, "dry ground", "shade")
    values = spectra(surfaces)
    assert values.shape == (len(surfaces), len(BANDS))
    assert ((values > 0) & (values < 1)).all()


def test_truth_is_zero_outside_the_forest_and_positive_inside(small: Landscape) -> None:
    for year in small.settings.dates:
        agb, mask = small.forest.agb_mg_ha[year], small.forest.mask[year]
        assert np.isfinite(agb).all()
        assert (agb[~mask] == 0).all()
        assert (agb[mask] >= 0.5).all()
        assert agb.max() < 390


def test_undisturbed_forest_grows_and_disturbed_forest_loses(small: Landscape) -> None:
    before, after = (small.forest.agb_mg_ha[year] for year in small.settings.dates)
    was, still = (small.forest.mask[year] for year in small.settings.dates)
    calm = was & still & ~small.forest.disturbed
    assert (after[calm] >= before[calm]).all()
    assert (after - before)[calm].mean() > 1
    burned = was & still & small.forest.disturbed
    assert burned.any()
    assert (after[burned] < before[burned]).mean() > 0.95


def test_the_forest_gains_and_loses_ground(full: tuple[Terrain, Forest]) -> None:
    _, forest = full
    was, still = forest.mask[2015], forest.mask[2020]
    assert 0.01 < (still & ~was).mean() < 0.10
    assert 0.005 < (was & ~still).mean() < 0.05
    new = forest.agb_mg_ha[2020][still & ~was]
    assert 2 < new.mean() < 30
    assert (forest.type[still & ~was] == 0).all()


def test_distribution_of_the_default_landscape(full: tuple[Terrain, Forest]) -> None:
    _, forest = full
    agb = forest.agb_mg_ha[2020][forest.mask[2020]]
    assert 0.75 < forest.mask[2020].mean() < 0.9
    assert 110 < agb.mean() < 160
    assert 55 < agb.std() < 95
    assert np.quantile(agb, 0.01) < 10
    assert 280 < np.quantile(agb, 0.99) < 340


def test_types_follow_elevation_and_biomass_peaks_in_the_middle(
    full: tuple[Terrain, Forest],
) -> None:
    terrain, forest = full
    here = forest.mask[2020]
    heights = [terrain.elevation_m[here & (forest.type == i)].mean() for i in range(1, 5)]
    assert np.all(np.diff(heights) > 300)
    assert terrain.elevation_m[here].max() < 4100
    agb = forest.agb_mg_ha[2020]
    belt = [
        agb[here & (terrain.elevation_m >= low) & (terrain.elevation_m < low + 400)].mean()
        for low in (1800, 2600, 3500)
    ]
    assert belt[1] > 1.5 * max(belt[0], belt[2])


def test_shaded_and_gentle_slopes_carry_more(full: tuple[Terrain, Forest]) -> None:
    terrain, forest = full
    effect = terrain_effect(terrain)
    middle = (terrain.elevation_m < 3300) & forest.mask[2020]
    shaded, sunny = terrain.northness > 0.3, terrain.northness < -0.3
    same = (terrain.slope_deg > 30) & (terrain.slope_deg < 40) & middle
    assert effect[same & shaded].mean() > 1.15 * effect[same & sunny].mean()
    full_grown = stands_of(LandscapeSettings(), terrain).potential_mg_ha / np.exp(forest.site)
    deodar = same & (forest.type == 2)
    assert full_grown[deodar & shaded].mean() > 1.15 * full_grown[deodar & sunny].mean()
    assert effect[middle & (terrain.slope_deg > 50)].mean() < effect[same].mean()


def test_site_quality_is_correlated_over_some_hundred_metres(
    full: tuple[Terrain, Forest],
) -> None:
    site = full[1].site
    at = {lag: np.mean(site[:, lag:] * site[:, :-lag]) / site.var() for lag in (10, 25, 150)}
    assert at[10] > 0.5
    assert 0.15 < at[25] < 0.55
    assert abs(at[150]) < 0.25
