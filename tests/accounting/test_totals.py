"""Model-assisted totals of a map's ensemble: by hand, against the fold estimator, and properties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from phytomass.accounting import change_estimates, map_summary
from phytomass.accounting.estimate import Estimate
from phytomass.accounting.model_based import Spherical, mean_variance
from phytomass.accounting.survey import model_assisted, simple_random
from phytomass.accounting.totals import (
    Assisted,
    Factors,
    Modelled,
    assisted_estimates,
    cover_of,
    modelled_estimates,
    residual_variogram,
    with_change_errors,
)
from phytomass.accounting.zones import OUTSIDE, read_zones
from phytomass.carbon import CarbonSettings
from phytomass.draws import Draws
from phytomass.errors import InputError
from phytomass.grid import Block, grid_of_raster
from phytomass.inventory.field_error import PlotDraws
from phytomass.inventory.sampling import DesignSettings
from phytomass.mapping.map_draws import MapDraws
from tests.accounting.conftest import ORIGIN, cells, write_raster, write_zones

ROWS, COLS, MEMBERS = 60, 50, 12
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
BORROWED = "model_assisted+borrowed_residuals+sampling"
SIMPLE = DesignSettings(kind="simple_random")


class World:
    """A map with holes, plots on its pixels, and members that are the map with errors."""

    def __init__(self, folder: Path, *, zoned: bool, n: int = 48, per_site: int = 1) -> None:
        rng = np.random.default_rng(5)
        self.agb = np.round(rng.gamma(4, 30, (ROWS, COLS)))
        self.agb[rng.random(self.agb.shape) < 0.1] = np.nan
        self.path = write_raster(folder / "agb.tif", self.agb)
        self.zones = None
        if zoned:
            parts = {"west": cells(0, ROWS, 0, 20), "east": cells(0, ROWS, 20, 40),
                     "corner": cells(0, 5, 40, 50)}  # fmt: skip
            self.zones = read_zones(
                write_zones(folder / "zones.gpkg", parts), "name", grid_of_raster(self.path)
            )
        self.names = (*self.zones.names, OUTSIDE) if self.zones else ("all",)
        rows, cols = rng.integers(0, ROWS, n), rng.integers(0, COLS, n)
        self.plots = pd.DataFrame({
            "plot_id": [f"P{i}" for i in range(n)], "site": [f"S{i // per_site}" for i in range(n)],
            "agb_mg_ha": np.nan_to_num(self.agb[rows, cols], nan=90.0) + rng.normal(5, 20, n),
            "easting": ORIGIN[0] + 10 * cols + 5, "northing": ORIGIN[1] - 10 * rows - 5,
        })  # fmt: skip
        self.held = np.isfinite(self.agb[rows, cols])
        self.labels = np.zeros(self.agb.shape, int)
        if zoned:
            self.labels[:] = 3
            self.labels[:, :20], self.labels[:, 20:40], self.labels[:5, 40:] = 0, 1, 2
        self.plot_label = self.labels[rows, cols]
        self.bias = rng.normal(1, 0.1, MEMBERS)
        fold = np.arange(n) // per_site % MEMBERS
        trained = np.flatnonzero(self.held)
        drawn = (fold[None, :] != np.arange(MEMBERS)[:, None]).astype(int)[:, trained]
        seen = np.isfinite(self.agb)
        size = len(self.names)
        points = np.bincount(self.labels[seen], weights=self.agb[seen], minlength=size)
        pixels = np.bincount(self.labels[seen], minlength=size)
        y = self.plots["agb_mg_ha"].to_numpy()[trained]
        self.draws = MapDraws(
            self.names,
            tuple(self.plots["plot_id"][trained]),
            at_plots=self.bias[:, None] * self.agb[rows, cols][None, trained],
            drawn=drawn,
            learned=np.tile(y, (MEMBERS, 1)),
            sums={"agb.tif": self.bias[:, None] * points},
            points={"agb.tif": points},
            pixels={"agb.tif": pixels},
        )
        self.fold = fold

    def given(self, inside: np.ndarray | None = None, **more: object) -> Assisted:
        def mask(block: Block) -> np.ndarray:
            assert inside is not None
            return inside[block.row : block.row + block.rows, block.col : block.col + block.cols]

        places = self.plots[["easting", "northing"]].to_numpy()
        cover = cover_of(self.path, None if inside is None else mask, self.zones, places)
        factors = Factors.of_summary(self.summary(), self.names)
        made = Assisted(self.draws, cover, self.plots, SIMPLE, factors, CarbonSettings())
        return replace(made, **more)  # type: ignore[arg-type]

    def summary(self) -> pd.DataFrame:
        zones = self.path.parent / "zones.gpkg" if self.zones else None
        return map_summary(self.path, zones=zones)

    @property
    def only_held(self) -> World:
        """The same with the plots that have a prediction alone."""
        self.plots = self.plots[self.held].reset_index(drop=True)
        self.plot_label, self.fold = self.plot_label[self.held], self.fold[self.held]
        return self


@pytest.fixture
def whole(tmp_path: Path) -> World:
    return World(tmp_path, zoned=False)


@pytest.fixture
def zoned(tmp_path: Path) -> World:
    return World(tmp_path, zoned=True)


def row(
    rows: list[Estimate],
    quantity: str,
    zone: str = "all",
    pool: str = "AGB",
    kind: str = "dry_mass",
) -> Estimate:
    found = [
        r for r in rows if (r.quantity, r.zone, r.pool, r.kind) == (quantity, zone, pool, kind)
    ]
    assert len(found) == 1
    return found[0]


def test_folds_give_the_estimate_of_folds(whole: World) -> None:
    """Members that are folds of equal size are the textbook's difference estimator."""
    world = whole.only_held
    keep = min(np.bincount(world.fold))
    rank = pd.Series(world.fold).groupby(world.fold).cumcount()
    world.plots = world.plots[rank < keep].reset_index(drop=True)
    fold = world.fold[rank < keep]
    found = row(assisted_estimates(world.given()), "assisted_mean")
    at = world.draws.at_plots[:, pd.Index(world.draws.plots).get_indexer(world.plots["plot_id"])]
    held_out = at[fold, np.arange(len(fold))]
    mean = world.bias.mean() * np.nanmean(world.agb)
    book = model_assisted(simple_random(len(fold)), world.plots["agb_mg_ha"], held_out, mean)
    assert_allclose([found.value, found.se], [book.value, book.se])
    half = stats.t.ppf(0.975, len(fold) - 1) * book.se
    assert_allclose([found.low, found.high], [book.value - half, book.value + half], rtol=1e-3)
    assert (found.n, found.method) == (len(fold), "model_assisted+sampling")


def test_no_plot_corrects_a_member_that_saw_its_site(tmp_path: Path) -> None:
    """Half of a site in a member: its other half knows that member, too."""
    world = World(tmp_path, zoned=False, per_site=2).only_held
    before = row(assisted_estimates(world.given()), "assisted_mean").value
    place = pd.Index(world.draws.plots).get_indexer(world.plots["plot_id"])
    drawn = world.draws.drawn.copy()
    twice = world.plots["site"].duplicated(keep=False).to_numpy()
    first = np.flatnonzero(twice)[0]
    drawn[world.fold[first], place[first]] = 1
    world.draws = replace(world.draws, drawn=drawn)
    at = world.draws.at_plots
    spoilt = at.copy()
    second = np.flatnonzero((world.plots["site"] == world.plots["site"][first]).to_numpy())[1]
    spoilt[world.fold[second], place[second]] += 1e6
    found = row(assisted_estimates(world.given()), "assisted_mean").value
    world.draws = replace(world.draws, at_plots=spoilt)
    assert row(assisted_estimates(world.given()), "assisted_mean").value == found != before


def test_zones_add_up_to_the_whole_with_their_errors(zoned: World) -> None:
    design = DesignSettings(kind="simple_random", level=0.9)
    shares = np.exp(0.1 * np.random.default_rng(1).standard_normal(200))

    def shared(pool: str, kind: str) -> Draws:
        agb = zoned.plots["agb_mg_ha"].to_numpy()
        ids = tuple(zoned.plots["plot_id"])
        return Draws(agb, agb[:, None] * shares, ids, pool, kind, "Mg/ha")

    rows = assisted_estimates(zoned.given(design=design, shared=shared))
    for pool, kind in (("AGB", "dry_mass"), ("total", "CO2e")):
        total = row(rows, "assisted_total", "all", pool, kind)
        parts = [row(rows, "assisted_total", z, pool, kind) for z in zoned.names]
        assert_allclose(sum(p.value for p in parts), total.value)
        assert_allclose(sum(p.area_ha for p in parts), total.area_ha)
        assert_allclose(total.area_ha, ROWS * COLS * 0.01)
    assert {p.method for p in parts} == {
        "model_assisted+sampling+shared_errors",
        BORROWED + "+shared_errors",
    }
    corner, west = (row(rows, "assisted_mean", z) for z in ("corner", "west"))
    assert corner.method == BORROWED + "+shared_errors"
    assert west.method == "model_assisted+sampling+shared_errors"
    assert west.n == int((zoned.held & (zoned.plot_label == 0)).sum())
    # Errors that plots share move all zones by one share of their value.
    without = row(assisted_estimates(zoned.given(design=design)), "assisted_mean", "west")
    on_top = np.sqrt(west.se**2 - without.se**2) / west.value
    assert_allclose(on_top, shares.std(ddof=1), rtol=1e-6)
    assert (west.n_draws, without.n_draws, west.level) == (200, 0, 0.9)


def test_a_zone_of_its_own_follows_its_plots(zoned: World) -> None:
    before = row(assisted_estimates(zoned.given()), "assisted_mean", "west").value
    corner = row(assisted_estimates(zoned.given()), "assisted_mean", "corner").value
    inside = zoned.plot_label == 0
    zoned.plots.loc[inside, "agb_mg_ha"] += 50.0
    rows = assisted_estimates(zoned.given())
    moved = row(rows, "assisted_mean", "west").value - before
    assert 40 < moved < 55
    assert abs(row(rows, "assisted_mean", "east").value - before) < 40
    assert row(rows, "assisted_mean", "corner").value - corner < 30


def test_pixels_without_prediction_are_missing_and_not_absent(whole: World) -> None:
    rows = assisted_estimates(whole.given())
    there = whole.plots[~whole.held]
    assert len(there) == 5  # as many as it takes
    missing = np.isnan(whole.agb).mean()
    mean, mapped = row(rows, "assisted_mean"), row(rows, "assisted_mapped_total")
    per_ha = mapped.value / mapped.area_ha
    fill = there["agb_mg_ha"].mean()
    assert_allclose(mean.value, (1 - missing) * per_ha + missing * fill)
    assert_allclose(mapped.area_ha, np.isfinite(whole.agb).sum() * 0.01)
    assert_allclose(row(rows, "assisted_total").area_ha, ROWS * COLS * 0.01)
    whole.plots = whole.plots.drop(there.index[0]).reset_index(drop=True)
    rows = assisted_estimates(whole.given())
    mapped = row(rows, "assisted_mapped_total")
    assert_allclose(row(rows, "assisted_mean").value, mapped.value / mapped.area_ha)


def test_the_mask_says_what_is_missing(whole: World) -> None:
    inside = np.isfinite(whole.agb)
    rows = assisted_estimates(whole.given(inside))
    assert not [r for r in rows if r.quantity == "assisted_mapped_total"]
    assert_allclose(row(rows, "assisted_total").area_ha, inside.sum() * 0.01)
    declared = DesignSettings(kind="simple_random", area_ha=31.0)
    found = row(assisted_estimates(whole.given(inside, design=declared)), "assisted_total")
    mean = row(rows, "assisted_mean").value
    assert_allclose([found.area_ha, found.value], [31.0, 31.0 * mean])
    assert found.method == "model_assisted+declared_area+sampling"


def test_pools_follow_by_their_factors(whole: World) -> None:
    rows = assisted_estimates(whole.given())
    above, co2 = row(rows, "assisted_total"), row(rows, "assisted_total", "all", "total", "CO2e")
    factor = 1.26 * 0.47 * 44 / 12
    assert_allclose([co2.value, co2.se], [above.value * factor, above.se * factor])
    assert co2.unit == "Mg CO₂"


def test_strata_are_corrected_one_by_one(whole: World) -> None:
    world = whole.only_held
    world.plots["stratum"] = np.where(np.arange(len(world.plots)) % 3, "a", "b")
    design = DesignSettings(kind="stratified", strata_ha={"a": 10.0, "b": 20.0})
    before = row(assisted_estimates(world.given(design=design)), "assisted_mean").value
    world.plots.loc[world.plots["stratum"] == "b", "agb_mg_ha"] += 30.0
    found = row(assisted_estimates(world.given(design=design)), "assisted_mean").value
    assert_allclose(found - before, 20.0)


def test_a_map_of_other_zones_is_refused(whole: World) -> None:
    draws = replace(whole.draws, zones=("north",))
    with pytest.raises(InputError, match="sums of the zones north"):
        whole.given(draws=draws)


def test_counts_by_zone_and_places_of_plots(zoned: World) -> None:
    cover = zoned.given().cover
    seen = np.isfinite(zoned.agb)
    assert cover.mask.tolist() == np.bincount(zoned.labels.ravel()).tolist()
    assert cover.missing.tolist() == np.bincount(zoned.labels[~seen]).tolist()
    assert cover.plot_zone.tolist() == zoned.plot_label.tolist()
    assert cover.plot_mapped.tolist() == zoned.held.tolist()
    assert all(len(part) for part in cover.cells)
    west = cover.cells[0]
    assert (west[:, 0] < ORIGIN[0] + 200).all()
    assert 700 <= len(cover.spread) <= 1400


VARIOGRAM = Spherical(100.0, 300.0, 200.0)


def modelled(world: World, **more: object) -> Modelled:
    given = world.given()
    made = Modelled(given.draws, given.cover, given.factors, CarbonSettings())
    return replace(made, **more)  # type: ignore[arg-type]


def test_the_model_alone_by_hand(whole: World) -> None:
    rows = modelled_estimates(modelled(whole))
    mean, mapped = row(rows, "model_mean"), row(rows, "model_mapped_total")
    members = whole.bias * np.nanmean(whole.agb)
    assert_allclose(mean.value, np.nanmean(whole.agb))
    assert_allclose(mean.se, members.std(ddof=1))
    half = stats.t.ppf(0.975, MEMBERS - 1) * mean.se
    assert_allclose([mean.low, mean.high], [mean.value - half, mean.value + half])
    assert (mean.method, mean.n_draws) == ("model_based+members", MEMBERS)
    assert_allclose(row(rows, "model_total").value, mean.value * ROWS * COLS * 0.01)
    assert_allclose(mapped.value, mean.value * np.isfinite(whole.agb).sum() * 0.01)


def test_what_the_model_leaves_unexplained_comes_on_top(whole: World) -> None:
    """The whole double sum over all pairs of pixels, against the sample of them."""
    with_residuals = modelled(whole, residuals=VARIOGRAM)
    rows, without = modelled_estimates(with_residuals), modelled_estimates(modelled(whole))
    mean = row(rows, "model_mean")
    found = mean.se**2 - row(without, "model_mean").se ** 2
    rows_, cols_ = np.nonzero(np.isfinite(whole.agb))
    assert_allclose(
        found, mean_variance(VARIOGRAM, np.column_stack([rows_, cols_]) * 10.0), rtol=0.02
    )
    assert mean.method == "model_based+members+residual_block"
    carbon, dry = (row(rows, "model_mean", kind=kind) for kind in ("C", "dry_mass"))
    assert_allclose(carbon.se, dry.se * 0.47)


def test_a_drawn_factor_moves_with_its_member(whole: World) -> None:
    """Carbon fractions that undo the members' biases: no error of carbon is left."""
    fractions = 0.47 / whole.bias
    agb = Draws(np.ones(1), np.ones((1, MEMBERS)), ("P0",), "AGB", "dry_mass", "Mg/ha",
                shared={"carbon_fraction": fractions})  # fmt: skip
    field = PlotDraws(agb, None, CarbonSettings())
    rows = modelled_estimates(modelled(whole, field=field))
    assert row(rows, "model_mean", kind="C").se < 1e-9 * row(rows, "model_mean").se
    assert_allclose(row(rows, "model_mean", kind="C").value, 0.47 * np.nanmean(whole.agb))


def test_zones_under_the_model_add_up(zoned: World) -> None:
    rows = modelled_estimates(modelled(zoned, residuals=VARIOGRAM))
    parts = [row(rows, "model_mapped_total", z).value for z in zoned.names]
    assert_allclose(sum(parts), row(rows, "model_mapped_total").value)
    corner, west = (row(rows, "model_mean", z) for z in ("corner", "west"))
    assert corner.se / corner.value > west.se / west.value  # fewer pixels: residuals average less


def test_residuals_that_hang_together_are_seen() -> None:
    rng = np.random.default_rng(2)
    at = rng.uniform(0, 4000, (400, 2))
    near = np.exp(-(((at[:, None] - at[None]) ** 2).sum(-1)) / 600**2) + 1e-6 * np.eye(400)
    left = 20 * np.linalg.cholesky(near) @ rng.standard_normal(400)
    ids = [f"P{i}" for i in range(400)]
    plots = pd.DataFrame({"plot_id": ids, "easting": at[:, 0], "northing": at[:, 1]})
    table = pd.DataFrame(
        {"plot_id": ids * 2, "observed": 100.0, "predicted": np.tile(100 - left, 2)}
    )
    found = residual_variogram(plots, table)
    assert found is not None
    assert 500 < found.range_m < 2500
    assert found.nugget < 0.2 * found.sill
    assert residual_variogram(plots[:3], table) is None


class TestChange:
    """Two dates of three zones: one lost its forest, one gained it."""

    @pytest.fixture
    def dates(self, tmp_path: Path) -> tuple[pd.DataFrame, Modelled, Arrays]:
        rng = np.random.default_rng(8)
        before = np.round(rng.gamma(4, 20, (ROWS, COLS)))
        after = before + np.round(rng.normal(15, 5, before.shape))
        after[:, :10], before[:, 10:20] = np.nan, np.nan
        paths = [
            write_raster(tmp_path / f"{n}.tif", a) for n, a in (("agb", after), ("before", before))
        ]
        shapes = {"lost": cells(0, ROWS, 0, 10), "new": cells(0, ROWS, 10, 20)}
        zones = write_zones(tmp_path / "zones.gpkg", shapes)
        labels = np.full(before.shape, 2)
        labels[:, :10], labels[:, 10:20] = 0, 1
        one, two = np.exp(0.1 * rng.standard_normal((2, MEMBERS)))
        two = one * two**0.3
        maps = {"agb.tif": (after, two), "agb_before.tif": (before, one)}
        both = np.isfinite(before) & np.isfinite(after)
        maps |= {f"common/{n}": (np.where(both, a, np.nan), f) for n, (a, f) in maps.items()}

        def summed(values: np.ndarray) -> np.ndarray:
            held = np.isfinite(values)
            return np.bincount(labels[held], weights=values[held], minlength=3)

        points = {n: summed(a) for n, (a, _) in maps.items()}
        pixels = {
            n: summed(np.where(np.isfinite(a), 1.0, np.nan)).astype(int)
            for n, (a, _) in maps.items()
        }
        sums = {n: f[:, None] * points[n] for n, (_, f) in maps.items()}
        empty = np.zeros((MEMBERS, 0))
        draws = MapDraws(
            ("lost", "new", OUTSIDE), (), empty, empty.astype(int), empty, sums, points, pixels
        )
        cover = cover_of(paths[0], None, read_zones(zones, "name", grid_of_raster(paths[0])))
        factors = Factors.of_summary(map_summary(paths[0], zones=zones), draws.zones)
        given = Modelled(draws, cover, factors, CarbonSettings())
        table = change_estimates(*paths, period_before="2010", period="2020", zones=zones)
        return with_change_errors(table, given, 10.0), given, (before, after, one, two)

    def test_the_difference_of_the_same_members(
        self, dates: tuple[pd.DataFrame, Modelled, Arrays]
    ) -> None:
        table, _, (before, after, one, two) = dates
        both = np.isfinite(before) & np.isfinite(after)
        members = two * after[both].mean() - one * before[both].mean()
        mean = cell(table, "change_mean")
        assert_allclose(mean["value"], (after - before)[both].mean())
        assert_allclose(mean["se"], members.std(ddof=1))
        apart = np.hypot(
            (two * after[both].mean()).std(ddof=1), (one * before[both].mean()).std(ddof=1)
        )
        assert mean["se"] < 0.5 * apart
        assert_allclose(cell(table, "change_rate")["se"], mean["se"] / 10)
        carbon = cell(table, "change_mean", kind="C")
        assert_allclose(carbon["se"], 0.47 * mean["se"])
        assert mean["method"] == "both_dates+members"
        stated = cell(table, "change_correlation", statistic="correlation")["value"]
        assert_allclose(stated, np.corrcoef(one, two)[0, 1])

    def test_zones_that_lost_or_gained_all_are_there(
        self, dates: tuple[pd.DataFrame, Modelled, Arrays]
    ) -> None:
        table, _, (before, after, one, _) = dates
        parts = [cell(table, "change_total", z)["value"] for z in ("lost", "new", OUTSIDE)]
        assert_allclose(sum(parts), cell(table, "change_total")["value"])
        lost = cell(table, "change_area_term", "lost")
        assert_allclose(lost["value"], -before[:, :10].sum() * 0.01)
        assert_allclose(lost["se"], one.std(ddof=1) * before[:, :10].sum() * 0.01)
        assert cell(table, "change_density_term", "lost")["value"] == 0
        new = cell(table, "change_area_term", "new")
        assert_allclose(new["value"], after[:, 10:20].sum() * 0.01)
        gone = table[(table["zone"] == "lost") & (table["quantity"] == "change_mean")]
        assert gone.empty

    def test_residuals_of_both_dates_come_on_top(
        self, dates: tuple[pd.DataFrame, Modelled, Arrays], tmp_path: Path
    ) -> None:
        table, given, (before, after, *_) = dates
        with_them = with_change_errors(table, replace(given, residuals=VARIOGRAM), 10.0)
        both = np.isfinite(before) & np.isfinite(after)
        cells_ = np.column_stack(np.nonzero(both)) * 10.0
        one, two = (cell(t, "change_mean", OUTSIDE)["se"] for t in (table, with_them))
        found = two**2 - one**2
        assert_allclose(found, 2 * mean_variance(VARIOGRAM, cells_), rtol=0.02)


def cell(
    table: pd.DataFrame,
    quantity: str,
    zone: str = "all",
    kind: str = "dry_mass",
    statistic: str = "",
) -> pd.Series:
    kept = (table["quantity"] == quantity) & (table["zone"] == zone) & (table["kind"] == kind)
    rows = table[kept & (table["pool"] == "AGB") & (table["statistic"] != "spatial_SD")]
    rows = rows[rows["statistic"] == statistic] if statistic else rows
    assert len(rows) == 1
    return rows.iloc[0]
