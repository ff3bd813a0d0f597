import numpy as np
import pytest

from phytomass.accounting import change_estimates, years_between
from phytomass.errors import InputError
from tests.accounting.conftest import cells, value, write_raster, write_zones


@pytest.fixture
def dates(tmp_path, field):
    rng = np.random.default_rng(4)
    before = np.where(
        rng.random(field.shape) < 0.15, np.nan, np.round(80 - 0.1 * np.nan_to_num(field))
    )
    return (
        field,
        before,
        write_raster(tmp_path / "after.tif", field),
        write_raster(tmp_path / "before.tif", before),
    )


def test_the_stock_change_is_a_density_term_and_an_area_term(dates):
    after, before, *paths = dates
    table = change_estimates(*paths, period_before="2015", period="2020")
    a1, a2 = np.isfinite(before).sum() * 0.01, np.isfinite(after).sum() * 0.01
    m1, m2 = np.nanmean(before), np.nanmean(after)
    assert value(table, "change_density_term") == pytest.approx(a1 * (m2 - m1))
    assert value(table, "change_area_term") == pytest.approx((a2 - a1) * m2)
    assert value(table, "change_total") == pytest.approx(a2 * m2 - a1 * m1)
    assert value(table, "change_total_rate") == pytest.approx((a2 * m2 - a1 * m1) / 5)


def test_the_mean_change_is_on_the_common_mask(dates):
    after, before, *paths = dates
    table = change_estimates(*paths, period_before="2015", period="2020")
    change = (after - before)[np.isfinite(after - before)]
    assert value(table, "change_mean", "mean") == pytest.approx(change.mean())
    assert value(table, "change_mean", "spatial_SD") == pytest.approx(change.std())
    assert value(table, "change_rate") == pytest.approx(change.mean() / 5)
    assert value(table, "change_common_total") == pytest.approx(change.sum() * 0.01)
    row = table[table["quantity"] == "change_mean"].iloc[0]
    assert (row["n"], row["area_ha"]) == (change.size, pytest.approx(change.size * 0.01))
    assert row["period"] == "2015 to 2020"


def test_one_mask_makes_all_totals_one_number(tmp_path, field):
    after = write_raster(tmp_path / "after.tif", field)
    before = write_raster(tmp_path / "before.tif", field - 8)
    table = change_estimates(after, before)
    expected = 8 * np.isfinite(field).sum() * 0.01
    for quantity in ("change_total", "change_density_term", "change_common_total"):
        assert value(table, quantity) == pytest.approx(expected)
    assert value(table, "change_area_term") == pytest.approx(0)
    assert value(table, "change_mean", "mean", pool="total", kind="C") == pytest.approx(
        8 * 1.26 * 0.47
    )
    assert not table["quantity"].str.contains("rate").any()


def test_a_forest_that_only_grew_in_area_did_not_grow_denser(tmp_path):
    small = np.full((10, 10), np.nan)
    small[:5] = 100
    before = write_raster(tmp_path / "before.tif", small)
    after = write_raster(tmp_path / "after.tif", np.full((10, 10), 100.0))
    table = change_estimates(after, before)
    assert value(table, "change_mean", "mean") == 0
    assert value(table, "change_density_term") == 0
    assert value(table, "change_area_term") == pytest.approx(50.0)


def test_swapping_the_dates_swaps_the_sign(dates):
    *_, after, before = dates
    one, other = change_estimates(after, before), change_estimates(before, after)
    for quantity in ("change_total", "change_common_total"):
        assert value(one, quantity) == pytest.approx(-value(other, quantity))


def test_zones_sum_to_the_whole(tmp_path, dates):
    after, before, *paths = dates
    shapes = {"west": cells(0, 300, 0, 130), "east": cells(0, 300, 130, 200)}
    zones = write_zones(tmp_path / "z.gpkg", shapes)
    table = change_estimates(*paths, zones=zones)
    parts = ("west", "east", "outside zones")
    assert value(table, "change_mean", "mean", "west") == pytest.approx(
        np.nanmean((after - before)[:, :130])
    )
    for quantity in ("change_total", "change_common_total"):
        assert sum(value(table, quantity, zone=zone) for zone in parts) == pytest.approx(
            value(table, quantity)
        )


def test_what_has_no_change(tmp_path):
    one = np.array([[1.0, np.nan]])
    after = write_raster(tmp_path / "after.tif", one)
    before = write_raster(tmp_path / "before.tif", one[:, ::-1])
    with pytest.raises(InputError, match="share no pixel"):
        change_estimates(after, before)
    with pytest.raises(InputError, match="2020 is not before 2015"):
        change_estimates(after, after, period_before="2020", period="2015")


@pytest.mark.parametrize(
    ("before", "after", "years"),
    [
        ("1991", "2002", 11),
        ("2015", "2020", 5),
        ("2015-01", "2015-07", 0.5),
        ("2015/2020", "2020/2025", 5),
        ("2020", "2020-07", 1 / 24),
        ("", "2020", None),
        ("last year", "2020", None),
    ],
)
def test_years(before, after, years):
    assert years_between(before, after) == (
        None if years is None else pytest.approx(years, abs=1e-6)
    )
