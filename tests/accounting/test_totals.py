"""Model-assisted totals of a map's ensemble: by hand, against the fold estimator, and properties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from phytomass.accounting import map_summary, table_of
from phytomass.accounting.estimate import Estimate
from phytomass.accounting.survey import model_assisted, simple_random
from phytomass.accounting.totals import Assisted, Factors, assisted_estimates, cover_of
from phytomass.accounting.zones import OUTSIDE, read_zones
from phytomass.carbon import CarbonSettings
from phytomass.draws import Draws
from phytomass.errors import InputError
from phytomass.grid import Block, grid_of_raster
from phytomass.inventory.sampling import DesignSettings
from phytomass.mapping.map_draws import MapDraws
from tests.accounting.conftest import ORIGIN, cells, write_raster, write_zones

ROWS, COLS, MEMBERS = 60, 50, 12
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
        self.draws = MapDraws(
            self.names, tuple(self.plots["plot_id"][trained]),
            {"agb.tif": self.bias[:, None] * points}, {"agb.tif": pixels}, {"agb.tif": points},
            self.bias[:, None] * self.agb[rows, cols][None, trained], drawn,
            np.tile(self.plots["agb_mg_ha"].to_numpy()[trained], (MEMBERS, 1)),
        )  # fmt: skip
        self.fold = fold

    def given(self, inside: np.ndarray | None = None, **more: object) -> Assisted:
        def mask(block: Block) -> np.ndarray:
            assert inside is not None
            return inside[block.row : block.row + block.rows, block.col : block.col + block.cols]

        places = self.plots[["easting", "northing"]].to_numpy()
        cover = cover_of(self.path, None if inside is None else mask, self.zones, places)
        summary = table_of([]) if more.pop("bare", False) else self.summary()
        factors = Factors.of_summary(summary, self.names)
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
    assert (found.n, found.method, found.headline) == (len(fold), "model_assisted", True)


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
    assert {p.method for p in parts} == {"model_assisted", "model_assisted_borrowed"}
    corner, west = (row(rows, "assisted_mean", z) for z in ("corner", "west"))
    assert corner.method == "model_assisted_borrowed"
    assert west.method == "model_assisted"
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
    assert found.method == "model_assisted_declared"


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
    assert 500 <= len(cover.spread) <= 2000
