from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phytomass.allometry import tree_biomass
from phytomass.errors import InputError
from phytomass.grid import grid_from_bounds
from phytomass.inventory.field_error import ErrorModel, ErrorSettings, plot_draws
from phytomass.landscape import ALLOMETRY, Landscape, LandscapeSettings, simulate
from phytomass.landscape.forest import simulate_forest
from phytomass.landscape.sampling import circle_mean, circle_weights, plot_table, sites_per_band
from phytomass.landscape.simulate import grid_at
from phytomass.landscape.tables import forest_types, species_of
from phytomass.landscape.terrain import simulate_terrain
from phytomass.landscape.trees import grown_trees, tree_table

GRID = grid_from_bounds("EPSG:32646", 10, (0, 0, 400, 300))


@settings(deadline=None, max_examples=40)
@given(st.floats(60, 340), st.floats(60, 240), st.floats(6, 50))
def test_circle_weights_count_the_area(easting: float, northing: float, radius: float) -> None:
    rows, cols, weights = circle_weights(GRID, easting, northing, radius)
    assert weights.sum() == pytest.approx(1)
    centre = np.sum(weights * (cols + 0.5)) * 10, 300 - np.sum(weights * (rows + 0.5)) * 10
    assert centre == pytest.approx((easting, northing), abs=0.6)
    whole = weights.max() * np.pi * radius**2
    if radius > 15:
        assert whole == pytest.approx(100, rel=0.02)


@settings(deadline=None, max_examples=40)
@given(st.floats(60, 340), st.floats(60, 240))
def test_mean_of_a_tilted_plane_is_its_value_at_the_centre(east: float, north: float) -> None:
    col, row = np.meshgrid(np.arange(40) + 0.5, np.arange(30) + 0.5)
    plane = 2 * (col * 10) - 3 * (300 - row * 10)
    mean = circle_mean(plane, GRID, east, north, 17.84)
    assert mean == pytest.approx(2 * east - 3 * north, abs=1.0)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=14), st.integers(1, 90))
def test_sites_are_all_given_out_and_no_band_is_forgotten(area: list[int], n: int) -> None:
    if sum(area) == 0:
        area[0] = 1
    count = sites_per_band(np.array(area), n)
    assert count.sum() == n
    assert (count >= 0).all()
    assert (count[np.array(area) == 0] == 0).all()
    if n >= np.sum(np.array(area) > 0):
        assert (count[np.array(area) > 0] >= 1).all()


def test_plots_lie_wholly_inside_the_forest_and_apart(small: Landscape) -> None:
    plots, mask = small.plots, small.forest.mask[2020]
    for plot in plots.itertuples():
        rows, cols, _ = circle_weights(small.grid, plot.easting, plot.northing, plot.radius_m)
        assert mask[rows, cols].all()
    where = plots[["easting", "northing"]].to_numpy()
    away = np.hypot(*(where[:, None] - where[None]).transpose(2, 0, 1))
    assert away[~np.eye(len(where), dtype=bool)].min() > 2 * small.settings.plot_radius_m


def test_sites_have_their_plots_some_hundred_metres_apart(small: Landscape) -> None:
    plots = small.plots
    assert plots["plot_id"].is_unique
    assert (plots.groupby("site").size() == small.settings.plots_per_site).all()
    assert plots["site"].nunique() == small.settings.n_sites
    for _, site in plots.groupby("site"):
        where = site[["easting", "northing"]].to_numpy()
        away = np.hypot(*(where[:, None] - where[None]).transpose(2, 0, 1))
        assert away.max() < 420
        assert away[~np.eye(len(where), dtype=bool)].min() > 70


def test_sites_cover_the_elevation_bands_of_the_forest(small: Landscape) -> None:
    low = small.settings.low_m
    first = small.plots.groupby("site")["elevation_m"].first()
    seen = set(((first - low) // 200).astype(int))
    z = small.terrain.elevation_m[small.forest.mask[2020]]
    share = np.bincount(((z - low) // 200).astype(int)) / z.size
    assert {i for i, part in enumerate(share) if part > 0.1} <= seen


def test_plot_truth_is_the_mean_over_the_circle(small: Landscape) -> None:
    """Against a count of a million random points."""
    plot = small.plots.iloc[4]
    random = np.random.default_rng(1)
    radius = plot.radius_m * np.sqrt(random.random(1_000_000))
    angle = 2 * np.pi * random.random(1_000_000)
    east = plot.easting + radius * np.cos(angle)
    north = plot.northing + radius * np.sin(angle)
    col = ((east - small.grid.transform.c) // 10).astype(int)
    row = ((small.grid.transform.f - north) // 10).astype(int)
    truth = small.forest.agb_mg_ha[2020][row, col].mean()
    assert plot.agb_mg_ha == pytest.approx(truth, rel=0.01)


def test_trees_weigh_what_the_truth_says_by_a_law_of_their_own(small: Landscape) -> None:
    """Exactly so; by the published equations their level is another, and the plots keep order."""
    plots = small.plots.set_index("plot_id")
    area_ha = np.pi * plots["radius_m"] ** 2 * 1e-4
    true = grown_trees(small.settings, small.plots, small.forest)
    weighed = true.groupby("plot_id")["agb_kg"].sum() / 1000 / area_ha
    pd.testing.assert_series_equal(weighed, plots["agb_mg_ha"], check_names=False, rtol=1e-6)
    trees = tree_biomass(small.trees.dropna(), ALLOMETRY)
    published = trees.groupby("plot_id")["agb_kg"].sum() / 1000 / area_ha
    ratio = published.sum() / plots["agb_mg_ha"].sum()
    assert 0.4 < ratio < 2.5
    assert abs(ratio - 1) > 0.01
    assert np.corrcoef(published, plots["agb_mg_ha"])[0, 1] > 0.9
    assert not trees["doubtful"].any()
    assert {"species", "group"} <= set(trees["choice"])


def test_the_sheet_has_the_errors_of_tape_and_hypsometer(small: Landscape) -> None:
    true = grown_trees(small.settings, small.plots, small.forest)
    sheet = small.trees.dropna().groupby("plot_id").head(10_000)
    sizes = sheet.groupby("plot_id").size()
    assert (sizes == true.groupby("plot_id").size()).all()
    order = [table.sort_values("plot_id", kind="stable") for table in (sheet, true)]
    d, true_d = (t["dbh_cm"].to_numpy() for t in order)
    h, true_h = (t["height_m"].to_numpy() for t in order)
    assert np.std(h / true_h - 1) == pytest.approx(0.1, rel=0.1)
    stout = true_d > 12
    error = np.abs(d - true_d)[stout] / (0.0062 * true_d + 0.0904)[stout]
    assert (error > 4).mean() == pytest.approx(0.05 * 0.7, abs=0.025)
    assert np.median(error) == pytest.approx(0.6745, rel=0.15)


@pytest.mark.slow
def test_the_field_chain_holds_the_truth_of_93_to_97_of_a_hundred_landscapes() -> None:
    """The 95 % interval of the plots' mean AGB against the truth under the circles."""
    held = []
    for seed in range(100):
        settings = LandscapeSettings(rows=120, cols=120, n_sites=6, random_state=seed)
        terrain = simulate_terrain(settings)
        forest = simulate_forest(settings, terrain)
        grid = grid_at(settings, settings.resolution_m)
        plots = plot_table(settings, grid, terrain, forest)
        trees = tree_biomass(tree_table(settings, plots, forest).dropna(), ALLOMETRY)
        areas = plots.assign(area_ha=np.pi * plots["radius_m"] ** 2 * 1e-4)
        model = ErrorModel(ALLOMETRY, errors=ErrorSettings(draws=2000))
        mean = plot_draws(trees, areas, model, random_state=seed).agb.mean()
        low, high = mean.quantile([0.025, 0.975])[0]
        held.append(low <= plots["agb_mg_ha"].mean() <= high)
    assert 0.93 <= np.mean(held) <= 0.97


def test_trees_look_like_trees(small: Landscape) -> None:
    trees = small.trees.dropna()
    assert trees["tree_id"].is_unique
    assert trees["dbh_cm"].between(5, 150).all()
    assert trees["height_m"].between(1.9, 50).all()
    assert trees[["dbh_cm", "height_m"]].round(1).equals(trees[["dbh_cm", "height_m"]])
    known = {one.name for kind in forest_types() for one in species_of(kind.name)}
    assert set(trees["species"]) <= known
    stems = trees.groupby("plot_id").size() / (np.pi * 17.84**2 * 1e-4)
    assert stems.max() <= 1505
    grown = small.plots.set_index("plot_id")["agb_mg_ha"] > 5
    assert stems[grown[grown].index].min() >= 99
    logs = np.log(trees[["dbh_cm", "height_m"]].to_numpy())
    assert np.corrcoef(logs.T)[0, 1] > 0.75  # measured with errors


def test_five_rows_of_the_field_sheet_are_incomplete(small: Landscape) -> None:
    trees = small.trees
    assert trees["dbh_cm"].isna().sum() == 3
    assert trees["height_m"].isna().sum() == 2
    assert trees[["dbh_cm", "height_m"]].isna().any(axis=1).sum() == 5
    assert trees["tree_id"].is_unique
    assert set(trees["plot_id"]) == set(small.plots["plot_id"])


def test_tallest_species_follow_their_height_curve() -> None:
    """Chir pine at 30 cm: 1.3 + 32.7 (1 - e^-0.96)^1.1 = 1.3 + 32.7 · 0.58803 = 20.529 m."""
    pine = species_of("chir pine")[0]
    assert pine.height_m(np.array([30.0])) == pytest.approx([20.529], abs=2e-3)


def test_too_many_sites_say_how_many_fit() -> None:
    with pytest.raises(InputError, match=r"room for .* sites of 3 plots, and 90 are wanted"):
        simulate(LandscapeSettings(rows=60, cols=60, n_sites=90))


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"resolution_m": 7}, "must divide 30 and 500"),
        ({"dates": (2020, 2015)}, "the earlier first"),
        ({"high_m": 1500.0}, "above low_m"),
        ({"crs": "EPSG:4326"}, "not in metres"),
        ({"crs": "EPSG:nonsense"}, "not a CRS"),
        ({"colour": 3}, "Extra inputs"),
    ],
)
def test_settings_refuse_nonsense(setting: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        LandscapeSettings.model_validate(setting)


def test_other_plots_and_dates_are_possible() -> None:
    one = simulate(
        LandscapeSettings(
            rows=90, cols=90, n_sites=4, plots_per_site=1, plot_radius_m=25, dates=(2010, 2022)
        )
    )
    assert list(one.plots["survey_year"].unique()) == [2022]
    assert set(one.forest.agb_mg_ha) == {2010, 2022}
    trees = grown_trees(one.settings, one.plots, one.forest)
    weighed = trees.groupby("plot_id")["agb_kg"].sum() / 1000 / (np.pi * 0.0625)
    truth = one.plots.set_index("plot_id")["agb_mg_ha"]
    pd.testing.assert_series_equal(weighed, truth, check_names=False, rtol=1e-6)
